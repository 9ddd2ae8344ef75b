"""What needs real data sets: `AIGC_TEST_DATA=data/downloads python -m pytest tests/real_data`."""

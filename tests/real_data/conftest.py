"""Real data sets, in the folder that `AIGC_TEST_DATA` names, as `AIGC_DATA` does for the course.

A plain `pytest` leaves this folder out. Without the data its tests are skipped, in CI they fail.
"""

import os
from pathlib import Path

import pytest

from aigc_course.data import store

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out unless an argument names it."""
    named = [Path(config.invocation_params.dir, str(argument).split("::")[0]) for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in named) else True


@pytest.fixture(autouse=True)
def real_data(monkeypatch):
    """require(name): the data set is here, or the test goes no further."""
    monkeypatch.setenv("AIGC_DATA", os.environ.get("AIGC_TEST_DATA", ""))

    def require(name):
        if any(status.name == name and status.state == "present" for status in store.status()):
            return
        message = f"{name} is not in AIGC_TEST_DATA; download or import it, and name the folder"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)

    return require

"""Units of likelihoods by closed forms."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics import bits_per_byte, bits_per_dim, mean_and_standard_error, perplexity


def test_a_uniform_choice_has_its_size_as_perplexity():
    assert perplexity(math.log(96)) == pytest.approx(96)
    assert perplexity(0.0) == 1.0


def test_uniform_bytes_cost_eight_bits_each():
    assert bits_per_byte(100 * math.log(256), 100) == pytest.approx(8)


def test_uniform_8_bit_pixels_cost_eight_bits_a_dimension():
    assert bits_per_dim(3 * 32 * 32 * math.log(256), 3 * 32 * 32) == pytest.approx(8)


def test_nothing_is_divided_by_zero():
    with pytest.raises(UsageError, match="n_bytes = 0"):
        bits_per_byte(1.0, 0)
    with pytest.raises(UsageError, match="n_dims = 0"):
        bits_per_dim(1.0, 0)
    with pytest.raises(UsageError, match="two values"):
        mean_and_standard_error([1.0])


def test_the_standard_error_of_known_values():
    mean, error = mean_and_standard_error([1.0, 2.0, 3.0, 4.0])
    assert mean == 2.5
    assert error == pytest.approx(math.sqrt((2.25 + 0.25) * 2 / 3) / 2)


def test_the_standard_error_foretells_the_spread_of_means():
    torch.manual_seed(0)
    samples = 3 * torch.randn(2000, 50) + 1
    predicted = mean_and_standard_error(samples[0])[1]
    assert samples.mean(dim=1).std().item() == pytest.approx(3 / math.sqrt(50), rel=0.1)
    assert predicted == pytest.approx(3 / math.sqrt(50), rel=0.3)

"""Units of likelihoods by closed forms."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics import bits_per_byte, bits_per_dim, mean_and_standard_error, perplexity, two_phase_mean


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


def test_a_costly_mean_put_right_by_a_cheap_one():
    """500 repetitions: unbiased, with the error that it says, and a far smaller one than the few examples alone."""
    torch.manual_seed(0)
    found, alone = [], []
    for _ in range(500):
        cheap = 90 + 25 * torch.randn(400, dtype=torch.float64)
        costly = 0.9 * cheap - 4 + torch.randn(400, dtype=torch.float64)  # mean 77
        found.append(two_phase_mean(cheap, costly[:40]))
        alone.append(mean_and_standard_error(costly[:40])[1])
    means, errors = torch.tensor(found, dtype=torch.float64).unbind(dim=1)
    assert means.mean().item() == pytest.approx(77, abs=4 * means.std().item() / 500**0.5)
    assert errors.square().mean().sqrt().item() == pytest.approx(means.std().item(), rel=0.12)
    assert errors.mean() < 0.5 * torch.tensor(alone).mean()


def test_a_costly_mean_of_all_examples_is_the_plain_mean():
    cheap, costly = torch.tensor([5.0, 1.0, 9.0]), torch.tensor([1.0, 3.0, 5.0])
    assert two_phase_mean(cheap, costly) == pytest.approx(mean_and_standard_error(costly))
    for few in (costly[:1], torch.zeros(4)):
        with pytest.raises(UsageError, match="give 2 to 3"):
            two_phase_mean(cheap, few)

"""Importance weighted bounds against log p(x) known exactly; active units by construction."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics import StreamingBound, active_units, iwae_bound


def test_the_bound_is_the_log_of_the_mean_weight():
    weights = torch.tensor([[1.0, 8.0], [3.0, 2.0], [2.0, 5.0]])
    torch.testing.assert_close(iwae_bound(weights.log()), torch.tensor([2.0, 5.0]).log())


def test_equal_weights_give_themselves_whatever_their_number():
    for count in (1, 7, 1000):
        bound = iwae_bound(torch.full((count, 2), -1234.5))
        torch.testing.assert_close(bound, torch.full((2,), -1234.5), rtol=1e-6, atol=0)


def test_reduced_precision_is_added_up_in_float32():
    log_weights = torch.full((300,), -2.0, dtype=torch.bfloat16)
    assert iwae_bound(log_weights).item() == pytest.approx(-2.0, abs=1e-5)


def test_the_bound_tightens_with_samples_up_to_the_evidence():
    """p(x) = N(x; 0, 2) for x | z ~ N(z, 1); q is the prior, and x = 1.5."""
    torch.manual_seed(0)
    z = torch.randn(1024, 4000, dtype=torch.float64)
    log_weights = -0.5 * (math.log(2 * math.pi) + (1.5 - z).square())  # log p(x | z): prior and q cancel
    evidence = -0.5 * (math.log(4 * math.pi) + 1.5**2 / 2)
    means = [iwae_bound(log_weights[:count]).mean().item() for count in (1, 4, 32, 1024)]
    assert means == sorted(means)
    assert means[0] == pytest.approx(-0.5 * (math.log(2 * math.pi) + 1.5**2 + 1), abs=0.1)
    assert means[0] < evidence - 0.5
    assert means[-1] == pytest.approx(evidence, abs=2e-3)


@pytest.mark.parametrize("sizes", [(1000,), (1, 999), (300, 300, 400)])
def test_streaming_equals_direct(sizes):
    torch.manual_seed(0)
    log_weights = 30 * torch.randn(1000, 4, dtype=torch.float64) - 900  # one weight rules the sum
    bound = StreamingBound()
    for part in log_weights.split(sizes):
        bound.add(part)
    assert bound.count == 1000
    torch.testing.assert_close(bound.value(), iwae_bound(log_weights), rtol=1e-12, atol=0)


def test_streaming_needs_samples_of_the_same_examples():
    bound = StreamingBound()
    with pytest.raises(UsageError, match="at least one sample"):
        bound.value()
    bound.add(torch.zeros(2, 3))
    for wrong in (torch.zeros(2, 4), torch.zeros(3)):
        with pytest.raises(UsageError, match="the same B at every call"):
            bound.add(wrong)


def test_units_are_active_that_vary_over_the_data():
    torch.manual_seed(0)
    n = torch.randn(1000)
    mu = torch.stack([n, 0.2 * n, 0.05 * n, torch.full((1000,), 3.0)], dim=1)
    assert active_units(mu) == 2
    assert active_units(mu, threshold=1e-3) == 3
    assert active_units(mu[:, 2:]) == 0


def test_bad_inputs_are_named():
    with pytest.raises(UsageError, match=r"log_weights are \(0, 3\)"):
        iwae_bound(torch.zeros(0, 3))
    with pytest.raises(UsageError, match=r"log_weights are \(\)"):
        iwae_bound(torch.tensor(1.0))
    with pytest.raises(UsageError, match=r"mu is \(1, 3\)"):
        active_units(torch.zeros(1, 3))

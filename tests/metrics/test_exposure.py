import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics.exposure import NULL_MEAN_BITS, exposures


def test_the_likeliest_has_all_bits_and_the_least_likely_none():
    nats = torch.arange(16.0)
    assert exposures(nats, torch.tensor([0, 1, 3, 7, 15])).tolist() == [4.0, 3.0, 2.0, 1.0, 0.0]
    assert exposures(-nats, torch.tensor([0, 15])).tolist() == [0.0, 4.0]


def test_ties_count_against_exposure():
    assert exposures(torch.zeros(8), torch.tensor([0, 5])).tolist() == [0.0, 0.0]
    assert exposures(torch.tensor([1.0, 1.0, 2.0, 3.0]), torch.tensor([0, 1, 2])).tolist() == pytest.approx(
        [1.0, 1.0, 2 - math.log2(3)]
    )


def test_of_secrets_never_seen_it_is_exponential():
    nats = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    found = exposures(nats, torch.arange(10_000))  # every rank once
    assert found.mean().item() == pytest.approx(NULL_MEAN_BITS, abs=0.01)
    for bits in (1, 3, 6):
        assert (found >= bits).double().mean().item() == pytest.approx(2**-bits, abs=2e-4)


def test_what_is_not_allowed_is_named():
    with pytest.raises(UsageError, match=r"candidate_nats \(2, 2\)"):
        exposures(torch.zeros(2, 2), torch.tensor([0]))
    with pytest.raises(UsageError, match="NaN"):
        exposures(torch.tensor([1.0, math.nan]), torch.tensor([0]))
    for place in (-1, 2):
        with pytest.raises(UsageError, match="places in 0 to 1"):
            exposures(torch.zeros(2), torch.tensor([place]))

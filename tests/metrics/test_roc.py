import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from aigc_course.errors import UsageError
from aigc_course.metrics.roc import Area, roc_area


def test_the_area_counts_pairs_and_half_of_the_ties():
    positives, negatives = torch.tensor([3.0, 1.0, 1.0, 0.0]), torch.tensor([1.0, 0.0, 2.0])
    pairs = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positives.tolist() for n in negatives.tolist()]
    assert roc_area(positives, negatives).value == pytest.approx(sum(pairs) / 12)
    assert roc_area(negatives, positives).value == pytest.approx(1 - sum(pairs) / 12)


def test_the_area_is_that_of_scikit_learn():
    source = torch.Generator().manual_seed(0)
    positives = torch.randint(0, 9, (60,), generator=source).float() + 1
    negatives = torch.randint(0, 9, (80,), generator=source).float()
    labels = [1] * 60 + [0] * 80
    expected = roc_auc_score(labels, torch.cat([positives, negatives]))
    assert roc_area(positives, negatives).value == pytest.approx(expected, abs=1e-12)
    assert 0.5 < expected < 0.7


def test_the_standard_error_is_the_spread_over_many_draws():
    source = torch.Generator().manual_seed(1)
    areas = [roc_area(torch.randn(60, generator=source) + 0.7, torch.randn(40, generator=source)) for _ in range(2000)]
    spread = torch.tensor([area.value for area in areas]).std().item()
    stated = torch.tensor([area.standard_error for area in areas]).mean().item()
    assert stated == pytest.approx(spread, rel=0.06)
    truth = 0.5 * math.erfc(-0.7 / 2)  # P(difference of the two > 0)
    held = sum(truth in area.interval for area in areas)
    assert 0.92 < held / 2000 < 0.97


def test_an_interval_stays_in_the_unit_interval():
    near_one, near_zero = Area(0.99, 0.1).interval, Area(0.01, 0.1).interval
    assert (near_one.low, near_one.high) == (pytest.approx(0.99 - 0.19599640), 1.0)
    assert (near_zero.low, near_zero.high) == (0.0, pytest.approx(0.01 + 0.19599640))


def test_what_is_not_allowed_is_named():
    with pytest.raises(UsageError, match=r"negatives has the shape \(1,\)"):
        roc_area(torch.zeros(3), torch.zeros(1))
    with pytest.raises(UsageError, match="positives holds NaN"):
        roc_area(torch.tensor([0.0, math.nan]), torch.zeros(2))

import math

import pytest
import torch
from scipy.stats import binom, binomtest
from sklearn.metrics import roc_auc_score

from aigc_course.errors import UsageError
from aigc_course.metrics.intervals import Area, Share, roc_area


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (0, 20), (7, 20), (20, 20), (500, 1000)])
def test_a_share_has_wilsons_interval(successes, trials):
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert Share(successes, trials).interval == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert Share(successes, trials).value == successes / trials


def test_the_interval_holds_the_truth_about_95_times_in_100():
    for truth in (0.02, 0.3):
        held = [binom.pmf(k, 100, truth) for k in range(101) if _holds(Share(k, 100), truth)]
        assert 0.93 < sum(held) < 0.985


def _holds(share, truth):
    low, high = share.interval
    return low <= truth <= high


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
    held = sum(area.interval[0] <= truth <= area.interval[1] for area in areas)
    assert 0.92 < held / 2000 < 0.97


def test_an_interval_stays_in_the_unit_interval():
    assert Area(0.99, 0.1).interval == (pytest.approx(0.99 - 0.19599640), 1.0)
    assert Area(0.01, 0.1).interval[0] == 0.0


def test_what_is_not_allowed_is_named():
    for wrong in ((3, 2), (-1, 2), (0, 0)):
        with pytest.raises(UsageError, match=f"{wrong[0]} of {wrong[1]} is no share"):
            Share(*wrong)
    with pytest.raises(UsageError, match=r"negatives has the shape \(1,\)"):
        roc_area(torch.zeros(3), torch.zeros(1))
    with pytest.raises(UsageError, match="positives holds NaN"):
        roc_area(torch.tensor([0.0, math.nan]), torch.zeros(2))

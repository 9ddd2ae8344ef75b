"""Binomial intervals against scipy's and by their definition; resampling against closed forms."""

import math

import pytest
import torch
from scipy.stats import beta, binom, binomtest

from aigc_course.errors import UsageError
from aigc_course.metrics import Interval, binomial_interval, bootstrap_interval

COUNTS = [(0, 1), (1, 1), (0, 12), (12, 12), (1, 12), (7, 12), (63, 100), (999, 1000), (4321, 20_000)]


@pytest.mark.parametrize(("successes", "trials"), COUNTS)
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("method", "theirs"), [("wilson", "wilson"), ("clopper-pearson", "exact")])
def test_binomial_intervals_are_those_of_scipy(successes, trials, level, method, theirs):
    mine = binomial_interval(successes, trials, level=level, method=method)
    reference = binomtest(successes, trials).proportion_ci(level, theirs)
    assert (mine.low, mine.high) == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert mine.estimate == successes / trials and mine.level == level
    assert 0 <= mine.low <= mine.estimate <= mine.high <= 1 and mine.low < mine.high


def test_clopper_pearsons_ends_are_quantiles_of_the_beta_distribution():
    mine = binomial_interval(7, 30, level=0.9, method="clopper-pearson")
    assert mine.low == pytest.approx(beta.ppf(0.05, 7, 24), abs=1e-10)
    assert mine.high == pytest.approx(beta.ppf(0.95, 8, 23), abs=1e-10)


def coverage(n, share, method):
    """How often the interval of n tries holds the true share: exactly, over all outcomes."""
    return sum(binom.pmf(k, n, share) for k in range(n + 1) if share in binomial_interval(k, n, method=method))


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.91])
def test_the_exact_interval_never_promises_too_much(share):
    exact, wilson = (coverage(40, share, method) for method in ("clopper-pearson", "wilson"))
    assert 0.95 <= exact <= 0.995
    assert 0.91 <= wilson <= exact


def test_what_succeeds_is_what_fails_the_other_way_round():
    for method in ("wilson", "clopper-pearson"):
        some, others = binomial_interval(9, 50, method=method), binomial_interval(41, 50, method=method)
        assert (1 - others.high, 1 - others.low) == pytest.approx((some.low, some.high), abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "trials", "options", "message"),
    [
        (3, 2, {}, "3 successes of 2 trials"),
        (-1, 2, {}, "-1 successes"),
        (0, 0, {}, "0 trials"),
        (1, 2, {"level": 1.0}, "level = 1.0"),
        (1, 2, {"level": 95}, "level = 95"),
        (1, 2, {"method": "wald"}, "unknown method 'wald'"),
    ],
)
def test_what_is_no_share_is_refused(successes, trials, options, message):
    with pytest.raises(UsageError, match=message):
        binomial_interval(successes, trials, **options)


def mean(values):
    return values.mean().item()


def test_the_bootstrap_of_a_mean_has_the_width_of_its_standard_error():
    values = torch.randn(400, generator=torch.Generator().manual_seed(0)).double()
    found = bootstrap_interval(values, mean, draws=4000, generator=torch.Generator().manual_seed(1))
    half_width = 1.96 * values.std().item() / math.sqrt(400)
    assert found.estimate == pytest.approx(values.mean().item(), abs=1e-12)
    assert (found.high - found.low) / 2 == pytest.approx(half_width, rel=0.08)
    assert (found.low + found.high) / 2 == pytest.approx(found.estimate, abs=0.1 * half_width)


def test_the_bootstrap_draws_whole_examples_with_replacement():
    pairs = torch.stack([torch.arange(30), 10 * torch.arange(30)], dim=1).double()
    seen = []

    def ratio(rows):
        seen.append(len(set(rows[:, 0].tolist())))
        return (rows[:, 1].sum() / rows[:, 0].sum()).item()

    found = bootstrap_interval(pairs, ratio, draws=200, generator=torch.Generator().manual_seed(0))
    assert (found.low, found.high) == pytest.approx((10, 10))
    assert sum(seen[:200]) / 200 / 30 == pytest.approx(1 - (1 - 1 / 30) ** 30, abs=0.02)


def test_the_same_generator_gives_the_same_interval():
    values = torch.arange(20.0)
    first, second, other = (
        bootstrap_interval(values, mean, draws=50, generator=torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)
    )
    assert first == second != other


def test_what_cannot_be_resampled_is_refused():
    with pytest.raises(UsageError, match="at least 2"):
        bootstrap_interval(torch.ones(1), mean)
    with pytest.raises(UsageError, match="draws = 1"):
        bootstrap_interval(torch.ones(5), mean, draws=1)
    with pytest.raises(UsageError, match="not finite"):
        bootstrap_interval(torch.ones(5), lambda values: math.nan * len(values))


def test_an_interval_knows_what_it_holds():
    interval = Interval(estimate=0.5, low=0.4, high=0.6, level=0.95)
    assert 0.4 in interval and 0.6 in interval and 0.39 not in interval and 0.61 not in interval

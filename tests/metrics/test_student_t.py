"""Student's t against scipy's, and the paired interval against scipy's test."""

import math

import pytest
from scipy.stats import t as reference
from scipy.stats import ttest_rel

from aigc_course.errors import UsageError
from aigc_course.metrics.student_t import mean_interval, t_density, t_probability, t_quantile

DEGREES = (1, 2, 3, 4, 5, 8, 9, 30, 101)


@pytest.mark.parametrize("degrees", DEGREES)
def test_probabilities_densities_and_quantiles_are_those_of_scipy(degrees):
    for t in (-7.0, -1.3, 0.0, 0.4, 2.776, 12.0):
        assert t_probability(t, degrees) == pytest.approx(reference.cdf(t, degrees), abs=1e-14)
        assert t_density(t, degrees) == pytest.approx(reference.pdf(t, degrees), rel=1e-11)
    for probability in (0.0005, 0.01, 0.05, 0.5, 0.9, 0.975):
        expected = reference.ppf(probability, degrees)
        assert t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_known_values():
    assert t_probability(1.0, 1) == pytest.approx(0.75)  # Cauchy: 1/2 + arctan(1) / pi
    assert t_quantile(0.9, 2) == pytest.approx(0.8 / math.sqrt(2 * 0.9 * 0.1))  # (2 p - 1) / sqrt(2 p (1 - p))


def test_the_interval_of_differences_is_that_of_the_paired_test():
    first, second = [0.81, 0.79, 0.85, 0.80, 0.83], [0.76, 0.77, 0.80, 0.78, 0.74]
    mine = mean_interval([a - b for a, b in zip(first, second, strict=True)], level=0.9)
    theirs = ttest_rel(first, second).confidence_interval(0.9)
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high))
    assert mine.estimate == pytest.approx((theirs.low + theirs.high) / 2) and mine.level == 0.9


def test_what_is_not_allowed_is_named():
    for degrees in (0, 2.5, True):
        with pytest.raises(UsageError, match="degrees = "):
            t_quantile(0.1, degrees)
    for probability in (0.0, 1.0, math.nan):
        with pytest.raises(UsageError, match="probability = "):
            t_quantile(probability, 3)
    with pytest.raises(UsageError, match="1 values"):
        mean_interval([1.0])
    with pytest.raises(UsageError, match="level = 95"):
        mean_interval([1.0, 2.0], level=95)

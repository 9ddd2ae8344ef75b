"""Student's t distribution with a whole number of degrees of freedom, and the interval of a mean by it."""

import math
from collections.abc import Sequence

from aigc_course.errors import UsageError
from aigc_course.metrics.intervals import Interval
from aigc_course.metrics.likelihood import mean_and_standard_error

_HALVINGS = 200  # of the angle's range: far more than a double's precision


def t_probability(t: float, degrees: int) -> float:
    """P(T <= t) of Student's t.

    With tan(angle) = t / sqrt(degrees) the probability is a finite sum of powers of cos(angle).
    Raises: UsageError unless degrees is a whole number of at least 1.
    Source: Abramowitz & Stegun 1964, Eqs. 26.7.3 and 26.7.4.

    >>> t_probability(1.0, 1)
    0.75
    """
    if isinstance(degrees, bool) or not isinstance(degrees, int) or degrees < 1:
        raise UsageError(f"degrees = {degrees!r} is not allowed; it must be a whole number of at least 1")
    return _probability(math.atan(t / math.sqrt(degrees)), degrees)


def t_quantile(probability: float, degrees: int) -> float:
    """The t below which Student's t falls with this probability.

    Raises: UsageError unless 0 < probability < 1, and as `t_probability`.

    >>> round(t_quantile(0.975, 4), 4)
    2.7764
    """
    if not 0 < probability < 1:
        raise UsageError(f"probability = {probability} is not allowed; it must lie between 0 and 1")
    t_probability(0.0, degrees)  # refuses what is no number of degrees
    low, high = -math.pi / 2, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _probability(middle, degrees) < probability else (low, middle)
    return math.sqrt(degrees) * math.tan((low + high) / 2)


def t_density(t: float, degrees: int) -> float:
    """The density of Student's t."""
    log_constant = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    return math.exp(log_constant - (degrees + 1) / 2 * math.log1p(t**2 / degrees))


def mean_interval(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """The mean of independent, roughly normal values, with Student's interval.

    Of differences between pairs it is the paired t test: 0 outside the interval is a difference at 1 - level.
    Raises: UsageError for fewer than two values, or another level.

    >>> print(mean_interval([1.0, 2.0, 3.0]))
    2.000 [-0.484, 4.484]
    """
    if len(values) < 2 or not 0 < level < 1:
        raise UsageError(f"{len(values)} values and level = {level}; give at least 2 values, and a level in (0, 1)")
    mean, error = mean_and_standard_error(values)
    half = t_quantile((1 + level) / 2, len(values) - 1) * error
    return Interval(estimate=mean, low=mean - half, high=mean + half, level=level)


def _probability(angle: float, degrees: int) -> float:
    """P(T <= sqrt(degrees) tan(angle))."""
    sin, cos = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term, total = (cos if odd else 1.0), 0.0
    for k in range(1 + odd, degrees, 2):
        total += term
        term *= k / (k + 1) * cos**2
    central = 2 / math.pi * (angle + sin * total) if odd else sin * total  # P(-t <= T <= t), with the sign of t
    return 0.5 + central / 2

"""Value at risk and expected shortfall of returns, and whether a forecast of them held. Losses are positive."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics.intervals import Interval, binomial_interval


def value_at_risk(returns: Tensor, probability: float) -> Tensor:
    """The loss that is exceeded with this probability, of returns (..., T): (...), minus their quantile.

    Raises: UsageError unless 0 < probability < 1.
    """
    _require_probability(probability)
    return -returns.double().quantile(probability, dim=-1)


def expected_shortfall(returns: Tensor, probability: float) -> Tensor:
    """The mean loss of the days on which it is at least the value at risk, of returns (..., T): (...)."""
    losses = -returns.double()
    beyond = losses >= value_at_risk(returns, probability)[..., None]
    return (losses * beyond).sum(dim=-1) / beyond.sum(dim=-1)


@dataclass(frozen=True)
class Coverage:
    """On how many days the loss exceeded the forecast value at risk, and how often it should have.

    Raises: UsageError unless 0 <= exceeded <= days, days >= 1 and 0 < probability < 1.

    >>> print(Coverage(6, 250, 0.01))
    2.4 % of 250 days [0.9, 5.2], p = 0.059
    """

    exceeded: int
    days: int
    probability: float  # with which each day was to exceed it

    def __post_init__(self) -> None:
        _require_probability(self.probability)
        binomial_interval(self.exceeded, self.days)  # refuses what is no share

    @property
    def interval(self) -> Interval:
        """The share of days that exceeded the forecast, with its exact 95 % interval, as if days were independent."""
        return binomial_interval(self.exceeded, self.days, method="clopper-pearson")

    @property
    def likelihood_ratio(self) -> float:
        """Twice the log-likelihood of the share that was seen, minus that of the share that was promised; >= 0.

        Source: Kupiec 1995, "Techniques for verifying the accuracy of risk measurement models", Journal of Derivatives.
        """
        share = self.exceeded / self.days
        return 2 * (self._log_likelihood(share) - self._log_likelihood(self.probability))

    @property
    def p_value(self) -> float:
        """Of Kupiec's test: how often a right forecast deviates so far or further, by the chi-squared approximation."""
        return math.erfc(math.sqrt(max(self.likelihood_ratio, 0.0) / 2))

    def _log_likelihood(self, share: float) -> float:
        terms = ((self.exceeded, share), (self.days - self.exceeded, 1 - share))
        return sum(count * math.log(p) for count, p in terms if count)

    def __str__(self) -> str:
        share = self.interval
        ends = f"[{100 * share.low:.1f}, {100 * share.high:.1f}]"
        return f"{100 * share.estimate:.1f} % of {self.days} days {ends}, p = {self.p_value:.2g}"


def coverage(returns: Tensor, forecast: Tensor, probability: float, days: Tensor | None = None) -> Coverage:
    """How often the loss exceeded the forecast.

    Args: returns: (T,). forecast: (T,), or () for one that never changes. days: (T,) bool, those that count.
    Raises: UsageError for other shapes, or where no day counts.
    """
    counted = torch.ones(len(returns), dtype=torch.bool) if days is None else days
    if returns.ndim != 1 or forecast.shape not in ((), returns.shape) or counted.shape != returns.shape:
        shapes = [tuple(x.shape) for x in (returns, forecast, counted)]
        raise UsageError(f"returns, forecast and days are {shapes}; give (T,), (T,) or (), and (T,)")
    exceeded = (-returns > forecast) & counted
    return Coverage(int(exceeded.sum()), int(counted.sum()), probability)


def _require_probability(probability: float) -> None:
    if not 0 < probability < 1:
        raise UsageError(f"probability = {probability} is not allowed; it must lie between 0 and 1, as 0.01")

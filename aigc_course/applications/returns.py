"""Synthetic daily returns from a stated process, whose volatility and true risk are known for each day.

They are no market's returns. The process is the GARCH(1,1) model (Bollerslev 1986) with leverage (Glosten, Jagannathan
& Runkle 1993) and Student's t innovations (Bollerslev 1987), the usual first model of the returns of shares:

    r_t = sigma_t z_t
    sigma_t² = omega + (alpha + leverage [r_{t-1} < 0]) r_{t-1}² + beta sigma_{t-1}²
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.distributions import StudentT

from aigc_course.errors import UsageError
from aigc_course.metrics.student_t import t_density, t_quantile

BURN_IN = 500  # days that are thrown away, so that a path begins anywhere, not at the average volatility


@dataclass(frozen=True, kw_only=True)
class Paths:
    """What happened on P paths of T days, all (P, T) float64, in percent a day."""

    returns: Tensor
    volatility: Tensor  # > 0, sigma_t: the true standard deviation of the day's return, given the days before

    def __getitem__(self, days: slice) -> "Paths":
        """The same paths on these days alone."""
        return Paths(returns=self.returns[:, days], volatility=self.volatility[:, days])


@dataclass(frozen=True, kw_only=True)
class ReturnProcess:
    """The settings of the process. With the defaults a day's return has a standard deviation of 1 percent.

    Raises: UsageError for a value that is not allowed, or settings whose variance has no bound.
    """

    omega: float = 0.04  # percent², > 0
    alpha: float = 0.03  # what yesterday's squared return adds to today's variance, >= 0
    leverage: float = 0.10  # what is added to alpha where yesterday's return was a loss, >= 0
    beta: float = 0.88  # what is left of yesterday's variance, >= 0
    degrees: int = 8  # of freedom of the innovations, at least 3, so that they have a variance

    def __post_init__(self) -> None:
        if not 0 < self.omega < math.inf or min(self.alpha, self.leverage, self.beta) < 0:
            raise UsageError(f"{self} is not allowed; omega must be above 0, alpha, leverage and beta at least 0")
        if not self.persistence < 1:
            raise UsageError(f"alpha + leverage / 2 + beta = {self.persistence:g}; below 1 the variance has a bound")
        if isinstance(self.degrees, bool) or not isinstance(self.degrees, int) or self.degrees < 3:
            raise UsageError(f"degrees = {self.degrees!r} is not allowed; it must be a whole number of at least 3")

    @property
    def persistence(self) -> float:
        """What is left, on average, of a deviation of the variance from its mean a day later."""
        return self.alpha + self.leverage / 2 + self.beta

    @property
    def variance(self) -> float:
        """The variance of a day's return when nothing is known of the days before, in percent²."""
        return self.omega / (1 - self.persistence)

    @property
    def scale(self) -> float:
        """What Student's t is multiplied by to have a variance of 1."""
        return math.sqrt((self.degrees - 2) / self.degrees)

    def follow(self, innovations: Tensor, first_variance: Tensor | None = None) -> Paths:
        """The paths that given innovations lead to.

        Args: innovations: (P, T) z, of variance 1. first_variance: (P,) sigma_1²; None: `variance`.
        """
        z = innovations.double()
        variance = torch.full_like(z[:, 0], self.variance) if first_variance is None else first_variance
        returns, volatility = torch.empty_like(z), torch.empty_like(z)
        for day in range(z.shape[1]):
            volatility[:, day] = variance.sqrt()
            returns[:, day] = volatility[:, day] * z[:, day]
            squared = returns[:, day] ** 2
            variance = self.omega + (self.alpha + self.leverage * (z[:, day] < 0)) * squared + self.beta * variance
        return Paths(returns=returns, volatility=volatility)

    def simulate(self, *, days: int, paths: int = 1, seed: int) -> Paths:
        """Draw paths that begin at a random point of the process.

        Raises: UsageError for fewer than one day or path, or a negative seed.
        """
        for name, value, least in (("days", days, 1), ("paths", paths, 1), ("seed", seed, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"{name} must be an integer >= {least}, but is {value!r}")
        rng = np.random.default_rng(seed)
        z = self.scale * rng.standard_t(self.degrees, (paths, BURN_IN + days))
        return self.follow(torch.from_numpy(z))[BURN_IN:]

    def log_density(self, paths: Paths) -> Tensor:
        """log p(r_t | the days before), in nats, (P, T): on average no model that sees the past alone does better."""
        return StudentT(float(self.degrees), 0.0, self.scale * paths.volatility).log_prob(paths.returns)

    def value_at_risk(self, volatility: Tensor, probability: float) -> Tensor:
        """The loss, in percent, that a day with this volatility exceeds with this probability; > 0 below 1/2."""
        return -self.scale * t_quantile(probability, self.degrees) * volatility

    def expected_shortfall(self, volatility: Tensor, probability: float) -> Tensor:
        """The mean loss, in percent, of a day with this volatility, of those that exceed its value at risk.

        Source: McNeil, Frey & Embrechts 2005, Quantitative Risk Management, Ex. 2.19.
        """
        q, nu = t_quantile(probability, self.degrees), self.degrees
        return self.scale * t_density(q, nu) / probability * (nu + q**2) / (nu - 1) * volatility


def block_bootstrap(returns: Tensor, *, days: int, paths: int, block_days: int, generator: torch.Generator) -> Tensor:
    """Paths (P, days) made of blocks of consecutive days, drawn from a history (T,) with replacement.

    The end of the history is followed by its beginning, so that each day is as likely as any other. Blocks of one day
    are the ordinary bootstrap, which keeps the distribution of a day and nothing of the order.
    Raises: UsageError unless 1 <= block_days <= T.
    Source: Politis & Romano 1992, "A circular block-resampling procedure for stationary data".
    """
    if returns.ndim != 1 or not 1 <= block_days <= len(returns):
        raise UsageError(f"returns {tuple(returns.shape)}, block_days = {block_days}; give (T,), and 1 to T days")
    first = torch.randint(0, len(returns), (paths, math.ceil(days / block_days), 1), generator=generator)
    chosen = (first + torch.arange(block_days)).flatten(1)[:, :days] % len(returns)
    return returns[chosen]

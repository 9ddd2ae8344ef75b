"""How far a figure can be trusted: intervals for shares, and for anything else by resampling."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import torch
from torch import Tensor

from aigc_course.errors import UsageError, unknown

BinomialMethod = Literal["wilson", "clopper-pearson"]

_HALVINGS = 60  # of [0, 1]: more than a double's precision


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure and the range that holds the true one in a share `level` of all repetitions, at least about that.

    >>> print(Interval(estimate=0.5, low=0.25, high=0.75, level=0.95))
    0.500 [0.250, 0.750]
    """

    estimate: float
    low: float
    high: float
    level: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"


def binomial_interval(
    successes: int, trials: int, *, level: float = 0.95, method: BinomialMethod = "wilson"
) -> Interval:
    """The interval for a share, of which `successes` of `trials` independent tries were seen.

    "wilson" holds the true share in `level` of all cases on average over shares; "clopper-pearson" in at least `level`
    of the cases for every share, and is wider. Neither leaves [0, 1], and both say something where all tries went one
    way, where estimate ± 1.96 standard errors has no width.

    Raises: UsageError unless 0 <= successes <= trials, trials >= 1 and 0 < level < 1, and for another method.
    Source: Wilson 1927, Eq. 7; Clopper & Pearson 1934; compared in Brown, Cai & DasGupta 2001.

    >>> print(binomial_interval(10, 10))
    1.000 [0.722, 1.000]
    """
    _require_level(level)
    if trials < 1 or not 0 <= successes <= trials:
        raise UsageError(f"{successes} successes of {trials} trials are not allowed; give 0 to trials of 1 or more")
    if method == "wilson":
        low, high = _wilson(successes, trials, level)
    elif method == "clopper-pearson":
        low, high = _clopper_pearson(successes, trials, level)
    else:
        raise unknown("method", method, ["wilson", "clopper-pearson"])
    return Interval(estimate=successes / trials, low=low, high=high, level=level)


def bootstrap_interval(
    examples: Tensor,
    statistic: Callable[[Tensor], float],
    *,
    draws: int = 500,
    level: float = 0.95,
    generator: torch.Generator | None = None,
) -> Interval:
    """The percentile interval of `statistic` over `draws` sets of N examples, drawn from the N with replacement.

    Right for smooth figures of many independent examples: means, medians, ratios. Wrong where equal examples change the
    figure, because a drawn set holds only about 63 % of the examples: nearest neighbours, distinct-n, and the Fréchet
    distance, whose bias grows. There take disjoint parts, or new samples from the generator.

    Args: examples: (N, ...), N >= 2, independent. statistic: takes (N, ...). draws: >= 2.
    Raises: UsageError for fewer examples or draws, another level, or a statistic that is not finite.
    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, Ch. 13.
    """
    _require_level(level)
    if examples.ndim == 0 or len(examples) < 2 or draws < 2:
        raise UsageError(f"examples {tuple(examples.shape)} and draws = {draws}; at least 2 of both are needed")
    n = len(examples)
    chosen = torch.randint(0, n, (draws, n), generator=generator)
    values = torch.tensor([float(statistic(examples[rows])) for rows in chosen], dtype=torch.float64)
    estimate = float(statistic(examples))
    if not (math.isfinite(estimate) and bool(values.isfinite().all())):
        raise UsageError("the statistic is not finite for some of the drawn sets; an interval needs finite numbers")
    tail = (1 - level) / 2
    low, high = values.quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(estimate=estimate, low=low, high=high, level=level)


def _require_level(level: float) -> None:
    if not 0 < level < 1:
        raise UsageError(f"level = {level} is not allowed; it must lie between 0 and 1, as 0.95")


def _wilson(successes: int, trials: int, level: float) -> tuple[float, float]:
    """The shares p at which |share - p| is z standard errors sqrt(p (1 - p) / n)."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, shrink = successes / trials, 1 + z**2 / trials
    centre = (share + z**2 / (2 * trials)) / shrink
    half_width = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / shrink
    low = 0.0 if successes == 0 else centre - half_width
    return low, 1.0 if successes == trials else centre + half_width


def _clopper_pearson(successes: int, trials: int, level: float) -> tuple[float, float]:
    """The shares at which as many successes, or more, and as few, or fewer, have half of 1 - level each."""
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else _bisect(lambda p: _at_least(successes, trials, p) < tail)
    high = 1.0 if successes == trials else _bisect(lambda p: _at_least(successes + 1, trials, p) < 1 - tail)
    return low, high


def _at_least(successes: int, trials: int, share: float) -> float:
    """P(X >= successes) of X ~ Binomial(trials, share), 0 < share < 1."""
    k = torch.arange(successes, trials + 1, dtype=torch.float64)
    log_choose = math.lgamma(trials + 1) - torch.lgamma(k + 1) - torch.lgamma(trials - k + 1)
    return (log_choose + k * math.log(share) + (trials - k) * math.log1p(-share)).logsumexp(dim=0).exp().item()


def _bisect(is_below: Callable[[float], bool]) -> float:
    """Where `is_below` turns from true to false on (0, 1)."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2

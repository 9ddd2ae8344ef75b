"""Shares and areas under the ROC curve, each with its 95 % interval."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import UsageError

Z_95 = 1.959963984540054  # the normal distribution's quantile for a two-sided 95 %


@dataclass(frozen=True)
class Share:
    """So many of so many, with Wilson's interval, which stays in [0, 1] and is honest at 0 and at 1.

    Raises: UsageError unless 0 <= successes <= trials and trials >= 1.
    Source: Wilson 1927, J. Am. Stat. Assoc. 22.

    >>> print(Share(0, 20))
    0% (0 to 16%, 0 of 20)
    >>> print(Share(2, 1000))
    0.2% (0.1 to 0.7%, 2 of 1000)
    """

    successes: int
    trials: int

    def __post_init__(self) -> None:
        if self.trials < 1 or not 0 <= self.successes <= self.trials:
            raise UsageError(
                f"{self.successes} of {self.trials} is no share; give 0 <= successes <= trials and trials >= 1"
            )

    @property
    def value(self) -> float:
        """successes / trials"""
        return self.successes / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the 95 % interval."""
        n, z2 = self.trials, Z_95**2
        centre = (self.successes + z2 / 2) / (n + z2)
        half = Z_95 / (n + z2) * math.sqrt(self.successes * (n - self.successes) / n + z2 / 4)
        return max(centre - half, 0.0), min(centre + half, 1.0)

    def __str__(self) -> str:
        low, high = self.interval
        shown = 0 if self.trials < 1000 else 1  # digits behind the point
        ends = f"{100 * low:.{shown}f} to {high:.{shown}%}"
        return f"{self.value:.{shown}%} ({ends}, {self.successes} of {self.trials})"


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve with its standard error."""

    value: float  # the probability that a positive scores above a negative; ties count half
    standard_error: float

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the 95 % interval, within [0, 1]."""
        half = Z_95 * self.standard_error
        return max(self.value - half, 0.0), min(self.value + half, 1.0)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3f} ({low:.3f} to {high:.3f})"


def roc_area(positives: Tensor, negatives: Tensor) -> Area:
    """The area under the ROC curve of scores that should be higher for positives: 0.5 where they tell nothing.

    Args: positives: (P,) scores, P >= 2. negatives: (N,), N >= 2. Independent examples.
    Returns: the area; its standard error is 0 where the scores separate both completely, and then says nothing.
    Raises: UsageError for other shapes, or NaN.
    Source: DeLong et al. 1988, Biometrics 44, for the variance.

    >>> print(roc_area(torch.tensor([3.0, 2.0, 1.0]), torch.tensor([0.0, 1.0])))
    0.917 (0.686 to 1.000)
    """
    for name, scores in {"positives": positives, "negatives": negatives}.items():
        if scores.ndim != 1 or len(scores) < 2:
            raise UsageError(f"{name} has the shape {tuple(scores.shape)}; give (N,) scores of at least 2 examples")
        if scores.isnan().any():
            raise UsageError(f"{name} holds NaN; look where it was computed")
    above = _shares_below(positives, negatives)  # of each positive: the share of the negatives below it
    below = 1 - _shares_below(negatives, positives)  # of each negative: the share of the positives above it
    variance = above.var() / len(above) + below.var() / len(below)
    return Area(above.mean().item(), variance.sqrt().item())


def _shares_below(scores: Tensor, others: Tensor) -> Tensor:
    """Of each score, the share of the others that is smaller, ties counted half."""
    ordered, scores = others.double().sort().values, scores.double()
    smaller = torch.searchsorted(ordered, scores)
    not_larger = torch.searchsorted(ordered, scores, right=True)
    return (smaller + not_larger).double() / (2 * len(others))

"""How well a score tells two groups apart: the area under the ROC curve, with its interval."""

from dataclasses import dataclass
from statistics import NormalDist

from torch import Tensor, searchsorted

from aigc_course.errors import UsageError
from aigc_course.metrics.intervals import Interval


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve with its standard error."""

    value: float  # the probability that a positive scores above a negative; ties count half
    standard_error: float

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the normal approximation, within [0, 1]."""
        half = NormalDist().inv_cdf(0.975) * self.standard_error
        return Interval(
            estimate=self.value, low=max(self.value - half, 0.0), high=min(self.value + half, 1.0), level=0.95
        )

    def __str__(self) -> str:
        return str(self.interval)


def roc_area(positives: Tensor, negatives: Tensor) -> Area:
    """The area under the ROC curve of scores that should be higher for positives: 0.5 where they tell nothing.

    Args: positives: (P,) scores, P >= 2. negatives: (N,), N >= 2. Independent examples.
    Returns: the area; its standard error is 0 where the scores separate both completely, and then says nothing.
    Raises: UsageError for other shapes, or NaN.
    Source: DeLong et al. 1988, Biometrics 44, for the variance.

    >>> import torch
    >>> print(roc_area(torch.tensor([3.0, 2.0, 1.0]), torch.tensor([0.0, 1.0])))
    0.917 [0.686, 1.000]
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
    smaller = searchsorted(ordered, scores)
    not_larger = searchsorted(ordered, scores, right=True)
    return (smaller + not_larger).double() / (2 * len(others))

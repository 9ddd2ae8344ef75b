"""What a classifier says about generated examples: how sure it is of each, and how evenly the classes occur."""

import math

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics.estimate import Estimate
from aigc_course.metrics.features import require_features, shuffled, to_float64

_SUM_TOLERANCE = 1e-2  # bfloat16 probabilities of a thousand classes add up to 1 that well


def classifier_score(probabilities: Tensor) -> float:
    """exp of the mean KL(p(y|x) || p(y)) over examples, p(y) their mean: from 1 to K.

    K when every example is surely of one class and all classes are equally frequent; 1 when all rows are equal. The
    formula of the Inception score with the probabilities of *your* classifier: not comparable with published
    Inception scores, nor with another classifier's. It never sees a real image: one perfect image per class, repeated,
    scores K.

    Args: probabilities: (N, K), rows that sum to 1 (softmax of the logits).
    Raises: UsageError for logits or another shape, NaN or infinity.
    Source: Salimans et al. 2016, arXiv:1606.03498, Sec. 4.
    """
    p = _distributions(probabilities)
    marginal = p.mean(dim=0)
    divergences = (torch.xlogy(p, p) - torch.xlogy(p, marginal)).sum(dim=1)
    return math.exp(divergences.mean().item())


def classifier_score_in_splits(
    probabilities: Tensor, splits: int = 10, generator: torch.Generator | None = None
) -> Estimate:
    """`classifier_score` of disjoint random parts of nearly equal size, with the standard error of their mean.

    A part's p(y) is made of fewer examples, and its score is a little lower than the whole's: compare equal N and
    equal splits. Papers give the standard deviation of the parts, sqrt(splits) times this standard error. The order
    is random, because parts of examples that were generated class by class would score 1.

    Args: probabilities: (N, K). splits: from 2 to N.
    Raises: UsageError for other splits, and as `classifier_score`.
    Source: Salimans et al. 2016, arXiv:1606.03498, Sec. 4 (ten parts).
    """
    p = _distributions(probabilities)
    if not 2 <= splits <= len(p):
        raise UsageError(f"splits = {splits} of {len(p)} examples is not allowed; take from 2 to {len(p)}")
    return Estimate(tuple(classifier_score(part) for part in shuffled(p, generator).tensor_split(splits)))


def class_histogram(labels: Tensor, n_classes: int) -> Tensor:
    """How often each class occurs: (n_classes,) int64, of labels (N,) integers in [0, n_classes).

    Raises: UsageError for another shape or dtype, or a label out of range.

    >>> class_histogram(torch.tensor([2, 0, 2]), 4).tolist()
    [1, 0, 2, 0]
    """
    if labels.ndim != 1 or labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise UsageError(f"labels are {tuple(labels.shape)} {labels.dtype}; give (N,) integers: logits.argmax(dim=1)")
    if n_classes < 1:
        raise UsageError(f"n_classes = {n_classes} is not allowed; it must be at least 1")
    if labels.numel() and (labels.min() < 0 or labels.max() >= n_classes):
        raise UsageError(f"labels span {labels.min()} to {labels.max()}; they must lie in [0, {n_classes - 1}]")
    return torch.bincount(labels.long(), minlength=n_classes)


def total_variation_from_uniform(counts: Tensor) -> float:
    """½ Σ_c |share of class c - 1/K|: from 0 (all equally often) to 1 - 1/K (one class alone).

    The share of examples that would have to change their class. Chance alone makes it positive: see
    `expected_total_variation`.

    Args: counts: (K,) >= 0, not all 0; as of `class_histogram`.
    Raises: UsageError otherwise.
    """
    if counts.ndim != 1 or counts.numel() == 0:
        raise UsageError(f"counts are {tuple(counts.shape)}; give (K,), one count per class")
    values = to_float64(counts)
    if not bool(values.isfinite().all()) or values.min() < 0 or values.sum() == 0:
        raise UsageError(f"counts {counts.tolist()} are not allowed; give numbers >= 0 with a sum above 0")
    return 0.5 * (values / values.sum() - 1 / len(values)).abs().sum().item()


def expected_total_variation(n: int, n_classes: int) -> float:
    """The mean of `total_variation_from_uniform` over sets of n examples whose classes are drawn uniformly.

    Raises: UsageError unless n and n_classes are at least 1.
    Source: de Moivre's mean absolute deviation of the binomial distribution; Diaconis & Zabell 1991.

    >>> round(expected_total_variation(1, 10), 6)  # one example has one class
    0.9
    """
    if n < 1 or n_classes < 1:
        raise UsageError(f"n = {n} and n_classes = {n_classes}; both must be at least 1")
    if n_classes == 1:
        return 0.0
    p = 1 / n_classes
    m = n // n_classes + 1
    # E|X - np| = 2 m C(n, m) pᵐ (1-p)ⁿ⁻ᵐ⁺¹ with m = floor(np) + 1
    log_choose = math.lgamma(n + 1) - math.lgamma(m + 1) - math.lgamma(n - m + 1)
    deviation = 2 * m * math.exp(log_choose + m * math.log(p) + (n - m + 1) * math.log1p(-p))
    return 0.5 * n_classes * deviation / n


def _distributions(probabilities: Tensor) -> Tensor:
    require_features({"probabilities": probabilities})
    p = to_float64(probabilities)
    worst = (p.sum(dim=1) - 1).abs().max().item()
    if p.min() < 0 or worst > _SUM_TOLERANCE:
        raise UsageError(
            f"probabilities reach down to {p.min().item():.3g} and a row's sum is off 1 by {worst:.3g}; each row must "
            "be a distribution: give logits.softmax(dim=1)"
        )
    return p / p.sum(dim=1, keepdim=True)

"""How the Fréchet distance falls with the number of generated images, and where it tends to."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics.features import require_features, shuffled
from aigc_course.metrics.frechet import FeatureStatistics, frechet_distance

_POINTS = 15  # as many as Chong and Forsyth take


@dataclass(frozen=True, kw_only=True)
class FrechetExtrapolation:
    """Distances at several numbers of generated images n, and the line at_infinity + slope / n through them."""

    sizes: tuple[int, ...]
    values: tuple[float, ...]  # one distance for each size
    at_infinity: float  # below 0 where noise or the bend of the curve is larger than the distance
    slope: float  # of the value over 1/n


def frechet_extrapolation(
    real: FeatureStatistics | Tensor,
    fake_features: Tensor,
    sizes: Sequence[int] | None = None,
    generator: torch.Generator | None = None,
) -> FrechetExtrapolation:
    """The distance of n generated images to all real ones at several n, and its limit for n -> infinity (FID∞).

    The expected distance is that limit plus a term in 1/n, which differs between generators, plus smaller terms: it
    bends where n is not many times D, and the line then aims too low. The real side is as large as it is given at
    all n: the part of the bias that comes from it stays in the limit.

    Departure from the paper: images from independent random latents, not from a Sobol sequence.

    Args:
        real: features (M, D) or their statistics, M >= D + 1.
        fake_features: (N, D).
        sizes: two or more different n from D + 1 to N, each drawn anew; default: 15 from the larger of N / 10 and
            5 D up to N, as evenly spaced as whole numbers are.
    Raises: UsageError for sizes that are out of range, or N too small for the default ones.
    Source: Chong & Forsyth 2020, arXiv:1911.07023, Sec. 4 and 5.
    """
    require_features({"fake_features": fake_features})
    statistics = FeatureStatistics().update(real) if isinstance(real, Tensor) else real
    total, dims = fake_features.shape
    chosen = _default_sizes(total, dims) if sizes is None else tuple(int(n) for n in sizes)
    if len(set(chosen)) < 2 or min(chosen) <= dims or max(chosen) > total:
        raise UsageError(f"sizes {chosen}: give two or more different ones, each from {dims + 1} to {total}")
    values = [frechet_distance(statistics, shuffled(fake_features, generator)[:n]) for n in chosen]

    inverse = 1 / torch.tensor(chosen, dtype=torch.float64)
    centred, distances = inverse - inverse.mean(), torch.tensor(values, dtype=torch.float64)
    slope = (centred @ distances / centred.square().sum()).item()
    at_infinity = distances.mean().item() - slope * inverse.mean().item()
    return FrechetExtrapolation(sizes=chosen, values=tuple(values), at_infinity=at_infinity, slope=slope)


def _default_sizes(total: int, dims: int) -> tuple[int, ...]:
    smallest = max(total // 10, 5 * dims)
    if total < 2 * smallest:
        raise UsageError(
            f"fake_features hold {total} examples of {dims} features; the default sizes need {10 * dims}: take more "
            "images or fewer features, or give sizes yourself and mistrust the limit"
        )
    return tuple(torch.linspace(smallest, total, _POINTS, dtype=torch.float64).round().long().tolist())

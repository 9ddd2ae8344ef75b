"""The Fréchet distance between two sets of feature vectors, the floor under it and its bias.

With features of the Inception-v3 network it is the FID. With any other network it is another figure: compare values
only where network, layer, resizing of the images and number of images are the same.
"""

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics.estimate import Estimate
from aigc_course.metrics.features import require_features, shuffled, to_float64

_ROWS = 4096  # converted to float64 at a time


class FeatureStatistics:
    """Count, mean and covariance of feature vectors that come in batches, in float64 and O(D²) memory.

    Means and scatters of two parts are joined without ever forming a sum of squares, so the result does not depend
    on how the examples were cut into batches, beyond rounding, even where the mean is far larger than the spread.

    Source: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", Eq. 2.1.

    >>> statistics = FeatureStatistics().update(torch.tensor([[0.0], [2.0]])).update(torch.tensor([[4.0]]))
    >>> statistics.count, statistics.mean.item(), statistics.covariance.item()
    (3, 2.0, 4.0)
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean: Tensor | None = None
        self._scatter: Tensor | None = None  # sum of (x - mean)(x - mean)ᵀ

    @classmethod
    def from_moments(cls, *, count: int, mean: Tensor, covariance: Tensor) -> "FeatureStatistics":
        """From what was saved or published: mean (D,) and covariance (D, D), divided by count - 1, of `count` >= 2."""
        if count < 2 or mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
            given = f"count {count}, mean {tuple(mean.shape)} and covariance {tuple(covariance.shape)}"
            raise UsageError(f"got {given}; give at least two examples, (D,) and (D, D)")
        require_features({"mean": mean[None], "covariance": covariance})
        statistics = cls()
        statistics._count, statistics._mean = count, to_float64(mean)
        statistics._scatter = to_float64(covariance) * (count - 1)
        return statistics

    def update(self, features: Tensor) -> "FeatureStatistics":
        """Add a batch (N, D) of finite numbers, N >= 1; returns the statistics themselves.

        Raises: UsageError, with nothing added, for NaN or infinity, another shape or another D than before.
        """
        require_features({"features": features})
        for rows in features.detach().split(_ROWS):
            batch = to_float64(rows)
            mean = batch.mean(dim=0)
            centred = batch - mean
            self._join(len(batch), mean, centred.T @ centred)
        return self

    def merge(self, other: "FeatureStatistics") -> "FeatureStatistics":
        """Add what `other` has seen, as of another process; returns the statistics themselves."""
        if other._mean is not None and other._scatter is not None:
            self._join(other._count, other._mean, other._scatter)
        return self

    @property
    def count(self) -> int:
        """Examples seen so far."""
        return self._count

    @property
    def mean(self) -> Tensor:
        """(D,) float64. Raises: UsageError before the first example."""
        if self._mean is None:
            raise UsageError("these feature statistics have seen no example yet; call update(features) first")
        return self._mean

    @property
    def covariance(self) -> Tensor:
        """(D, D) float64, divided by count - 1. Raises: UsageError for fewer than two examples."""
        if self._scatter is None or self._count < 2:
            raise UsageError(f"a covariance needs at least two examples, but {self._count} were seen; call update()")
        return self._scatter / (self._count - 1)

    def _join(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        if self._mean is None or self._scatter is None:
            self._count, self._mean, self._scatter = count, mean, scatter
            return
        if mean.shape != self._mean.shape:
            raise UsageError(f"got {len(mean)} features per example, but {len(self._mean)} before; they must be equal")
        total = self._count + count
        delta = mean.to(self._mean.device) - self._mean
        between = delta.outer(delta) * (self._count * count / total)
        self._scatter = self._scatter + scatter.to(self._mean.device) + between
        self._mean = self._mean + delta * (count / total)
        self._count = total


def frechet_distance(real: FeatureStatistics | Tensor, fake: FeatureStatistics | Tensor) -> float:
    """|μ₁ - μ₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½) of the two sets' means and covariances: >= 0, in squared feature units.

    The squared 2-Wasserstein distance of two Gaussians; features need not be Gaussian, but nothing beyond the first
    two moments is seen. Symmetric. Too large on average, the more so the fewer examples: see `frechet_floor` for what
    real images score, and `frechet_extrapolation` for the trend.

    The trace of the root is the sum of the singular values of C₁^½ C₂^½, which stays accurate where
    covariances are singular (features that are always zero), and needs no root of a matrix that isn't symmetric.

    Args: real, fake: features (N, D), or their statistics; more examples than features in each.
    Raises: UsageError for N < D + 1, different D, NaN or infinity.
    Source: Heusel et al. 2017, arXiv:1706.08500, Eq. 6; Dowson & Landau 1982.
    """
    first, second = _statistics("real", real), _statistics("fake", fake)
    if first.mean.shape != second.mean.shape:
        raise UsageError(
            f"real has {len(first.mean)} features per example and fake {len(second.mean)}; "
            "both must come from the same network and layer"
        )
    mean, covariance = (moment.to(first.mean.device) for moment in (second.mean, second.covariance))
    shift = (first.mean - mean).square().sum()
    root = torch.linalg.svdvals(_root(first.covariance).T @ _root(covariance)).sum()
    distance = shift + first.covariance.trace() + covariance.trace() - 2 * root
    return max(distance.item(), 0.0)  # below 0 by rounding alone


def frechet_floor(
    real_features: Tensor, n: int, repeats: int = 5, generator: torch.Generator | None = None
) -> Estimate:
    """What a perfect generator scores with n images against n: the distance between disjoint subsets of real ones.

    Each repeat draws anew from the same N examples. The standard error is that of the draws: it says nothing of how
    another N examples would do, and is too small where 2n is near N.

    Args: real_features: (N, D), N >= 2n. n: examples on each side, >= D + 1. repeats: >= 2.
    Raises: UsageError where the examples or the repeats are too few.
    """
    require_features({"real_features": real_features})
    _require_enough("n", n, real_features.shape[1])
    if len(real_features) < 2 * n:
        most = len(real_features) // 2
        raise UsageError(f"n = {n} needs {2 * n} real examples, but there are {len(real_features)}; n <= {most}")
    if repeats < 2:
        raise UsageError(f"repeats = {repeats} is not allowed; a standard error needs at least 2")
    values = []
    for _ in range(repeats):
        drawn = shuffled(real_features, generator)
        values.append(frechet_distance(drawn[:n], drawn[n : 2 * n]))
    return Estimate(tuple(values))


def _statistics(name: str, given: FeatureStatistics | Tensor) -> FeatureStatistics:
    if isinstance(given, Tensor):
        require_features({name: given})
        _require_enough(name, len(given), given.shape[1])
        return FeatureStatistics().update(given)
    _require_enough(name, given.count, len(given.mean))
    return given


def _require_enough(name: str, count: int, dims: int) -> None:
    if count <= dims:
        raise UsageError(
            f"{name}: {count} examples with {dims} features each; fewer than {dims + 1} leave the covariance singular, "
            "and the distance comes out far too large to be trusted: take more images, or fewer features"
        )


def _root(covariance: Tensor) -> Tensor:
    """R (D, D) with R Rᵀ = covariance, which is symmetric and, up to rounding, positive semi-definite."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()

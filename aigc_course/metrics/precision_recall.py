"""Fidelity and variety of generated examples as separate figures: precision, recall, density and coverage."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics.features import CHUNK_SIZE, k_nearest, require_features, squared_distances, to_float64

_TIES = 1 + 1e-9  # of a squared radius: a distance that equals it lies inside, whatever the rounding


@dataclass(frozen=True, kw_only=True)
class ManifoldScores:
    """What generated examples look like beside real ones, by balls that reach to the k-th nearest neighbour."""

    precision: float  # [0, 1]: share of fake examples inside the ball of any real one
    recall: float  # [0, 1]: share of real examples inside the ball of any fake one
    density: float  # >= 0, 1 on average for a perfect generator: real balls around a fake example, over k
    coverage: float  # [0, 1]: share of real examples whose ball holds a fake one
    k: int
    n_real: int
    n_fake: int


def precision_recall(*, real: Tensor, fake: Tensor, k: int = 5, chunk_size: int = CHUNK_SIZE) -> ManifoldScores:
    """Precision and recall (Kynkäänniemi et al.), density and coverage (Naeem et al.) of features.

    Around each example lies a ball with the distance to its k-th nearest neighbour of the same set as radius. Balls
    around outliers are large, which flatters precision (of real ones) and recall (of fake ones); density and coverage
    suffer less. All four depend on k and on both numbers of examples: compare equal ones, and with
    `expected_coverage`. Distances that equal the radius count as inside.

    Args:
        real: (M, D) features. fake: (N, D). M and N above k.
        k: neighbours, without the example itself; Kynkäänniemi et al. take 3, Naeem et al. 5.
        chunk_size: rows and columns of the matrix of distances held at a time.
    Raises: UsageError for k below 1 or not below M and N, other shapes, NaN or infinity.
    Source: Kynkäänniemi et al. 2019, arXiv:1904.06991, Eq. 1 and 2; Naeem et al. 2020, arXiv:2002.09797, Sec. 3.
    """
    if k < 1:
        raise UsageError(f"k = {k} is not allowed; it must be at least 1")
    require_features({"real": real, "fake": fake}, minimum=k + 1)
    radii_real = k_nearest(real, real, k, chunk_size=chunk_size, exclude_self=True)[0][:, -1] * _TIES
    radii_fake = k_nearest(fake, fake, k, chunk_size=chunk_size, exclude_self=True)[0][:, -1] * _TIES
    balls_around_fake = torch.zeros_like(radii_fake)  # float64 holds whole numbers exactly
    covered, recalled = (torch.zeros_like(radii_real, dtype=torch.bool) for _ in range(2))
    for begin in range(0, len(fake), chunk_size):
        rows = slice(begin, begin + chunk_size)
        x = to_float64(fake[rows])
        for first in range(0, len(real), chunk_size):
            columns = slice(first, first + chunk_size)
            squared = squared_distances(x, to_float64(real[columns]))
            in_real_ball = squared <= radii_real[columns]
            balls_around_fake[rows] += in_real_ball.sum(dim=1)
            covered[columns] |= in_real_ball.any(dim=0)
            recalled[columns] |= (squared <= radii_fake[rows, None]).any(dim=0)
    return ManifoldScores(
        precision=(balls_around_fake > 0).double().mean().item(),
        recall=recalled.double().mean().item(),
        density=balls_around_fake.mean().item() / k,
        coverage=covered.double().mean().item(),
        k=k,
        n_real=len(real),
        n_fake=len(fake),
    )


def expected_coverage(*, n_real: int, n_fake: int, k: int) -> float:
    """The coverage of a perfect generator on average, for continuous features of any kind: in (0, 1).

    Its chance to miss a real example's ball is that the k nearest of all others are real.

    Raises: UsageError unless 1 <= k < n_real and n_fake >= 1.
    Source: Naeem et al. 2020, arXiv:2002.09797, Lemma 2.

    >>> round(expected_coverage(n_real=10_000, n_fake=10_000, k=5), 3)
    0.969
    """
    if not 1 <= k < n_real or n_fake < 1:
        raise UsageError(f"k = {k}, n_real = {n_real}, n_fake = {n_fake}: need 1 <= k < n_real and n_fake >= 1")
    return 1 - math.prod((n_real - i) / (n_real + n_fake - i) for i in range(1, k + 1))

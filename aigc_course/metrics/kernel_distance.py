"""The squared maximum mean discrepancy with a polynomial kernel: unbiased at any number of examples.

With features of the Inception-v3 network it is the KID.
"""

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics.estimate import Estimate
from aigc_course.metrics.features import CHUNK_SIZE, require_features, shuffled, to_float64


def kernel_distance(real: Tensor, fake: Tensor, *, chunk_size: int = CHUNK_SIZE) -> float:
    """The unbiased estimate of E k(x, x') + E k(y, y') - 2 E k(x, y) with k(x, y) = (x·y / D + 1)³.

    Symmetric, without a unit. 0 on average where both sets come from one distribution, at any number of examples, and
    so below 0 about as often as above. Pairs of an example with itself are left out.

    Args: real (M, D), fake (N, D): M and N >= 2. chunk_size: rows and columns of the kernel matrix held at a time.
    Raises: UsageError for other shapes, NaN or infinity.
    Source: Bińkowski et al. 2018, arXiv:1801.01401, Sec. 4; Gretton et al. 2012, Eq. 3.
    """
    require_features({"real": real, "fake": fake}, minimum=2)
    if chunk_size < 1:
        raise UsageError(f"chunk_size = {chunk_size} is not allowed; it must be at least 1")
    m, n = len(real), len(fake)
    within_real = _kernel_sum(real, real, chunk_size, pairs=True) / (m * (m - 1))
    within_fake = _kernel_sum(fake, fake, chunk_size, pairs=True) / (n * (n - 1))
    return within_real + within_fake - 2 * _kernel_sum(real, fake, chunk_size) / (m * n)


def kernel_distance_in_subsets(
    real: Tensor, fake: Tensor, *, subset_size: int = 1000, generator: torch.Generator | None = None
) -> Estimate:
    """`kernel_distance` of disjoint random subsets: its mean is as unbiased, and comes with a standard error.

    Departure from the paper, whose 100 subsets share examples: disjoint ones are independent, so that the standard
    error is that of new examples. It costs O(N · subset_size), the whole O(N²).

    Args: real (M, D), fake (N, D): two subsets or more of `subset_size` >= 2 must fit into each.
    Raises: UsageError where they don't, and as `kernel_distance`.
    Source: Bińkowski et al. 2018, arXiv:1801.01401, Sec. 4; Zaremba et al. 2013, arXiv:1307.1954 (blocks).
    """
    require_features({"real": real, "fake": fake}, minimum=2)
    smaller = min(len(real), len(fake))
    if not 2 <= subset_size <= smaller // 2:
        raise UsageError(
            f"subset_size = {subset_size} with {len(real)} real and {len(fake)} fake examples; a standard error needs "
            f"two subsets, so take from 2 to {smaller // 2}, or more images"
        )
    count = smaller // subset_size
    parts = [shuffled(values, generator)[: count * subset_size].chunk(count) for values in (real, fake)]
    return Estimate(tuple(kernel_distance(x, y) for x, y in zip(*parts, strict=True)))


def _kernel_sum(x: Tensor, y: Tensor, chunk_size: int, pairs: bool = False) -> float:
    """Sum of k over all x_i, y_j; with `pairs`, for one set against itself, over i != j."""
    total = 0.0
    for begin in range(0, len(x), chunk_size):
        rows = to_float64(x[begin : begin + chunk_size])
        for first in range(0, len(y), chunk_size):
            columns = to_float64(y[first : first + chunk_size])
            kernel = (rows @ columns.T / x.shape[1] + 1).pow_(3)
            if pairs and first == begin:
                kernel.fill_diagonal_(0)
            total += kernel.sum().item()
    return total

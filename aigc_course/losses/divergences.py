"""Distances between distributions that adversarial training measures: Jensen-Shannon, and Wasserstein-1 on a line."""

import math

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import at_least_float32, require_same_shape


def jensen_shannon(*, log_p: Tensor, log_q: Tensor, cell: float = 1.0) -> Tensor:
    """(KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, in nats: 0 where p = q, log 2 where they don't overlap.

    Args:
        log_p, log_q: (..., N) logarithms of probabilities, or of densities on a grid; -inf where there is none.
        cell: the measure of one cell of the grid; 1 for probabilities.
    Returns: (...,).
    Raises: UsageError if shapes differ.
    Source: Lin 1991, "Divergence measures based on the Shannon entropy"; Goodfellow et al. 2014, arXiv:1406.2661.
    """
    require_same_shape(log_p=log_p, log_q=log_q)
    log_p, log_q = at_least_float32(log_p), at_least_float32(log_q)
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    parts = [
        torch.where(log_one > -torch.inf, log_one.exp() * (log_one - log_m), torch.zeros_like(log_m))
        for log_one in (log_p, log_q)
    ]
    return 0.5 * cell * (parts[0] + parts[1]).sum(dim=-1)


def wasserstein_1d(x: Tensor, y: Tensor) -> Tensor:
    """The exact Wasserstein-1 distance between two samples of numbers: the area between their distribution functions.

    With samples of equal size it is the mean of |x_(i) - y_(i)| over the sorted values. Computed in float64.

    Args: x: (N,), y: (M,), N, M >= 1; each number of a sample weighs the same.
    Returns: a scalar, in the unit of x and y.
    Raises: UsageError for other shapes.
    Source: Villani 2003, Topics in Optimal Transportation, Sec. 2.2.
    """
    if x.ndim != 1 or y.ndim != 1 or not x.numel() or not y.numel():
        raise UsageError(f"x is {tuple(x.shape)} and y {tuple(y.shape)}; both must be (N,), with at least one number")
    x, y = x.double().sort().values, y.double().sort().values
    places = torch.cat([x, y]).sort().values
    of_x, of_y = (torch.searchsorted(one, places[:-1], right=True).double() / len(one) for one in (x, y))
    return ((of_x - of_y).abs() * places.diff()).sum()

"""What differentially private training promises: epsilon from its noise, by Rényi differential privacy."""

import math
from collections.abc import Sequence

from aigc_course.errors import UsageError

ORDERS = tuple(range(2, 257))
"""Rényi orders that are tried. Any of them gives a valid epsilon, and the smallest is taken."""


def subsampled_gaussian_rdp(order: int, noise_multiplier: float, sampling_rate: float = 1.0) -> float:
    """The Rényi divergence of this order that one step of DP-SGD can leave, in nats.

    Each example is in the batch with probability `sampling_rate`, independently (Poisson sampling); the sum of the
    clipped gradients gets Gaussian noise of standard deviation `noise_multiplier` times the clipping length. Two data
    sets are neighbours when one has one example more. With a sampling rate of 1: order / (2 noise_multiplier²).

    Args: order: a whole number, at least 2. noise_multiplier: above 0. sampling_rate: in (0, 1].
    Raises: UsageError for a value that is not allowed.
    Source: Mironov et al. 2019, arXiv:1908.10530, Sec. 3.3 (whole orders).

    >>> subsampled_gaussian_rdp(8, 2.0)
    1.0
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 2:
        raise UsageError(f"order = {order!r} is not allowed; it must be a whole number of at least 2")
    if not 0 < noise_multiplier < math.inf:
        raise UsageError(
            f"noise_multiplier = {noise_multiplier} is not allowed; it must be finite and above 0: "
            "without noise nothing is promised"
        )
    if not 0 < sampling_rate <= 1:
        raise UsageError(f"sampling_rate = {sampling_rate} is not allowed; it must be in (0, 1]: batch size / examples")
    if sampling_rate == 1:
        return order / (2 * noise_multiplier**2)
    logs = [
        _log_binomial(order, k)
        + k * math.log(sampling_rate)
        + (order - k) * math.log1p(-sampling_rate)
        + (k * k - k) / (2 * noise_multiplier**2)
        for k in range(order + 1)
    ]
    largest = max(logs)
    log_moment = largest + math.log(math.fsum(math.exp(log - largest) for log in logs))
    return max(log_moment, 0.0) / (order - 1)  # below 0 by rounding alone


def dp_sgd_epsilon(
    *, noise_multiplier: float, sampling_rate: float, steps: int, delta: float, orders: Sequence[int] = ORDERS
) -> float:
    """The epsilon of (epsilon, delta)-differential privacy that this many steps of DP-SGD keep: an upper bound.

    Args: steps: at least 1. delta: in (0, 1); usually below 1 / number of examples. The others: see
        `subsampled_gaussian_rdp`.
    Raises: UsageError for a value that is not allowed.
    Source: the divergences of steps add up (Mironov 2017, arXiv:1702.07476); from them to epsilon by Balle et al. 2020,
        arXiv:1905.09982, Theorem 21.
    """
    if steps < 1:
        raise UsageError(f"steps = {steps} is not allowed; it must be at least 1")
    if not 0 < delta < 1:
        raise UsageError(f"delta = {delta} is not allowed; it must be in (0, 1), such as 1 / (10 * number of examples)")
    found = [
        steps * subsampled_gaussian_rdp(order, noise_multiplier, sampling_rate)
        - (math.log(delta) + math.log(order)) / (order - 1)
        + math.log1p(-1 / order)
        for order in orders
    ]
    return max(min(found), 0.0)


def _log_binomial(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

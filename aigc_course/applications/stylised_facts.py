"""What the returns of most markets have in common, in numbers: heavy tails, no memory in the sign, memory in the size.

Source of the list: Cont 2001, "Empirical properties of asset returns: stylized facts and statistical issues".
"""

import torch
from torch import Tensor

from aigc_course.errors import UsageError

TAIL_SHARE = 0.025  # of the days, the largest losses, that the tail index is of
LAGS = 20  # days over which the memory of the size is averaged


def excess_kurtosis(returns: Tensor) -> Tensor:
    """The fourth moment over the squared variance, minus 3, the value of a normal distribution: (P,) of (P, T)."""
    centred = _paths(returns) - returns.double().mean(dim=1, keepdim=True)
    return (centred**4).mean(dim=1) / (centred**2).mean(dim=1) ** 2 - 3


def tail_index(returns: Tensor, share: float = TAIL_SHARE) -> Tensor:
    """Hill's estimate of the power a with which P(loss > x) falls as x^-a, from the largest losses: (P,) of (P, T).

    Moments of order a and above are infinite. A normal distribution has no such power: there the estimate is large,
    and grows with the number of days.
    Raises: UsageError where the share is less than two days, or reaches days without a loss.
    Source: Hill 1975, Annals of Statistics 3.
    """
    losses = -_paths(returns)
    count = round(share * losses.shape[1])
    if count < 2:
        raise UsageError(f"share = {share} of {losses.shape[1]} days is {count}; at least 2 days are needed")
    largest = losses.topk(count + 1, dim=1).values
    if bool((largest[:, -1] <= 0).any()):
        raise UsageError(f"share = {share} reaches days without a loss; take a smaller share")
    return 1 / (largest[:, :-1] / largest[:, -1:]).log().mean(dim=1)


def autocorrelation(x: Tensor, lags: int, following: Tensor | None = None) -> Tensor:
    """The correlation of x_t with x_{t+k}, or with `following` at t + k, for k = 1 to lags: (P, lags) of (P, T).

    Means, variances and the divisor are those of the whole series, so that no value leaves [-1, 1].
    Raises: UsageError unless 1 <= lags < T, or for a constant series.
    """
    first, second = _centred(_paths(x)), _centred(_paths(x if following is None else following))
    if not 1 <= lags < first.shape[1] or first.shape != second.shape:
        raise UsageError(f"lags = {lags} of series {tuple(first.shape)} and {tuple(second.shape)}; give 1 to T - 1")
    size = first.norm(dim=1) * second.norm(dim=1)
    if bool((size == 0).any()):
        raise UsageError("a series is constant; it has no correlation with anything")
    products = [(first[:, :-k] * second[:, k:]).sum(dim=1) / size for k in range(1, lags + 1)]
    return torch.stack(products, dim=1)


def stylised_facts(returns: Tensor) -> dict[str, Tensor]:
    """The facts by name, each (P,), of returns (P, T).

    "memory of the sign": the correlation of r_t with r_{t+1}. "memory of the size": that of |r_t| with |r_{t+k}|, on
    average over k = 1 to LAGS. "leverage": that of r_t with |r_{t+k}|: below 0 where losses are followed by turmoil.
    """
    sizes = returns.abs()
    return {
        "excess kurtosis": excess_kurtosis(returns),
        "tail index": tail_index(returns),
        "memory of the sign": autocorrelation(returns, 1)[:, 0],
        "memory of the size": autocorrelation(sizes, LAGS).mean(dim=1),
        "leverage": autocorrelation(returns, LAGS, sizes).mean(dim=1),
    }


def _paths(returns: Tensor) -> Tensor:
    """In float64, after a check of the shape."""
    if returns.ndim != 2 or returns.shape[1] < 2:
        raise UsageError(f"returns are {tuple(returns.shape)}; give (P, T): one row for each path, two days or more")
    return returns.double()


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(dim=1, keepdim=True)

"""How close a VAE comes to log p(x), and how many of its latent dimensions it uses."""

import math

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import at_least_float32

ACTIVE_VARIANCE = 0.01  # Burda et al. 2016, Sec. 5.2; the variances are either far above it or far below


def iwae_bound(log_weights: Tensor) -> Tensor:
    """The importance weighted bound log((1/K) sum_k w_k) per example, in nats: at most log p(x) on average.

    With K = 1 it is a one-sample estimate of the ELBO. In expectation it grows with K, and tends to log p(x) as K goes
    to infinity, provided that the weights are bounded.

    Args: log_weights: (K, ...) float; log w_k = log p(x, z_k) - log q(z_k | x), the z_k independent from q(z | x).
    Returns: (...), one bound for each example.
    Raises: UsageError when there is no sample to average over.
    Source: Burda et al. 2016, arXiv:1509.00519, Eq. 8.
    """
    if log_weights.ndim == 0 or len(log_weights) == 0:
        raise UsageError(f"log_weights are {tuple(log_weights.shape)}; give (K, B), at least one sample per example")
    log_weights = at_least_float32(log_weights)
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))


class StreamingBound:
    """The importance weighted bound of samples that come in parts: memory for one part, whatever the number of samples.

    What is kept is the logarithm of the sum of all weights so far, in float64 on the CPU, one number an example.

    >>> bound = StreamingBound()
    >>> for part in torch.tensor([[1.0], [3.0], [2.0]]).log().split(2):
    ...     bound.add(part)
    >>> round(bound.value().exp().item(), 6), bound.count
    (2.0, 3)
    """

    def __init__(self) -> None:
        self.count = 0  # samples so far
        self._log_sum: Tensor | None = None  # (B,)

    def add(self, log_weights: Tensor) -> None:
        """Take in more samples: log_weights (K', B), for the same examples at every call.

        Raises: UsageError for another shape.
        """
        if log_weights.ndim != 2 or (self._log_sum is not None and log_weights.shape[1:] != self._log_sum.shape):
            raise UsageError(f"log_weights are {tuple(log_weights.shape)}; give (K, B), with the same B at every call")
        part = log_weights.detach().cpu().double().logsumexp(dim=0)
        self._log_sum = part if self._log_sum is None else torch.logaddexp(self._log_sum, part)
        self.count += len(log_weights)

    def value(self) -> Tensor:
        """`iwae_bound` of all samples so far, (B,) float64, in nats. Raises: UsageError before the first of them."""
        if self._log_sum is None or self.count == 0:
            raise UsageError("a bound needs at least one sample; call add first")
        return self._log_sum - math.log(self.count)


def active_units(mu: Tensor, threshold: float = ACTIVE_VARIANCE) -> int:
    """How many latent dimensions tell one example from another: those whose posterior mean varies over the data.

    Args: mu: (N, D), the means of q(z | x_n) for N >= 2 examples. threshold: of Var_n(mu_nd).
    Returns: from 0 (posterior collapse) to D.
    Raises: UsageError for fewer than two examples, or another shape.
    Source: Burda et al. 2016, arXiv:1509.00519, Sec. 5.2.
    """
    if mu.ndim != 2 or len(mu) < 2:
        raise UsageError(f"mu is {tuple(mu.shape)}; give (N, D) with the means of at least two examples")
    return int((at_least_float32(mu).var(dim=0) > threshold).sum())

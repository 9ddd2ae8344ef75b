"""How far a reconstruction is from its original: log-likelihoods in nats, and the mean squared error."""

import math

import torch.nn.functional as F
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import at_least_float32, require_range, require_same_shape


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    """-log p(x | logits) per example, in nats, each pixel a Bernoulli variable; summed over pixels.

    For x in {0, 1} this is a negative log-likelihood. For grey x in (0, 1) it is a cross-entropy with soft
    targets: a usable loss, but not a likelihood, and not comparable with one.

    Args: logits: (B, ...) float. x: (B, ...) of the same shape, in [0, 1].
    Returns: (B,), >= 0.
    Raises: UsageError if shapes differ or x leaves [0, 1] (as logits in the place of x do).
    """
    require_same_shape(logits=logits, x=x)
    require_range("x", x, 0.0, 1.0, "pass logits first and the data second, and scale the data to [0, 1]")
    logits = at_least_float32(logits)
    nats = F.binary_cross_entropy_with_logits(logits, x.to(logits.dtype), reduction="none")
    return nats.flatten(1).sum(dim=1)


def gaussian_nll(mean: Tensor, log_variance: Tensor, x: Tensor) -> Tensor:
    """-log N(x; mean, exp(log_variance)) per example, in nats, with the constant; summed over dimensions.

    Per dimension: (log(2 pi) + log_variance + (x - mean)^2 / exp(log_variance)) / 2.

    Args: mean, x: (B, ...) float. log_variance: the same shape, or one that broadcasts to it (a single
        learned variance: shape () or (1,)).
    Returns: (B,); may be negative, for a density can exceed 1.
    Raises: UsageError if the shapes don't fit.
    """
    require_same_shape(mean=mean, x=x)
    mean, log_variance = at_least_float32(mean), at_least_float32(log_variance)
    try:
        log_variance = log_variance.expand_as(mean)
    except RuntimeError as error:
        raise UsageError(
            f"log_variance {tuple(log_variance.shape)} does not broadcast to mean {tuple(mean.shape)}; "
            "give one value, or one per dimension"
        ) from error
    squared_error = (x.to(mean.dtype) - mean).square()
    nats = 0.5 * (math.log(2 * math.pi) + log_variance + squared_error * (-log_variance).exp())
    return nats.flatten(1).sum(dim=1)


def mse(x_hat: Tensor, x: Tensor) -> Tensor:
    """Mean squared error, (1/n) sum_i (x_i - x_hat_i)^2, over all n numbers of the batch.

    Up to scale and a constant it is gaussian_nll with a fixed variance: summed over dimensions, halved and
    divided by the variance. Averaged, as here, it weighs an ELBO's KL term by the number of dimensions.

    Args: x_hat, x: float, of one shape.
    Returns: a scalar, >= 0.
    Raises: UsageError if shapes differ (broadcasting would average something else).
    """
    require_same_shape(x_hat=x_hat, x=x)
    x_hat = at_least_float32(x_hat)
    return (x.to(x_hat.dtype) - x_hat).square().mean()

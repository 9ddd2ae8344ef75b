"""How far a reconstruction is from its original: log-likelihoods in nats, and the mean squared error."""

import math

import torch
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


def binomial_nll(logits: Tensor, counts: Tensor, points: int) -> Tensor:
    """-log p(counts | logits) per example, in nats, each pixel the number of successes in `points` trials; summed.

    log p(k) = log C(n, k) + n (k/n log p + (1 - k/n) log(1 - p)): n Bernoulli terms and a constant.

    Args: logits: (B, ...) of a success. counts: (B, ...), whole numbers in [0, points]. points: n, at least 1.
    Returns: (B,), >= 0.
    Raises: UsageError if shapes differ or counts leave [0, points].
    """
    if points == 1:
        return bernoulli_nll(logits, counts)
    n = counts.new_tensor(points)
    arrangements = torch.lgamma(n + 1) - torch.lgamma(counts + 1) - torch.lgamma(n - counts + 1)  # log C(n, k)
    return points * bernoulli_nll(logits, counts / points) - arrangements.flatten(1).sum(dim=1)


def gaussian_nll(mean: Tensor, log_variance: Tensor, x: Tensor, mask: Tensor | None = None) -> Tensor:
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
    if mask is not None:
        nats = torch.where(mask, nats, 0.0)
    return nats.flatten(1).sum(dim=1)


def discretised_logistic_nll(mean: Tensor, log_scale: Tensor, x: Tensor, levels: int = 256) -> Tensor:
    """-log P(x) per example, in nats, each pixel a logistic variable cut into `levels` bins; summed over pixels.

    Level k of [0, 1] takes the probability between k - 1/2 and k + 1/2; the first and the last bin reach to infinity,
    so the probabilities of all levels sum to 1. With a and b the logits at a bin's upper and lower edge,
    sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), of which every logarithm is stable.

    Args: mean: (B, ...) float; [0, 1] is the range of the levels. log_scale: the same shape, of the logistic's scale
        in that unit. x: the same shape, whole numbers in [0, levels - 1]. levels: at least 2.
    Returns: (B,), >= 0.
    Raises: UsageError if shapes differ or x leaves [0, levels - 1].
    Source: Kingma et al. 2016, arXiv:1606.04934, App. C; the open ends: Salimans et al. 2017, arXiv:1701.05517.
    """
    require_same_shape(mean=mean, log_scale=log_scale, x=x)
    require_range("x", x, 0, levels - 1, "pass the levels as whole numbers, 0 to 255 for 8-bit images")
    mean, log_scale = at_least_float32(mean), at_least_float32(log_scale)
    x = x.to(mean.dtype)
    width = (-log_scale).exp() / (levels - 1)  # of a bin, in scales
    middle = (x - (levels - 1) * mean) * width
    log_mass = F.logsigmoid(middle + width / 2) * (x < levels - 1) + F.logsigmoid(width / 2 - middle) * (x > 0)
    inside = (x > 0) & (x < levels - 1)
    log_mass = log_mass + inside * (-(-width).expm1()).log()
    return -log_mass.flatten(1).sum(dim=1)


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

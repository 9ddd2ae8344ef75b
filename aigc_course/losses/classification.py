"""Classes: the logarithm of a sum of exponentials, and what a categorical likelihood makes of it."""

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import at_least_float32, require_range


def log_sum_exp(logits: Tensor) -> Tensor:
    """log(exp(a_1) + ... + exp(a_K)) over the last axis, for logits of any size.

    The largest logit m goes in front: m + log(sum_k exp(a_k - m)). No exponential exceeds 1 and one of them is 1, so
    the sum neither overflows nor vanishes. With an infinite m (all -inf, or one +inf) nothing is subtracted.

    Args: logits: (..., K) float, K >= 1.
    Returns: (...,), between max_k a_k and max_k a_k + log K.
    Raises: UsageError if there is no class to sum over.
    """
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise UsageError(f"logits {tuple(logits.shape)} have no classes; give (..., K) with K >= 1")
    logits = at_least_float32(logits)
    largest = logits.detach().amax(dim=-1, keepdim=True)
    largest = torch.where(largest.isfinite(), largest, 0)
    return largest.squeeze(-1) + (logits - largest).exp().sum(dim=-1).log()


def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    """-sum_k y_k log softmax(logits)_k per example, in nats: the cross-entropy, summed over classes.

    A training loss is its mean over examples. For a true class y is 1 there and 0 elsewhere, and the sum is
    log_sum_exp(logits) - logits[true class].

    Args: logits: (B, K) float. targets: (B,) int64 in [0, K), the true classes; or (B, K) in [0, 1], probabilities.
    Returns: (B,), >= 0.
    Raises: UsageError if shapes don't fit, a class is not in [0, K), or probabilities don't sum to 1.
    """
    if logits.ndim != 2 or targets.shape not in (logits.shape, logits.shape[:1]):
        raise UsageError(
            f"logits {tuple(logits.shape)} and targets {tuple(targets.shape)} don't fit: logits must be (B, K), "
            "targets (B,) with the true classes or (B, K) with probabilities"
        )
    logits = at_least_float32(logits)
    if targets.ndim == 1:
        if targets.dtype.is_floating_point:
            raise UsageError(f"targets (B,) name classes, so they must be int64, but are {targets.dtype}")
        require_range("targets", targets, 0, logits.shape[1] - 1, "they name the true classes")
        return log_sum_exp(logits) - logits.gather(1, targets[:, None].long()).squeeze(1)
    targets = targets.to(logits.dtype)
    require_range("targets", targets, 0.0, 1.0, "pass logits first and the probabilities second")
    require_range("the sum of targets over classes", targets.sum(dim=1), 0.999, 1.001, "probabilities sum to 1")
    log_probabilities = logits - log_sum_exp(logits)[:, None]
    return -(targets * log_probabilities).sum(dim=1)

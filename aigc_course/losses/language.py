"""The loss of a language model: cross-entropy of the next token, in nats."""

import torch.nn.functional as F
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import at_least_float32, require_same_shape


def cross_entropy_nats(logits: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean cross-entropy in nats per predicted token, -log softmax(logits)[target] by log-sum-exp.

    Args: logits: (B, T, V) float. targets: (B, T) int64 in [0, V). mask: (B, T) bool or 0/1, what to count;
        None counts every token.
    Returns: a scalar: the sum over counted tokens divided by their number (nan when none is counted).
    Raises: UsageError if the shapes don't fit.
    """
    if logits.ndim != 3 or logits.shape[:2] != targets.shape:
        raise UsageError(
            f"logits {tuple(logits.shape)} and targets {tuple(targets.shape)} don't fit: "
            "logits must be (batch, tokens, vocabulary) and targets (batch, tokens)"
        )
    flat = at_least_float32(logits).flatten(0, 1)  # (B*T, V)
    if mask is None:
        return F.cross_entropy(flat, targets.flatten())
    require_same_shape(targets=targets, mask=mask)
    nats = F.cross_entropy(flat, targets.flatten(), reduction="none")  # (B*T,)
    weights = mask.flatten().to(nats.dtype)
    return (nats * weights).sum() / weights.sum()

"""Inputs of the models, checked, and how a class enters: one-hot, beside z, or by projection."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import require_range
from aigc_course.models.settings import shape_text


def require_shape(name: str, values: Tensor, *shape: int) -> None:
    """Raise UsageError unless `values` is (B, *shape) for some batch size B."""
    if tuple(values.shape[1:]) != shape or values.ndim == 0:
        raise UsageError(f"{name} has the shape {tuple(values.shape)}; this model takes {shape_text(['B', *shape])}")


def require_labels(labels: Tensor | None, n_classes: int, batch_size: int, name: str = "labels") -> Tensor:
    """The labels (B,) of a conditional model.

    Raises: UsageError if they are missing, of another length, or outside [0, n_classes).
    """
    if labels is None:
        raise UsageError(f"this model is conditional: pass {name} (B,), int64 in [0, {n_classes})")
    if tuple(labels.shape) != (batch_size,):
        raise UsageError(f"{name} has the shape {tuple(labels.shape)}; a batch of {batch_size} needs ({batch_size},)")
    require_range(name, labels, 0, n_classes - 1, f"the model knows {n_classes} classes")
    return labels


def refuse_labels(labels: Tensor | None, name: str = "labels") -> None:
    """Raise UsageError if an unconditional model is given labels, which it would ignore."""
    if labels is not None:
        raise UsageError(f"this model is unconditional and would ignore {name}; leave them out")


def one_hot(labels: Tensor | None, n_classes: int, like: Tensor, name: str = "labels") -> Tensor:
    """Labels as one-hot rows (B, n_classes) of the type of `like` (B, ...); (B, 0) when n_classes is 0."""
    if n_classes == 0:
        refuse_labels(labels, name)
        return like.new_zeros(like.shape[0], 0)
    return F.one_hot(require_labels(labels, n_classes, like.shape[0], name), n_classes).to(like.dtype)


def word_and_voice(
    labels: Tensor | None, speakers: Tensor | None, n_classes: int, n_speakers: int, like: Tensor
) -> Tensor:
    """What is said and by whom, both as `one_hot`, side by side: (B, n_classes + n_speakers)."""
    said = one_hot(labels, n_classes, like=like)
    return torch.cat([said, one_hot(speakers, n_speakers, like=like, name="speakers")], dim=1)


def beside_class(z: Tensor, labels: Tensor | None, embedding: nn.Embedding | None) -> Tensor:
    """z (B, D) beside its class's vector (B, E): (B, D + E). Without an embedding, z alone.

    Source: Mirza & Osindero 2014, arXiv:1411.1784, Sec. 3.2.
    """
    if embedding is None:
        refuse_labels(labels)
        return z
    known = require_labels(labels, embedding.num_embeddings, z.shape[0])
    return torch.cat([z, embedding(known)], dim=1)


def with_projection(
    logits: Tensor, features: Tensor, labels: Tensor | None, class_weights: nn.Embedding | None
) -> Tensor:
    """Logits (B,) plus the inner product of each class's weights with the features, summed over the image.

    Args: features: (B, C, H, W). class_weights: n_classes vectors (C,), or None for an unconditional model.
    Source: Miyato & Koyama 2018, arXiv:1802.05637, Eq. 3.
    """
    if class_weights is None:
        refuse_labels(labels)
        return logits
    known = require_labels(labels, class_weights.num_embeddings, logits.shape[0])
    return logits + (class_weights(known) * features.sum(dim=(2, 3))).sum(dim=1)

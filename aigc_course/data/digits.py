"""digits: scikit-learn's real 8 x 8 handwritten digits, and a classifier that judges what a model draws.

The 1,797 images come with scikit-learn, so nothing is downloaded. Source: E. Alpaydin and C. Kaynak, Optical
Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998 (the test part); licence CC BY 4.0.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError

NAME = "digits"
IMAGE_SIZE = 8  # pixels
CLASS_NAMES = tuple("0123456789")
NUM_VALIDATION = 300
NUM_TEST = 300
MIN_CONFIDENCE = 0.5  # below it an image counts as no digit: noise stays below 0.4, 98 % of real images lie above

_SPLIT_SEED = 0
_KERNEL_SCALE = 0.15  # per squared ink distance; this and the next chosen on `validation`
_RIDGE = 0.01
_MAX_INK = 16  # scikit-learn's pixels are ink counts, 0 to 16


@lru_cache(maxsize=1)
def make_digits() -> ImageSet:
    """The set in fixed stratified splits: 1,197 train, 300 validation, 300 test; uint8 (N, 1, 8, 8), white on black."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    labels = bunch.target.astype(np.int64)
    images = np.rint(bunch.images * (255 / _MAX_INK)).astype(np.uint8)[:, None]
    rank = _rank_in_class(labels)
    parts = {
        "test": rank[:NUM_TEST],
        "validation": rank[NUM_TEST : NUM_TEST + NUM_VALIDATION],
        "train": rank[NUM_TEST + NUM_VALIDATION :],
    }
    chosen = {split: np.sort(parts[split]) for split in ("train", "validation", "test")}
    return ImageSet(
        name=NAME,
        images={split: torch.from_numpy(images[index]) for split, index in chosen.items()},
        labels={split: torch.from_numpy(labels[index]) for split, index in chosen.items()},
        class_names=CLASS_NAMES,
    )


@torch.no_grad()
def classify(images: Tensor) -> tuple[Tensor, Tensor]:
    """The digit that each image looks most like, and the confidence in it.

    Each training image votes for its class by its likeness to the image (a Gaussian kernel), with the weights that fit
    the training labels best. Far from all training images every vote is near 0: noise is no digit.

    Args: images: (N, 1, 8, 8), uint8 in 0..255 or floating point in [-1, 1] (values outside are clipped).
    Returns: labels (N,) int64 and confidences (N,) float32 in [0, 1]; 0 for an image that isn't finite.
    Raises: UsageError for another shape or dtype.
    """
    ink, finite = _to_ink(images)
    training_ink, weights = _classifier()
    votes, labels = (_similarity(ink, training_ink) @ weights).max(1)
    return labels, torch.where(finite, votes.clamp(0, 1), 0.0).float()


def classifier_accuracy(split: str = "test") -> float:
    """The share of a split's real images that the classifier names rightly; it has learned from `train` alone."""
    images, labels = make_digits().split(split)
    return (classify(images)[0] == labels).float().mean().item()


def grade(images: Tensor, labels: Tensor | None = None) -> dict[str, float | int | dict[str, float]]:
    """Summarise what a generator drew.

    Args: images: as for `classify`. labels: (N,) digits that were asked for, or None.
    Returns: `confident_rate`: the share named with at least MIN_CONFIDENCE; `mean_confidence`; `classes_hit` of 10,
        `largest_class_share` and `class_shares` among the confident ones; `classifier_accuracy` on real test
        images, the ceiling; with labels `recognised_rate`: the share named as the digit asked for, and
        `confidently_recognised_rate`: the same with at least MIN_CONFIDENCE.
    Raises: UsageError when labels aren't one per image, or there is no image.
    """
    named, confidence = classify(images)
    if len(named) == 0:
        raise UsageError("grade needs at least one image, but got none")
    confident = confidence >= MIN_CONFIDENCE
    counts = torch.bincount(named[confident], minlength=len(CLASS_NAMES))
    shares = (counts / max(1, int(counts.sum()))).tolist()
    result: dict[str, float | int | dict[str, float]] = {
        "confident_rate": confident.float().mean().item(),
        "mean_confidence": confidence.mean().item(),
        "classes_hit": int((counts > 0).sum()),
        "largest_class_share": max(shares),
        "class_shares": dict(zip(CLASS_NAMES, shares, strict=True)),
        "classifier_accuracy": classifier_accuracy("test"),
    }
    if labels is not None:
        labels = torch.as_tensor(labels).cpu()
        if labels.shape != named.shape:
            raise UsageError(f"labels must be one per image, shape ({len(named)},), not {tuple(labels.shape)}")
        right = named == labels
        result["recognised_rate"] = right.float().mean().item()
        result["confidently_recognised_rate"] = (right & confident).float().mean().item()
    return result


def _rank_in_class(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """A fixed shuffled order of all images in which every beginning holds the classes in their natural shares."""
    shuffled = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
    position = np.empty(len(labels))
    for digit in range(len(CLASS_NAMES)):
        members = shuffled[labels[shuffled] == digit]
        position[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.lexsort((labels, position))


def _to_ink(images: Tensor) -> tuple[Tensor, Tensor]:
    """Images of either convention as ink in [0, 1], (N, 64) float64, and which of them are finite, (N,)."""
    images = torch.as_tensor(images).detach().cpu()
    if images.ndim != 4 or tuple(images.shape[1:]) != (1, IMAGE_SIZE, IMAGE_SIZE):
        raise UsageError(f"images must have the shape (N, 1, 8, 8), but have {tuple(images.shape)}")
    if images.dtype == torch.uint8:
        return images.flatten(1).double() / 255, torch.ones(len(images), dtype=torch.bool)
    if not images.is_floating_point():
        raise UsageError(f"images must be uint8 (0..255) or floating point ([-1, 1]), but are {images.dtype}")
    flat = images.flatten(1).double()
    finite = flat.isfinite().all(1)
    return (torch.where(finite[:, None], flat, -1.0).clamp(-1, 1) + 1) / 2, finite


@lru_cache(maxsize=1)
def _classifier() -> tuple[Tensor, Tensor]:
    """Training inks (M, 64) and weights (M, 10) of the regularised least squares fit to one-hot labels."""
    images, labels = make_digits().split("train")
    ink, _ = _to_ink(images)
    one_hot = torch.nn.functional.one_hot(labels, len(CLASS_NAMES)).double()
    regularised = _similarity(ink, ink) + _RIDGE * torch.eye(len(ink), dtype=torch.float64)
    return ink, torch.linalg.solve(regularised, one_hot)


def _similarity(a: Tensor, b: Tensor) -> Tensor:
    """Gaussian kernel between the rows of a (N, 64) and b (M, 64): (N, M), 1 for equal rows, 0 far away."""
    return torch.exp(-_KERNEL_SCALE * torch.cdist(a, b).square())

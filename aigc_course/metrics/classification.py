"""How often a classifier is right: in all, and within each class."""

import torch
from torch import Tensor

from aigc_course.errors import UsageError


def confusion_matrix(labels: Tensor, predicted: Tensor, n_classes: int) -> Tensor:
    """Counts (n_classes, n_classes): row = true class, column = predicted class.

    Args: labels, predicted: (N,) integers in [0, n_classes).
    Raises: UsageError when the lengths differ or a value is out of range.
    """
    if labels.ndim != 1 or labels.shape != predicted.shape:
        raise UsageError(f"labels {tuple(labels.shape)} and predicted {tuple(predicted.shape)} must both be (N,)")
    for name, values in {"labels": labels, "predicted": predicted}.items():
        if values.numel() and (values.min() < 0 or values.max() >= n_classes):
            raise UsageError(f"{name} span {values.min()} to {values.max()}; they must lie in [0, {n_classes - 1}]")
    cells = torch.bincount(labels.long() * n_classes + predicted.long(), minlength=n_classes**2)
    return cells.view(n_classes, n_classes)


def accuracy(confusion: Tensor) -> float:
    """The share of all examples that are named rightly. Raises: UsageError when there is no example."""
    total = int(_square(confusion).sum())
    if total == 0:
        raise UsageError("the confusion matrix is empty; an accuracy needs at least one example")
    return int(confusion.diagonal().sum()) / total


def recall_per_class(confusion: Tensor) -> Tensor:
    """Of the examples of each class, the share that is named rightly: (n_classes,), NaN for a class without any."""
    return _square(confusion).diagonal().double() / confusion.sum(dim=1).double()


def precision_per_class(confusion: Tensor) -> Tensor:
    """Of the examples named as each class, the share that is of it: (n_classes,), NaN for a class never named."""
    return _square(confusion).diagonal().double() / confusion.sum(dim=0).double()


def most_confused(confusion: Tensor) -> tuple[int, int, float]:
    """The true class and the other class that it is named as most often, and the share of its examples: 0 to 1.

    Raises: UsageError when there are fewer than two classes.
    """
    n_classes = len(_square(confusion))
    if n_classes < 2:
        raise UsageError(f"a pair needs two classes, but the confusion matrix has {n_classes}")
    shares = (confusion.double() / confusion.sum(dim=1, keepdim=True)).nan_to_num()  # a class may have no example
    shares.fill_diagonal_(-1)
    true, named = divmod(int(shares.argmax()), n_classes)
    return true, named, shares[true, named].item()


def _square(confusion: Tensor) -> Tensor:
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise UsageError(f"a confusion matrix is square, but this is {tuple(confusion.shape)}")
    return confusion

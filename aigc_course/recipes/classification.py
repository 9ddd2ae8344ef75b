"""What the classifiers of images and of sounds have in common: targets, optimizer, test figures, card, data."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_course.data.sets import AudioSet, ImageSet
from aigc_course.errors import UsageError
from aigc_course.files import write_json
from aigc_course.losses.classification import categorical_nll
from aigc_course.metrics.classification import confusion_matrix, most_confused
from aigc_course.metrics.likelihood import mean_and_standard_error
from aigc_course.recipes.model_card import model_card
from aigc_course.training import checkpoint
from aigc_course.training.session import BEST


class Descent(Protocol):
    """The settings that a classifier's training has beside those of the loop."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def momentum(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def label_smoothing(self) -> float: ...


def require_descent(settings: Descent) -> None:
    """Raise ValueError naming the first of these settings that is out of range."""
    if settings.learning_rate <= 0:
        raise ValueError(f"learning_rate is {settings.learning_rate}, but must be above 0")
    if not 0 < settings.momentum < 1:
        raise ValueError(f"momentum is {settings.momentum}, but must be above 0 and below 1")
    if settings.weight_decay < 0:
        raise ValueError(f"weight_decay is {settings.weight_decay}, but must be at least 0")
    if not 0 <= settings.label_smoothing < 1:
        raise ValueError(f"label_smoothing is {settings.label_smoothing}, but must be at least 0 and below 1")


def smoothed_targets(labels: Tensor, n_classes: int, smoothing: float) -> Tensor:
    """Probabilities (B, K): 1 - smoothing for the true class, and `smoothing` spread evenly over all K classes.

    Source: Szegedy et al. 2016, arXiv:1512.00567, section 7.
    """
    return (1 - smoothing) * F.one_hot(labels, n_classes).float() + smoothing / n_classes


def smoothed_loss(logits: Tensor, labels: Tensor, smoothing: float) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean cross-entropy of logits (B, K) against smoothed labels (B,), in nats, and the accuracy."""
    logits = logits.float()
    targets = smoothed_targets(labels, logits.shape[1], smoothing)
    right = logits.detach().argmax(dim=1) == labels
    return categorical_nll(logits, targets).mean(), {"accuracy": right.float().mean()}


def nesterov_sgd(model: nn.Module, settings: Descent) -> torch.optim.SGD:
    """SGD with Nesterov momentum; weight decay pulls on convolutions and the head alone."""
    weights = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": weights, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum, nesterov=True, fused=True)


def validation_metrics(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Cross-entropy against the true labels, and accuracy, of logits (N, K)."""
    right = logits.argmax(dim=1) == labels
    return {
        "validation_loss": categorical_nll(logits, labels).mean().item(),
        "validation_accuracy": right.float().mean().item(),
    }


def held_out_metrics(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Cross-entropy against the true labels, and accuracy with its standard error, of logits (N, K)."""
    accuracy, standard_error = mean_and_standard_error((logits.argmax(dim=1) == labels).double())
    return {
        "test_loss": categorical_nll(logits, labels).mean().item(),
        "test_accuracy": accuracy,
        "test_accuracy_standard_error": standard_error,
    }


def most_confused_pair(logits: Tensor, labels: Tensor, class_names: Sequence[str]) -> dict[str, float]:
    """Such as cat_named_dog: of one class's examples, the share that is named as the other; {} where none is."""
    true, other, share = most_confused(confusion_matrix(labels, logits.argmax(dim=1), len(class_names)))
    return {f"{class_names[true]}_named_{class_names[other]}": share} if share else {}


def write_card(run_dir: Path, evaluate: Callable[[dict[str, Any]], dict[str, float]]) -> None:
    """Write `card.json`: what the best checkpoint was trained on and what it reaches on the test split."""
    path = run_dir / BEST
    tree = checkpoint.load(path, only=("config", "model", "ema", "step"))
    write_json(run_dir / "card.json", model_card(tree, path, evaluate(tree)))


class NamesItsData(Protocol):
    """A trained classifier that says what it learned from; both are empty where nobody knows."""

    data_name: str
    class_names: tuple[str, ...]


def require_same_data(dataset: ImageSet | AudioSet, classifier: NamesItsData, what_to_do: str) -> None:
    """Raise UsageError unless the classifier was trained on `dataset`, and so knows its classes."""
    if classifier.data_name and classifier.data_name != dataset.name:
        raise UsageError(f"the classifier was trained on {classifier.data_name}, not on {dataset.name}; {what_to_do}")
    if classifier.class_names and classifier.class_names != dataset.class_names:
        raise UsageError(
            f"the classifier knows the classes {', '.join(classifier.class_names)}, but those of {dataset.name} are "
            f"{', '.join(dataset.class_names)}; {what_to_do}"
        )

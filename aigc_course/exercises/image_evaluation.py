"""Exercises on judging a model: cross-validation, and what accuracy and recall count."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng
from aigc_course.metrics import accuracy, confusion_matrix, precision_per_class, recall_per_class

Fit = Callable[[Tensor], Any]
Error = Callable[[Any, Tensor], float]


def cross_validate(x: Tensor, fold: Tensor, fit: Fit, error: Error) -> list[float]:
    """For each fold in turn: the error on it of the model that was fitted to all other folds."""
    return [error(fit(x[fold != k]), x[fold == k]) for k in range(int(fold.max()) + 1)]


def _folds(rng: Rng) -> tuple[Tensor, Tensor]:
    """Rows with a fold each; every fold has at least two rows, and no two are of one size."""
    sizes = rng.choice(np.arange(2, 9), size=int(rng.integers(3, 5)), replace=False)
    fold = torch.from_numpy(rng.permutation(np.repeat(np.arange(len(sizes)), sizes)))
    return normal(rng, len(fold), 3), fold


def _mean_row(train: Tensor) -> Tensor:
    return train.mean(dim=0)


def _squared_distance(model: Tensor, rows: Tensor) -> float:
    return (rows - model).square().sum(dim=1).mean().item()


def _cross_validation_inputs(rng: Rng) -> tuple[Tensor, Tensor, Fit, Error]:
    return *_folds(rng), _mean_row, _squared_distance


def _as_set(rows: Tensor) -> set[tuple[float, ...]]:
    return {tuple(row) for row in rows.tolist()}


def _no_row_is_tested_that_was_seen(answer: Answer, rng: Rng) -> bool:
    x, fold = _folds(rng)
    seen = answer(x, fold, _as_set, lambda model, rows: float(len(model & _as_set(rows))))
    return near(seen, [0.0] * (int(fold.max()) + 1))


def _every_row_is_tested_once(answer: Answer, rng: Rng) -> bool:
    x, fold = _folds(rng)
    return near(answer(x, fold, len, lambda _, rows: float(len(rows))), torch.bincount(fold))


def _all_others_are_trained_on(answer: Answer, rng: Rng) -> bool:
    x, fold = _folds(rng)
    return near(answer(x, fold, len, lambda model, _: float(model)), len(x) - torch.bincount(fold))


CROSS_VALIDATION = Exercise(
    id="03.4",
    title="Cross-validation",
    stars=2,
    minutes=10,
    inputs=_cross_validation_inputs,
    reference=cross_validate,
    hints=(
        "Each fold is held out once. How many models do you need?",
        "x[fold == k] are the rows of fold k. Which rows may the model for it see?",
        "In a loop over k: fit on x[fold != k], append the error on x[fold == k].",
    ),
    properties=(
        Property(statement="no row is tested by a model that has seen it", holds=_no_row_is_tested_that_was_seen),
        Property(
            statement="every row is tested once, each fold by itself, in their order", holds=_every_row_is_tested_once
        ),
        Property(statement="each model is trained on all rows but those of its fold", holds=_all_others_are_trained_on),
    ),
    misconceptions=(
        Misconception(
            name="trained on everything",
            wrong=lambda x, fold, fit, error: [error(fit(x), x[fold == k]) for k in range(int(fold.max()) + 1)],
            message="The model that you test on a fold has been trained on that fold too. The error says how well it "
            "remembers, not how well it does on images that it has never seen.",
        ),
        Misconception(
            name="the wrong way round",
            wrong=lambda x, fold, fit, error: [
                error(fit(x[fold == k]), x[fold != k]) for k in range(int(fold.max()) + 1)
            ],
            message="You train on one fold and test on all others. Nothing leaks, but each model learns from a small "
            "part of the data, so the error is that of a much worse model than you will use.",
        ),
        Misconception(
            name="tested on its own training rows",
            wrong=lambda x, fold, fit, error: [
                error(fit(x[fold != k]), x[fold != k]) for k in range(int(fold.max()) + 1)
            ],
            message="You hold a fold out, and then test on the others, which the model was trained on. The fold that "
            "was held out is never looked at.",
        ),
        Misconception(
            name="one model for all folds",
            wrong=lambda x, fold, fit, error: [
                error(fit(x[fold != 0]), x[fold == k]) for k in range(int(fold.max()) + 1)
            ],
            message="You trained one model, without the first fold, and tested it on every fold. All folds but the "
            "first it has seen: each fold needs a model of its own.",
        ),
        Misconception(
            name="the mean alone",
            wrong=lambda x, fold, fit, error: float(np.mean(cross_validate(x, fold, fit, error))),
            message="That is the mean of the right errors. Give one error for each fold: their spread is half of what "
            "cross-validation has to tell.",
        ),
    ),
)


def accuracy_and_recall(labels: Tensor, predicted: Tensor, n_classes: int) -> tuple[float, Tensor]:
    """The share of all that is named rightly, and the same share within each true class."""
    table = confusion_matrix(labels, predicted, n_classes)
    return accuracy(table), recall_per_class(table)


def _named(rng: Rng) -> tuple[Tensor, Tensor, int]:
    """Labels of unequal classes, the first the largest, and predictions that are often right and name each class."""
    classes = int(rng.integers(3, 5))
    sizes = np.array([25, 11, 7, 5])[:classes] + rng.integers(0, 3, size=classes)
    labels = np.repeat(np.arange(classes), sizes)
    predicted = np.where(rng.random(len(labels)) < 0.6, labels, rng.integers(0, classes, size=len(labels)))
    starts = np.cumsum(sizes) - sizes
    predicted[starts] = np.arange(classes)  # each class is named rightly once, …
    predicted[starts[1:] + 1] = 0  # … and each but the first wrongly
    order = rng.permutation(len(labels))
    return torch.from_numpy(labels[order]), torch.from_numpy(predicted[order]), classes


def _parts(result: Any) -> tuple[float, Tensor]:
    share, recalls = result
    return float(share), tensor(recalls)


def _always_the_same_answer(answer: Answer, rng: Rng) -> bool:
    labels, _, classes = _named(rng)
    share, recalls = _parts(answer(labels, torch.zeros_like(labels), classes))
    return near(share, (labels == 0).double().mean()) and near(recalls, [1.0] + [0.0] * (classes - 1))


def _more_of_one_class_changes_no_recall(answer: Answer, rng: Rng) -> bool:
    labels, predicted, classes = _named(rng)
    often = torch.cat([torch.arange(len(labels)), *[(labels == 1).nonzero()[:, 0]] * 3])
    _, before = _parts(answer(labels, predicted, classes))
    _, after = _parts(answer(labels[often], predicted[often], classes))
    return near(before, after)


def _accuracy_weighs_recalls_by_class_size(answer: Answer, rng: Rng) -> bool:
    labels, predicted, classes = _named(rng)
    share, recalls = _parts(answer(labels, predicted, classes))
    return near(share, (recalls * torch.bincount(labels, minlength=classes) / len(labels)).sum())


def _one_against_the_rest(labels: Tensor, predicted: Tensor, classes: int) -> Tensor:
    return torch.stack([((labels == k) == (predicted == k)).double().mean() for k in range(classes)])


def _share(labels: Tensor, predicted: Tensor) -> float:
    return (labels == predicted).double().mean().item()


ACCURACY_AND_RECALL = Exercise(
    id="03.5",
    title="Accuracy, and recall by class",
    stars=2,
    minutes=10,
    inputs=_named,
    reference=accuracy_and_recall,
    hints=(
        "Accuracy asks about all examples at once. Recall asks the same about a part of them: which part?",
        "Recall of class k: among the examples whose *label* is k, the share whose prediction is k too.",
        "right = predicted == labels; then right.float().mean(), and right[labels == k].float().mean() for each k.",
    ),
    properties=(
        Property(
            statement="a model that always says 0 has recall 1 for class 0, 0 for all others, and the share of class 0 "
            "as its accuracy",
            holds=_always_the_same_answer,
        ),
        Property(
            statement="showing the examples of one class several times changes no recall",
            holds=_more_of_one_class_changes_no_recall,
        ),
        Property(
            statement="the recalls, weighted by the sizes of the classes, average to the accuracy",
            holds=_accuracy_weighs_recalls_by_class_size,
        ),
    ),
    misconceptions=(
        Misconception(
            name="precision",
            wrong=lambda labels, predicted, n: (
                _share(labels, predicted),
                precision_per_class(confusion_matrix(labels, predicted, n)),
            ),
            message="You divided by how often each class was *named*: that is precision, the share of the alarms that "
            "are true. Recall is the share of the true cases that were found.",
        ),
        Misconception(
            name="a share of all examples",
            wrong=lambda labels, predicted, n: (
                _share(labels, predicted),
                confusion_matrix(labels, predicted, n).diagonal() / len(labels),
            ),
            message="You divided the hits of each class by the number of all examples. A rare class that is always "
            "found would still score low.",
        ),
        Misconception(
            name="one class against the rest",
            wrong=lambda labels, predicted, n: (
                _share(labels, predicted),
                _one_against_the_rest(labels, predicted, n),
            ),
            message="You gave each class the accuracy of the question 'is it this one or not?'. For a rare class "
            "nearly all answers are a right 'no', so it looks good even if the class is never found.",
        ),
        Misconception(
            name="the mean of the recalls",
            wrong=lambda labels, predicted, n: (
                accuracy_and_recall(labels, predicted, n)[1].mean().item(),
                accuracy_and_recall(labels, predicted, n)[1],
            ),
            message="The recalls are right. Their plain mean is the *balanced* accuracy, in which every class counts "
            "the same; accuracy counts every example the same.",
        ),
    ),
)

EXERCISES = (CROSS_VALIDATION, ACCURACY_AND_RECALL)

"""Right answers of notebook 03 in other words: other libraries, other roots, loops and lists."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, recall_score
from torch import nn

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise


def input_pixel_by_pixel(images):
    count, height, width, _ = images.shape
    out = np.zeros((count, 3, height, width), np.float64)
    for channel in range(3):
        out[:, channel] = images[:, :, :, 2 - channel] / 255
    return out


def counted_by_torch(widths):
    layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
    return sum(p.numel() for p in nn.Sequential(*layers).parameters())


def pca_by_svd(train, new, k):
    mean = train.float().mean(dim=0)
    _, _, directions = torch.linalg.svd(train.float() - mean, full_matrices=False)
    return (new.float() - mean) @ directions[:k].T @ directions[:k] + mean


def folds_with_a_loop(x, fold, fit, error):
    errors = []
    for k in sorted(set(fold.tolist())):
        train = torch.stack([row for row, f in zip(x, fold.tolist(), strict=True) if f != k])
        held_out = torch.stack([row for row, f in zip(x, fold.tolist(), strict=True) if f == k])
        errors.append(error(fit(train), held_out))
    return torch.tensor(errors)


def recall_with_lists(labels, predicted, n_classes):
    pairs = list(zip(labels.tolist(), predicted.tolist(), strict=True))
    of_class = [[p == k for y, p in pairs if y == k] for k in range(n_classes)]
    return sum(y == p for y, p in pairs) / len(pairs), [sum(hits) / len(hits) for hits in of_class]


def prepared_by_what_must_hold(image, size):
    if image.shape != (size, size) or image.dtype not in (np.uint8, np.float32, np.float64):
        raise ValueError("no")
    x = image / 255 if image.dtype == np.uint8 else image
    if not ((x >= 0) & (x <= 1)).all():
        raise ValueError("no")
    return x[None, None]


def symmetric_root(codes, noise):
    values, vectors = torch.linalg.eigh(torch.cov(codes.T, correction=0))
    return codes.mean(dim=0) + noise @ (vectors * values.sqrt()) @ vectors.T


REWRITES = [
    ("03.1", input_pixel_by_pixel),
    ("03.1", lambda images: torch.from_numpy(images).permute(0, 3, 1, 2).flip(1) / 255),
    ("03.2", counted_by_torch),
    ("03.2", lambda widths: sum(a * b for a, b in pairwise(widths)) + sum(widths[1:])),
    ("03.3", pca_by_svd),
    ("03.4", folds_with_a_loop),
    ("03.5", recall_with_lists),
    ("03.5", lambda y, p, n: (accuracy_score(y, p), recall_score(y, p, average=None, labels=range(n)))),
    ("03.6", prepared_by_what_must_hold),
    ("03.7", symmetric_root),
    ("03.7", lambda codes, noise: torch.stack([symmetric_root(codes, row) for row in noise])),
]


@pytest.mark.parametrize(("exercise_id", "answer"), REWRITES)
def test_a_valid_rewrite_passes(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result


@pytest.mark.parametrize("comparison", [lambda x: x.min() < 0 or x.max() > 1])
def test_a_nan_that_slips_through_is_found_by_name(comparison):
    def answer(image, size):
        if image.shape != (size, size) or image.dtype == np.int64:
            raise ValueError("no")
        x = image / (255 if image.dtype == np.uint8 else 1)
        if comparison(x):
            raise ValueError("no")
        return x[None, None]

    result = judge(exercise("03.6"), answer, 0)
    assert result.status == "failed" and result.misconception == "NaN slips through"

"""Scaling: its statistics are those of the training split, feature by feature, and it can be undone."""

import pytest
import torch

from aigc_course.data.scaling import Scaling
from aigc_course.errors import UsageError


def features(seed=0, rows=50):
    noise = torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed))
    return noise * torch.tensor([0.01, 1.0, 300.0]) + torch.tensor([5.0, -2.0, 1000.0])


def test_standardised_features_have_mean_0_and_deviation_1():
    train = features()
    scaled = Scaling.standardizing(train).apply(train)
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(scaled.square().mean(dim=0), torch.ones(3), rtol=1e-3, atol=0)


def test_normalised_features_span_0_to_1():
    train = features()
    low, high = Scaling.normalizing(train).apply(train).aminmax(dim=0)
    torch.testing.assert_close(low, torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(high, torch.ones(3), rtol=1e-5, atol=0)


@pytest.mark.parametrize("fit", [Scaling.standardizing, Scaling.normalizing])
def test_other_splits_are_scaled_by_the_training_splits_numbers(fit):
    train, test = features(), features(seed=1) + 7
    scaling = fit(train)
    both = fit(train).apply(torch.cat([train, test]))
    torch.testing.assert_close(scaling.apply(test), both[len(train) :])
    assert scaling.apply(test).mean(dim=0)[1] > 1.5
    torch.testing.assert_close(scaling.undo(scaling.apply(test)), test, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("fit", [Scaling.standardizing, Scaling.normalizing])
@pytest.mark.parametrize("constant", [0.0, 0.1, -1e4])
def test_a_constant_feature_becomes_0(fit, constant):
    train = torch.cat([features(), torch.full((50, 1), constant)], dim=1)
    torch.testing.assert_close(fit(train).apply(train)[:, 3], torch.zeros(50), rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (torch.zeros(3), r"must be \(N, D\)"),
        (torch.zeros(0, 3), "N >= 1"),
        (torch.zeros(2, 3, dtype=torch.uint8), "give floats"),
        (torch.tensor([[1.0, float("nan")]]), "nan"),
    ],
)
def test_bad_training_rows_are_refused(train, words):
    with pytest.raises(UsageError, match=words):
        Scaling.standardizing(train)


def test_another_number_of_features_is_refused():
    scaling = Scaling.standardizing(features())
    for move in (scaling.apply, scaling.undo):
        with pytest.raises(UsageError, match="as in training"):
            move(torch.zeros(4, 1))

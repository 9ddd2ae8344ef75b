"""Scores from class probabilities: extremes, mutual information, what splits do; histograms and their floor."""

import math

import numpy as np
import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics import (
    class_histogram,
    classifier_score,
    classifier_score_in_splits,
    expected_total_variation,
    total_variation_from_uniform,
)


def test_the_extremes_are_one_and_the_number_of_classes():
    assert classifier_score(torch.eye(10).repeat(3, 1)) == pytest.approx(10)
    assert classifier_score(torch.full((30, 10), 0.1)) == pytest.approx(1)
    assert classifier_score(torch.eye(10)[[4] * 30]) == pytest.approx(1)  # sure, but always of one class
    assert classifier_score(torch.eye(10)[[4, 7] * 15]) == pytest.approx(2)


def test_it_is_the_exponential_of_a_mutual_information():
    """A symmetric channel of two classes that is right with probability q: log 2 - H(q)."""
    q = 0.9
    rows = torch.tensor([[q, 1 - q], [1 - q, q]]).repeat(50, 1)
    expected = math.log(2) + q * math.log(q) + (1 - q) * math.log(1 - q)
    assert math.log(classifier_score(rows)) == pytest.approx(expected, rel=1e-6)


def test_it_agrees_with_scipy():
    from scipy.stats import entropy

    torch.manual_seed(0)
    p = torch.randn(100, 7).softmax(dim=1)
    divergences = entropy(p.double().numpy(), p.double().mean(dim=0).numpy(), axis=1)
    assert classifier_score(p) == pytest.approx(np.exp(divergences.mean()), rel=1e-6)
    assert classifier_score(p.bfloat16()) == pytest.approx(classifier_score(p), rel=1e-2)


def test_order_of_examples_and_of_classes_does_not_matter():
    torch.manual_seed(0)
    p = torch.randn(60, 5).softmax(dim=1)
    score = classifier_score(p)
    assert classifier_score(p[torch.randperm(60)]) == pytest.approx(score, rel=1e-12)
    assert classifier_score(p[:, torch.randperm(5)]) == pytest.approx(score, rel=1e-12)


def test_examples_made_class_by_class_are_mixed_before_they_are_split():
    rows = torch.eye(10).repeat_interleave(100, dim=0)
    estimate = classifier_score_in_splits(rows, 10, torch.Generator().manual_seed(0))
    assert len(estimate.values) == 10
    assert estimate.mean == pytest.approx(9.6, abs=0.3)  # the whole scores 10: parts of 100 are uneven by chance
    assert estimate == classifier_score_in_splits(rows, 10, torch.Generator().manual_seed(0))


def test_no_example_is_left_out_of_the_splits():
    rows = torch.eye(2)[[0] * 6 + [1]]
    for seed in range(5):
        values = classifier_score_in_splits(rows, 3, torch.Generator().manual_seed(seed)).values
        assert max(values) > 1.5  # the one of class 1 stands in some part, of two or three
        assert sorted(values)[:2] == pytest.approx([1, 1])


def test_the_standard_error_foretells_the_spread():
    torch.manual_seed(0)
    draws = [classifier_score_in_splits((2 * torch.randn(400, 4)).softmax(dim=1), 8) for _ in range(60)]
    spread = np.std([draw.mean for draw in draws])
    assert np.mean([draw.standard_error for draw in draws]) == pytest.approx(spread, rel=0.3)


def test_histograms_and_total_variation_by_hand():
    counts = class_histogram(torch.tensor([3, 0, 3, 3]), 4)
    assert counts.tolist() == [1, 0, 0, 3]
    assert total_variation_from_uniform(counts) == pytest.approx(0.5)  # ½ (0 + ¼ + ¼ + ½)
    assert total_variation_from_uniform(torch.tensor([5, 5, 5])) == pytest.approx(0, abs=1e-12)
    assert total_variation_from_uniform(torch.tensor([0, 7, 0, 0])) == pytest.approx(0.75)
    assert class_histogram(torch.tensor([], dtype=torch.int64), 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("n", "n_classes"), [(1, 10), (7, 3), (30, 10), (64, 2), (250, 10)])
def test_the_expected_total_variation_is_that_of_chance(n: int, n_classes: int):
    labels = torch.randint(0, n_classes, (4000, n), generator=torch.Generator().manual_seed(n))
    observed = np.array([total_variation_from_uniform(class_histogram(row, n_classes)) for row in labels])
    tolerance = 4 * observed.std() / 4000**0.5 + 1e-9
    assert expected_total_variation(n, n_classes) == pytest.approx(observed.mean(), abs=tolerance)


def test_one_class_or_many_examples_leave_nothing_to_chance():
    assert expected_total_variation(5, 1) == 0
    # Normal approximation: ½ K sqrt(2 p (1 - p) / (π n))
    assert expected_total_variation(10**8, 10) == pytest.approx(5 * math.sqrt(0.18 / (math.pi * 1e8)), rel=1e-3)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: classifier_score(torch.randn(9, 3)), "logits.softmax"),
        (lambda: classifier_score(torch.full((9, 3), 0.5)), "off 1 by 0.5"),
        (lambda: classifier_score(torch.full((9, 3), torch.nan)), "NaN"),
        (lambda: classifier_score(torch.full((9,), 0.1)), r"probabilities is \(9,\)"),
        (lambda: classifier_score_in_splits(torch.eye(3), 4), "splits = 4 of 3"),
        (lambda: classifier_score_in_splits(torch.eye(3), 1), "splits = 1 of 3"),
        (lambda: class_histogram(torch.tensor([0, 3]), 3), r"span 0 to 3; they must lie in \[0, 2\]"),
        (lambda: class_histogram(torch.tensor([0, -1]), 3), "span -1 to 0"),
        (lambda: class_histogram(torch.tensor([0.0]), 3), "argmax"),
        (lambda: class_histogram(torch.tensor([[0]]), 3), r"\(1, 1\)"),
        (lambda: class_histogram(torch.tensor([0]), 0), "n_classes = 0"),
        (lambda: total_variation_from_uniform(torch.zeros(3)), "sum above 0"),
        (lambda: total_variation_from_uniform(torch.tensor([2, -1])), ">= 0"),
        (lambda: total_variation_from_uniform(torch.zeros(2, 2)), r"\(2, 2\)"),
        (lambda: expected_total_variation(0, 3), "n = 0"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(UsageError, match=named):
        call()

"""Accuracy, recall and precision: a table by hand, scikit-learn, classes without examples, bad input."""

import numpy as np
import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics import accuracy, confusion_matrix, most_confused, precision_per_class, recall_per_class

LABELS = torch.tensor([0, 0, 0, 1, 1, 2])
PREDICTED = torch.tensor([0, 0, 1, 1, 2, 0])
TABLE = torch.tensor([[2, 1, 0], [0, 1, 1], [1, 0, 0]])


def test_a_table_by_hand():
    table = confusion_matrix(LABELS, PREDICTED, 3)
    assert torch.equal(table, TABLE)
    assert accuracy(table) == 0.5
    torch.testing.assert_close(recall_per_class(table), torch.tensor([2 / 3, 1 / 2, 0.0]).double())
    torch.testing.assert_close(precision_per_class(table), torch.tensor([2 / 3, 1 / 2, 0.0]).double())


def test_they_agree_with_scikit_learn():
    from sklearn import metrics

    source = torch.Generator().manual_seed(0)
    labels, predicted = torch.randint(0, 5, (2, 300), generator=source)
    table = confusion_matrix(labels, predicted, 5)
    np.testing.assert_array_equal(table, metrics.confusion_matrix(labels, predicted))
    assert accuracy(table) == pytest.approx(metrics.accuracy_score(labels, predicted), rel=1e-12)
    np.testing.assert_allclose(recall_per_class(table), metrics.recall_score(labels, predicted, average=None))
    np.testing.assert_allclose(precision_per_class(table), metrics.precision_score(labels, predicted, average=None))


def test_the_most_confused_pair_is_by_share_of_the_true_class():
    assert most_confused(TABLE) == (2, 0, 1.0)
    assert most_confused(torch.tensor([[7, 3], [1, 1]])) == (1, 0, 0.5)
    assert most_confused(torch.tensor([[3, 1], [0, 0]])) == (0, 1, 0.25)  # no example of the second class
    assert most_confused(torch.eye(3))[2] == 0
    with pytest.raises(UsageError, match="two classes"):
        most_confused(torch.ones(1, 1))


def test_a_class_without_examples_has_no_recall():
    table = confusion_matrix(torch.tensor([0, 0]), torch.tensor([0, 1]), 3)
    assert recall_per_class(table).isnan().tolist() == [False, True, True]
    assert precision_per_class(table).isnan().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: confusion_matrix(LABELS, PREDICTED[:-1], 3), r"predicted \(5,\)"),
        (lambda: confusion_matrix(LABELS, PREDICTED, 2), r"labels span 0 to 2; they must lie in \[0, 1\]"),
        (lambda: confusion_matrix(LABELS, PREDICTED - 1, 3), "predicted span -1"),
        (lambda: accuracy(torch.zeros(3, 3)), "empty"),
        (lambda: recall_per_class(torch.zeros(3, 2)), r"square, but this is \(3, 2\)"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(UsageError, match=named):
        call()

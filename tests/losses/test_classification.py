"""log-sum-exp and the categorical likelihood against torch, closed forms and extremes."""

import math

import pytest
import torch
import torch.nn.functional as F

from aigc_course.errors import UsageError
from aigc_course.losses import categorical_nll, log_sum_exp


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_log_sum_exp_is_torchs_over_the_last_axis():
    logits = 5 * draw(3, 4, 6)
    torch.testing.assert_close(log_sum_exp(logits), torch.logsumexp(logits, dim=-1))


def test_equal_logits_add_the_log_of_their_number():
    assert log_sum_exp(torch.full((7,), -3.0)).item() == pytest.approx(-3 + math.log(7), abs=1e-6)


@pytest.mark.parametrize("shift", [-1e4, -200.0, 200.0, 1e4])
def test_a_shift_of_all_logits_shifts_the_result(shift):
    logits = torch.tensor([0.0, 1.0, 2.0])
    expected = log_sum_exp(logits).item() + shift
    assert log_sum_exp(logits + shift).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([-math.inf, -math.inf], -math.inf),
        ([-math.inf, 2.0], 2.0),
        ([math.inf, 2.0], math.inf),
    ],
)
def test_infinite_logits(logits, expected):
    assert log_sum_exp(torch.tensor(logits)).item() == expected


def test_its_gradient_is_the_softmax():
    logits = (30 * draw(5)).requires_grad_()
    (gradient,) = torch.autograd.grad(log_sum_exp(logits), logits)
    torch.testing.assert_close(gradient, logits.detach().softmax(dim=0))


def test_half_precision_is_summed_in_float32():
    logits = torch.zeros(1000, dtype=torch.bfloat16)
    assert log_sum_exp(logits).item() == pytest.approx(math.log(1000), abs=1e-5)


def test_nothing_to_sum_is_refused():
    with pytest.raises(UsageError, match="no classes"):
        log_sum_exp(torch.zeros(3, 0))


def test_nll_is_torchs_cross_entropy_for_classes_and_for_probabilities():
    logits, classes = 3 * draw(8, 5), torch.tensor([0, 4, 2, 2, 1, 3, 0, 4])
    soft = draw(8, 5, seed=1).softmax(dim=1)
    torch.testing.assert_close(categorical_nll(logits, classes), F.cross_entropy(logits, classes, reduction="none"))
    torch.testing.assert_close(categorical_nll(logits, soft), F.cross_entropy(logits, soft, reduction="none"))


def test_nll_is_that_of_the_distribution():
    logits, classes = 3 * draw(8, 5), torch.tensor([0, 4, 2, 2, 1, 3, 0, 4])
    expected = -torch.distributions.Categorical(logits=logits).log_prob(classes)
    torch.testing.assert_close(categorical_nll(logits, classes), expected)


def test_no_knowledge_costs_log_k():
    torch.testing.assert_close(
        categorical_nll(torch.zeros(2, 10), torch.tensor([3, 9])), torch.full((2,), math.log(10))
    )


@pytest.mark.parametrize(("true_class", "nats", "gradient"), [(0, 0.0, [0.0, 0.0]), (1, 1000.0, [1.0, -1.0])])
def test_extreme_logits_are_exact(true_class, nats, gradient):
    logits = torch.tensor([[1000.0, 0.0]], requires_grad=True)
    loss = categorical_nll(logits, torch.tensor([true_class]))
    loss.sum().backward()
    assert loss.item() == nats
    assert logits.grad.tolist() == [gradient]


@pytest.mark.parametrize(
    ("logits", "targets", "words"),
    [
        (torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64), "don't fit"),
        (torch.zeros(3), torch.zeros(3, dtype=torch.int64), "don't fit"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), "0 to 3"),
        (torch.zeros(2, 3), torch.tensor([-1, 0]), "true classes"),
        (torch.zeros(2, 3), torch.zeros(2), "must be int64"),
        (torch.zeros(2, 3), torch.zeros(2, 3), "sum to 1"),
        (torch.zeros(2, 3), torch.tensor([[2.0, -1.0, 0.0]] * 2), "logits first"),
    ],
)
def test_targets_that_cannot_be_meant_are_refused(logits, targets, words):
    with pytest.raises(UsageError, match=words):
        categorical_nll(logits, targets)

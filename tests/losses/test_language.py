"""Cross-entropy in nats: closed forms, torch.distributions, masks, precision."""

import math

import pytest
import torch
from torch.distributions import Categorical

from aigc_course.errors import UsageError
from aigc_course.losses import cross_entropy_nats


def test_uniform_logits_cost_log_of_the_vocabulary():
    logits, targets = torch.zeros(2, 3, 7), torch.randint(7, (2, 3))
    assert cross_entropy_nats(logits, targets).item() == pytest.approx(math.log(7), abs=1e-6)


def test_equals_the_categorical_log_likelihood():
    torch.manual_seed(0)
    logits, targets = torch.randn(4, 5, 9, dtype=torch.float64), torch.randint(9, (4, 5))
    expected = -Categorical(logits=logits).log_prob(targets).mean()
    torch.testing.assert_close(cross_entropy_nats(logits, targets), expected)


def test_the_mask_chooses_what_is_averaged():
    torch.manual_seed(0)
    logits, targets = torch.randn(2, 4, 9, dtype=torch.float64), torch.randint(9, (2, 4))
    mask = torch.tensor([[True, True, False, False], [True, False, False, False]])
    expected = -Categorical(logits=logits).log_prob(targets)[mask].mean()
    torch.testing.assert_close(cross_entropy_nats(logits, targets, mask), expected)
    torch.testing.assert_close(cross_entropy_nats(logits, targets, mask.long()), expected)


def test_confidently_wrong_logits_keep_their_gradient():
    logits = torch.tensor([[[200.0, -200.0]]], requires_grad=True)
    loss = cross_entropy_nats(logits, torch.tensor([[1]]))
    loss.backward()
    assert loss.item() == 400.0
    assert logits.grad.tolist() == [[[1.0, -1.0]]]


def test_bfloat16_logits_are_summed_in_float32():
    torch.manual_seed(0)
    logits, targets = torch.randn(2, 64, 300).bfloat16(), torch.randint(300, (2, 64))
    loss = cross_entropy_nats(logits, targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, cross_entropy_nats(logits.float(), targets), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("logits", "targets", "mask"), [((2, 3, 5), (2, 4), None), ((2, 3), (2, 3), None), ((2, 3, 5), (2, 3), (2, 2))]
)
def test_shapes_that_do_not_fit_are_named(logits, targets, mask):
    mask = torch.ones(mask) if mask else None
    with pytest.raises(UsageError, match=r"\(2, 3"):
        cross_entropy_nats(torch.zeros(logits), torch.zeros(targets, dtype=torch.int64), mask)

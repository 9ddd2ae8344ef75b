"""Losses over a logit against autograd, closed forms and torch's own losses."""

import pytest
import torch
from torch.nn import functional as F

from aigc_course.widgets import LossExplorer
from aigc_course.widgets.losses import sigmoid_losses, softmax_losses

LOGITS = torch.linspace(-6, 6, 25, dtype=torch.float64)


def by_autograd(loss):
    z = LOGITS.clone().requires_grad_()
    value = loss(z)
    return value.detach(), torch.autograd.grad(value.sum(), z)[0]


@pytest.mark.parametrize("target", [0, 1])
def test_sigmoid_losses_and_gradients(target):
    curves = sigmoid_losses(LOGITS, target)
    squared, squared_gradient = by_autograd(lambda z: (z.sigmoid() - target).square())
    goal = torch.full_like(LOGITS, target)
    cross, cross_gradient = by_autograd(lambda z: F.binary_cross_entropy_with_logits(z, goal, reduction="none"))
    torch.testing.assert_close(curves.squared_error, squared)
    torch.testing.assert_close(curves.squared_error_gradient, squared_gradient)
    torch.testing.assert_close(curves.cross_entropy, cross)
    torch.testing.assert_close(curves.cross_entropy_gradient, cross_gradient)


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_softmax_losses_and_gradients(target, n_classes):
    right = torch.full((len(LOGITS),), 0 if target else 1)

    def scores(z):
        return torch.cat([z[:, None], torch.zeros(len(z), n_classes - 1, dtype=z.dtype)], dim=1)

    curves = softmax_losses(LOGITS, target, n_classes)
    squared, squared_gradient = by_autograd(
        lambda z: (scores(z).softmax(1) - F.one_hot(right, n_classes)).square().sum(1)
    )
    cross, cross_gradient = by_autograd(lambda z: F.cross_entropy(scores(z), right, reduction="none"))
    torch.testing.assert_close(curves.squared_error, squared)
    torch.testing.assert_close(curves.squared_error_gradient, squared_gradient)
    torch.testing.assert_close(curves.cross_entropy, cross)
    torch.testing.assert_close(curves.cross_entropy_gradient, cross_gradient)


def test_the_figure_stands_at_the_chosen_logit():
    explorer = LossExplorer()
    explorer.set(logit=0.0, target=1)
    assert "p = 0.5000" in explorer.readout and "cross-entropy 0.6931 nats with gradient -0.50000" in explorer.readout
    assert "with 50.00% of" in explorer.readout  # 2 (1/2) (1/4) against 1/2
    explorer.set(output="softmax", n_classes=4)
    assert "p = 0.2500" in explorer.readout

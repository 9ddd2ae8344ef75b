"""Gradients written out against autograd; training against torch's."""

import pytest
import torch
import torch.nn.functional as F

from aigc_course.errors import UsageError
from aigc_course.models.manual_mlp import ManualMLP


def batch(size=17):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(size, 2, generator=generator, dtype=torch.float64)
    return x, (x[:, 0] * x[:, 1] > 0).double()


@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid", "gelu"])
@pytest.mark.parametrize("widths", [(2, 1), (2, 6, 1), (2, 5, 4, 1)])
def test_gradients_are_those_of_autograd(widths, name):
    model = ManualMLP(widths, name)
    x, y = batch()
    by_hand = model.gradients(x, y)
    for parameter in model.parameters():
        parameter.requires_grad_()
    loss = F.binary_cross_entropy_with_logits(model.logits(x), y)
    assert model.loss(x, y).item() == pytest.approx(loss.item(), rel=1e-12)
    for mine, theirs in zip(by_hand, torch.autograd.grad(loss, model.parameters()), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-13)


def test_a_step_goes_against_the_gradient_by_the_learning_rate():
    model, (x, y) = ManualMLP((2, 4, 1)), batch()
    before = [p.clone() for p in model.parameters()]
    grads = model.gradients(x, y)
    model.step(x, y, 0.1)
    for p, old, grad in zip(model.parameters(), before, grads, strict=True):
        torch.testing.assert_close(p, old - 0.1 * grad, rtol=1e-12, atol=1e-14)


def test_it_learns_what_no_line_separates():
    x, y = batch(200)
    model = ManualMLP((2, 16, 1), seed=1)
    for _ in range(400):
        model.step(x, y, 0.5)
    assert ((model.logits(x) > 0) == y.bool()).double().mean() > 0.93


def test_weights_have_the_variance_of_their_activation():
    for name, gain in {"relu": 2.0, "tanh": 1.0}.items():
        weight = ManualMLP((400, 300, 1), name).weights[0]
        assert weight.var().item() * 400 == pytest.approx(gain, rel=0.03)


@pytest.mark.parametrize("widths", [(2,), (2, 0, 1), (2, 3)])
def test_wrong_widths_are_refused(widths):
    with pytest.raises(UsageError, match="widths"):
        ManualMLP(widths)

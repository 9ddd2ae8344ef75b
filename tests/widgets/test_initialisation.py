"""Signal sizes where theory gives them: linear and ReLU layers scale by a known factor."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.widgets import InitialisationExplorer
from aigc_course.widgets.initialisation import GLOROT_SCALE, HE_SCALE, signal_sizes


@pytest.mark.parametrize(("activation", "factor"), [("identity", 1.0), ("relu", 1 / math.sqrt(2))])
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_each_layer_multiplies_by_the_known_factor(activation, factor, scale):
    sizes = signal_sizes(activation, 4, 256, scale)
    growth = (scale * factor) ** 4
    assert (sizes.forward[-1] / sizes.forward[0]).item() == pytest.approx(growth, rel=0.3)
    assert (sizes.backward[0] / sizes.backward[-1]).item() == pytest.approx(growth, rel=0.3)
    assert len(sizes.forward) == len(sizes.backward) == 5


def test_he_keeps_relu_and_glorot_keeps_linear_layers():
    assert signal_sizes("relu", 30, 256, HE_SCALE).forward[-1].item() == pytest.approx(1, abs=0.6)
    assert signal_sizes("identity", 30, 256, GLOROT_SCALE).backward[0].item() == pytest.approx(1, abs=0.6)
    assert signal_sizes("relu", 30, 256, GLOROT_SCALE).forward[-1].item() == pytest.approx(2**-15, rel=0.7)


@pytest.mark.parametrize("activation", ["identity", "tanh", "relu", "sigmoid"])
def test_the_gradient_is_that_of_autograd(activation):
    """For one layer: the backward size is that of the product of the output's gradient with the Jacobian."""
    functions = {"identity": lambda h: h, "tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(32, 64, generator=generator).requires_grad_()
    g = torch.randn(32, 64, generator=generator)
    weight = torch.randn(30, 64, 64, generator=generator)[0] / 8
    y = functions[activation](1.5 * (x @ weight.T))
    (gradient,) = torch.autograd.grad(y, x, g)
    sizes = signal_sizes(activation, 1, 64, 1.5)
    assert sizes.forward[1].item() == pytest.approx(y.square().mean().sqrt().item(), rel=1e-4)
    assert sizes.backward[0].item() == pytest.approx(gradient.square().mean().sqrt().item(), rel=1e-4)


def test_sigmoid_shrinks_the_gradient_at_least_fourfold():
    backward = signal_sizes("sigmoid", 10, 128, 1.0).backward
    assert bool((backward[:-1] <= backward[1:] / 3.5).all())


def test_an_unknown_activation_is_named():
    with pytest.raises(UsageError, match="'relo'; did you mean 'relu'"):
        signal_sizes("relo", 2, 32, 1.0)


def test_the_text_says_what_the_gradient_does():
    explorer = InitialisationExplorer()
    explorer.set(activation="identity", depth=10, scale=0.5)
    assert "vanishes" in explorer.readout and "0.5/√128 = 0.0442" in explorer.readout
    explorer.set(scale=2.0)
    assert "explodes" in explorer.readout
    explorer.set(scale=1.0)
    assert "arrives" in explorer.readout

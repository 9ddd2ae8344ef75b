"""The recursion over depth: closed forms, a Monte Carlo reference, and agreement with networks."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.models.signal import DepthConfig, gaussian_mean, measured_signal, network_signal, predicted_signal


def test_gaussian_mean_of_powers_and_of_a_cosine():
    assert gaussian_mean(lambda z: z**4, 2.0) == pytest.approx(3 * 2.0**2, rel=1e-9)
    assert gaussian_mean(torch.cos, 0.7) == pytest.approx(math.exp(-0.35), rel=1e-9)
    assert gaussian_mean(lambda z: z, 3.0) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("weight_variance", [0.5, 2.0, 3.0])
def test_relu_multiplies_both_mean_squares_by_half_the_weight_variance(weight_variance):
    signal = predicted_signal(DepthConfig(activation="relu", depth=5, weight_variance=weight_variance), 2.0)
    ratio = weight_variance / 2
    forward = [2.0 * ratio**layer for layer in range(6)]
    assert signal.forward.tolist() == pytest.approx(forward, rel=1e-9)
    assert signal.backward.tolist() == pytest.approx([ratio ** (5 - layer) for layer in range(6)], rel=1e-9)


def test_identity_is_exact():
    signal = predicted_signal(DepthConfig(activation="identity", depth=4, weight_variance=1.5))
    assert signal.forward.tolist() == pytest.approx([1.5**layer for layer in range(5)], rel=1e-9)
    assert signal.backward.tolist() == pytest.approx([1.5 ** (4 - layer) for layer in range(5)], rel=1e-9)


def test_identity_with_skips_grows_as_the_powers_of_one_plus_its_scale():
    config = DepthConfig(activation="identity", depth=6, weight_variance=2.0, skip_scale=0.5)
    signal = predicted_signal(config)
    assert signal.forward.tolist() == pytest.approx([1.5**layer for layer in range(7)], rel=1e-9)
    assert signal.backward.tolist() == pytest.approx([1.5 ** (6 - layer) for layer in range(7)], rel=1e-9)


@pytest.mark.parametrize(
    "config",
    [
        DepthConfig(activation="tanh", depth=8, weight_variance=1.0),
        DepthConfig(activation="tanh", depth=8, weight_variance=4.0),
        DepthConfig(activation="sigmoid", depth=4, weight_variance=1.0),
        DepthConfig(activation="relu", depth=8, weight_variance=1.0),
        DepthConfig(activation="gelu", depth=8, weight_variance=2.0, skip_scale=0.4),
    ],
    ids=str,
)
def test_networks_do_what_the_recursion_says(config):
    predicted = predicted_signal(config)
    measured = measured_signal(config, width=256, num_inputs=16, networks=6)
    for side in ("forward", "backward"):
        ratio = getattr(measured, side).log() - getattr(predicted, side).log()
        assert ratio.abs().max() < 0.25, (side, ratio)


@pytest.mark.parametrize("skip_scale", [None, 0.7])
@pytest.mark.parametrize("activation", ["identity", "sigmoid", "tanh", "relu", "gelu"])
def test_the_gradient_carried_back_by_hand_is_that_of_autograd(activation, skip_scale):
    functions = {
        "identity": lambda z: z,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "gelu": torch.nn.functional.gelu,
    }
    generator = torch.Generator().manual_seed(0)
    x, g = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64)
    weights = torch.randn(3, 7, 7, generator=generator, dtype=torch.float64)
    hidden = [x.clone().requires_grad_()]
    for weight in weights:
        branch = functions[activation](math.sqrt(1.7) * hidden[-1] @ weight.T)
        hidden.append(branch if skip_scale is None else hidden[-1] + skip_scale * branch)
    grads = torch.autograd.grad(hidden[-1], hidden, g)
    config = DepthConfig(activation=activation, depth=3, weight_variance=1.7, skip_scale=skip_scale)
    signal = network_signal(config, x, weights, g)
    assert signal.forward.tolist() == pytest.approx([h.square().mean().item() for h in hidden], rel=1e-9)
    assert signal.backward.tolist() == pytest.approx([h.square().mean().item() for h in grads], rel=1e-9)


def test_without_a_nonlinearity_skips_need_no_great_width():
    """E[(dL/dh)^2] grows by exactly 1 + skip_scale^2 a layer at any width, if no mask depends on the weights."""
    config = DepthConfig(activation="identity", depth=10, weight_variance=1.0, skip_scale=0.3)
    measured = measured_signal(config, width=16, num_inputs=4, networks=400)
    assert measured.backward[0].item() == pytest.approx(1.09**10, rel=0.1)


def test_with_relu_and_skips_the_gradient_exceeds_the_wide_limit_in_inverse_proportion_to_the_width():
    config = DepthConfig(activation="relu", depth=20, weight_variance=2.0, skip_scale=20**-0.5)
    limit = predicted_signal(config).backward[0].item()
    excess = {n: measured_signal(config, width=n, networks=64).backward[0].item() - limit for n in (32, 128)}
    assert excess[32] / excess[128] == pytest.approx(4.0, rel=0.25)
    assert excess[128] > 0.5


def test_measured_signal_starts_from_unit_mean_squares():
    config = DepthConfig(activation="identity", depth=1, weight_variance=1.0)
    signal = measured_signal(config, width=64, num_inputs=64, networks=1, seed=3)
    assert signal.backward[-1].item() == pytest.approx(1.0, rel=1e-5)
    assert signal.forward[0].item() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"weight_variance": 0.0}, {"activation": "rely"}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match=r"at least 1|above 0|did you mean 'relu'"):
        DepthConfig(**wrong)


def test_sizes_out_of_range_are_refused():
    with pytest.raises(UsageError, match="width = 0"):
        measured_signal(DepthConfig(), width=0)


def test_as_many_weights_as_layers_are_asked_for():
    with pytest.raises(UsageError, match="2 weights were given for depth = 3"):
        network_signal(DepthConfig(depth=3), torch.ones(1, 4), torch.ones(2, 4, 4), torch.ones(1, 4))

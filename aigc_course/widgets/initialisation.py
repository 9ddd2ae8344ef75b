"""How large signals and gradients are at each layer of a deep network before training, by the weights' scale."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aigc_course.models.signal import DepthConfig, network_signal
from aigc_course.plots import COLOURS
from aigc_course.widgets.controls import Choice, LogSlider, Slider
from aigc_course.widgets.explorer import Explorer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACTIVATIONS = ("identity", "tanh", "relu", "sigmoid")
GLOROT_SCALE = 1.0  # Glorot & Bengio 2010: variance 2 / (fan_in + fan_out), which is 1 / width here
HE_SCALE = math.sqrt(2)  # He et al. 2015, arXiv:1502.01852: variance 2 / fan_in
_MOST_LAYERS = 30
_EXAMPLES = 32
_LOW, _HIGH = 1e-9, 1e9


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalSizes:
    """Root mean squares over examples and units."""

    forward: Tensor  # (depth + 1,) of the input and of each layer's activations
    backward: Tensor  # (depth + 1,) of the loss's gradient by each of these; the last is about 1


def signal_sizes(activation: str, depth: int, width: int, scale: float) -> SignalSizes:
    """Send normal inputs forward through random layers x <- f(W x), and a normal gradient back.

    Args:
        activation: a name that `activation` of models.activations knows.
        depth: number of layers, 1 to 30.
        width: units of every layer.
        scale: each weight is normal with standard deviation scale / sqrt(width).
    The random numbers are the same at each call. Raises: UsageError for an unknown activation.
    """
    x, g, weights = _random_numbers(width)
    config = DepthConfig(activation=activation, depth=depth, weight_variance=scale**2)
    squares = network_signal(config, x, weights[:depth], g)
    return SignalSizes(forward=squares.forward.sqrt(), backward=squares.backward.sqrt())


@lru_cache(maxsize=2)
def _random_numbers(width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs and gradients (B, width), weights (30, width, width) of variance 1 / width."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(_EXAMPLES, width, generator=generator)
    gradients = torch.randn(_EXAMPLES, width, generator=generator)
    weights = torch.randn(_MOST_LAYERS, width, width, generator=generator) / math.sqrt(width)
    return inputs, gradients, weights


_reference_sizes = lru_cache(maxsize=8)(signal_sizes)


class InitialisationExplorer(Explorer):
    """Find the weight scale at which signals and gradients keep their size through all layers."""

    title = "Signals and gradients at initialisation"
    inches = (9.4, 3.9)

    def __init__(self) -> None:
        super().__init__(
            [
                Choice(name="activation", label="activation", options=ACTIVATIONS, value="tanh"),
                LogSlider(name="scale", label="weight scale", low=0.25, high=4.0, value=0.5),
                Slider(name="depth", label="layers", low=2, high=_MOST_LAYERS, step=1, value=20),
                Choice(name="width", label="units per layer", options=[16, 32, 64, 128], value=128),
            ]
        )

    def build(self, figure: "Figure") -> None:
        self._axes = figure.subplots(1, 2, sharey=True)
        styles = (
            ("Glorot: 1", COLOURS[2], "--", ""),
            ("He: √2", COLOURS[1], "-.", ""),
            ("yours", COLOURS[0], "-", "o"),
        )
        self._lines = []
        for ax in self._axes:
            ax.set(yscale="log", ylim=(_LOW, _HIGH), xlim=(-0.5, _MOST_LAYERS + 0.5))
            ax.grid(alpha=0.3)
            for label, colour, dashes, marker in styles:
                self._lines += ax.plot([], [], dashes, color=colour, marker=marker, markersize=3.5, label=label)
        self._axes[0].set(xlabel="layer (0: input)", ylabel="root mean square", title="Forward: activations")
        self._axes[1].set(xlabel="layer (0: input)", title="Backward: gradient of the loss by activations")
        legend = self._axes[0].legend(loc="upper left", fontsize=8.5, title="weight scale", title_fontsize=8.5)
        for artist in (*self._lines, legend):
            artist.set_animated(True)

    def draw(self, values: Mapping[str, Any]) -> str:
        shape = values["activation"], values["depth"], values["width"]
        yours = signal_sizes(*shape, values["scale"])
        runs = [_reference_sizes(*shape, GLOROT_SCALE), _reference_sizes(*shape, HE_SCALE), yours]
        layers = range(values["depth"] + 1)
        for line, sizes in zip(self._lines, [r.forward for r in runs] + [r.backward for r in runs], strict=True):
            line.set_data(layers, sizes)
        deviation = values["scale"] / math.sqrt(values["width"])
        forward, backward = (yours.forward[-1] / yours.forward[0]).item(), (yours.backward[0]).item()
        return (
            f"Weights with standard deviation {values['scale']:.3g}/√{values['width']} = {deviation:.3g}. "
            f"Through {values['depth']} {values['activation']} layers the signal becomes {forward:.2g} times as large; "
            f"the gradient reaches the input {backward / yours.backward[-1].item():.2g} times as large as it began. "
            f"{_verdict(backward)}"
        )


def _verdict(backward: float) -> str:
    """What a gradient of this size at the input means for training."""
    if backward < 1e-2:
        return "The gradient vanishes: the first layers hardly learn."
    if backward > 1e2:
        return "The gradient explodes: a step throws the first layers far away."
    return "The gradient arrives: the first layers can learn."

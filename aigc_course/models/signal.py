"""How large activations and gradients are, layer by layer, in a deep network before training: predicted, measured.

The network: h_0 = x, z_l = W_l h_(l-1), h_l = phi(z_l), or with skips h_l = h_(l-1) + skip_scale phi(z_l); every W_l is
width x width with independent entries N(0, weight_variance / width), no biases. In wide networks the entries of z_l
are nearly Gaussian, which gives a recursion from layer to layer (Poole et al. 2016, arXiv:1606.05340; Schoenholz
et al. 2017, arXiv:1611.01232).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.models.activations import activation

_REACH, _POINTS = 10.0, 4000  # midpoint rule on ±10 standard deviations; no point at 0, where ReLU has its corner


@dataclass(frozen=True, kw_only=True)
class DepthConfig:
    """One kind of deep network, as in the text of this module."""

    activation: str = "tanh"  # a name that `activation` knows
    depth: int = 30  # layers
    weight_variance: float = 1.0  # variance of a weight times the number of inputs of its layer; Glorot 1, He 2
    skip_scale: float | None = None  # None: no skip connections; else the factor of each branch

    def __post_init__(self) -> None:
        activation(self.activation)
        if self.depth < 1:
            raise UsageError(f"depth = {self.depth} is not allowed; it must be at least 1")
        if not self.weight_variance > 0:
            raise UsageError(f"weight_variance = {self.weight_variance} is not allowed; it must be above 0")


@dataclass(frozen=True, kw_only=True)
class DepthSignal:
    """Mean squares per entry, each (depth + 1,) float64; place 0 is the input, place `depth` the output."""

    forward: Tensor  # E[h_l^2]
    backward: Tensor  # E[(dL/dh_l)^2], where dL/dh_depth has mean square 1


def gaussian_mean(fn: Callable[[Tensor], Tensor], variance: float) -> float:
    """E[fn(z)] for z ~ N(0, variance), by the midpoint rule; fn maps float64 (N,) to (N,)."""
    spacing = 2 * _REACH / _POINTS
    points = spacing * (torch.arange(_POINTS, dtype=torch.float64) + 0.5) - _REACH
    density = torch.exp(-0.5 * points.square()) / math.sqrt(2 * math.pi)
    return float((density * fn(math.sqrt(variance) * points)).sum() * spacing)


def predicted_signal(config: DepthConfig, input_mean_square: float = 1.0) -> DepthSignal:
    """What the recursion for infinitely wide networks says.

    Forward, with q_l = weight_variance E[h_(l-1)^2] the variance of z_l: E[h_l^2] = E[phi(z_l)^2]. Backward, each layer
    multiplies the mean square by weight_variance E[phi'(z_l)^2]. With skips, both add to what was there; where phi has
    a mean other than 0, so has h_(l-1), and forward the product 2 skip_scale E[h_(l-1)] E[phi(z_l)] is added too.
    """
    phi = activation(config.activation)
    square, mean = input_mean_square, 0.0
    squares, factors = [square], []
    for _ in range(config.depth):
        variance = config.weight_variance * square
        branch_mean = gaussian_mean(phi.value, variance)
        branch = gaussian_mean(lambda z: phi.value(z).square(), variance)
        slope = config.weight_variance * gaussian_mean(lambda z: phi.derivative(z).square(), variance)
        if config.skip_scale is None:
            square = branch
        else:
            square += 2 * config.skip_scale * mean * branch_mean + config.skip_scale**2 * branch
            mean += config.skip_scale * branch_mean
            slope = 1 + config.skip_scale**2 * slope
        squares.append(square)
        factors.append(slope)
    backward = [1.0]
    for factor in reversed(factors):
        backward.append(backward[-1] * factor)
    return DepthSignal(
        forward=torch.tensor(squares, dtype=torch.float64), backward=torch.tensor(backward[::-1], dtype=torch.float64)
    )


def measured_signal(
    config: DepthConfig, *, width: int = 256, num_inputs: int = 32, networks: int = 4, seed: int = 0
) -> DepthSignal:
    """The same from real networks with random weights, inputs N(0, 1) and a random gradient N(0, 1) at the output.

    The gradient is carried back by hand (no autograd). Averages over inputs, entries and networks.
    """
    for name, value in {"width": width, "num_inputs": num_inputs, "networks": networks}.items():
        if value < 1:
            raise UsageError(f"{name} = {value} is not allowed; it must be at least 1")
    generator = torch.Generator().manual_seed(seed)
    runs = [_one_network(config, width, num_inputs, generator) for _ in range(networks)]
    forward, backward = (torch.stack(side).mean(dim=0) for side in zip(*runs, strict=True))
    return DepthSignal(forward=forward, backward=backward)


def _one_network(config: DepthConfig, width: int, num_inputs: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mean squares of h_l and of dL/dh_l, each (depth + 1,) float64."""
    phi, keep = activation(config.activation), config.skip_scale is not None
    scale = 1.0 if config.skip_scale is None else config.skip_scale
    h = torch.randn(num_inputs, width, generator=generator)
    squares, layers = [_mean_square(h)], []
    for _ in range(config.depth):
        weight = torch.randn(width, width, generator=generator) * math.sqrt(config.weight_variance / width)
        z = h @ weight.T  # (num_inputs, width)
        h = scale * phi.value(z) + (h if keep else 0.0)
        layers.append((weight, z))
        squares.append(_mean_square(h))
    grad = torch.randn(num_inputs, width, generator=generator)
    grad = grad / _mean_square(grad).sqrt().float()
    grads = [_mean_square(grad)]
    for weight, z in reversed(layers):
        grad = (scale * grad * phi.derivative(z)) @ weight + (grad if keep else 0.0)
        grads.append(_mean_square(grad))
    return torch.stack(squares), torch.stack(grads[::-1])


def _mean_square(values: Tensor) -> Tensor:
    return values.double().square().mean()

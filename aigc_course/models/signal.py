"""How large activations and gradients are, layer by layer, in a deep network before training: predicted, measured.

The network: h_0 = x, z_l = W_l h_(l-1), h_l = phi(z_l), or with skips h_l = h_(l-1) + skip_scale phi(z_l); every W_l is
width x width with independent entries N(0, weight_variance / width), no biases. In wide networks the entries of z_l
are nearly Gaussian, which gives a recursion from layer to layer (Poole et al. 2016, arXiv:1606.05340; Schoenholz
et al. 2017, arXiv:1611.01232).
"""

import math
from collections.abc import Callable, Sequence
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
    Its counterpart backward, through the mean of the gradient, has a weight of 1 / width and is left out; but it grows
    by a factor with each layer, so that deep networks with skips and "relu" need great width to agree.
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
    runs = []
    for _ in range(networks):
        inputs = torch.randn(num_inputs, width, generator=generator)
        weights = [torch.randn(width, width, generator=generator) / math.sqrt(width) for _ in range(config.depth)]
        gradient = torch.randn(num_inputs, width, generator=generator)
        runs.append(network_signal(config, inputs, weights, gradient / _mean_square(gradient).sqrt().float()))
    forward, backward = (torch.stack([getattr(run, side) for run in runs]) for side in ("forward", "backward"))
    return DepthSignal(forward=forward.mean(dim=0), backward=backward.mean(dim=0))


def network_signal(
    config: DepthConfig, inputs: Tensor, weights: Sequence[Tensor] | Tensor, gradient: Tensor
) -> DepthSignal:
    """Mean squares in one given network, the gradient carried back by hand (no autograd).

    Args:
        inputs: h_0, (B, width) float.
        weights: (width, width) for each of the `depth` layers, or all of them (depth, width, width); W_l is
            sqrt(weight_variance) times the l-th, so give entries of variance 1 / width.
        gradient: dL/dh_depth, (B, width).
    Raises: UsageError if there are not as many weights as layers.
    """
    if len(weights) != config.depth:
        raise UsageError(f"{len(weights)} weights were given for depth = {config.depth}; give one for each layer")
    phi, scale = activation(config.activation), math.sqrt(config.weight_variance)
    branch = 1.0 if config.skip_scale is None else config.skip_scale
    h, g = inputs, gradient
    squares, slopes = [_mean_square(h)], []
    for weight in weights:
        z = scale * (h @ weight.T)  # (B, width)
        h = branch * phi.value(z) + (0.0 if config.skip_scale is None else h)
        slopes.append(phi.derivative(z))
        squares.append(_mean_square(h))
    grads = [_mean_square(g)]
    for i in reversed(range(config.depth)):
        g = branch * scale * ((g * slopes[i]) @ weights[i]) + (0.0 if config.skip_scale is None else g)
        grads.append(_mean_square(g))
    return DepthSignal(forward=torch.stack(squares), backward=torch.stack(grads[::-1]))


def _mean_square(values: Tensor) -> Tensor:
    return values.double().square().mean()

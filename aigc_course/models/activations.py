"""Activation functions with the derivatives that backpropagation by hand needs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import unknown


@dataclass(frozen=True, kw_only=True)
class Activation:
    """A function of one number, applied to each entry of a tensor, and its derivative.

    Both take the pre-activation z, a float tensor of any shape, and return that shape.
    """

    name: str
    value: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]


def activation(name: str) -> Activation:
    """The activation "identity", "sigmoid", "tanh", "relu" or "gelu".

    The derivative of "relu" at 0 is 0, as in torch; "gelu" is the exact z Phi(z) (Hendrycks & Gimpel 2016,
    arXiv:1606.08415), not its approximation by tanh.
    Raises: UsageError naming the nearest activation.
    """
    if name not in _ACTIVATIONS:
        raise unknown("activation", name, _ACTIVATIONS)
    return _ACTIVATIONS[name]


def activation_names() -> tuple[str, ...]:
    """The names that `activation` knows."""
    return tuple(_ACTIVATIONS)


def _sigmoid_derivative(z: Tensor) -> Tensor:
    a = torch.sigmoid(z)
    return a * (1 - a)


def _normal_cdf(z: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(z / math.sqrt(2)))


def _gelu_derivative(z: Tensor) -> Tensor:
    density = torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)
    return _normal_cdf(z) + z * density


_ACTIVATIONS = {
    item.name: item
    for item in (
        Activation(name="identity", value=lambda z: z.clone(), derivative=torch.ones_like),
        Activation(name="sigmoid", value=torch.sigmoid, derivative=_sigmoid_derivative),
        Activation(name="tanh", value=torch.tanh, derivative=lambda z: 1 - torch.tanh(z).square()),
        Activation(name="relu", value=torch.relu, derivative=lambda z: (z > 0).to(z.dtype)),
        Activation(name="gelu", value=lambda z: z * _normal_cdf(z), derivative=_gelu_derivative),
    )
}

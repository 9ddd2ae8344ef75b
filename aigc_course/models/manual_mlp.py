"""A multilayer perceptron for two classes whose gradients are written out, without autograd."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.models.activations import activation


class ManualMLP:
    """Layers z_l = h_(l-1) W_l^T + b_l with h_l = phi(z_l) between them; the last z is one logit per example.

    Weights are He-initialised for "relu" and "gelu" (variance 2 / inputs), else with variance 1 / inputs; biases are 0.

    Args:
        widths: numbers of inputs, of each hidden layer's units, and 1 at the end: (2, 32, 32, 1).
        activation_name: see `activation`.
        seed: of the weights. dtype: of all tensors.
    Raises: UsageError if the widths are not as described or the activation is unknown.
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation_name: str = "tanh",
        *,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        if len(widths) < 2 or min(widths) < 1 or widths[-1] != 1:
            raise UsageError(f"widths = {tuple(widths)} is not allowed; give inputs, hidden units and 1, as (2, 32, 1)")
        self.activation = activation(activation_name)
        gain = 2.0 if activation_name in ("relu", "gelu") else 1.0
        generator = torch.Generator().manual_seed(seed)
        self.weights = [
            torch.randn(fan_out, fan_in, generator=generator, dtype=dtype) * math.sqrt(gain / fan_in)
            for fan_in, fan_out in pairwise(widths)
        ]  # each (out, in)
        self.biases = [torch.zeros(fan_out, dtype=dtype) for fan_out in widths[1:]]

    def parameters(self) -> list[Tensor]:
        """W_1, b_1, W_2, b_2, …: the tensors themselves."""
        return [tensor for layer in zip(self.weights, self.biases, strict=True) for tensor in layer]

    def logits(self, x: Tensor) -> Tensor:
        """(B, D) -> (B,)."""
        return self._forward(x)[0][-1][:, 0]

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The mean logistic loss (1/B) sum_b [log(1 + exp(s_b)) - y_b s_b] in nats, s the logits, y (B,) in {0, 1}."""
        logits = self.logits(x)
        return (F.softplus(logits) - y * logits).mean()

    def gradients(self, x: Tensor, y: Tensor) -> list[Tensor]:
        """The gradient of `loss` for each of `parameters`, in their order, by backpropagation written out."""
        pre_activations, hidden = self._forward(x)
        delta = (torch.sigmoid(pre_activations[-1]) - y[:, None]) / len(x)  # dL/dz of the last layer, (B, 1)
        grads: list[Tensor] = []
        for i in reversed(range(len(self.weights))):
            grads[:0] = [delta.T @ hidden[i], delta.sum(dim=0)]
            if i:
                delta = (delta @ self.weights[i]) * self.activation.derivative(pre_activations[i - 1])
        return grads

    def step(self, x: Tensor, y: Tensor, learning_rate: float) -> None:
        """One step of gradient descent, in place."""
        for parameter, grad in zip(self.parameters(), self.gradients(x, y), strict=True):
            parameter -= learning_rate * grad

    def _forward(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """z of every layer, and the input of every layer."""
        hidden, pre_activations = [x], []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            pre_activations.append(hidden[-1] @ weight.T + bias)
            hidden.append(self.activation.value(pre_activations[-1]))
        return pre_activations, hidden[:-1]

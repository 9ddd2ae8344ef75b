"""An exponential moving average of a model's weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class EMA:
    """Averaged copies of a model's floating-point weights and buffers; the model itself is left alone.

    The decay at step t is min(decay, (1 + t) / (10 + t)), so that the first steps do not dominate.
    Works on plain, DDP-wrapped and FSDP-sharded models: each process averages what it holds.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average = {name: tensor.detach().clone() for name, tensor in _tensors(model)}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average toward the model's weights after optimizer step `step` (0-based)."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        floats: list[tuple[torch.Tensor, torch.Tensor]] = []
        for name, tensor in _tensors(model):
            if tensor.is_floating_point():
                floats.append((self.average[name], tensor.detach()))
            else:
                self.average[name].copy_(tensor)
        torch._foreach_lerp_([average for average, _ in floats], [tensor for _, tensor in floats], weight)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Inside the block the model holds the averaged weights; afterwards its own again, bit for bit."""
        own = {name: tensor.detach().clone() for name, tensor in _tensors(model)}
        self._write(model, self.average)
        try:
            yield
        finally:
            self._write(model, own)

    @staticmethod
    @torch.no_grad()
    def _write(model: nn.Module, values: dict[str, torch.Tensor]) -> None:
        for name, tensor in _tensors(model):
            tensor.copy_(values[name])


def _tensors(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Every weight and saved buffer by its name in the unwrapped model; tied weights once."""
    for name, weight in model.named_parameters():
        yield name.removeprefix("module."), weight
    saved = {name.removeprefix("module.") for name in model.state_dict()}
    for name, buffer in model.named_buffers():
        if name.removeprefix("module.") in saved:
            yield name.removeprefix("module."), buffer

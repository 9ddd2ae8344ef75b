"""Optimizers of transformers: Muon for the matrices inside and AdamW for the rest, or AdamW for all."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn


class Together(torch.optim.Optimizer):
    """Several optimizers, each of its own parameters, that step as one.

    `param_groups` are theirs, so a schedule reaches all of them; `state_dict` holds theirs in order.
    """

    def __init__(self, optimizers: Iterable[torch.optim.Optimizer]) -> None:
        self.optimizers = list(optimizers)
        super().__init__([p for o in self.optimizers for g in o.param_groups for p in g["params"]], {})
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step of each."""
        if closure is not None:
            raise ValueError("Together.step takes no closure")
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """The state of each, in order."""
        return {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        for optimizer, state in zip(self.optimizers, state_dict["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]


def adamw(model: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) for all; matrices decay, embeddings too, vectors do not."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=learning_rate, betas=(0.9, 0.99), fused=True)


def muon_with_adamw(
    model: nn.Module, learning_rate: float, weight_decay: float, *, muon_learning_rate: float
) -> Together:
    """Muon (Jordan 2024) for the matrices of the blocks; AdamW for embeddings, biases and norms."""
    inner = [p for name, p in model.named_parameters() if p.dim() == 2 and "embedding" not in name]
    outer = [p for name, p in model.named_parameters() if p.dim() != 2 or "embedding" in name]
    muon = torch.optim.Muon(inner, lr=muon_learning_rate, weight_decay=weight_decay, momentum=0.95)
    return Together([muon, torch.optim.AdamW(outer, lr=learning_rate, weight_decay=0.0, betas=(0.9, 0.99), fused=True)])

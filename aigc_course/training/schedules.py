"""Learning rates as a function of the step alone: nothing to save, nothing to restore."""

import math

import torch

from aigc_course.training.settings import LoopSettings


def learning_rate_factor(step: int, settings: LoopSettings) -> float:
    """The share of the peak learning rate to use at `step` (0-based), in [0, 1].

    Rises linearly over `warmup_steps`, then stays, or falls linearly or along half a cosine to `final_fraction`.

    >>> s = LoopSettings(steps=100, warmup_steps=10, decay="linear")
    >>> [round(learning_rate_factor(k, s), 2) for k in (0, 9, 10, 55, 100)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    if settings.decay == "constant":
        return 1.0
    progress = (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
    progress = min(1.0, progress)
    remaining = 1 - progress if settings.decay == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
    return settings.final_fraction + (1 - settings.final_fraction) * remaining


def set_learning_rate(optimizer: torch.optim.Optimizer, step: int, settings: LoopSettings) -> float:
    """Set every parameter group to its own peak rate times the factor; returns the first group's rate."""
    factor = learning_rate_factor(step, settings)
    for group in optimizer.param_groups:
        group.setdefault("peak_lr", group["lr"])
        if isinstance(group["lr"], torch.Tensor):  # that a recorded step reads
            group["lr"].fill_(group["peak_lr"] * factor)
        else:
            group["lr"] = group["peak_lr"] * factor
    return optimizer.param_groups[0]["peak_lr"] * factor

"""What every loss asks of its tensors: equal shapes, and enough precision to add up logarithms."""

import torch
from torch import Tensor

from aigc_course.errors import UsageError


def require_same_shape(**tensors: Tensor) -> None:
    """Raise UsageError that names the tensors and their shapes unless all shapes are equal."""
    first, *others = (tuple(t.shape) for t in tensors.values())
    if any(shape != first for shape in others):
        given = ", ".join(f"{name} {tuple(t.shape)}" for name, t in tensors.items())
        raise UsageError(f"shapes differ: {given}; they must be equal")


def require_range(name: str, values: Tensor, low: float, high: float, hint: str) -> None:
    """Raise UsageError unless low <= values <= high; `hint` says what to do.

    Only tensors on the CPU are read: on a GPU each look would stop the host until the device has caught up.
    """
    if values.device.type != "cpu" or values.numel() == 0 or torch.compiler.is_compiling():
        return
    smallest, largest = (v.item() for v in values.detach().aminmax())
    if not (low <= smallest and largest <= high):
        raise UsageError(f"{name} must lie in [{low:g}, {high:g}], but spans {smallest:g} to {largest:g}; {hint}")


def at_least_float32(values: Tensor) -> Tensor:
    """bfloat16 and float16 as float32; float32 and float64 as they are.

    Under autocast a network returns bfloat16, whose 8 bits can't hold a sum of log-probabilities.
    """
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values

"""What exercises draw their inputs from, and how their properties compare results."""

from functools import partial

import torch
from torch import Tensor

from aigc_course.exercises.compare import agree, as_array
from aigc_course.exercises.spec import Rng


def normal(rng: Rng, *shape: int, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Independent normal numbers with mean 0 and this standard deviation."""
    return torch.from_numpy(scale * rng.normal(size=shape)).to(dtype)


def draw_labels(rng: Rng, samples: int, classes: int) -> Tensor:
    """(samples,) int64, each uniform in [0, classes)."""
    return torch.from_numpy(rng.integers(0, classes, size=samples))


def tensor(value: object) -> Tensor:
    """A result as a float64 tensor, also when it is a list of tensors. Raises: ValueError when it has no numbers."""
    array = as_array(value)
    if array is None:
        raise ValueError(f"{type(value).__name__} holds no table of numbers")
    return torch.from_numpy(array).double()


def near(given: object, expected: object, tolerance: float = 1e-4) -> bool:
    """Equal within this relative tolerance (a tenth of it absolutely), and of one shape."""
    return agree(given, expected, rtol=tolerance, atol=0.1 * tolerance)


normal_float32 = partial(normal, dtype=torch.float32)
near_float32 = partial(near, tolerance=1e-3)

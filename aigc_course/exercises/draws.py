"""What exercises in float32 draw their inputs from, and how their properties compare numbers."""

import numpy as np
import torch
from torch import Tensor

from aigc_course.exercises.compare import as_array
from aigc_course.exercises.spec import Rng


def normal(rng: Rng, *shape: int) -> Tensor:
    """Independent standard normal numbers, float32."""
    return torch.from_numpy(rng.normal(size=shape)).float()


def close(a: object, b: object, rtol: float = 1e-3, atol: float = 1e-4) -> bool:
    """True when two numbers, arrays, tensors or lists have one shape and agree within the tolerances.

    Never true of a nan.
    """
    left, right = as_array(a), as_array(b)
    if left is None or right is None or left.shape != right.shape:
        return False
    return bool(np.allclose(left, right, rtol=rtol, atol=atol))

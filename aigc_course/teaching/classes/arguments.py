"""Arguments of a call that the called function has changed."""

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np
from torch import Tensor


def take_over(mine: Any, changed: Any) -> None:
    """Change the arguments of a call as the learner's function has changed its copies of them."""
    if isinstance(mine, Tensor) and isinstance(changed, Tensor):
        if mine.shape == changed.shape and not mine.requires_grad:
            mine.copy_(changed)
    elif isinstance(mine, np.ndarray) and isinstance(changed, np.ndarray):
        if mine.shape == changed.shape:
            mine[...] = changed
    elif isinstance(mine, list) and isinstance(changed, list) and len(mine) != len(changed):
        mine[:] = changed
    elif isinstance(mine, list | tuple) and isinstance(changed, list | tuple):
        for place, (old, new) in enumerate(zip(mine, changed, strict=False)):
            if isinstance(mine, list) and not isinstance(old, list | dict | Tensor | np.ndarray):
                mine[place] = new
            else:
                take_over(old, new)
    elif isinstance(mine, MutableMapping) and isinstance(changed, Mapping):
        mine.clear()
        mine.update(changed)

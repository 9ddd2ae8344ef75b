"""Ways to write a right answer differently: each takes an answer and gives another that is as right."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

Answer = Callable[..., Any]


def each_array(change: Callable[[Any], Any], value: Any) -> Any:
    """`value` with `change` applied to every tensor and array in it, whatever collections they sit in."""
    if isinstance(value, Tensor | np.ndarray):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(each_array(change, item) for item in value)
    if isinstance(value, dict):
        return {key: each_array(change, item) for key, item in value.items()}
    return value


def on_inputs(change: Callable[[Any], Any]) -> Callable[[Answer], Answer]:
    """Apply `change` to every tensor and array that comes in."""

    def rewritten(answer: Answer) -> Answer:
        return wraps(answer)(lambda *arguments: answer(*each_array(change, arguments)))

    return rewritten


def on_outputs(change: Callable[[Any], Any]) -> Callable[[Answer], Answer]:
    """Apply `change` to the result."""

    def rewritten(answer: Answer) -> Answer:
        return wraps(answer)(lambda *arguments: change(answer(*arguments)))

    return rewritten


def in_dtype(dtype: torch.dtype) -> Callable[[Any], Any]:
    """Floating tensors and arrays in this precision; whole numbers stay."""

    def change(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.to(dtype) if value.is_floating_point() else value
        return value.astype(str(dtype).removeprefix("torch.")) if value.dtype.kind == "f" else value

    return change


def strided(value: Any) -> Any:
    """The same numbers with gaps between them in memory."""
    if isinstance(value, Tensor):
        return value.repeat_interleave(2, dim=-1)[..., ::2] if value.ndim else value
    return np.repeat(value, 2, axis=-1)[..., ::2]


def turned(value: Any) -> Any:
    """The same numbers, laid out column by column."""
    if isinstance(value, Tensor):
        return value.mT.contiguous().mT if value.ndim >= 2 else value
    return np.asfortranarray(value)


def copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value.copy()


def as_lists(value: Any) -> Any:
    """Tensors and arrays as Python's own lists and numbers, tuples as lists."""
    if isinstance(value, tuple):
        return [as_lists(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else each_array(lambda item: item.tolist(), value)


def as_tuples(value: Any) -> Any:
    """Lists as tuples, at every depth."""
    return tuple(as_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def as_numpy(value: Any) -> Any:
    return each_array(lambda item: item.detach().cpu().numpy() if isinstance(item, Tensor) else item, value)


def as_tensors(value: Any) -> Any:
    """Arrays as tensors, and a plain number as a tensor without dimensions."""
    if isinstance(value, float):
        return torch.tensor(value, dtype=torch.float64)
    return each_array(lambda item: torch.as_tensor(item), value)


def rows_in_a_list(value: Any) -> Any:
    """A tensor as the list of its rows, which keep their gradients."""
    return each_array(lambda item: list(item) if item.ndim else item, value)


class _OtherOrder(TorchFunctionMode):
    """Sums, means and products in pieces and from the end; softmax, logsumexp and matrix products reversed."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        rewrite = _REWRITES.get(getattr(function, "__name__", ""))
        if rewrite is None or any(name not in ("dim", "keepdim") for name in named):
            return function(*args, **named)
        return rewrite(function, *args, **named)


def _in_pieces(function: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """sum or mean: from the end, in pieces of 3, which are then added up one after the other."""
    if not x.is_floating_point() or isinstance(dim, list | tuple):
        return function(x) if dim is None else function(x, dim, keepdim)
    flat, along = (x.reshape(-1), 0) if dim is None else (x, dim)
    if flat.shape[along] == 0:
        return function(x) if dim is None else function(x, dim, keepdim)
    total: Any = None
    for piece in flat.flip(along).split(3, dim=along):
        part = torch.Tensor.sum(piece, dim=along, keepdim=keepdim)
        total = part if total is None else total + part
    return total / flat.shape[along] if function.__name__ == "mean" else total


def _reversed(function: Any, x: Any, dim: Any = None, *rest: Any, **named: Any) -> Any:
    """softmax and log_softmax: of the reversed numbers, reversed."""
    if not isinstance(dim, int):
        return function(x, *rest, **named)
    return function(x.flip(dim), dim=dim, **named).flip(dim)


def _reduced_from_the_end(function: Any, x: Any, dim: Any, keepdim: bool = False) -> Any:
    """logsumexp along reversed dimensions."""
    return function(x.flip(dim), dim=dim, keepdim=keepdim)


def _product(function: Any, left: Any, right: Any) -> Any:
    """A matrix product whose inner sum runs backwards."""
    if not (isinstance(left, Tensor) and isinstance(right, Tensor)):
        return function(left, right)
    return function(left.flip(-1), right.flip(-2 if right.ndim > 1 else -1))


_REWRITES: dict[str, Any] = {
    "sum": _in_pieces,
    "mean": _in_pieces,
    "softmax": _reversed,
    "log_softmax": _reversed,
    "logsumexp": _reduced_from_the_end,
    "matmul": _product,
    "__matmul__": _product,
}


def in_another_order(answer: Answer) -> Answer:
    """Every reduction inside the answer in another order of its terms."""

    @wraps(answer)
    def rewritten(*arguments: Any) -> Any:
        with _OtherOrder():
            return answer(*arguments)

    return rewritten

"""Results compared and described, whatever they are: numbers, text, arrays, tensors, and collections of these."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def agree(given: Any, expected: Any, *, rtol: float, atol: float) -> bool:
    """True when `given` equals `expected`: numbers and arrays within tolerance and of equal shape, the rest exactly.

    A list, a tuple, an array and a tensor of the same numbers are the same; so are all dtypes of these numbers.
    """
    if expected is None or isinstance(expected, bytes):
        return type(given) is type(expected) and given == expected
    if isinstance(expected, str):
        return isinstance(given, str) and given == expected
    if isinstance(expected, Mapping):
        return (
            isinstance(given, Mapping)
            and given.keys() == expected.keys()
            and all(agree(given[key], expected[key], rtol=rtol, atol=atol) for key in expected)
        )
    left, right = as_array(given), as_array(expected)
    if left is not None and right is not None:
        return left.shape == right.shape and _close(left, right, rtol, atol)
    if isinstance(expected, Sequence):
        items = _items(given)
        return (
            items is not None
            and len(items) == len(expected)
            and all(agree(g, e, rtol=rtol, atol=atol) for g, e in zip(items, expected, strict=True))
        )
    if right is not None:
        return False
    return type(given) is type(expected) and _equal(given, expected)


def _close(given: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> bool:
    """np.allclose with equal NaN, at a fifth of its cost for arrays as small as these."""
    with np.errstate(all="ignore"):
        near = np.abs(given - expected) <= atol + rtol * np.abs(expected)
        if near.all() and np.isfinite(expected).all():
            return True
        same = (given == expected) | (np.isnan(given) & np.isnan(expected))
        return bool((same | (near & np.isfinite(expected))).all())


def as_array(value: Any) -> np.ndarray | None:
    """Numbers (one, an array, a tensor, a list of these) as a float64 or complex array; None for anything else."""
    if isinstance(value, str | bytes | Mapping | set | frozenset) or value is None:
        return None
    if hasattr(value, "detach"):
        return _tensor_as_array(value)
    if isinstance(value, list | tuple):
        parts = [as_array(item) for item in value]
        arrays = [part for part in parts if part is not None]
        if len(arrays) < len(parts) or len({part.shape for part in arrays}) > 1:
            return None
        return np.stack(arrays) if arrays else np.zeros(0)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):
        return None
    if array.dtype.kind not in "biufc":
        return None
    return array if array.dtype.kind == "c" else array.astype(np.float64)


def _tensor_as_array(tensor: Any) -> np.ndarray | None:
    if not hasattr(tensor, "dtype") or tensor.device.type == "meta":
        return None
    dense = tensor.detach().to_dense() if tensor.layout != _strided() else tensor.detach()
    array = dense.cpu().resolve_conj().resolve_neg()
    return array.numpy() if array.dtype.is_complex else array.double().numpy()


def _strided() -> Any:
    import torch

    return torch.strided


def _items(value: Any) -> Sequence[Any] | None:
    """The items of a list or tuple, the rows of an array or tensor."""
    if isinstance(value, str | bytes):
        return None
    if isinstance(value, Sequence):
        return value
    array = as_array(value)
    return list(array) if array is not None and array.ndim > 0 else None


def _equal(given: Any, expected: Any) -> bool:
    try:
        return bool(np.array_equal(given, expected)) if isinstance(expected, np.ndarray) else bool(given == expected)
    except Exception:  # some classes refuse to be compared
        return False


def in_the_form_of(value: Any, pattern: Any) -> Any:
    """`value` as the kind of thing that `pattern` is, where that says the same: a list of numbers as a tensor, say.

    What the exercises' properties compute with is thus a tensor where the reference gives one, a number where it gives
    a number. A list of tensors becomes one that carries their gradients. What has no such form stays as it is.
    """
    if hasattr(pattern, "detach"):
        return value if hasattr(value, "detach") else _as_tensor(value)
    if isinstance(pattern, bool | int | float):
        array = as_array(value) if hasattr(value, "item") else None
        return array.item() if array is not None and array.ndim == 0 else value
    if isinstance(pattern, np.ndarray):
        array = as_array(value)
        return value if isinstance(value, np.ndarray) or array is None else array
    if isinstance(pattern, Mapping) and isinstance(value, Mapping):
        return {key: in_the_form_of(item, pattern.get(key)) for key, item in value.items()}
    if type(pattern) in (list, tuple):
        items = _items(value)
        if items is None:
            return value
        patterns = pattern if len(pattern) == len(items) else [pattern[0] if pattern else None] * len(items)
        return type(pattern)(in_the_form_of(item, one) for item, one in zip(items, patterns, strict=True))
    return value


def _as_tensor(value: Any) -> Any:
    import torch

    if isinstance(value, list | tuple) and value:
        parts = [_as_tensor(item) for item in value]
        shapes = {tuple(part.shape) if hasattr(part, "detach") else None for part in parts}
        if None not in shapes and len(shapes) == 1:
            dtype = parts[0].dtype
            for part in parts[1:]:
                dtype = torch.promote_types(dtype, part.dtype)
            return torch.stack([part.to(dtype) for part in parts])
        return value
    if hasattr(value, "detach"):
        return value
    array = as_array(value)
    return value if array is None else torch.from_numpy(array)


def describe(value: Any) -> str:
    """A short text for a result: a number with 5 digits, an array by shape and first values."""
    if value is None or isinstance(value, bool | str | bytes):
        return repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "…"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {describe(item)}" for key, item in list(value.items())[:4]) + "}"
    array = as_array(value)
    if array is None:
        if isinstance(value, tuple | list):
            inside = ", ".join(describe(item) for item in value[:4]) + (", …" if len(value) > 4 else "")
            return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
        return type(value).__name__
    if array.ndim == 0:
        return f"{array.item():.5g}"
    start = ", ".join(f"{number:.4g}" for number in array.ravel()[:4])
    return f"shape {tuple(array.shape)}: [{start}{', …' if array.size > 4 else ''}]"


def is_finite(value: Any) -> bool:
    """False when a number, an array, or one of a collection of these holds NaN or an infinity."""
    if isinstance(value, Mapping):
        return all(map(is_finite, value.values()))
    array = as_array(value)
    if array is None:
        return all(map(is_finite, value)) if isinstance(value, list | tuple) else True
    return bool(np.isfinite(array).all())


def dtype_kind(value: Any) -> str:
    """The kind of number that a result holds: "boolean", "whole", "real", "complex", or "" for anything else."""
    if hasattr(value, "detach") and hasattr(value, "dtype"):
        if value.dtype.is_complex:
            return "complex"
        if value.dtype.is_floating_point:
            return "real"
        return "boolean" if str(value.dtype) == "torch.bool" else "whole"
    try:
        kind = np.asarray(value).dtype.kind
    except (ValueError, TypeError, RuntimeError):
        return ""
    return {"b": "boolean", "i": "whole", "u": "whole", "f": "real", "c": "complex"}.get(kind, "")

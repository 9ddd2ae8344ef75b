"""Results compared and described, whatever they are: numbers, text, arrays, tensors, and lists of these."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def agree(given: Any, expected: Any, *, rtol: float, atol: float) -> bool:
    """True when `given` equals `expected`: numbers and arrays within tolerance and of equal shape, the rest exactly."""
    if expected is None or isinstance(expected, str | bytes):
        return type(given) is type(expected) and given == expected
    if isinstance(expected, Mapping):
        return (
            isinstance(given, Mapping)
            and given.keys() == expected.keys()
            and all(agree(given[key], expected[key], rtol=rtol, atol=atol) for key in expected)
        )
    if isinstance(expected, Sequence):
        return (
            isinstance(given, Sequence)
            and not isinstance(given, str | bytes)
            and len(given) == len(expected)
            and all(agree(g, e, rtol=rtol, atol=atol) for g, e in zip(given, expected, strict=True))
        )
    left, right = as_array(given), as_array(expected)
    if left is None or right is None or left.shape != right.shape:
        return False
    return bool(np.allclose(left, right, rtol=rtol, atol=atol, equal_nan=True))


def as_array(value: Any) -> np.ndarray | None:
    """A number, array or tensor as a float or complex array; None for anything else."""
    if isinstance(value, str | bytes) or value is None:
        return None
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if value.dtype.is_floating_point else value
        value = value.numpy()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        return None
    if array.dtype.kind not in "biufc":
        return None
    return array if array.dtype.kind == "c" else array.astype(np.float64)


def describe(value: Any) -> str:
    """A short text for a result: a number with 5 digits, an array by shape and first values."""
    if value is None or isinstance(value, bool | str | bytes):
        return repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "…"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {describe(item)}" for key, item in list(value.items())[:4]) + "}"
    array = as_array(value)
    if array is None:
        return type(value).__name__
    if array.ndim == 0:
        return f"{array.item():.5g}"
    start = ", ".join(f"{number:.4g}" for number in array.ravel()[:4])
    return f"shape {tuple(array.shape)}: [{start}{', …' if array.size > 4 else ''}]"


def is_finite(value: Any) -> bool:
    """False when a number or array holds NaN or an infinity."""
    array = as_array(value)
    if array is None:
        return True
    return math.isfinite(array) if array.ndim == 0 and array.dtype.kind != "c" else bool(np.isfinite(array).all())

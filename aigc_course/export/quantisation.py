"""Numbers on a grid of whole numbers: what 8-bit weights and activations are."""

from dataclasses import dataclass

import numpy as np

from aigc_course.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The numbers scale * (q - zero_point) with whole q from `lowest` to `highest`.

    `scale` and `zero_point` are single numbers, or arrays that broadcast against what is rounded: one for each column.
    """

    scale: np.ndarray
    zero_point: np.ndarray  # whole; the q that stands for 0
    lowest: int
    highest: int

    def quantise(self, values: np.ndarray) -> np.ndarray:
        """The nearest q of each number; beyond the grid, its end. int64, of the shape of `values`."""
        steps = np.rint(np.asarray(values, dtype=np.float64) / self.scale) + self.zero_point
        return np.clip(steps, self.lowest, self.highest).astype(np.int64)

    def dequantise(self, q: np.ndarray) -> np.ndarray:
        """What each q stands for, in float64."""
        return (np.asarray(q) - self.zero_point) * self.scale

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """Each number on the grid: inside of it, at most scale / 2 away."""
        return self.dequantise(self.quantise(values))


def asymmetric_grid(values: np.ndarray, bits: int = 8) -> Grid:
    """q from 0 to 2^bits - 1 over the range of `values`, stretched so that it holds 0, which is then exact.

    Raises: UsageError for no values, or bits outside 2 to 16.
    """
    _require(values, bits)
    low, high, highest = min(float(np.min(values)), 0.0), max(float(np.max(values)), 0.0), 2**bits - 1
    scale = (high - low) / highest or 1.0
    return Grid(scale=np.array(scale), zero_point=np.rint(np.array(-low / scale)), lowest=0, highest=highest)


def symmetric_grid(values: np.ndarray, bits: int = 8, axis: int | None = None) -> Grid:
    """q from -(2^(bits-1) - 1) to 2^(bits-1) - 1 with 0 in the middle; the largest |value| is the end.

    Args: axis: one scale for each index of this axis ("per channel"); None: one for all.
    Raises: as `asymmetric_grid`.
    """
    _require(values, bits)
    highest = 2 ** (bits - 1) - 1
    others = None if axis is None else tuple(a for a in range(np.ndim(values)) if a != axis % np.ndim(values))
    largest = np.max(np.abs(np.asarray(values, dtype=np.float64)), axis=others, keepdims=axis is not None)
    scale = np.where(largest > 0, largest, 1.0) / highest
    return Grid(scale=scale, zero_point=np.zeros_like(scale), lowest=-highest, highest=highest)


def _require(values: np.ndarray, bits: int) -> None:
    if np.size(values) == 0:
        raise UsageError("there are no values to lay a grid over")
    if not 2 <= bits <= 16:
        raise UsageError(f"bits is {bits}; it must be from 2 to 16")

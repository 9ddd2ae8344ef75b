"""Features brought to a common scale, with numbers learned from the training split alone."""

from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scaling:
    """(x - offset) / scale for each feature: fitted on the training split, applied to every split as it is.

    Fitted on test data too, it would tell the model about them before the test.
    """

    offset: Tensor  # (D,) in the units of the features
    scale: Tensor  # (D,) > 0, in the units of the features

    @classmethod
    def standardizing(cls, train: Tensor) -> "Scaling":
        """Every feature to mean 0 and standard deviation 1 over `train` (N, D); a constant feature becomes 0.

        The deviation divides by N, as it describes these rows and estimates nothing.
        """
        train = _checked(train)
        deviation = train.std(dim=0, correction=0)
        return cls(offset=train.mean(dim=0), scale=_positive(deviation, train))

    @classmethod
    def normalizing(cls, train: Tensor) -> "Scaling":
        """Every feature to [0, 1] over `train` (N, D); a constant feature becomes 0."""
        train = _checked(train)
        low, high = train.aminmax(dim=0)
        return cls(offset=low, scale=_positive(high - low, train))

    def apply(self, features: Tensor) -> Tensor:
        """Scaled `features` (..., D), a new tensor. Raises: UsageError when D is not that of the training split."""
        return (self._same_width(features) - self.offset) / self.scale

    def undo(self, scaled: Tensor) -> Tensor:
        """The inverse of `apply`."""
        return self._same_width(scaled) * self.scale + self.offset

    def _same_width(self, values: Tensor) -> Tensor:
        if values.ndim == 0 or values.shape[-1:] != self.offset.shape:
            raise UsageError(f"values {tuple(values.shape)} must be (..., {len(self.offset)}), as in training")
        return values


def _checked(train: Tensor) -> Tensor:
    if train.ndim != 2 or len(train) == 0:
        raise UsageError(f"train is {tuple(train.shape)}; it must be (N, D), one row for each example, N >= 1")
    if not train.is_floating_point():
        raise UsageError(f"train is {train.dtype}; give floats, for example train.float()")
    if not train.isfinite().all():
        raise UsageError("train holds nan or infinite values; remove or replace these rows first")
    return train


def _positive(spread: Tensor, train: Tensor) -> Tensor:
    """`spread`, with 1 for features whose spread is rounding alone."""
    rounding = 8 * torch.finfo(train.dtype).eps * train.abs().amax(dim=0)
    return torch.where(spread > rounding, spread, 1)

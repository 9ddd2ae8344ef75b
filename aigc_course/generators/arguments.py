"""What generators are asked for, checked before anything is made."""

import secrets
from collections.abc import Collection, Sequence
from typing import Any, TypeGuard

import torch

from aigc_course.errors import UsageError, unknown

MOST_TEXTS, MOST_IMAGES, MOST_SAMPLES = 10_000, 10_000, 10_000_000
"""More than this in one call is taken for a slip."""

Label = int | str


def choose_labels(
    label: Label | Sequence[Label] | None, count: int, class_names: Sequence[str], *, in_turn: bool = False
) -> torch.Tensor | None:
    """(count,) int64 class numbers; None for a model without classes.

    A sequence has one label for each, or (`in_turn`) is repeated until there are enough.
    """
    if not class_names:
        if label is not None:
            raise UsageError("this model was trained without classes; leave label out")
        return None
    if label is None:
        return torch.arange(count) % len(class_names)
    several = list(label) if has_several(label) else [label]
    if not several:
        raise UsageError("label is an empty list; give at least one, or leave it out")
    numbers = torch.tensor([number_of(one, class_names, "label") for one in several])
    if in_turn or not has_several(label):
        return numbers.repeat(-(-count // len(numbers)))[:count]
    if len(several) != count:
        raise UsageError(f"there are {len(several)} labels for {count} images; give one for all, or one for each")
    return numbers


def has_several(label: Any) -> TypeGuard[Collection[Label]]:
    """Whether these are labels, and not one label."""
    return isinstance(label, Collection) and not isinstance(label, str)


def number_of(label: Any, names: Sequence[str], what: str) -> int:
    """The index of a name, or a number that is one."""
    if isinstance(label, str) and label in names:
        return names.index(label)
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(names):
        return label
    raise unknown(what, label, names)


def require_count(name: str, value: Any, most: int) -> None:
    """Raise UsageError unless it is a whole number in [1, most]."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise UsageError(f"{name} must be a whole number from 1 to {most}, but is {value!r}")


def seed_of(seed: int | None) -> int:
    """The seed, or where it is None a new one. Raises: UsageError unless it is a whole number."""
    if seed is None:
        return secrets.randbits(31)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UsageError(f"seed must be a whole number or None, but is {seed!r}")
    return seed

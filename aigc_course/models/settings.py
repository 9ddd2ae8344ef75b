"""Checks that the models' settings share."""

from collections.abc import Iterable


def require_at_least(minimum: int, **fields: int) -> None:
    """Raise ValueError naming the first field below `minimum`."""
    for name, value in fields.items():
        if value < minimum:
            raise ValueError(f"{name} = {value} is too small; it must be at least {minimum}")


def require_fraction(**fields: float) -> None:
    """Raise ValueError naming the first field outside [0, 1)."""
    for name, value in fields.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} = {value} is not allowed; it must be at least 0 and below 1")


def require_class_count(**fields: int) -> None:
    """Raise ValueError naming the first count of classes that is neither 0 (unconditional) nor at least 2."""
    for name, value in fields.items():
        if value < 0 or value == 1:
            raise ValueError(f"{name} = {value} is not allowed; it must be 0 (unconditional) or at least 2")


def require_choice(allowed: Iterable[str | int], **fields: str | int) -> None:
    """Raise ValueError naming the first field that is none of the `allowed` values."""
    allowed = tuple(allowed)
    for name, value in fields.items():
        if value not in allowed:
            raise ValueError(f"{name} is {value!r}, but must be one of {', '.join(map(str, allowed))}")


def require_power_of_two(minimum: int, **fields: int) -> None:
    """Raise ValueError naming the first field that is below `minimum` or no power of two."""
    for name, value in fields.items():
        if value < minimum or value & (value - 1):
            raise ValueError(f"{name} = {value} is not allowed; it must be a power of two, at least {minimum}")


def shape_text(dimensions: Iterable[int | str]) -> str:
    """A shape as people write it: (B, 3, 32, 32)."""
    return f"({', '.join(str(d) for d in dimensions)})"

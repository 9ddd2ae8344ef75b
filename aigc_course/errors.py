"""Errors that a person can act on: what was given, what is allowed, what to do next."""

from collections.abc import Iterable
from difflib import get_close_matches


class CourseError(Exception):
    """Base of the errors that this package raises on purpose; its text is meant for the user."""


class UsageError(CourseError, ValueError):
    """A name, type or value that the caller gave is not allowed."""


class DataError(CourseError):
    """A data set is missing, incomplete, corrupt or of the wrong form."""


class CheckpointError(CourseError):
    """A checkpoint is missing, unreadable or belongs to something else."""


class TrainingError(CourseError):
    """Training cannot go on."""


class CourseWarning(UserWarning):
    """Something that was given was mended, or is doubtful, and work goes on; its text is meant for the user."""


def unknown(kind: str, given: object, allowed: Iterable[str]) -> UsageError:
    """The error for a name that is not one of `allowed`, with the nearest allowed name.

    >>> str(unknown("profile", "quik", ["quick", "laptop", "full"]))
    "unknown profile 'quik'; did you mean 'quick'? Allowed: full, laptop, quick"
    """
    names = sorted(allowed)
    near = get_close_matches(str(given), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UsageError(f"unknown {kind} {given!r}; {hint}Allowed: {', '.join(names)}")

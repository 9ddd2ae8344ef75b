"""Exercises that say which mistake it was: `check("00.1", answer)`, `hint("00.1")`, `progress()`."""

from aigc_course.exercises.registry import check, exercise, hint, progress

__all__ = ["check", "hint", "progress", "exercise"]

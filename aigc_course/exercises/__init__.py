"""Exercises that say which mistake it was: `check("00.1", answer)`, `hint`, `solution`, `progress()`."""

from aigc_course.exercises.registry import check, exercise, hint, progress, solution

__all__ = ["check", "hint", "solution", "progress", "exercise"]

"""Exercises on losses and gradient descent."""

from aigc_course.exercises.spec import Exercise

EXERCISES: tuple[Exercise, ...] = ()

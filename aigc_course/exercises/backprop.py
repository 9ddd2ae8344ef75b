"""Exercises on neurons, layers and backpropagation."""

from aigc_course.exercises.spec import Exercise

EXERCISES: tuple[Exercise, ...] = ()

"""Exercises on the GAN minimax game."""

from aigc_course.exercises.spec import Exercise

EXERCISES: tuple[Exercise, ...] = ()

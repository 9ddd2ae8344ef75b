"""Exercises on a first image model: splits, metrics, reconstruction."""

from aigc_course.exercises.spec import Exercise

EXERCISES: tuple[Exercise, ...] = ()

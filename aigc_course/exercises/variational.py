"""Exercises on the ELBO and reparameterization."""

from aigc_course.exercises.spec import Exercise

EXERCISES: tuple[Exercise, ...] = ()

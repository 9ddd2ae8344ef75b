"""What an exercise is: a reference answer, properties of every right answer, and the mistakes worth recognising."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aigc_course.errors import UsageError
from aigc_course.exercises.compare import agree

Answer = Callable[..., Any]
Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Property:
    """A statement that holds for every right answer, tried on random inputs."""

    statement: str  # reads well after "It should hold that": "a model at the floor scores 0"
    holds: Callable[[Answer, Rng], bool]  # calls the answer itself; an exception inside counts as "does not hold"


@dataclass(frozen=True, kw_only=True)
class Misconception:
    """A plausible wrong answer, and what to tell the person who gave it."""

    name: str  # a few words that name the mistake: "natural units left in"
    wrong: Answer  # the wrong answer in code: an answer that agrees with it everywhere is recognised
    message: str  # what was done, and what to think about; never the solution itself


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise. Its id is the notebook's number and its place there: "00.1".

    `inputs(rng)` makes one tuple of arguments; a check draws several. `reference` answers them. With
    `unique=False` there are many right answers (a sampler, a design choice) and the properties alone decide.
    Raises: UsageError when stars, minutes, hints or `differentiable` are out of range.
    """

    id: str
    title: str
    inputs: Callable[[Rng], tuple[Any, ...]]
    reference: Answer
    hints: tuple[str, ...]
    properties: tuple[Property, ...]
    misconceptions: tuple[Misconception, ...]
    relative_tolerance: float = 1e-4
    absolute_tolerance: float = 1e-6
    unique: bool = True
    extremes: tuple[tuple[Any, ...], ...] = ()  # arguments where the reference is finite and a careless answer is not
    differentiable: tuple[int, ...] = ()  # places of tensor arguments to which the result must carry its gradient
    same_dtype: bool = False  # the result's dtype is part of the question; else float64 is as good as float32
    stars: int = 1  # difficulty: 1, 2 or 3
    minutes: int = 5  # what it takes someone who followed the notebook

    def __post_init__(self) -> None:
        if self.stars not in (1, 2, 3):
            raise UsageError(f"exercise {self.id}: stars = {self.stars!r}; it must be 1, 2 or 3")
        if self.minutes < 1:
            raise UsageError(f"exercise {self.id}: minutes = {self.minutes!r}; it must be at least 1")
        if not self.hints:
            raise UsageError(f"exercise {self.id} has no hints; give at least one")
        if any(place < 0 for place in self.differentiable):
            raise UsageError(f"exercise {self.id}: differentiable = {self.differentiable!r}; count arguments from 0")

    def agree(self, given: Any, expected: Any) -> bool:
        """True when two results are the same within this exercise's tolerances."""
        return agree(given, expected, rtol=self.relative_tolerance, atol=self.absolute_tolerance)

"""What an exercise is: a reference answer, properties of every right answer, and the mistakes worth recognising."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

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

    def agree(self, given: Any, expected: Any) -> bool:
        """True when two results are the same within this exercise's tolerances."""
        return agree(given, expected, rtol=self.relative_tolerance, atol=self.absolute_tolerance)

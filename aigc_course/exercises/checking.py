"""Judge an answer: is it there, is it right, and if not, which mistake is it?"""

import copy
import html
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from aigc_course.errors import UsageError
from aigc_course.exercises.compare import agree, as_array, describe, is_finite
from aigc_course.exercises.spec import Answer, Exercise

TRIALS = 20
Status = Literal["not started", "passed", "failed"]
_LOOK = {"not started": ("○", "#8a8a8a"), "passed": ("✓", "#2e9e5b"), "failed": ("✗", "#d9622b")}


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check found. True in a condition when the answer passed; shows itself in a notebook."""

    exercise_id: str
    title: str
    status: Status
    message: str
    misconception: str | None = None  # the name of the recognised mistake

    def __bool__(self) -> bool:
        return self.status == "passed"

    def __repr__(self) -> str:
        mark, _ = _LOOK[self.status]
        return f"{mark} {self.exercise_id} {self.title}: {self.status}. {self.message}"

    def _repr_html_(self) -> str:
        mark, colour = _LOOK[self.status]
        head = f"<b>{mark} {html.escape(self.exercise_id)} {html.escape(self.title)}: {self.status}</b>"
        body = html.escape(self.message).replace("\n", "<br>")
        style = f"border-left: 4px solid {colour}; padding: 0.4em 0.9em; background: {colour}1a; margin: 0.3em 0"
        return f'<div style="{style}">{head}<br>{body}</div>'


class _Raised:
    """Stands for a result where the answer raised; agrees with nothing."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def judge(exercise: Exercise, answer: Answer, seed: int | None = None) -> CheckResult:
    """Try `answer` on fresh random inputs.

    Args: seed: for the random inputs; None draws new ones each time.
    Raises: UsageError when `answer` is not a function.
    """
    if not callable(answer):
        raise UsageError(
            f"check({exercise.id!r}, …) takes the function itself, but was given {describe(answer)}; "
            "write its name without parentheses"
        )
    rng = np.random.default_rng(seed)
    trials = [exercise.inputs(rng) for _ in range(TRIALS)]
    try:
        results = [_call(answer, arguments) for arguments in trials]
    except NotImplementedError:
        return not_started(exercise)
    complaint = _plain_mistake(answer, trials, results)
    if complaint:
        return _failed(exercise, complaint)
    expected = [_call(exercise.reference, arguments) for arguments in trials]
    right = not exercise.unique or all(map(exercise.agree, results, expected))
    broken = _first_broken_property(exercise, answer, rng)
    if right and not broken:
        return CheckResult(exercise_id=exercise.id, title=exercise.title, status="passed", message=_praise(exercise))
    for misconception in exercise.misconceptions:
        wrong = [_call(misconception.wrong, arguments) for arguments in trials]
        if all(map(exercise.agree, results, wrong)):
            return _failed(exercise, misconception.message, misconception.name)
    form = _wrong_form(results[0], expected[0]) if exercise.unique else ""
    return _failed(exercise, form or broken or _first_difference(exercise, trials, results, expected))


def not_started(exercise: Exercise) -> CheckResult:
    """The result for a stub that nobody has filled in yet."""
    message = f'The notebook goes on with the package\'s own version. Stuck? hint("{exercise.id}")'
    return CheckResult(exercise_id=exercise.id, title=exercise.title, status="not started", message=message)


def _failed(exercise: Exercise, message: str, misconception: str | None = None) -> CheckResult:
    return CheckResult(
        exercise_id=exercise.id, title=exercise.title, status="failed", message=message, misconception=misconception
    )


def _praise(exercise: Exercise) -> str:
    held = "; ".join(item.statement for item in exercise.properties)
    return f"Right on {TRIALS} random inputs. What holds for every right answer: {held}."


def _call(answer: Answer, arguments: Sequence[Any]) -> Any:
    """The result on copies of `arguments`, so that no answer can change another's inputs."""
    try:
        return answer(*copy.deepcopy(arguments))
    except NotImplementedError:
        raise
    except Exception as error:
        return _Raised(error)


def _plain_mistake(answer: Answer, trials: Sequence[tuple[Any, ...]], results: Sequence[Any]) -> str:
    """A mistake that has nothing to do with the subject: an exception, a missing return, a changed argument."""
    for arguments, result in zip(trials, results, strict=True):
        if isinstance(result, _Raised):
            error = result.error
            return f"With {_inputs(arguments)} your function raises {type(error).__name__}: {error}"
    if all(result is None for result in results):
        return "Your function gives back None: is the return statement missing?"
    mine = copy.deepcopy(trials[0])
    with suppress(Exception):
        answer(*mine)
    if any(_changed(before, after) for before, after in zip(trials[0], mine, strict=True)):
        return "Your function changes what it was given; work on a new value instead of the argument itself."
    return ""


def _changed(before: Any, after: Any) -> bool:
    """True when a comparable argument is not what it was; models and other objects are not compared."""
    comparable = agree(before, before, rtol=0, atol=0)
    return comparable and not agree(after, before, rtol=0, atol=0)


def _wrong_form(given: Any, expected: Any) -> str:
    """A result of the wrong shape, or one that is not finite where the answer is."""
    mine, right = as_array(given), as_array(expected)
    if mine is None or right is None:
        return ""
    if mine.shape != right.shape:
        return f"Your function gives the shape {mine.shape}, but the answer has the shape {right.shape}."
    if is_finite(right) and not is_finite(mine):
        return f"Your function gives {describe(given)}, which is not finite."
    return ""


def _first_broken_property(exercise: Exercise, answer: Answer, rng: np.random.Generator) -> str:
    for item in exercise.properties:
        for _ in range(TRIALS):
            if not _holds(item.holds, answer, rng):
                return f"Not yet. It should hold that {item.statement}, and for your function it does not."
    return ""


def _holds(holds: Callable[[Answer, np.random.Generator], bool], answer: Answer, rng: np.random.Generator) -> bool:
    try:
        return bool(holds(answer, rng))
    except Exception:
        return False


def _first_difference(
    exercise: Exercise, trials: Sequence[tuple[Any, ...]], results: Sequence[Any], expected: Sequence[Any]
) -> str:
    for arguments, given, right in zip(trials, results, expected, strict=True):
        if not exercise.agree(given, right):
            what = describe(given) if is_finite(given) else f"{describe(given)} (not finite)"
            return (
                f"Not yet. With {_inputs(arguments)} your function gives {what}, but the answer is {describe(right)}."
            )
    return "Not yet."


def _inputs(arguments: Sequence[Any]) -> str:
    return "(" + ", ".join(describe(argument) for argument in arguments) + ")"

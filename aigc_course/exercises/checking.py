"""Judge an answer: is it there, is it right, and if not, which mistake is it?"""

import functools
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from aigc_course.exercises import complaints
from aigc_course.exercises.calls import AnswerError, Call, GuardedAnswer, learners_line
from aigc_course.exercises.compare import describe, in_the_form_of, is_finite
from aigc_course.exercises.gradients import wrong_gradient
from aigc_course.exercises.guard import Deadline, TimeIsUp, seconds_allowed, time_limit
from aigc_course.exercises.isolation import Printed, isolated
from aigc_course.exercises.results import CheckResult, Complaint, failed, not_started, passed
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property

__all__ = ["CheckResult", "judge", "not_started", "TRIALS"]

TRIALS = 20
_LEAST_TRIALS = 5  # what a slow answer is tried on
_SLOW = 0.25  # the part of the time after which the draws become fewer


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """One draw of inputs with what the answer and the reference make of it."""

    arguments: tuple[Any, ...]
    given: Call
    expected: Call
    right: bool


def judge(exercise: Exercise, answer: Answer, seed: int | None = None, seconds: float | None = None) -> CheckResult:
    """Try `answer` on fresh random inputs, under guard: see `guard` and `isolation` for what that is worth.

    Args:
        seed: for the random inputs; None draws new ones each time.
        seconds: the time limit of the whole check; None: AIGC_CHECK_SECONDS, else 10.
    Raises: nothing that the answer raises, but KeyboardInterrupt.
    """
    if not callable(answer):
        return failed(exercise, complaints.no_function(exercise, answer))
    seconds = seconds_allowed() if seconds is None else seconds
    with isolated() as printed, time_limit(seconds) as deadline:
        guarded = GuardedAnswer(answer, deadline)
        judgement = _Judgement(exercise, answer, guarded, deadline, printed, np.random.default_rng(seed))
        try:
            found = judgement.find()
        except TimeIsUp as error:
            line = learners_line(error.__traceback__, answer)
            found = complaints.too_slow(seconds, line, guarded.finished)
        except AnswerError as error:
            return not_started(exercise) if error.not_started else failed(exercise, complaints.exception(error, ()))
    text = printed.first_lines()
    return failed(exercise, found, text) if found else passed(exercise, len(judgement.trials), text)


class _Judgement:
    """One check in its order: the call's form, the values, the properties, gradients and extremes."""

    def __init__(
        self,
        exercise: Exercise,
        answer: Answer,
        guarded: GuardedAnswer,
        deadline: Deadline,
        printed: Printed,
        rng: np.random.Generator,
    ) -> None:
        self.exercise, self.answer, self.guarded = exercise, answer, guarded
        self.deadline, self.printed, self.rng = deadline, printed, rng
        self.trials: list[_Trial] = []

    def find(self) -> Complaint | None:
        """What is wrong with the answer; None when it is right. Raises: AnswerError for a stub, TimeIsUp."""
        first = self.exercise.inputs(self.rng)
        mistake = complaints.wrong_parameters(self.exercise, self.answer, first)
        if mistake:
            return mistake
        mistake = self._try(first)
        if mistake:
            return mistake
        property_seed = int(self.rng.integers(2**31))
        right = not self.exercise.unique or all(trial.right for trial in self.trials)
        if not right:
            return self._named(property_seed) or self._form() or self._value(property_seed)
        later = (self._gradient, self._extremes) if self.exercise.unique else ()
        broken = next((found for look in later if (found := look())), None) or self._broken(property_seed)
        if broken is None and not self.exercise.unique:
            broken = self._gradient() or self._extremes()
        return (self._named(property_seed) or broken) if broken else None

    def _try(self, first: tuple[Any, ...]) -> Complaint | None:
        """Fill `trials`; a mistake that shows in the calls themselves."""
        arguments = first
        reference = GuardedAnswer(self.exercise.reference, self.deadline)
        for number in range(TRIALS):
            if number:
                arguments = self.exercise.inputs(self.rng)
            given = self.guarded.call(arguments, seed=number)
            if given.error:
                if given.error.not_started:
                    raise given.error
                return complaints.exception(given.error, arguments)
            expected = reference.call(arguments, seed=number)
            mistake = complaints.inputs_changed(self.exercise, arguments, given, expected)
            if mistake:
                return mistake
            right = self.exercise.agree(given.value, expected.value)
            right = right and not (
                complaints.wrong_device(given.value, expected.value)
                or complaints.wrong_dtype(self.exercise, given.value, expected.value)
            )
            self.trials.append(_Trial(arguments=arguments, given=given, expected=expected, right=right))
            if self.deadline.spent > _SLOW and len(self.trials) >= _LEAST_TRIALS:
                break
        expected_values = [trial.expected.value for trial in self.trials]
        return complaints.no_result([trial.given for trial in self.trials], expected_values, self.printed.first_lines())

    def _named(self, property_seed: int) -> Complaint | None:
        """The first listed mistake that gives what the answer gives, everywhere."""
        for misconception in self.exercise.misconceptions:
            if self._same_as(misconception, property_seed):
                return Complaint(kind="misconception", message=misconception.message, misconception=misconception.name)
        return None

    def _same_as(self, misconception: Misconception, property_seed: int) -> bool:
        """Whether the answer makes this mistake: on every draw, and in a way that tells it from the right answer.

        A mistake that gives the right values on all these draws must break the same properties as the answer, lose
        the same gradients and fail at the same extremes; agreement alone would say nothing.
        """
        wrong = GuardedAnswer(misconception.wrong, self.deadline)
        agree, tells = self.exercise.agree, False
        for number, trial in enumerate(self.trials):
            call = wrong.call(trial.arguments, seed=number)
            if call.error or not agree(trial.given.value, call.value):
                return False
            tells = tells or not agree(call.value, trial.expected.value)
        if tells and self.exercise.unique:
            return True
        mine = self._symptoms(self.guarded, property_seed)
        return bool(mine) and mine == self._symptoms(wrong, property_seed)

    def _symptoms(self, answer: GuardedAnswer, property_seed: int) -> tuple[str, ...]:
        """Where a function fails apart from its values: properties, gradients, extremes."""
        item, first = self.exercise, self.trials[0]
        found = [p.statement for p in item.properties if not self._holds(p, answer, property_seed)]
        if item.differentiable:
            complaint = wrong_gradient(item, answer, first.arguments, first.expected.value, self.deadline)
            found += [complaint.kind] if complaint else []
        for place, extreme in enumerate(item.extremes):
            call = answer.call(extreme)
            found += [] if not call.error and is_finite(call.value) else [f"extreme {place}"]
        return tuple(found)

    def _holds(self, item: Property, answer: GuardedAnswer, seed: int) -> bool:
        """Whether a property holds on several draws; what the answer gives is put into the form of the reference's."""
        rng, pattern = np.random.default_rng(seed), self.trials[0].expected.value

        @functools.wraps(answer)
        def formed(*arguments: Any, **named: Any) -> Any:
            return in_the_form_of(answer(*arguments, **named), pattern)

        answer.last_error = None
        for number in range(TRIALS):
            if number >= _LEAST_TRIALS and self.deadline.spent > _SLOW:
                break
            with suppress(Exception):
                if item.holds(formed, rng):
                    continue
            return False
        return True

    def _form(self) -> Complaint | None:
        """A wrong device, dtype or shape, or a result that is not finite, in the first draw that is wrong."""
        trial = next(trial for trial in self.trials if not trial.right)
        given, expected = trial.given.value, trial.expected.value
        return (
            complaints.wrong_device(given, expected)
            or complaints.wrong_form(given, expected, trial.arguments)
            or complaints.wrong_dtype(self.exercise, given, expected)
        )

    def _value(self, property_seed: int) -> Complaint:
        """A wrong value that no listed mistake explains: the first broken property, and an example."""
        trial = next(trial for trial in self.trials if not trial.right)
        given, expected = describe(trial.given.value), describe(trial.expected.value)
        broken = self._broken(property_seed)
        rows = (
            ("Given", complaints.inputs_text(trial.arguments)),
            ("You gave", given),
            ("The answer", expected),
            *complaints.right_parts(self.exercise, trial.given.value, trial.expected.value),
        )
        if broken:
            return Complaint(kind="wrong value", message=broken.message, details=rows, excerpt=broken.excerpt)
        message = (
            f"Not yet. With {rows[0][1]} your function gives {given}, but the answer is {expected}."
            f"{' They differ in digits not shown.' if given == expected else ''}"
        )
        return Complaint(kind="wrong value", message=message, details=rows[3:])

    def _broken(self, property_seed: int) -> Complaint | None:
        """The first property that does not hold."""
        for item in self.exercise.properties:
            if not self._holds(item, self.guarded, property_seed):
                error = self.guarded.last_error
                why = f"it raises {type(error.cause).__name__}: {error}" if error else "it does not"
                return Complaint(
                    kind="broken property",
                    message=f"Not yet. It should hold that {item.statement}, and for your function {why}.",
                    excerpt=error.line.excerpt if error and error.line else "",
                )
        return None

    def _gradient(self) -> Complaint | None:
        if not self.exercise.differentiable:
            return None
        first = self.trials[0]
        return wrong_gradient(self.exercise, self.guarded, first.arguments, first.expected.value, self.deadline)

    def _extremes(self) -> Complaint | None:
        for arguments in self.exercise.extremes:
            call = self.guarded.call(arguments)
            expected = GuardedAnswer(self.exercise.reference, self.deadline).call(arguments).value
            if call.error:
                return complaints.exception(call.error, arguments)
            if self.exercise.agree(call.value, expected) or (not self.exercise.unique and is_finite(call.value)):
                continue
            rows = (
                ("Given", complaints.inputs_text(arguments)),
                ("You gave", describe(call.value)),
                ("The answer", describe(expected)),
            )
            finite = is_finite(call.value)
            return Complaint(
                kind="wrong at extremes" if finite else "not finite",
                message="Right on ordinary inputs, but at an extreme one your function "
                + (
                    "gives another value."
                    if finite
                    else "leaves the range of floating-point numbers: "
                    "which step overflows, divides by 0 or takes the logarithm of 0?"
                ),
                details=rows,
            )
        return None

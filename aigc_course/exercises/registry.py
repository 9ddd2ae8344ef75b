"""Every exercise by its id, and the three calls that a notebook makes: check, hint, progress."""

from functools import cache
from importlib import import_module

from aigc_course.errors import CourseError, UsageError, unknown
from aigc_course.exercises import record
from aigc_course.exercises.checking import CheckResult, judge
from aigc_course.exercises.spec import Answer, Exercise

# One module for each subject; each holds a tuple EXERCISES.
_SUBJECTS = (
    "language",
    "neurons",
    "backprop",
    "loss_gradients",
    "cross_entropy",
    "optimization",
    "update_rules",
    "variational",
    "variational_bounds",
    "attention",
    "transformer",
    "tokens",
    "text_sampling",
)


@cache
def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the course, by id, in the order of the ids."""
    found: dict[str, Exercise] = {}
    for subject in _SUBJECTS:
        for item in import_module(f"aigc_course.exercises.{subject}").EXERCISES:
            if item.id in found:
                raise UsageError(f"two exercises have the id {item.id!r}; give the one in {subject}.py another id")
            found[item.id] = item
    return dict(sorted(found.items()))


def exercise(exercise_id: str) -> Exercise:
    """The exercise with this id. Raises: UsageError naming the nearest id."""
    exercises = all_exercises()
    if exercise_id not in exercises:
        raise unknown("exercise", exercise_id, exercises)
    return exercises[exercise_id]


def check(exercise_id: str, answer: Answer) -> CheckResult:
    """Try an answer on fresh random inputs and remember the outcome.

    The last line of a cell, it shows: not started, passed, or what is wrong, by name where the mistake is known.
    """
    result = judge(exercise(exercise_id), answer)
    try:
        record.note_check(exercise_id, result.status)
    except CourseError as error:  # a read-only checkout must not keep anyone from learning
        print(f"Your progress was not saved: {error}")
    return result


def hint(exercise_id: str) -> None:
    """Print the next hint for an exercise: one at a time, the first ones small."""
    item = exercise(exercise_id)
    shown = record.note_hint(exercise_id, len(item.hints))
    print(f"Hint {shown} of {len(item.hints)} for {exercise_id}: {item.hints[shown - 1]}")
    if shown == len(item.hints):
        print("That was the last hint.")


def progress() -> None:
    """Print how far each exercise is: passed, failed or not started, with tries and hints."""
    seen = record.read()
    marks = {"passed": "✓", "failed": "✗"}
    for item in all_exercises().values():
        entry = seen.get(item.id, record.Entry())
        used = f"{entry.tries} tries, {entry.hints} hints" if entry.tries or entry.hints else ""
        print(f"{marks.get(entry.status, '○')} {item.id}  {item.title:<48} {entry.status:<12} {used}".rstrip())

"""Every exercise by its id, and the four calls that a notebook makes: check, hint, solution, progress."""

from collections import Counter
from functools import cache, partial
from importlib import import_module

from aigc_course.errors import CourseError, UsageError, unknown
from aigc_course.exercises import record
from aigc_course.exercises.answers import Solution, honest_question, solution_of
from aigc_course.exercises.checking import CheckResult, judge
from aigc_course.exercises.spec import Answer, Exercise
from aigc_course.exercises.summary import report_html, report_text
from aigc_course.widgets.live_page import LivePage, refresh_pages

# One module for each subject; each holds a tuple EXERCISES.
_SUBJECTS = (
    "language",
    "neurons",
    "backprop",
    "loss_gradients",
    "cross_entropy",
    "optimization",
    "update_rules",
    "adversarial",
    "game_dynamics",
    "slope_penalty",
    "sample_distances",
    "image_model",
    "image_evaluation",
    "linear_codes",
    "variational",
    "variational_bounds",
    "attention",
    "transformer",
    "tokens",
    "text_sampling",
    "text_batches",
    "validation",
    "repetition",
    "scaling",
    "layer_sides",
    "spectral_normalisation",
    "augmented_losses",
    "gaussian_distance",
    "neighbour_balls",
    "latent_walks",
    "binary_pixels",
    "likelihood_units",
    "pixel_levels",
    "free_bits",
    "learned_priors",
    "importance_weights",
    "posterior_term",
    "soft_targets",
    "showing_images",
    "short_time_spectrum",
    "mel_bands",
    "decibels",
    "tones",
    "lost_phases",
    "sound_likelihood",
    "binomial_intervals",
    "unbiased_kernels",
    "resampling",
    "class_sharpness",
    "rounded_weights",
    "cache_memory",
    "queue_latency",
    "input_drift",
    "secret_exposure",
    "score_ranking",
    "private_gradients",
    "green_tokens",
)


_unsaved_hints: Counter[str] = Counter()  # hints shown while the progress file could not be written


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
    refresh_pages()
    return result


def hint(exercise_id: str) -> None:
    """Print the next hint for an exercise: one at a time, the first ones small."""
    item = exercise(exercise_id)
    try:
        shown = record.note_hint(exercise_id, len(item.hints))
    except CourseError as error:
        print(f"Your progress was not saved: {error}")
        _unsaved_hints[exercise_id] += 1
        shown = min(_unsaved_hints[exercise_id], len(item.hints))
    print(f"Hint {shown} of {len(item.hints)} for {exercise_id}: {item.hints[shown - 1]}")
    if shown == len(item.hints):
        print(f'That was the last hint. When you have tried it: solution("{exercise_id}")')
    refresh_pages()


def solution(exercise_id: str, *, honestly: bool = False) -> Solution | None:
    """Ask whether the solution is wanted yet, and show it: its code, the way to it, and what holds for it.

    Args: honestly: True stands for a yes, where nobody can be asked (a script, a notebook that runs by itself).
    Returns: the solution, which shows itself as the last line of a cell; None when the answer was no.
    """
    item = exercise(exercise_id)
    if not (honestly or _wanted(item)):
        return None
    try:
        record.note_solution(exercise_id)
    except CourseError as error:
        print(f"Your progress was not saved: {error}")
    refresh_pages()
    return solution_of(item)


def _wanted(item: Exercise) -> bool:
    """The honest question, and whether its answer was yes. Who has passed already is not asked."""
    try:
        entry = record.read().get(item.id, record.Entry())
    except CourseError:
        entry = record.Entry()
    if entry.status == "passed":
        return True
    print(honest_question(item, entry))
    try:
        reply = input(f"Type yes to see the solution of {item.id}: ")
    except (EOFError, OSError, RuntimeError):  # no stdin: a script, nbconvert (whose error is a RuntimeError)
        print(f'Nobody can answer here. solution("{item.id}", honestly=True) shows it without asking.')
        return False
    if reply.strip().strip("'\"").casefold() in ("yes", "y"):
        return True
    print("Not shown. It will still be there after your next try.")
    return False


def progress() -> LivePage:
    """How far you are: for each notebook and exercise what was passed, when, with how many tries and hints.

    The last line of a cell, it shows a table that is up to date after each `check`; `print(progress())` gives text.
    """
    exercises = all_exercises().values()
    return LivePage(partial(report_html, exercises), partial(report_text, exercises), title="your progress")

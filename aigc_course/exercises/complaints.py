"""Mistakes that have nothing to do with the subject: each is one class of error with one message of its own."""

import inspect
from collections.abc import Generator, Sequence
from typing import Any

from aigc_course.exercises.calls import AnswerError, Call, Line
from aigc_course.exercises.compare import agree, as_array, describe, dtype_kind, is_finite
from aigc_course.exercises.results import Complaint
from aigc_course.exercises.spec import Answer, Exercise

_NAMED_PARTS = 6  # a longer list is one thing with many numbers


def no_function(exercise: Exercise, answer: Any) -> Complaint:
    """Something was given that cannot be called."""
    return Complaint(
        kind="not a function",
        message=f"check({exercise.id!r}, …) takes the function itself, but was given {describe(answer)}; "
        "write its name without parentheses.",
    )


def wrong_parameters(exercise: Exercise, answer: Answer, arguments: Sequence[Any]) -> Complaint | None:
    """The function cannot be called with as many arguments as the exercise has."""
    try:
        signature = inspect.signature(answer)
    except (TypeError, ValueError):  # some built-in functions tell nothing
        return None
    try:
        signature.bind(*arguments)
    except TypeError:
        mine, wanted = list(signature.parameters), _parameters(exercise, len(arguments))
        named = any(item.kind is item.KEYWORD_ONLY for item in signature.parameters.values())
        return Complaint(
            kind="wrong parameters",
            message=f"Your function takes {_count(mine)}, but the exercise gives it {_count(wanted)}"
            + (" in this order: what stands after the * can be given by its name alone." if named else "."),
        )
    return None


def _parameters(exercise: Exercise, number: int) -> list[str]:
    try:
        names = list(inspect.signature(exercise.reference).parameters)
    except (TypeError, ValueError):
        names = []
    return names[:number] if len(names) >= number else [f"argument {place + 1}" for place in range(number)]


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} argument{'' if len(names) == 1 else 's'} ({', '.join(names)})" if names else "no arguments"


def exception(error: AnswerError, arguments: Sequence[Any]) -> Complaint:
    """The answer raised, left Python, called itself without end, or asked for too much memory."""
    cause, where = error.cause, f" at {error.line}" if error.line else ""
    kind, text = "exception", str(cause).strip().split("\n")[0][:300]
    message = (
        f"Your function raises {type(cause).__name__}{where}: {text}"
        if text
        else (f"Your function raises {type(cause).__name__}{where}.")
    )
    if isinstance(cause, RecursionError):
        kind, message = "no end", f"Your function calls itself without end{where}: which case ends it?"
    elif isinstance(cause, MemoryError) or "allocate memory" in text:
        kind, message = (
            "too much memory",
            f"Your function asks for more memory than there is{where}: {text}".rstrip(": "),
        )
    elif isinstance(cause, SystemExit):
        kind, message = "exit", f"Your function ends Python{where}: give the result back instead of calling exit."
    return Complaint(
        kind=kind, message=message, details=(("Given", inputs_text(arguments)),), excerpt=_excerpt(error.line)
    )


def too_slow(seconds: float, line: Line | None, calls: int) -> Complaint:
    """The time limit was reached; `calls` calls had ended by then."""
    where = f" at {line}" if line else ""
    what = (
        f"Your function was stopped after {seconds:g} seconds{where}: does its loop come to an end?"
        if calls == 0
        else f"The check was stopped after {seconds:g} seconds and {calls} calls of your function{where}. "
        "Either one call has no end, or each takes too long."
    )
    return Complaint(
        kind="no end",
        message=what + " On a slow machine, set AIGC_CHECK_SECONDS to more seconds.",
        excerpt=_excerpt(line),
    )


def no_result(calls: Sequence[Call], expected: Sequence[Any], printed: str) -> Complaint | None:
    """None, a function, a generator or a coroutine came back instead of a value."""
    given, right = calls[0].value, expected[0]
    if right is None:
        return None
    if all(call.value is None for call in calls):
        hint = "it prints the result; give it back with return." if printed else "is the return statement missing?"
        return Complaint(kind="no return", message=f"Your function gives back None: {hint}")
    if given is NotImplemented or given is Ellipsis:
        return Complaint(kind="no return", message=f"Your function gives back {given!r}, which stands for no answer.")
    if inspect.iscoroutine(given):
        given.close()
        return Complaint(kind="wrong type", message="Your function is an async def; write it with a plain def.")
    if isinstance(given, Generator):
        return Complaint(kind="wrong type", message="Your function yields; give the whole result back with return.")
    if callable(given) and not callable(right):
        text = "Your function gives back a function; call that function and give back what it gives."
        return Complaint(kind="wrong type", message=text)
    return None


def inputs_changed(exercise: Exercise, before: Sequence[Any], call: Call, reference: Call) -> Complaint | None:
    """An argument is not what it was, and the reference leaves it alone."""
    for place, (old, new, untouched) in enumerate(zip(before, call.arguments, reference.arguments, strict=True)):
        if _changed(old, new) and not _changed(old, untouched):
            name = _parameters(exercise, len(before))[place]
            return Complaint(
                kind="inputs changed",
                message=f"Your function changes what it was given ({name}); "
                "work on a new value instead of the argument itself.",
                details=(("Before", describe(old)), ("After", describe(new))),
            )
    return None


def _changed(before: Any, after: Any) -> bool:
    """True when a comparable argument is not what it was; models and other objects are not compared."""
    comparable = agree(before, before, rtol=0, atol=0)
    return comparable and not (
        agree(after, before, rtol=0, atol=0) and getattr(after, "shape", None) == getattr(before, "shape", None)
    )


def wrong_device(given: Any, expected: Any) -> Complaint | None:
    """The result lies on another device than the answer."""
    mine, right = getattr(given, "device", None), getattr(expected, "device", None)
    if mine is None or right is None or str(mine).split(":")[0] == str(right).split(":")[0]:
        return None
    return Complaint(
        kind="wrong device",
        message=f"Your function gives a tensor on the device {str(mine)!r}, but its inputs are on {str(right)!r}; "
        "make new tensors with device=x.device, or from x itself (torch.zeros_like, x.new_zeros).",
    )


def wrong_dtype(exercise: Exercise, given: Any, expected: Any) -> Complaint | None:
    """The result is of another type than asked for, or of a kind of number that cannot hold the answer."""
    mine, right = getattr(given, "dtype", type(given).__name__), getattr(expected, "dtype", type(expected).__name__)
    if exercise.same_dtype and mine != right:
        return Complaint(
            kind="wrong dtype", message=f"Your function gives the dtype {mine}, but the exercise asks for {right}."
        )
    if isinstance(given, str | bytes) and as_array(expected) is not None:
        text = f"Your function gives the text {describe(given)}, but the answer is made of numbers."
        return Complaint(kind="wrong dtype", message=text)
    kinds = dtype_kind(given), dtype_kind(expected)
    fractions = kinds in {("whole", "real"), ("boolean", "real")} and not _whole(expected)
    if fractions or ("complex" in kinds and kinds[0] != kinds[1] and all(kinds)):
        return Complaint(
            kind="wrong dtype",
            message=f"Your function gives {kinds[0]} numbers ({mine}), but the answer has {kinds[1]} ones ({right}): "
            "where do they get lost or come in?",
        )
    return None


def _whole(value: Any) -> bool:
    array = as_array(value)
    return array is not None and bool((array == array.round()).all())


def wrong_form(given: Any, expected: Any, arguments: Sequence[Any]) -> Complaint | None:
    """A result of the wrong shape or length, or one that is not finite where the answer is."""
    mine, right = as_array(given), as_array(expected)
    details = (("Given", inputs_text(arguments)), ("You gave", describe(given)))
    if mine is not None and right is not None and mine.shape != right.shape:
        text = f"Your function gives the shape {mine.shape}, but the answer has the shape {right.shape}."
        return Complaint(kind="wrong shape", message=text, details=details)
    sequences = isinstance(expected, list | tuple) and isinstance(given, list | tuple)
    if sequences and right is None and len(given) != len(expected):
        text = f"Your function gives {len(given)} values, but the answer has {len(expected)}."
        return Complaint(kind="wrong shape", message=text, details=details)
    if is_finite(expected) and not is_finite(given):
        text = f"Your function gives {describe(given)}, which is not finite."
        return Complaint(kind="not finite", message=text, details=details[:1])
    return None


def right_parts(exercise: Exercise, given: Any, expected: Any) -> tuple[tuple[str, str], ...]:
    """Of a result with several parts, some right and some wrong: which are which, as a row of details."""
    both = isinstance(given, list | tuple) and isinstance(expected, list | tuple)
    if not both or len(given) != len(expected) or len(expected) > _NAMED_PARTS:
        return ()
    right = [exercise.agree(mine, part) for mine, part in zip(given, expected, strict=True)]
    if all(right) or not any(right):
        return ()
    return (("Parts", ", ".join(f"{n} {'right' if ok else 'wrong'}" for n, ok in enumerate(right, start=1))),)


def inputs_text(arguments: Sequence[Any]) -> str:
    """The arguments of a call in short."""
    return "(" + ", ".join(describe(argument) for argument in arguments) + ")"


def _excerpt(line: Line | None) -> str:
    return line.excerpt if line else ""

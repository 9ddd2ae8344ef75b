"""One call of an answer under guard: what it gave back or how it ended, and at which of the learner's lines."""

import copy
import dis
import functools
import inspect
import linecache
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import Tensor

from aigc_course.exercises.guard import Deadline, TimeIsUp
from aigc_course.exercises.isolation import seed_everything
from aigc_course.exercises.spec import Answer

_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_PACKAGE = str(Path(__file__).resolve().parents[1])
_RAISE = dis.opmap["RAISE_VARARGS"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the learner's own code."""

    number: int  # in its cell or file, from 1
    place: str  # "Cell In[7]" or a file's name
    excerpt: str  # the line with its neighbours, an arrow before it; "" when the source is not known

    def __str__(self) -> str:
        return f"line {self.number} of {self.place}"


class AnswerError(Exception):
    """Stands for whatever an answer raised (sys.exit() too), so that it ends nothing but the call."""

    def __init__(self, cause: BaseException, line: Line | None, not_started: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.line = line
        self.not_started = not_started


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that ended. `arguments` are the copies that the answer was given, as it left them."""

    arguments: tuple[Any, ...]
    value: Any = None
    error: AnswerError | None = None


class GuardedAnswer:
    """The answer as a function that obeys a deadline and raises nothing but AnswerError and TimeIsUp.

    KeyboardInterrupt passes through: the stop button must work.
    """

    def __init__(self, answer: Answer, deadline: Deadline) -> None:
        self._answer = answer
        self._deadline = deadline
        self.last_error: AnswerError | None = None
        self.finished = 0  # calls that came to an end
        functools.update_wrapper(self, answer, updated=())

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.last_error = None
        try:
            with self._deadline.guarded():
                value = self._answer(*arguments, **named)
            self.finished += 1
            return value
        except (KeyboardInterrupt, TimeIsUp):
            raise
        except BaseException as error:
            found = AnswerError(error, learners_line(error.__traceback__, self._answer), _is_stub(error))
            traceback.clear_frames(error.__traceback__)  # what the answer had taken is free again
            self.last_error = found
            raise found from None

    def call(self, arguments: Sequence[Any], seed: int = 0) -> Call:
        """Call it on copies of `arguments`, with the same random numbers for the same seed."""
        mine = tuple(_copied(argument) for argument in arguments)
        seed_everything(seed)
        try:
            return Call(arguments=mine, value=self(*mine))
        except AnswerError as error:
            return Call(arguments=mine, error=error)


def _copied(argument: Any) -> Any:
    """A deep copy; plain tensors, which most arguments are, in the quick way."""
    if type(argument) is Tensor and argument.is_contiguous() and not argument.requires_grad:
        return argument.clone()
    return copy.deepcopy(argument)


def learners_line(trace: TracebackType | None, answer: Answer) -> Line | None:
    """The last line of a traceback that is neither this package's nor a library's."""
    own_file = getattr(getattr(inspect.unwrap(answer), "__code__", None), "co_filename", None)
    found = None
    for frame, number in _frames(trace):
        file = frame.f_code.co_filename
        if file == own_file or _is_learners(file):
            found = (frame, number)
    if found is None:
        return None
    frame, number = found
    file = frame.f_code.co_filename
    lines = {n: linecache.getline(file, n, frame.f_globals).rstrip() for n in (number - 1, number, number + 1)}
    return Line(number=number, place=_place(file), excerpt=_excerpt(lines, number))


def _frames(trace: TracebackType | None) -> Iterator[tuple[Any, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _is_learners(file: str) -> bool:
    return not (file.startswith((_PACKAGE, *_LIBRARIES)) or "site-packages" in file or file.startswith("<frozen"))


def _excerpt(lines: dict[int, str], number: int) -> str:
    if not lines[number].strip():
        return ""
    shown = {n: text for n, text in lines.items() if text.strip()}
    indent = min(len(text) - len(text.lstrip()) for text in shown.values())
    width = len(str(max(shown)))
    return "\n".join(f"{'→' if n == number else ' '} {n:>{width}}  {text[indent:]}"[:160] for n, text in shown.items())


def _place(file: str) -> str:
    """How the learner knows a file: the cell by its number in a notebook, else the file's name."""
    try:
        from IPython import get_ipython

        kind, name = get_ipython().compile.format_code_name(file)
    except Exception:  # no IPython, no shell, or a file that is no cell: None cannot be taken apart
        return "what you typed" if file.startswith("<") else Path(file).name
    return f"{kind} {name}"


def _is_stub(error: BaseException) -> bool:
    """True for NotImplementedError raised by a `raise` statement; libraries raise it too, but for other reasons."""
    if not isinstance(error, NotImplementedError):
        return False
    last = None
    trace = error.__traceback__
    while trace is not None:
        last, trace = trace, trace.tb_next
    if last is None or "site-packages" in last.tb_frame.f_code.co_filename:
        return False
    return last.tb_frame.f_code.co_code[last.tb_lasti] == _RAISE

"""Judge one exercise of a submission: the function runs in a closed-off process, the verdict is made here."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aigc_course.exercises.checking import CheckResult, judge
from aigc_course.exercises.results import Complaint, failed
from aigc_course.exercises.spec import Exercise
from aigc_course.teaching.classes.closed_process import ClosedProcesses, RemoteAnswer
from aigc_course.teaching.classes.wire import Line, WireError

_PATIENCE = 3.0
_BACKWARD_SECONDS = 5.0  # more than a check takes: it limits calls of a function, but not all of its backward passes
_FOR_LEARNERS = " On a slow machine, set AIGC_CHECK_SECONDS to more seconds."
DEFINITION_SECONDS = 30.0  # for the cells that an answer needs


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of one exercise."""

    result: CheckResult
    seconds: float
    cpu_seconds: float  # of the learner's code


def judge_closed(
    processes: ClosedProcesses, cells: Sequence[str], exercise: Exercise, name: str, seconds: float
) -> Verdict:
    """Judge the answer to `exercise` in a notebook's code cells.

    Args:
        name: the function as the course's notebook calls it.
        seconds: of processor time for the learner's code; by the clock it may take three times as long, so that a busy
            machine fails nobody.
    """
    start = time.monotonic()
    line = processes.start()
    answer: RemoteAnswer | None = None
    problem: Complaint | None = None
    try:
        found = _defined(line, cells, exercise.id, name)
        if isinstance(found, RemoteAnswer):
            answer = found
            line.end_after(_PATIENCE * seconds + _BACKWARD_SECONDS)
            result = judge(exercise, answer, seconds=_PATIENCE * seconds)
        else:
            problem = found
    except (EOFError, OSError, WireError):
        problem = Complaint(kind="stopped", message="The code that your function needs was stopped: {reason}.")
    except Exception as error:  # a check that does not survive an answer is no reason to grade nobody else
        problem = Complaint(kind="not judged", message=f"Your function gives what cannot be judged: {error}")
    if answer and answer.ended is not None:
        problem = Complaint(kind="stopped", message="Your function was stopped: {reason}.")
    stopped = problem is not None and problem.kind == "stopped"
    ending = processes.end(line, gone=stopped)
    if problem:
        reason = (answer.ended if answer else "") or ending.reason or "it ended"
        text = problem.message.replace("{reason}", reason) if stopped else problem.message
        result = failed(exercise, replace(problem, message=text))
    elif result.kind == "no end":
        result = replace(result, message=result.message.removesuffix(_FOR_LEARNERS))
    elif answer and answer.last_place and not result.excerpt and result.status == "failed":
        result = replace(result, excerpt=_excerpt(cells, *answer.last_place))
    return Verdict(result=result, seconds=time.monotonic() - start, cpu_seconds=ending.cpu_seconds)


def _defined(line: Line, cells: Sequence[str], exercise_id: str, name: str) -> RemoteAnswer | Complaint:
    """The function behind the line, or what is wrong with the code that it needs."""
    try:
        line.end_after(DEFINITION_SECONDS)
        line.send({"cells": list(cells), "exercise": exercise_id, "name": name}, [])
        found, _ = line.receive()
    except TimeoutError:
        text = f"The code that your function needs was stopped after {DEFINITION_SECONDS:g} seconds."
        return Complaint(kind="no end", message=text)
    if "stopped" in found:
        text = f"The code that your function needs called {str(found['stopped'])[:40]}, which no exercise needs."
        return Complaint(kind="stopped", message=text)
    if "problem" in found:
        return Complaint(kind="not defined", message=str(found["problem"])[:600])
    if found.get("callable") is not True:
        text = (
            f"check({exercise_id!r}, …) takes a function, but was given something else ({str(found.get('is'))[:60]})."
        )
        return Complaint(kind="not a function", message=text)
    return RemoteAnswer(line, name, found.get("parameters"))


def _excerpt(cells: Sequence[str], cell: int, line: int) -> str:
    """The line of a code cell (both from 1) with its neighbours, an arrow before it."""
    lines: Any = cells[cell - 1].split("\n") if 1 <= cell <= len(cells) else []
    near = range(max(1, line - 1), min(len(lines), line + 1) + 1)
    return "\n".join(f"{'→' if number == line else ' '} {number:>3}  {lines[number - 1]}"[:160] for number in near)

"""Judging over a line gives what judging in one process gives: for every reference and every listed mistake."""

import contextlib
import socket
import threading

import pytest

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import all_exercises
from aigc_course.teaching.classes import worker
from aigc_course.teaching.classes.closed_process import RemoteAnswer
from aigc_course.teaching.classes.wire import Line


@contextlib.contextmanager
def at_the_other_end(function):
    """`function` behind a line, served by a thread instead of a closed-off process."""
    mine, other = socket.socketpair()
    runner = worker._Runner(Line(other), function, worker._Printed())

    def serve():
        with contextlib.suppress(EOFError, OSError):
            while True:
                runner.answer(*runner.line.receive())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield RemoteAnswer(Line(mine), "answer", worker._parameters(function))
    finally:
        mine.close()
        thread.join()
        other.close()


def _require_the_same_verdict(item, functions):
    for function in functions:
        here = judge(item, function, seed=1)
        with at_the_other_end(function) as answer:
            there = judge(item, answer, seed=1)
        assert (there.status, there.misconception, there.kind) == (here.status, here.misconception, here.kind), there


# Functions as arguments, objects that stay at the other end, arrays, text, gradients through the answer and twice.
@pytest.mark.parametrize("exercise_id", ["02.5", "03.4", "03.6", "04.7", "05.3", "07.6", "08.3"])
def test_the_same_verdict_over_a_line(exercise_id):
    item = all_exercises()[exercise_id]
    _require_the_same_verdict(item, [item.reference, item.misconceptions[-1].wrong])


@pytest.mark.slow
@pytest.mark.parametrize("exercise_id", all_exercises())
def test_the_same_verdict_over_a_line_for_every_mistake(exercise_id):
    item = all_exercises()[exercise_id]
    _require_the_same_verdict(item, [item.reference, *(mistake.wrong for mistake in item.misconceptions)])

"""Answers that do not end, leave Python, or change what belongs to the notebook."""

import random
import signal
import sys
import threading
import time

import numpy as np
import pytest
import torch

from aigc_course.exercises.checking import judge
from aigc_course.exercises.language import PERPLEXITY


def forever(x):
    while True:
        pass


def forever_catching_exceptions(x):
    while True:
        try:  # noqa: SIM105
            x += 1
        except Exception:
            pass


def forever_catching_everything(x):
    while True:
        try:  # noqa: SIM105
            x += 1
        except:  # noqa: E722
            pass


def asleep(x):
    time.sleep(1e9)


# It would never end: the interpreter lets no signal into the one, and the guard's tracer is refused in the other.
unstoppable_on_3_10 = pytest.mark.xfail(sys.version_info < (3, 11), reason="a known fault on Python 3.10", run=False)


@pytest.mark.parametrize(
    "answer",
    [
        forever,
        pytest.param(forever_catching_exceptions, marks=unstoppable_on_3_10),
        pytest.param(forever_catching_everything, marks=unstoppable_on_3_10),
        asleep,
    ],
)
def test_what_has_no_end_is_stopped_at_its_line(answer):
    handler = signal.getsignal(signal.SIGALRM)
    result = judge(PERPLEXITY, answer, seconds=0.2)
    assert (result.status, result.kind) == ("failed", "no end")
    assert "of test_guard.py" in result.message and "→" in result.excerpt
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_loop_on_another_thread_is_stopped_too():
    found = []
    thread = threading.Thread(target=lambda: found.append(judge(PERPLEXITY, forever, seconds=0.2)))
    thread.start()
    thread.join(30)
    assert found and found[0].kind == "no end"


def recursion(x):
    return recursion(x)


def leave(x):
    sys.exit(3)


def raise_base(x):
    raise BaseException("base")


@pytest.mark.parametrize(
    ("answer", "kind"), [(recursion, "no end"), (leave, "exit"), (raise_base, "exception")], ids=lambda v: str(v)[:20]
)
def test_whatever_is_raised_ends_only_the_call(answer, kind):
    result = judge(PERPLEXITY, answer)
    assert (result.status, result.kind) == ("failed", kind)
    assert "test_guard.py" in result.message


def test_the_stop_button_works():
    def stopped(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(PERPLEXITY, stopped)


def test_nothing_of_the_notebook_is_changed(capsys):
    def meddle(x):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.manual_seed(1), np.random.seed(1), random.seed(1)
        print("seen\n" * 1000)
        return np.exp(x)

    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    result = judge(PERPLEXITY, meddle)
    assert result.status == "passed"
    assert result.printed.startswith("seen") and capsys.readouterr().out == ""
    assert torch.get_default_dtype() is torch.float32 and torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1]) and random.getstate() == states[2]

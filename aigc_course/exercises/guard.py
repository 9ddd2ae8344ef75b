"""A time limit for code that may never end.

What it can do. On the main thread of Linux and macOS a timer signal stops Python code, sleeping, waiting and most
library calls, also where the code catches Exception or, unless it nests them, every exception. On other threads and on
Windows a watchdog thread asks the interpreter to stop the code at its next line of Python.

What it cannot do. One call into compiled code that does not come back to Python (a huge matrix product) is stopped only
when it returns, and on Windows so is a long sleep. On Python 3.10 a loop with a bare `except:` goes on, and so does one
that is all `try` and calls no function. Threads and processes that the code started go on. This is a guard against
mistakes, not a wall against malice: the code runs in this very process, because functions of a notebook cannot be sent
to a fresh one, and a fork of a process in which torch has started threads may hang.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from aigc_course.errors import UsageError

DEFAULT_SECONDS = 10.0
_REPEAT_SECONDS = 0.1


class TimeIsUp(BaseException):
    """Raised inside code that ran too long; no Exception, so that `except Exception` does not catch it."""


def seconds_allowed() -> float:
    """The time limit of one check: AIGC_CHECK_SECONDS (for slow machines), else 10.

    Raises: UsageError when the setting is not a positive number.
    """
    text = os.environ.get("AIGC_CHECK_SECONDS", "").strip()
    try:
        seconds = float(text) if text else DEFAULT_SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"AIGC_CHECK_SECONDS is {text!r}; give a number of seconds above 0, for example 30")
    return seconds


class Deadline:
    """A time limit that interrupts only what runs within `guarded()`; everything else just sees `expired`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._start = time.monotonic()
        self._guarding = False
        self._knocks = 0
        self._lock = threading.Lock()
        self._thread = threading.get_ident()

    @property
    def spent(self) -> float:
        """The used part of the time, from 0."""
        return (time.monotonic() - self._start) / self.seconds

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """The code in this block is interrupted by TimeIsUp. Raises: TimeIsUp also when it swallowed that."""
        tracer = sys.gettrace()
        self._guarding = True
        try:
            if self.expired:
                raise TimeIsUp
            yield
        finally:
            with self._lock:
                self._guarding = False
                if self._knocks:
                    sys.settrace(tracer)
                    _raise_in_thread(self._thread, None)
        if self.expired:
            raise TimeIsUp

    def on_alarm(self, _number: int, frame: FrameType | None) -> None:
        """The handler of the timer signal."""
        self.expired = True
        if not self._guarding:
            return
        self._knocks += 1
        if self._knocks > 1:
            _raise_at_next_line(frame)
        raise TimeIsUp

    def watch(self, ended: threading.Event) -> None:
        """The watchdog's life, for threads and systems without the timer signal."""
        wait = self.seconds
        while not ended.wait(wait):
            wait = _REPEAT_SECONDS
            with self._lock:
                self.expired = True
                if self._guarding:
                    self._knocks += 1
                    _raise_in_thread(self._thread, TimeIsUp)


@contextmanager
def time_limit(seconds: float) -> Iterator[Deadline]:
    """A Deadline of `seconds` for the block; timers and signal handlers are put back behind it."""
    deadline = Deadline(seconds)
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        handler = signal.signal(signal.SIGALRM, deadline.on_alarm)
        left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT_SECONDS)
        start = time.monotonic()
        try:
            yield deadline
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
            if left:  # someone else's timer: it goes on, at the latest at once
                signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - start), 1e-3), interval)
        return
    ended = threading.Event()
    watchdog = threading.Thread(target=deadline.watch, args=(ended,), daemon=True, name="check-watchdog")
    watchdog.start()
    try:
        yield deadline
    finally:
        ended.set()
        watchdog.join()


def _raise_in_thread(thread: int, error: type[BaseException] | None) -> None:
    """Raise `error` at the next line that the thread runs; None takes back what was not raised yet."""
    raised = ctypes.py_object(error) if error else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


def _raise_at_next_line(frame: FrameType | None) -> None:
    """Raise TimeIsUp once more where a bare `except:` swallowed it: at the first line of its handler."""

    def refuse(_frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            raise TimeIsUp
        return refuse

    sys.settrace(refuse)
    while frame is not None and frame.f_code is not Deadline.guarded.__wrapped__.__code__:  # type: ignore[attr-defined]
        if not frame.f_code.co_filename.startswith(os.path.dirname(__file__)):
            frame.f_trace = refuse
        frame = frame.f_back

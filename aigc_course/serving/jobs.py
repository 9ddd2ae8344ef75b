"""A bounded queue of work and the threads that do it. Of one model, one job is worked on at a time.

Models needn't be safe to use from several threads, and the event loop of the web server stays free for the others.
"""

import asyncio
import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import torch

from aigc_course.errors import CourseError
from aigc_course.serving.errors import ClientLeft, NotReady, QueueFull, TimeLimit, serving_error
from aigc_course.serving.limits import Limits
from aigc_course.serving.log import log_fault

_END = object()


class Job:
    """Work in the queue: `results()` gives to the event loop what the work yields in a thread.

    `cancel()` frees its place: at once while it waits, else before the next result.
    """

    def __init__(
        self, model: str, work: Callable[[], Iterator[Any]], seconds: float, on_cancel: Callable[["Job"], None]
    ) -> None:
        self.model, self.work = model, work
        self.is_cancelled = False
        self._seconds, self._end = seconds, time.monotonic() + seconds
        self._on_cancel = on_cancel
        self._loop = asyncio.get_running_loop()
        self._results: asyncio.Queue[Any] = asyncio.Queue()

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for the next result: the client left, or the time is up."""
        return self.is_cancelled or time.monotonic() > self._end

    def put(self, result: Any) -> None:
        """Hand a result, or the exception that ended the work, to the event loop; from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
            self._loop.call_soon_threadsafe(self._results.put_nowait, result)

    def cancel(self, reason: Exception | None = None) -> None:
        """End it: whoever waits for results gets `reason`, by default ClientLeft."""
        self._on_cancel(self)
        self.put(reason or ClientLeft("the client left"))

    async def results(self, beat_seconds: float = math.inf) -> AsyncGenerator[Any, None]:
        """What the work yields, in its order; leaving the loop early cancels the job.

        Args: beat_seconds: after so long without a result comes a None, so that whoever waits can look round.
        Raises: TimeLimit when the time is up; what the work raised.
        """
        try:
            while True:
                left = self._end - time.monotonic()
                if left <= 0:
                    raise TimeLimit(f"the answer took longer than the {self._seconds:g} seconds allowed")
                # Not `asyncio.wait_for`: before Python 3.12 it may swallow a cancellation that comes with a result.
                beat = self._loop.call_later(min(left, beat_seconds), self._results.put_nowait, None)
                try:
                    result = await self._results.get()
                finally:
                    beat.cancel()
                if result is _END:
                    return
                if isinstance(result, Exception):
                    raise result
                if result is not None or left > beat_seconds:
                    yield result
        finally:
            self._on_cancel(self)


class JobQueue:
    """First come, first served, but for a job whose model is busy: the first one with a free model goes before it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._is_open = True
        self._changed = threading.Condition()  # guards the three above
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(limits.workers)]
        for thread in self._threads:
            thread.start()

    @property
    def is_ready(self) -> bool:
        """Whether new jobs are taken and worked on."""
        return self._is_open and all(thread.is_alive() for thread in self._threads)

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs wait and run."""
        with self._changed:
            return {"waiting": len(self._waiting), "running": len(self._running)}

    def submit(self, model: str, work: Callable[[], Iterator[Any]]) -> Job:
        """Put work with a model into the queue; from the event loop.

        Args: work: called in a thread; what the iterator yields becomes the job's results.
        Raises: QueueFull; NotReady after `close`.
        """
        job = Job(model, work, self.limits.seconds, self._forget)
        with self._changed:
            if not self._is_open:
                raise NotReady("the server is shutting down")
            if len(self._waiting) + len(self._running) >= self.limits.queue_length + self.limits.workers:
                raise QueueFull(f"{len(self._waiting)} requests wait already; try again in a moment")
            self._waiting.append(job)
            self._changed.notify_all()
        return job

    def stop(self) -> None:
        """Take no more jobs, and end those that there are."""
        with self._changed:
            self._is_open = False
            jobs = [*self._waiting, *self._running]
            self._changed.notify_all()
        for job in jobs:
            job.cancel(NotReady("the server is shutting down"))

    def close(self) -> None:
        """Stop, and wait for the threads."""
        self.stop()
        for thread in self._threads:
            thread.join(self.limits.seconds)

    def _forget(self, job: Job) -> None:
        with self._changed:
            job.is_cancelled = True
            if job in self._waiting:
                self._waiting.remove(job)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            _do(job)
            with self._changed:
                self._running.remove(job)
                self._changed.notify_all()

    def _next(self) -> Job | None:
        """The job to do, as soon as there is one; None when the queue is closed."""
        with self._changed:
            while self._is_open:
                busy = {job.model for job in self._running}
                job = next((job for job in self._waiting if job.model not in busy), None)
                if job is not None:
                    self._waiting.remove(job)
                    self._running.append(job)
                    return job
                self._changed.wait()
        return None


def _do(job: Job) -> None:
    """Work until the end, an error, or nobody waits."""
    try:
        with torch.inference_mode():
            for result in job.work():
                if job.is_over:
                    return
                job.put(result)
        job.put(_END)
    except CourseError as error:
        job.put(error)
    except Exception as error:  # whatever it is, the thread goes on with the next job
        log_fault(error)
        job.put(serving_error(error))

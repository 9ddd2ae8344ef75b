"""Grade submissions: a closed-off process for each exercise of each, as many submissions at once as there are cores."""

import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.util import Finalize
from pathlib import Path

import aigc_course
from aigc_course.errors import CourseError, DataError, UsageError
from aigc_course.exercises.registry import exercise
from aigc_course.files import write_json
from aigc_course.paths import course_root
from aigc_course.teaching.classes.class_folder import Assignment, ClassFolder, Graded
from aigc_course.teaching.classes.closed_judging import Verdict, judge_closed
from aigc_course.teaching.classes.closed_process import ClosedProcesses
from aigc_course.teaching.classes.sandbox import Limits
from aigc_course.teaching.classes.submissions import answer_names, read_submission
from aigc_course.teaching.notebook import solutions_dir

_ALL_CHECKS = 20  # how many times the time of one exercise a whole submission may take
MEMORY_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Task:
    """One submission and how it is graded."""

    student: str
    path: Path
    assignment: Assignment
    names: dict[str, str]  # of the answers in the course's notebook
    seconds: float


def grade(
    folder: ClassFolder, number: str, workers: int | None = None, done: Callable[[Graded], None] | None = None
) -> list[Graded]:
    """Grade every collected submission of a notebook and write graded/NN/STUDENT.json for each.

    Args: workers: submissions at a time; None takes the number of cores. done: called after each.
    Raises: UsageError when nothing was collected.
    """
    assignment = folder.assignment(number)
    names = answer_names(solutions_dir() / assignment.file)
    tasks = [
        Task(student=one.id, path=path, assignment=assignment, names=names, seconds=folder.seconds)
        for one in folder.students()
        if (path := folder.submission(one.id, number)).exists() or path.is_symlink()
    ]
    if not tasks:
        raise UsageError(f"nothing was collected for {number}; `aigc-course class collect {number} FOLDER` does that")
    found = []
    for graded in _graded(tasks, min(workers or _cores(), len(tasks)), [folder.path.resolve()]):
        write_json(folder.path / "graded" / number / f"{graded['student']}.json", graded)
        found.append(graded)
        if done:
            done(graded)
    return found


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _graded(tasks: Sequence[Task], workers: int, hidden: Sequence[Path]) -> Iterator[Graded]:
    if workers == 1:
        lane = Lane(tasks[0].seconds, hidden)
        try:
            yield from map(lane.grade, tasks)
        finally:
            lane.close()
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _open_lane, (tasks[0].seconds, hidden)) as pool:
        try:
            yield from pool.map(_grade_in_lane, tasks)
        except BrokenProcessPool as error:
            raise CourseError("a grading process ended; is there enough memory? Try --workers 1") from error


_lane: "Lane | None" = None  # of a process of the pool


def _open_lane(seconds: float, hidden: Sequence[Path]) -> None:
    global _lane
    _lane = Lane(seconds, hidden)
    Finalize(None, _lane.close, exitpriority=1)  # processes of a pool end without atexit


def _grade_in_lane(task: Task) -> Graded:
    assert _lane is not None
    return _lane.grade(task)


class Lane:
    """Grades one submission after another."""

    def __init__(self, seconds: float, hidden: Sequence[Path]) -> None:
        """Args: seconds: processor time of one exercise. hidden: what no submission may see, beside the answers."""
        root, package = course_root(), Path(aigc_course.__file__).parent
        self._hidden = [package / "exercises", root / "solutions", root / "tests", *hidden]
        self._limits = Limits(cpu_seconds=math.ceil(seconds), memory_bytes=MEMORY_BYTES)
        self._processes = ClosedProcesses(self._limits, self._hidden)

    def close(self) -> None:
        """End its processes."""
        self._processes.close()

    def grade(self, task: Task) -> Graded:
        """The points of one submission, and what its author is told."""
        start = time.monotonic()
        graded: Graded = {
            "student": task.student,
            "notebook": task.assignment.number,
            "graded": datetime.now().isoformat(timespec="seconds"),
            "course": aigc_course.__version__,
            "closed": self._processes.closed,
            "sha256": "",
            "problem": "",
        }
        cells: tuple[str, ...] = ()
        try:
            submission = read_submission(task.path)
            cells, graded["sha256"] = submission.cells, submission.sha256
        except DataError as error:
            graded["problem"] = str(error)
        entries = [self._entry(task, one, cells, graded["problem"], start) for one in task.assignment.points]
        points = sum(entry["points"] for entry in entries)
        return graded | {"points": points, "seconds": round(time.monotonic() - start, 2), "exercises": entries}

    def _entry(self, task: Task, exercise_id: str, cells: tuple[str, ...], problem: str, start: float) -> Graded:
        item, of = exercise(exercise_id), task.assignment.points[exercise_id]
        entry = {"id": exercise_id, "title": item.title, "points": 0.0, "of": of, "seconds": 0.0, "cpu_seconds": 0.0}
        if not problem and time.monotonic() - start > _ALL_CHECKS * task.seconds:
            problem = f"The {_ALL_CHECKS * task.seconds:g} seconds of the whole notebook were used up before this one."
        if problem:
            return entry | {"status": "failed", "kind": "not judged", "misconception": None, "message": problem}
        verdict = self._verdict(task, exercise_id, cells)
        found = verdict.result
        return entry | {
            "points": of if found else 0.0,
            "seconds": round(verdict.seconds, 3),
            "cpu_seconds": round(verdict.cpu_seconds, 3),
            "status": found.status,
            "kind": found.kind,
            "misconception": found.misconception,
            "message": found.message,
            "details": [list(row) for row in found.details],
            "excerpt": found.excerpt,
            "printed": found.printed,
        }

    def _verdict(self, task: Task, exercise_id: str, cells: tuple[str, ...]) -> Verdict:
        judged = (cells, exercise(exercise_id), task.names[exercise_id], task.seconds)
        try:
            return judge_closed(self._processes, *judged)
        except CourseError:  # the zygote is gone: the system may have ended it for want of memory
            self._processes.close()
            self._processes = ClosedProcesses(self._limits, self._hidden)
            return judge_closed(self._processes, *judged)

"""What a learner has tried, passed and looked up: one JSON file, `AIGC_PROGRESS` or `.progress.json` in the checkout.

The file is for its owner: indented text, one entry for each exercise, read by nobody else and sent nowhere. Deleting it
starts anew. A file that holds something else is never written to.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from aigc_course.config import from_dict
from aigc_course.errors import CourseError
from aigc_course.exercises.results import Status
from aigc_course.files import explain_os_errors, write_json
from aigc_course.paths import course_root

_LOCK_SECONDS = 5.0  # a write takes milliseconds: who waits longer waits for something that hangs


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known of one exercise. Once passed it stays passed. Times are ISO 8601 with the local UTC offset.

    Raises: ValueError for counts below 0, or a time of another form.
    """

    status: Status = "not started"
    tries: int = 0  # checks of an answer that was there, up to the one that passed
    hints: int = 0  # hints shown so far
    solution: Literal["not seen", "seen before passing", "seen after passing"] = "not seen"
    first_tried: str | None = None
    passed: str | None = None

    def __post_init__(self) -> None:
        for name in ("tries", "hints"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)}; a count cannot be below 0")
        for name in ("first_tried", "passed"):
            text = getattr(self, name)
            if text is not None and _offset(text) is None:
                raise ValueError(f"{name} = {text!r} is no date and time with a UTC offset")


def progress_file() -> Path:
    """Where progress is kept."""
    setting = os.environ.get("AIGC_PROGRESS", "").strip()
    return Path(setting).expanduser() if setting else course_root() / ".progress.json"


def read() -> dict[str, Entry]:
    """Every exercise seen so far. Raises: CourseError when the file is there but holds something else."""
    path = progress_file()
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(stored, dict) or not all(isinstance(values, dict) for values in stored.values()):
            raise ValueError("it is not an object with one entry for each exercise")
        return {exercise_id: from_dict(Entry, values, exercise_id) for exercise_id, values in stored.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise CourseError(
            f"cannot read your progress in {path}: {error}. The file was left as it is: mend it, move it away, or let "
            "`aigc-course progress --reset` put it aside and start anew"
        ) from error


def note_check(exercise_id: str, status: Status) -> None:
    """Remember the outcome of a check. Raises: CourseError."""

    def after(entry: Entry) -> Entry:
        if entry.status == "passed" or status == "not started":
            return entry  # kept all the same: it was reached
        now = _now()
        passed = now if status == "passed" else None
        first = entry.first_tried or now
        return replace(entry, status=status, tries=entry.tries + 1, first_tried=first, passed=passed)

    _change(exercise_id, after)


def note_hint(exercise_id: str, available: int) -> int:
    """Remember that one more hint was shown; returns its number, from 1 to `available`. Raises: CourseError."""
    return _change(exercise_id, lambda entry: replace(entry, hints=min(entry.hints + 1, available))).hints


def note_solution(exercise_id: str) -> None:
    """Remember that the solution was shown, and whether that was before the pass. Raises: CourseError."""

    def after(entry: Entry) -> Entry:
        if entry.solution != "not seen":
            return entry
        return replace(entry, solution="seen after passing" if entry.status == "passed" else "seen before passing")

    _change(exercise_id, after)


def reset() -> Path | None:
    """Forget everything. A file that cannot be read is kept under another name. Returns: that name, or None.

    Raises: WriteError when the folder is not to be written.
    """
    path = progress_file()
    with _locked(path):
        try:
            read()
        except CourseError:
            number = 1
            while (kept := path.with_name(f"{path.name}.unreadable-{number}")).exists():
                number += 1
            path.rename(kept)
            return kept
        path.unlink(missing_ok=True)
    return None


def _change(exercise_id: str, after: Callable[[Entry], Entry]) -> Entry:
    """Change one entry, whatever other kernels write in the meantime. Returns: the entry as it is now."""
    path = progress_file()
    with _locked(path):
        entries = read()
        entry = after(entries.get(exercise_id, Entry()))
        if entry != entries.get(exercise_id):
            entries[exercise_id] = entry
            write_json(path, {key: _plain(value) for key, value in sorted(entries.items())})
    return entry


def _plain(entry: Entry) -> dict[str, object]:
    return {name: value for name, value in asdict(entry).items() if value is not None}


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time changes the file. Raises: CourseError when another one holds it for long."""
    from filelock import FileLock, Timeout

    with explain_os_errors(f"your progress to {path} (AIGC_PROGRESS may name another file)"):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock", timeout=_LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout as error:
            raise CourseError(
                f"another program has held {path}.lock for {_LOCK_SECONDS:g} seconds; "
                "end it, or delete that file if there is none"
            ) from error
        try:
            yield
        finally:
            lock.release()


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _offset(text: str) -> object:
    with suppress(ValueError):
        return datetime.fromisoformat(text).utcoffset()
    return None

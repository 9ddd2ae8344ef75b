"""What a learner has tried and passed: one JSON file, `AIGC_PROGRESS` or `.progress.json` in the checkout."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from aigc_course.config import from_dict
from aigc_course.errors import CourseError, UsageError
from aigc_course.files import write_json
from aigc_course.paths import course_root


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known of one exercise. Once passed it stays passed."""

    status: str = "not started"  # not started, failed or passed
    tries: int = 0  # checks of an answer that was there
    hints: int = 0  # hints shown so far


def progress_file() -> Path:
    """Where progress is kept."""
    setting = os.environ.get("AIGC_PROGRESS", "").strip()
    return Path(setting).expanduser() if setting else course_root() / ".progress.json"


def read() -> dict[str, Entry]:
    """Every exercise seen so far. Raises: CourseError when the file is there but holds something else."""
    try:
        stored = json.loads(progress_file().read_text(encoding="utf-8"))
        return {exercise_id: from_dict(Entry, values) for exercise_id, values in stored.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, UsageError) as error:
        raise CourseError(f"cannot read your progress in {progress_file()}: {error}; move that file away") from error


def note_check(exercise_id: str, status: str) -> None:
    """Remember the outcome of a check."""
    entry = read().get(exercise_id, Entry())
    tries = entry.tries + (status != "not started")
    kept = entry.status if entry.status == "passed" or status == "not started" else status
    _save(exercise_id, replace(entry, status=kept, tries=tries))


def note_hint(exercise_id: str, available: int) -> int:
    """Remember that one more hint was shown; returns its number, from 1 to `available`."""
    entry = read().get(exercise_id, Entry())
    shown = min(entry.hints + 1, available)
    _save(exercise_id, replace(entry, hints=shown))
    return shown


def _save(exercise_id: str, entry: Entry) -> None:
    entries = read() | {exercise_id: entry}
    write_json(progress_file(), {key: asdict(value) for key, value in sorted(entries.items())})

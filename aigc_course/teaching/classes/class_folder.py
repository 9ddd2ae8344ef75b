"""A class as a folder of plain files: which notebooks, how many points, who takes part.

    class.json   roster.csv   source/NN   release/NN   submitted/STUDENT/NN   graded/NN   feedback/STUDENT   report

The folders of notebooks lie as nbgrader wants them, so that its tools can be pointed at the same folder.
"""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from aigc_course.errors import DataError, UsageError, unknown
from aigc_course.exercises.registry import all_exercises
from aigc_course.files import write_json, write_text
from aigc_course.teaching.notebook import checked_exercises, notebook_files, read_notebook, solutions_dir

SETTINGS, ROSTER = "class.json", "roster.csv"
Graded = dict[str, Any]
"""What came of one submission: what graded/NN/STUDENT.json holds."""

_STUDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NUMBER = re.compile(r"\d\d")


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One notebook of a class."""

    number: str  # "05"
    file: str  # "05_vae_elbo.ipynb"
    points: dict[str, float]  # by exercise
    due: datetime | None  # local time

    @property
    def total(self) -> float:
        return sum(self.points.values())


@dataclass(frozen=True, kw_only=True)
class Student:
    """One line of the roster."""

    id: str
    also: str  # another name under which their files may come: the number that Moodle gives them, say


@dataclass(frozen=True, kw_only=True)
class ClassFolder:
    """A class that was set up by `init`."""

    path: Path
    name: str
    seconds: float  # of processor time for the learner's code in one exercise
    assignments: dict[str, Assignment]

    def assignment(self, number: str) -> Assignment:
        """Raises: UsageError naming the nearest notebook of the class."""
        if number not in self.assignments:
            raise unknown("notebook of this class", number, self.assignments)
        return self.assignments[number]

    def submission(self, student: str, number: str) -> Path:
        """Where the collected notebook of a student lies."""
        return self.path / "submitted" / student / number / self.assignments[number].file

    def students(self) -> list[Student]:
        """The roster. Raises: DataError naming the line that is wrong; UsageError when it is empty."""
        path = self.path / ROSTER
        try:
            text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a mark in front
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read {path}: {error}; write one with the columns id,also") from error
        rows = list(csv.DictReader(text.splitlines()))
        found = [_student(row, f"{path}, line {number}") for number, row in enumerate(rows, start=2)]
        names = [name.casefold() for one in found for name in {one.id, one.also} if name]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"{path} names {', '.join(twice)} more than once; each student needs one line")
        if not found:
            raise UsageError(f"{path} has no students; write one line for each: an id, and nothing else about them")
        return found


def init_class(path: Path, name: str, numbers: Sequence[str]) -> ClassFolder:
    """Set up a folder for a class: `class.json` with one point for each star of an exercise, and an empty roster.

    Args: numbers: the notebooks ("05"); none takes all that have exercises.
    Raises: UsageError when a class is there already, or a notebook is none of the course's.
    """
    if (path / SETTINGS).exists():
        raise UsageError(f"{path / SETTINGS} is there already; choose another folder")
    found = _course_notebooks()
    for number in numbers:
        if number not in found:
            raise unknown("notebook", number, found)
    chosen = {number: found[number] for number in sorted(numbers or found)}
    stars = {exercise_id: item.stars for exercise_id, item in all_exercises().items()}
    notebooks = {
        number: {"file": file, "due": None, "points": {one: stars[one] for one in ids}}
        for number, (file, ids) in chosen.items()
    }
    path.mkdir(parents=True, exist_ok=True)
    if not (path / ROSTER).exists():
        write_text(path / ROSTER, "id,also\n")
    write_json(path / SETTINGS, {"name": name, "seconds": 10, "notebooks": notebooks})
    return open_class(path)


def open_class(path: Path) -> ClassFolder:
    """The class in a folder. Raises: UsageError when there is none, DataError naming the setting that is wrong."""
    file = path / SETTINGS
    if not file.is_file():
        raise UsageError(f"{path} holds no class; `aigc-course class init {path}` sets one up")
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        notebooks = dict(settings["notebooks"])
        name, seconds = str(settings["name"]), float(settings["seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is no class: {type(error).__name__} {error}") from error
    if not 0 < seconds <= 600:
        raise DataError(f"{file}: seconds is {seconds:g}; give 1 to 600")
    assignments = {number: _assignment(number, entry, file) for number, entry in notebooks.items()}
    return ClassFolder(path=path, name=name, seconds=seconds, assignments=assignments)


def set_due(folder: ClassFolder, number: str, due: str) -> ClassFolder:
    """Write down until when a notebook is to be handed in. Raises: UsageError when it is no date and time."""
    assignment = folder.assignment(number)
    if _time(due) is None:
        raise UsageError(f"{due!r} is no date and time; write it like 2026-03-02 23:59")
    file = folder.path / SETTINGS
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["notebooks"][assignment.number]["due"] = due
    write_json(file, settings)
    return open_class(folder.path)


@cache
def _course_notebooks() -> dict[str, tuple[str, list[str]]]:
    """File and exercises of each notebook of the course that has some, by number."""
    found = {}
    for path in notebook_files(solutions_dir()):
        cells = [cell.source for cell in read_notebook(path).cells if cell.cell_type == "code"]
        ids = [one for source in cells for one in checked_exercises(source)]
        if ids:
            found[path.name[:2]] = (path.name, ids)
    return found


def _assignment(number: str, entry: Any, file: Path) -> Assignment:
    where = f"{file}, notebook {number}"
    if not _NUMBER.fullmatch(number):
        raise DataError(f"{where}: a notebook is named by its two digits")
    try:
        name, due = str(entry["file"]), entry["due"]
        points = {one: float(value) for one, value in entry["points"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{where}: {type(error).__name__} {error}; it needs file, due and points") from error
    if Path(name).name != name or not name.endswith(".ipynb"):
        raise DataError(f"{where}: file is {name!r}; give the name of a notebook")
    for one, value in points.items():
        if one not in all_exercises():
            raise unknown(f"exercise in {where}", one, all_exercises())
        if not 0 <= value <= 1000:
            raise DataError(f"{where}: {one} has {value:g} points; give 0 to 1000")
    if due is not None and _time(due) is None:
        raise DataError(f"{where}: due is {due!r}; write null, or a date and time like 2026-03-02 23:59")
    return Assignment(number=number, file=name, points=points, due=_time(due))


def _student(row: dict[str, Any], where: str) -> Student:
    name, also = (row.get("id") or "").strip(), (row.get("also") or "").strip()
    if not _STUDENT.fullmatch(name):
        raise DataError(f"{where}: {name!r} is no id; give letters, digits, '.', '_' and '-', 64 at most")
    return Student(id=name, also=also)


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except (TypeError, ValueError):
        return None

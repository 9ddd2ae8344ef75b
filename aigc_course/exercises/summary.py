"""How far a learner is: a row for each notebook and each exercise, as HTML, as text and as plain data."""

import html
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from aigc_course.errors import CourseError
from aigc_course.exercises import record
from aigc_course.exercises.outline import Outline, outlines
from aigc_course.exercises.record import Entry
from aigc_course.exercises.spec import Exercise
from aigc_course.exercises.standing import Standing, goals_html, standing

_SIGNS = {"not started": "○", "failed": "✗", "passed": "✓"}
COLUMNS = ("notebook", "passed", "stars", "minutes", "tries", "hints", "last pass")
_TABLE = "margin: 0.4em 0; border: none"
_ROW = "background: transparent"
_CELL = "padding: 0.25em 0.9em 0.25em 0; background: transparent; text-align: left"
_BAR = "#009E73"
_SUMS = ("passed", "stars", "minutes")


@dataclass(frozen=True, kw_only=True)
class ExerciseRow:
    """One exercise and what is known of it."""

    exercise: Exercise
    entry: Entry

    @property
    def sign(self) -> str:
        """The id behind the sign of its state: "✓ 02.1"."""
        return f"{_SIGNS[self.entry.status]} {self.exercise.id}"

    @property
    def notes(self) -> str:
        """What happened so far: "passed on 2026-11-24, 2 tries, 1 hint"; "" when nothing did."""
        entry = self.entry
        parts = [f"passed on {entry.passed[:10]}"] if entry.passed else []
        parts += [_count(entry.tries, "try", "tries")] if entry.tries else []
        parts += [_count(entry.hints, "hint", "hints")] if entry.hints else []
        parts += [f"solution {entry.solution}"] if entry.solution != "not seen" else []
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class NotebookRow:
    """The exercises of one notebook, added up. Stars and minutes are those of the exercises passed."""

    number: str
    name: str
    passed: int
    exercises: int
    stars: int
    stars_in_all: int
    minutes: int
    minutes_in_all: int
    tries: int
    hints: int
    solutions_before_passing: int
    last_pass: str | None  # ISO 8601

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the table's row."""
        return (
            self.name,
            f"{self.passed} of {self.exercises}",
            f"{self.stars}/{self.stars_in_all}",
            f"{self.minutes}/{self.minutes_in_all}",
            str(self.tries),
            str(self.hints),
            self.last_pass[:10] if self.last_pass else "",
        )


@dataclass(frozen=True, kw_only=True)
class ProgressReport:
    """All notebooks that have exercises, all exercises, and where that leaves the learner."""

    notebooks: tuple[NotebookRow, ...]
    exercises: tuple[ExerciseRow, ...]
    outlines: dict[str, Outline]  # by the notebook's number
    standing: Standing | None  # None without exercises

    @property
    def headline(self) -> str:
        done, stars, minutes = (sum(getattr(row, name) for row in self.notebooks) for name in _SUMS)
        return f"{done} of {len(self.exercises)} exercises passed: {_count(stars, 'star', 'stars')}, {minutes} minutes"

    def to_dict(self) -> dict[str, Any]:
        """What `aigc-course progress --json` prints."""
        exercises = {
            row.exercise.id: {"title": row.exercise.title, "stars": row.exercise.stars, "minutes": row.exercise.minutes}
            | asdict(row.entry)
            for row in self.exercises
        }
        next_exercise = self.standing.next if self.standing else None
        return {
            "file": str(record.progress_file()),
            "next": next_exercise.id if next_exercise else None,
            "notebooks": [asdict(row) | self._told(row.number) for row in self.notebooks],
            "exercises": exercises,
        }

    def _told(self, number: str) -> dict[str, Any]:
        outline = self.outlines.get(number)
        return {"title": outline.title, "goals": outline.goals, "takes": outline.takes} if outline else {}

    def __str__(self) -> str:
        lines = _aligned([COLUMNS, *(row.cells for row in self.notebooks)])
        begun = [row for row in self.exercises if row.notes]
        titles = _aligned([(row.sign, row.exercise.title) for row in begun])
        details = [f"{title}  {row.notes}" for title, row in zip(titles, begun, strict=True)]
        panel = ["", str(self.standing)] if self.standing else []
        return "\n".join([self.headline, "", *lines, *([""] if details else []), *details, *panel])

    def to_html(self) -> str:
        """Where the learner is, and tables; needs no style sheet, keeps the page's own colours."""
        head = "".join(f'<th style="{_CELL}">{name}</th>' for name in COLUMNS)
        notebooks = "".join(_html_row(row) for row in self.notebooks)
        exercises = "".join(_html_exercise(row) for row in self.exercises)
        taught = "".join(_html_outline(outline) for outline in self.outlines.values())
        return (
            f'<div style="line-height: 1.4"><b>{html.escape(self.headline)}</b>'
            f"{self.standing.to_html() if self.standing else ''}"
            f'<table style="{_TABLE}"><tr style="{_ROW}">{head}</tr>'
            f"{notebooks}</table><details><summary>Exercise by exercise</summary>"
            f'<table style="{_TABLE}">{exercises}</table></details>'
            f"<details><summary>What each notebook teaches</summary>{taught}</details></div>"
        )


def report(exercises: Iterable[Exercise]) -> ProgressReport:
    """The progress on these exercises, read from the file. Raises: CourseError when the file holds something else."""
    entries = record.read()
    rows = tuple(ExerciseRow(exercise=item, entry=entries.get(item.id, Entry())) for item in exercises)
    numbers = dict.fromkeys(_number(row) for row in rows)
    told = outlines()
    notebooks = tuple(
        _added_up(number, _name(number, told), [row for row in rows if _number(row) == number]) for number in numbers
    )
    at = standing([(row.exercise, row.entry) for row in rows])
    return ProgressReport(notebooks=notebooks, exercises=rows, outlines=told, standing=at)


def report_text(exercises: Iterable[Exercise]) -> str:
    """The report as text; what is wrong with the file in its place when it cannot be read."""
    try:
        return str(report(exercises))
    except CourseError as error:
        return str(error)


def report_html(exercises: Iterable[Exercise]) -> str:
    """The report as HTML; what is wrong with the file in its place when it cannot be read."""
    try:
        return report(exercises).to_html()
    except CourseError as error:
        return f"<div>{html.escape(str(error))}</div>"


def _added_up(number: str, name: str, rows: list[ExerciseRow]) -> NotebookRow:
    passed = [row for row in rows if row.entry.status == "passed"]
    return NotebookRow(
        number=number,
        name=name,
        passed=len(passed),
        exercises=len(rows),
        stars=sum(row.exercise.stars for row in passed),
        stars_in_all=sum(row.exercise.stars for row in rows),
        minutes=sum(row.exercise.minutes for row in passed),
        minutes_in_all=sum(row.exercise.minutes for row in rows),
        tries=sum(row.entry.tries for row in rows),
        hints=sum(row.entry.hints for row in rows),
        solutions_before_passing=sum(row.entry.solution == "seen before passing" for row in rows),
        last_pass=max((row.entry.passed for row in passed if row.entry.passed), default=None),
    )


def _number(row: ExerciseRow) -> str:
    return row.exercise.id.split(".")[0]


def _name(number: str, told: dict[str, Outline]) -> str:
    """02 losses and gradient descent, or the number alone outside a checkout."""
    return told[number].file.removesuffix(".ipynb").replace("_", " ") if number in told else number


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as lines: the first column and texts to the left, numbers beneath their names."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _html_row(row: NotebookRow) -> str:
    share = round(100 * row.passed / row.exercises)
    bar = (
        '<div style="width: 6em; height: 0.4em; background: #80808040; border-radius: 2px">'
        f'<div style="width: {share}%; height: 100%; background: {_BAR}; border-radius: 2px"></div></div>'
    )
    cells = "".join(
        f'<td style="{_CELL}">{html.escape(text)}{bar if name == "passed" else ""}</td>'
        for name, text in zip(COLUMNS, row.cells, strict=True)
    )
    return f'<tr style="{_ROW}">{cells}</tr>'


def _html_exercise(row: ExerciseRow) -> str:
    stars = "★" * row.exercise.stars + "☆" * (3 - row.exercise.stars)
    texts = (f"{row.sign} {row.exercise.title}", stars, row.notes)
    return f'<tr style="{_ROW}">' + "".join(f'<td style="{_CELL}">{html.escape(text)}</td>' for text in texts) + "</tr>"


def _html_outline(outline: Outline) -> str:
    title = html.escape(f"{outline.number} · {outline.title}")
    takes = html.escape(f"It takes {outline.takes}.") if outline.takes else ""
    return f'<div style="margin-top: 0.5em"><b>{title}</b><br>{takes}{goals_html(outline)}</div>'

"""What somebody passed in the course, as one HTML file to keep or to send, and what it does not prove."""

import html
from datetime import datetime
from pathlib import Path

from aigc_course import __version__
from aigc_course.errors import UsageError
from aigc_course.exercises.pages import page
from aigc_course.exercises.summary import ExerciseRow, ProgressReport
from aigc_course.files import write_text

HEADINGS = ("exercise", "difficulty", "passed", "tries", "hints", "solution")
NOTICE = (
    "Nobody supervised this work. The course wrote it down on the learner's own machine, in a file that its owner can "
    "change; a check knows whether an answer is right, not whose answer it is, and a name is what was typed in. "
    "This page is a record of practice and no certificate of an examination."
)


def write_transcript(path: Path, report: ProgressReport, name: str = "") -> None:
    """Write the transcript to `path`, a file that ends in .html; an earlier one gives way.

    Args: name: the learner's, as it should stand there; "" leaves it out.
    Raises: UsageError for another kind of file, WriteError when it cannot be written.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"the summary is a web page, but {path} does not end in .html; give for example summary.html")
    write_text(path, transcript(report, name))


def transcript(report: ProgressReport, name: str = "", now: datetime | None = None) -> str:
    """The page: needs no other file, no script and no network; every text in it is escaped."""
    passed = [row for row in report.exercises if row.entry.status == "passed"]
    name = name.strip().encode("utf-8", "replace").decode("utf-8")  # lone surrogates: another encoding's
    by = f" by {name}" if name else ""
    written = _day(now or datetime.now().astimezone())
    tables = [
        "<h2>Notebook by notebook</h2>",
        _table(
            ("notebook", "passed", "stars", "last pass"),
            [(row.name, *row.cells[1:3], row.cells[-1]) for row in report.notebooks],
        ),
        "<h2>Exercises passed</h2>",
        _table(HEADINGS, [_cells(row) for row in passed]) if passed else "<p>None so far.</p>",
    ]
    subtitle = (
        f"{report.headline}. Written on {written} by version {__version__} of the course; minutes are those that the "
        "exercises are meant to take."
    )
    body = "\n".join([f'<p class="notice">{html.escape(NOTICE)}</p>', *tables])
    return page(f"A hands-on course on AI-generated content: exercises passed{by}", subtitle, body)


def _cells(row: ExerciseRow) -> tuple[str, ...]:
    entry, stars = row.entry, row.exercise.stars
    return (
        f"{row.exercise.id} {row.exercise.title}",
        f"{stars} of 3",
        _day(datetime.fromisoformat(entry.passed)) if entry.passed else "",
        str(entry.tries),
        str(entry.hints),
        entry.solution,
    )


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in headings)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>\n" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


def _day(time: datetime) -> str:
    return time.strftime("%Y-%m-%d, %H:%M")

"""What a student is told: one HTML page for each submission, complete in itself."""

import html
import json
from pathlib import Path

from aigc_course.errors import UsageError
from aigc_course.exercises.pages import page
from aigc_course.exercises.registry import exercise
from aigc_course.files import write_text
from aigc_course.teaching.classes.class_folder import ClassFolder, Graded

_SIGNS = {"passed": "✓", "failed": "✗", "not started": "○"}


def read_graded(folder: ClassFolder, number: str) -> list[Graded]:
    """The results of a notebook, by student. Raises: UsageError when nothing was graded yet."""
    folder.assignment(number)
    files = sorted((folder.path / "graded" / number).glob("*.json"))
    if not files:
        raise UsageError(f"nothing was graded for {number}; `aigc-course class grade {number}` does that")
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def write_feedback(folder: ClassFolder, number: str) -> list[Path]:
    """Write feedback/STUDENT/NN.html for each graded submission. Raises: UsageError when there is none."""
    late = _late(folder, number)
    written = []
    for graded in read_graded(folder, number):
        path = folder.path / "feedback" / graded["student"] / f"{number}.html"
        write_text(path, feedback_page(graded, folder.name, late.get(graded["student"], "")))
        written.append(path)
    return written


def feedback_page(graded: Graded, class_name: str, late: str) -> str:
    """The page for one submission. Args: late: when it was handed in, if that was too late."""
    of = sum(entry["of"] for entry in graded["exercises"])
    passed = sum(entry["status"] == "passed" for entry in graded["exercises"])
    head = (
        f"<p><b>{graded['points']:g} of {of:g} points</b>, {passed} of {len(graded['exercises'])} exercises passed. "
        f"Graded {html.escape(graded['graded'].replace('T', ' at '))}.</p>"
    )
    if late:
        head += f"<p>Handed in {html.escape(late)}, after the time it was due.</p>"
    if graded["problem"]:
        return page(_title(graded), class_name, head + f"<p class='failed'>{html.escape(graded['problem'])}</p>")
    return page(_title(graded), class_name, head + "".join(map(_section, graded["exercises"])))


def _title(graded: Graded) -> str:
    return f"Notebook {graded['notebook']}: {graded['student']}"


def _late(folder: ClassFolder, number: str) -> dict[str, str]:
    path = folder.path / "collected" / f"{number}.json"
    return json.loads(path.read_text(encoding="utf-8"))["late"] if path.is_file() else {}


def _section(entry: Graded) -> str:
    status = str(entry["status"])
    what = entry["misconception"] or entry["kind"]
    verdict = html.escape(status.capitalize() + (f": {what}" if what else ""))
    name = f"{entry['id']} {entry['title']}"
    parts = [
        f"<section class='{status.replace(' ', '-')}'>",
        f"<h2>{_SIGNS[status]} {html.escape(name)} <small>{entry['points']:g} of {entry['of']:g}</small></h2>",
        f"<p><b>{verdict}.</b> {_message(entry)}</p>",
    ]
    if entry.get("details"):
        rows = (
            f"<tr><th scope='row'>{html.escape(a)}</th><td><code>{html.escape(b)}</code></td></tr>"
            for a, b in entry["details"]
        )
        parts.append(f"<table>{''.join(rows)}</table>")
    for heading, text in (("In your code:", entry.get("excerpt")), ("It printed:", entry.get("printed"))):
        if text and status != "passed":
            parts.append(f"<p>{heading}</p><pre>{html.escape(text)}</pre>")
    if status != "passed":
        parts.append(_hint(str(entry["id"])))
    return "".join(parts) + "</section>"


def _message(entry: Graded) -> str:
    if entry["status"] == "not started":
        return "The function still raises NotImplementedError."
    return html.escape(str(entry["message"])).replace("\n", "<br>")


def _hint(exercise_id: str) -> str:
    hints = exercise(exercise_id).hints
    first = f"<p>A hint: {html.escape(hints[0])}</p>"
    left = len(hints) - 1
    more = f"<p><code>hint(&quot;{exercise_id}&quot;)</code> in the notebook gives {left} more, one at a time.</p>"
    return first + (more if left else "")

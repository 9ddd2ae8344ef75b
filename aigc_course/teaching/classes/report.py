"""What a class has learned: points as a table, and which exercises and misconceptions to come back to."""

import csv
import html
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from aigc_course.exercises.pages import page
from aigc_course.exercises.registry import exercise
from aigc_course.files import write_text
from aigc_course.metrics.intervals import binomial_interval
from aigc_course.teaching.classes.class_folder import Assignment, ClassFolder, Graded
from aigc_course.teaching.classes.feedback import read_graded


def write_report(folder: ClassFolder, number: str) -> tuple[Path, Path]:
    """Write report/NN.csv and report/NN.html; gives back both paths. Raises: UsageError when nothing was graded."""
    graded = read_graded(folder, number)
    assignment = folder.assignment(number)
    students = [one.id for one in folder.students()]
    table, summary = folder.path / "report" / f"{number}.csv", folder.path / "report" / f"{number}.html"
    write_text(table, points_csv(assignment, students, graded))
    write_text(summary, report_page(folder.name, assignment, students, graded))
    return table, summary


def points_csv(assignment: Assignment, students: Sequence[str], graded: Sequence[Graded]) -> str:
    """One line for each student on the roster: points of each exercise, their sum, a remark where there are none."""
    by_student = {one["student"]: one for one in graded}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", *assignment.points, "points", "of", "remark"])
    for student in students:
        one = by_student.get(student)
        if one is None:
            writer.writerow([student, *("" for _ in assignment.points), 0, f"{assignment.total:g}", "not handed in"])
            continue
        found = {entry["id"]: f"{entry['points']:g}" for entry in one["exercises"]}
        row = [found.get(exercise_id, "") for exercise_id in assignment.points]
        writer.writerow([student, *row, f"{one['points']:g}", f"{assignment.total:g}", one["problem"]])
    return text.getvalue()


def report_page(class_name: str, assignment: Assignment, students: Sequence[str], graded: Sequence[Graded]) -> str:
    """The page for the teacher: pass rates with 95 % intervals, misconceptions by how often they were met."""
    points = [one["points"] for one in graded]
    head = (
        f"<p>{len(graded)} of {len(students)} students handed in. Points: median {median(points):g} of "
        f"{assignment.total:g}, from {min(points):g} to {max(points):g}. "
        f"Grading took {sum(one['seconds'] for one in graded):.0f} seconds of processes' time.</p>"
    )
    if not all(one["closed"] for one in graded):
        head += "<p class='failed'>These submissions were graded without namespaces: see the teacher's guide.</p>"
    rates = "".join(_rate_row(one, graded) for one in assignment.points)
    mistakes = _mistakes(graded)
    rows = "".join(
        f"<tr><td>{html.escape(one)}</td><td>{html.escape(what)}</td><td class='number'>{count}</td></tr>"
        for (one, what), count in mistakes
    )
    body = (
        f"{head}<h2>Exercises</h2><table><tr><th>Exercise</th><th>Passed</th><th>Share</th><th>95 % interval</th>"
        f"<th>Not started</th></tr>{rates}</table>"
        "<p>The interval (Wilson) is where the share of a very large class like this one may lie.</p>"
        "<h2>Misconceptions and other mistakes</h2>"
        + (f"<table><tr><th>Exercise</th><th>What</th><th>Students</th></tr>{rows}</table>" if rows else "<p>None.</p>")
    )
    return page(f"Notebook {assignment.number}: the class", class_name, body)


def _rate_row(exercise_id: str, graded: Sequence[Graded]) -> str:
    statuses = [entry["status"] for one in graded for entry in one["exercises"] if entry["id"] == exercise_id]
    if not statuses:
        return ""
    passed = statuses.count("passed")
    interval = binomial_interval(passed, len(statuses))
    cells = (
        f"{passed} of {len(statuses)}",
        f"{interval.estimate:.0%}",
        f"{interval.low:.0%} to {interval.high:.0%}",
        f"{statuses.count('not started')}",
    )
    name = html.escape(f"{exercise_id} {exercise(exercise_id).title}")
    return f"<tr><td>{name}</td>{''.join(f'<td class=number>{cell}</td>' for cell in cells)}</tr>"


def _mistakes(graded: Sequence[Graded]) -> list[tuple[tuple[str, str], int]]:
    """(exercise, misconception or kind of mistake) with the number of students, the most frequent first."""
    counted = Counter(
        (entry["id"], entry["misconception"] or entry["kind"])
        for one in graded
        for entry in one["exercises"]
        if entry["status"] == "failed"
    )
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))

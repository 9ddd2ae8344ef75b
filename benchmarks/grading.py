"""How long a class takes to grade: 30 submissions of notebook 05, a third right, a third wrong, a third untouched.

Sets up a class in a temporary folder, hands out, collects and runs `aigc-course class grade`; checks the points, and
prints seconds, submissions a minute and the processor time of all processes together:

    python benchmarks/grading.py [--submissions 30] [--workers 2] [--json PATH]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from measure import Row, machine, write_result

from aigc_course.files import write_text
from aigc_course.teaching.classes.class_folder import ClassFolder, init_class
from aigc_course.teaching.classes.collecting import collect
from aigc_course.teaching.classes.feedback import read_graded
from aigc_course.teaching.classes.handouts import hand_out
from aigc_course.teaching.notebook import read_notebook, write_notebook

NUMBER = "05"
MISTAKES = {  # cell: what stands in the solution, and what a learner may write
    "ex2-answer": ("0.5 * ", ""),
    "ex3-answer": ("0.5 * logvar", "logvar"),
    "ex5-answer": (" + kl", " - kl"),
    "ex6-answer": ("(2 * noise_variance)", "noise_variance"),
}


def hand_in(folder: ClassFolder, students: list[str], inbox: Path) -> None:
    """One submission for each student: in turn right, with four misconceptions, and as it was handed out."""
    source, release = (read_notebook(path) for path in hand_out(folder, NUMBER))
    solved = {cell.id: cell.source for cell in source.cells}
    for place, student in enumerate(students):
        notebook = nbformat.from_dict(release)
        for cell in notebook.cells:
            if place % 3 < 2 and cell.metadata.get("nbgrader", {}).get("solution"):
                cell.source = solved[cell.id]
            if place % 3 == 1 and cell.id in MISTAKES:
                right, wrong = MISTAKES[cell.id]
                assert right in cell.source, (cell.id, right)
                cell.source = cell.source.replace(right, wrong)
        write_notebook(inbox / f"{student}_{NUMBER}.ipynb", notebook)


def main() -> None:
    """Grade once and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    given = parser.parse_args()
    students = [f"s{number:03}" for number in range(given.submissions)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = init_class(Path(scratch) / "class", "Benchmark", [NUMBER])
        write_text(folder.path / "roster.csv", "\n".join(["id,also", *(f"{one}," for one in students)]) + "\n")
        hand_in(folder, students, Path(scratch) / "inbox")
        collect(folder, NUMBER, Path(scratch) / "inbox")
        command = [sys.executable, "-m", "aigc_course.cli", "class", "grade", NUMBER, "--class", str(folder.path)]
        start = time.monotonic()
        subprocess.run([*command, "--workers", str(given.workers)], check=True)
        seconds = time.monotonic() - start
        graded = read_graded(folder, NUMBER)
    _require_the_right_points(graded)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\n{len(graded)} submissions, {given.workers} at a time: {seconds:.0f} seconds, ", end="")
    print(f"{60 * len(graded) / seconds:.0f} a minute; processor time {used.ru_utime + used.ru_stime:.0f} seconds")
    print(machine())
    figures = {
        "s": seconds,
        "submissions a minute": 60 * len(graded) / seconds,
        "s of processor time, all processes": used.ru_utime + used.ru_stime,
    }
    what = f"{len(graded)} submissions of notebook {NUMBER}, {given.workers} at a time"
    write_result("grading of a class", [Row(what=what, unit=unit, ours=(one,)) for unit, one in figures.items()])


def _require_the_right_points(graded: list[dict]) -> None:
    for place, one in enumerate(graded):
        statuses = [entry["status"] for entry in one["exercises"]]
        passed = {0: len(statuses), 1: len(statuses) - len(MISTAKES), 2: 0}[place % 3]
        assert statuses.count("passed") == passed, (one["student"], statuses)
        named = sum(entry["misconception"] is not None for entry in one["exercises"])
        assert named == (len(MISTAKES) if place % 3 == 1 else 0), one["exercises"]


if __name__ == "__main__":
    main()

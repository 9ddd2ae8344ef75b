"""Notebooks for a class: the learners' without answers, and the teacher's, both with nbgrader's marks on their cells.

A cell with a solution is nbgrader's "autograded answer". A cell with a check is its "autograder tests": it is locked
and gives the points as its result, which is how nbgrader reads points that are not all or nothing.
See https://nbgrader.readthedocs.io (metadata, schema version 3).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from aigc_course.teaching.classes.class_folder import ClassFolder
from aigc_course.teaching.notebook import checked_exercises, cleaned, read_notebook, solutions_dir, write_notebook
from aigc_course.teaching.release import BEGIN, released

SCHEMA_VERSION = 3


def hand_out(folder: ClassFolder, number: str) -> tuple[Path, Path]:
    """Write source/NN/x.ipynb with the answers and release/NN/x.ipynb without; gives back both paths.

    Raises: DataError when the course has no such notebook any more.
    """
    assignment = folder.assignment(number)
    solved = read_notebook(solutions_dir() / assignment.file)
    answers = {cell.id for cell in solved.cells if cell.cell_type == "code" and BEGIN in cell.source}
    made = {
        "source": marked(cleaned(solved), answers, assignment.points),
        "release": marked(released(solved, assignment.file), answers, assignment.points),
    }
    paths = {kind: folder.path / kind / number / assignment.file for kind in made}
    for kind, notebook in made.items():
        write_notebook(paths[kind], notebook)
    return paths["source"], paths["release"]


def marked(notebook: NotebookNode, answers: set[str], points: Mapping[str, float]) -> NotebookNode:
    """A copy with nbgrader's metadata. Args: answers: the ids of the cells that learners fill in."""
    result = nbformat.from_dict(notebook)
    for cell in result.cells:
        if cell.cell_type != "code":
            continue
        checks = [one for one in checked_exercises(cell.source) if one in points]
        if checks:
            _make_test(cell, points[checks[-1]])
        elif cell.id in answers:
            _mark(cell, grade=False, solution=True)
    return result


def checksum(cell: NotebookNode) -> str:
    """What nbgrader compares to see whether a cell was changed: MD5 of its source, kind, roles, id and points."""
    meta = cell.metadata["nbgrader"]
    locked = meta["grade"] and not meta["solution"]
    parts = [cell.source, cell.cell_type, str(meta["grade"]), str(meta["solution"]), str(locked), meta["grade_id"]]
    if meta["grade"]:
        parts.append(str(float(meta["points"])))
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def _make_test(cell: NotebookNode, points: float) -> None:
    """Let a cell that ends in check(…) show what the check found and give the points as its result."""
    lines = cell.source.split("\n")
    lines[-1:] = [
        f"result_of_check = {lines[-1]}",
        "display(result_of_check)",
        f"{points:g} * bool(result_of_check)  # the points",
    ]
    cell.source = "\n".join(lines)
    shown = [nbformat.v4.new_output("display_data", data=output.data) for output in cell.outputs if "data" in output]
    result = nbformat.v4.new_output("execute_result", data={"text/plain": "0"}, execution_count=cell.execution_count)
    not_started = shown and "○" in shown[0].data.get("text/plain", "")
    cell.outputs = [shown[0], result] if not_started else []
    cell.metadata |= {"deletable": False, "editable": False}
    _mark(cell, grade=True, solution=False, points=points)


def _mark(cell: NotebookNode, *, grade: bool, solution: bool, points: float | None = None) -> None:
    meta = {
        "schema_version": SCHEMA_VERSION,
        "grade_id": cell.id,
        "grade": grade,
        "solution": solution,
        "locked": grade,
        "task": False,
        "cell_type": "code",
    }
    cell.metadata["nbgrader"] = nbformat.from_dict(meta if points is None else meta | {"points": points})
    cell.metadata["nbgrader"]["checksum"] = checksum(cell)
    if solution:
        cell.metadata["deletable"] = False

"""Copies of a solved notebook as learners leave them: with some exercises done, or with each done wrongly."""

import ast
from collections.abc import Callable
from pathlib import Path

from nbformat import NotebookNode

from aigc_course.exercises.registry import exercise
from aigc_course.teaching.notebook import checked_exercises, read_notebook
from aigc_course.teaching.release import BEGIN, END, strip_solutions

Fill = Callable[
    [int, str, NotebookNode], str
]  # (place among the stubs from 0, exercise, cell) -> the cell's new source


def filled_in(path: Path, fill: Fill) -> tuple[NotebookNode, list[str]]:
    """The notebook in `path` with what `fill` gives in place of each solution. Returns: it, its exercises in order."""
    notebook = read_notebook(path)
    solved = [cell for cell in notebook.cells if cell.cell_type == "code" and BEGIN in cell.source]
    checks = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and checked_exercises(cell.source):
            call = next(node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call))
            checks[ast.unparse(call.args[1])] = checked_exercises(cell.source)[0]
    ids = []
    for place, cell in enumerate(solved):
        name = _function(cell.source).name
        assert name in checks, f"{path.name}, {cell.id}: {name} is checked by no cell"
        ids.append(checks[name])
        cell.source = fill(place, checks[name], cell)
    return notebook, ids


def every_second(place: int, _exercise_id: str, cell: NotebookNode) -> str:
    """Solutions in the second, fourth, … exercise, stubs in the others."""
    return cell.source if place % 2 else strip_solutions(cell.source, cell.id)


def a_misconception(place: int, exercise_id: str, cell: NotebookNode) -> str:
    """One of the exercise's own mistakes in place of the solution; which one goes with the place."""
    number = place % len(exercise(exercise_id).misconceptions)
    names = ", ".join(argument.arg for argument in _function(cell.source).args.args)
    before, inside = cell.source.split(BEGIN)
    indent = before.rpartition("\n")[2]
    return (
        f"{before}from aigc_course.exercises import exercise as _exercise\n\n"
        f'{indent}return _exercise("{exercise_id}").misconceptions[{number}].wrong({names})\n{inside.split(END)[1]}'
    )


def _function(source: str) -> ast.FunctionDef:
    """The function that a cell's solution stands in: the last one that the cell defines."""
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)][-1]

"""Make the learner's notebooks from the solved ones.

Between `### BEGIN SOLUTION` and `### END SOLUTION` (nbgrader's own markers) a solution gives way to a stub that
raises NotImplementedError. Everything else stays: cell ids, text, and the outputs of the quick profile.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from aigc_course.errors import CourseError, UsageError
from aigc_course.exercises.checking import not_started
from aigc_course.exercises.registry import exercise
from aigc_course.teaching.execute import execute
from aigc_course.teaching.notebook import (
    checked_exercises,
    cleaned,
    find_notebook,
    notebook_files,
    notebooks_dir,
    read_notebook,
    solutions_dir,
    to_text,
    write_notebook,
)

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = 'raise NotImplementedError("your answer goes here")'
STUB_TEXT = "*Your answer goes here.*"


@dataclass(frozen=True, kw_only=True)
class ReleaseReport:
    """What a release wrote, or with `check` what it would change."""

    written: tuple[Path, ...]
    differences: tuple[str, ...]  # one line for each notebook that is not what the solutions give

    @property
    def clean(self) -> bool:
        return not self.differences


def release(check: bool = False, source: Path | None = None, target: Path | None = None) -> int:
    """`make_release`, with its report printed. Returns the exit status: 1 when something differs, else 0."""
    report = make_release(check=check, source=source, target=target)
    for path in report.written:
        print(f"wrote {path}")
    for difference in report.differences:
        print(difference)
    if check and not report.clean:
        print("Run `aigc-course release` to make the notebooks anew from solutions/.")
    elif report.clean and not report.written:
        print("Every notebook is what its solution gives.")
    return 0 if report.clean else 1


def make_release(*, check: bool = False, source: Path | None = None, target: Path | None = None) -> ReleaseReport:
    """Write target/NN.ipynb for each source/NN.ipynb, or with `check` only say what differs.

    Args: source: the solved notebooks (default: solutions/); target: the learner's (default: notebooks/).
    Raises: UsageError naming notebook and cell when a marker stands alone or outside a function.
    """
    source, target = source or solutions_dir(), target or notebooks_dir()
    made = {path.name: released(read_notebook(path), path.name) for path in notebook_files(source)}
    if check:
        return ReleaseReport(written=(), differences=tuple(_differences(made, target)))
    changed = [name for name, notebook in made.items() if _text(target / name) != to_text(notebook)]
    for name in changed:
        write_notebook(target / name, made[name])
    orphans = [f"{name}: has no solution it is made from; remove it" for name in _orphans(made, target)]
    return ReleaseReport(written=tuple(target / name for name in changed), differences=tuple(orphans))


def refresh(source: Path | None = None, profile: str = "quick", numbers: Sequence[str] = ()) -> tuple[Path, ...]:
    """Execute the solved notebooks in place, so that their outputs are those of today's code.

    Args: numbers: of these notebooks alone ("05"); () for all.
    Returns: the notebooks executed. Raises: UsageError for a number that no notebook has; CourseError naming the cell
        that failed; that notebook stays as it was.
    """
    source = source or solutions_dir()
    files = [find_notebook(number, source) for number in numbers] or notebook_files(source)
    for path in files:
        with tempfile.TemporaryDirectory() as scratch:
            environment = {
                "AIGC_PROFILE": profile,
                "AIGC_PROGRESS": str(Path(scratch) / "progress.json"),
                "AIGC_RUNS": str(Path(scratch) / "runs"),
            }
            run = execute(path, environment=environment)
        if run.failure:
            raise CourseError(f"{path.name} stopped at {run.failure}")
        write_notebook(path, cleaned(run.notebook))
    return tuple(files)


def released(notebook: NotebookNode, name: str) -> NotebookNode:
    """A copy of a solved notebook with stubs in place of its solutions. `name` is for error messages."""
    result = cleaned(notebook)
    for cell in result.cells:
        where = f"{name}, cell {cell.id}"
        if cell.cell_type == "raw":
            continue
        cell.source = strip_solutions(cell.source, where, markdown=cell.cell_type == "markdown")
        if cell.cell_type == "code":
            cell.outputs = _outputs_before_solving(cell)
    return result


def strip_solutions(source: str, where: str, *, markdown: bool = False) -> str:
    """`source` with each marked solution replaced by a stub at the marker's indentation."""
    kept: list[str] = []
    inside = False
    for line in source.split("\n"):
        marker = line.strip()
        if marker == BEGIN:
            if inside:
                raise UsageError(f"{where}: {BEGIN!r} inside a solution; close the first with {END!r}")
            indent = line[: len(line) - len(line.lstrip())]
            if not markdown and not indent:
                raise UsageError(f"{where}: a solution outside a function; its stub would stop the notebook there")
            kept.append(STUB_TEXT if markdown else indent + STUB)
            inside = True
        elif marker == END:
            if not inside:
                raise UsageError(f"{where}: {END!r} without {BEGIN!r} before it")
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise UsageError(f"{where}: {BEGIN!r} without {END!r} after it")
    return "\n".join(kept)


def _outputs_before_solving(cell: NotebookNode) -> list[NotebookNode]:
    """The outputs a learner starts from: checks say "not started", the rest is as executed."""
    ids = checked_exercises(cell.source)
    if not ids:
        return cell.outputs
    shown = not_started(exercise(ids[-1]))
    data = {"text/plain": repr(shown), "text/html": shown._repr_html_()}
    return [nbformat.v4.new_output("execute_result", data=data, execution_count=cell.execution_count)]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _orphans(made: dict[str, NotebookNode], target: Path) -> list[str]:
    return sorted(path.name for path in target.glob("*.ipynb") if path.name not in made)


def _differences(made: dict[str, NotebookNode], target: Path) -> list[str]:
    found = [f"{name}: has no solution it is made from; remove it" for name in _orphans(made, target)]
    for name, notebook in made.items():
        path = target / name
        if not path.is_file():
            found.append(f"{name}: not made yet")
        elif _text(path) != to_text(notebook):
            found.append(f"{name}: {_first_difference(read_notebook(path), notebook)}")
    return found


def _first_difference(present: NotebookNode, wanted: NotebookNode) -> str:
    for number, (have, want) in enumerate(zip_longest(present.cells, wanted.cells), start=1):
        if have is None or want is None:
            return f"has {len(present.cells)} cells, the solution gives {len(wanted.cells)}"
        for field in ("id", "cell_type", "source", "outputs", "execution_count", "metadata"):
            if have.get(field) != want.get(field):
                return f"cell {number} ({want.id}) differs in its {field.replace('_', ' ')}"
    return "differs in its metadata or layout"

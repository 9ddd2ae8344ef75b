"""The main job: execute every notebook, build the site, say what passed."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from aigc_course.errors import CourseError
from aigc_course.paths import course_root
from aigc_course.teaching.execute import CellDone, Failure, execute
from aigc_course.teaching.gallery import collect, save
from aigc_course.teaching.notebook import (
    checked_exercises,
    cleaned,
    count_assertions,
    notebook_files,
    notebooks_dir,
    write_notebook,
)


@dataclass(frozen=True, kw_only=True)
class NotebookReport:
    """How one notebook went."""

    name: str
    seconds: float
    cells: int  # code cells in all
    cells_run: int  # code cells that ran without an error
    assertions: int  # assert statements in those cells, so these held
    exercises: dict[str, str]  # id to passed, failed or not started, as the notebook left them
    failure: Failure | None

    @property
    def solved(self) -> int:
        return sum(status == "passed" for status in self.exercises.values())

    @property
    def line(self) -> str:
        """How it went, for the foot of its page on the site."""
        cells = f"{self.cells_run} of {self.cells} code cells ran without an error"
        return f"{cells}, {self.assertions} assertions held"


@dataclass(frozen=True, kw_only=True)
class CourseReport:
    """How the course went: the notebooks and the site."""

    notebooks: tuple[NotebookReport, ...]
    artefacts: tuple[Path, ...]  # texts, images and sounds that the notebooks made
    site: Path | None  # index.html, or None when it could not be built
    site_error: str = ""

    @property
    def ok(self) -> bool:
        return self.site is not None and all(report.failure is None for report in self.notebooks)


def run_course(profile: str | None = None, output: Path | None = None, notebooks: Path | None = None) -> int:
    """`execute_course` with its progress and its table on the terminal. Returns the exit status, 0 or 1."""
    console = Console()
    report = execute_course(profile, output, notebooks, console)
    print_report(report, console)
    return 0 if report.ok else 1


def execute_course(
    profile: str | None = None,
    output: Path | None = None,
    notebooks: Path | None = None,
    console: Console | None = None,
) -> CourseReport:
    """Execute every notebook without a network, save what they made, build the site.

    A notebook that fails stops there; the others still run, and the site shows how far each got.

    Args:
        profile: smoke, quick, laptop or full; None: `AIGC_PROFILE`, else quick.
        output: the folder to write to (default: build/ in the checkout).
        notebooks: the folder of the notebooks (default: notebooks/).
        console: where progress goes; None shows none.
    Raises: UsageError for an unknown profile, DataError when there are no notebooks.
    """
    from aigc_course.recipes import profile_name
    from aigc_course.teaching.site import build_site

    profile = profile_name(profile)
    output = (output or course_root() / "build").resolve()
    files = notebook_files(notebooks or notebooks_dir())
    executed, reports, made = output / "notebooks", [], []
    with _progress(files, console) as steps:
        for path, cell_done in steps:
            report, notebook = _run(path, profile, output, cell_done)
            write_notebook(executed / path.name, cleaned(notebook))
            artefacts = collect(notebook, path.stem)
            save(artefacts, output / "made")
            made += [output / "made" / artefact.name for artefact in artefacts]
            reports.append(report)
    site, site_error = None, ""
    try:
        ran = {report.name: report.line for report in reports}
        site = build_site([executed / path.name for path in files], output / "site", ran)
    except CourseError as error:
        site_error = str(error)
    return CourseReport(notebooks=tuple(reports), artefacts=tuple(made), site=site, site_error=site_error)


def _run(path: Path, profile: str, output: Path, cell_done: CellDone) -> tuple[NotebookReport, NotebookNode]:
    progress_file = output / "progress" / f"{path.stem}.json"
    progress_file.unlink(missing_ok=True)
    environment = {
        "AIGC_PROFILE": profile,
        "AIGC_PROGRESS": str(progress_file),
        "AIGC_RUNS": str(output / "runs" / path.stem),
    }
    run = execute(path, environment=environment, cell_done=cell_done)
    stored = json.loads(progress_file.read_text(encoding="utf-8")) if progress_file.is_file() else {}
    code = [(index, cell) for index, cell in enumerate(run.notebook.cells, start=1) if cell.cell_type == "code"]
    done = [cell for index, cell in code if run.failure is None or index < run.failure.cell]
    ids = [exercise_id for _, cell in code for exercise_id in checked_exercises(cell.source)]
    report = NotebookReport(
        name=path.stem,
        seconds=run.seconds,
        cells=len(code),
        cells_run=len(done),
        assertions=sum(count_assertions(cell.source) for cell in done),
        exercises={exercise_id: stored.get(exercise_id, {}).get("status", "not reached") for exercise_id in ids},
        failure=run.failure,
    )
    return report, run.notebook


@contextmanager
def _progress(files: Sequence[Path], console: Console | None) -> Iterator[Iterator[tuple[Path, CellDone]]]:
    """Yield each notebook with the function to call after each of its cells; shows a bar for each notebook."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cells"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console or Console(quiet=True)) as bars:

        def steps() -> Iterator[tuple[Path, CellDone]]:
            for path in files:
                start = time.perf_counter()
                task = bars.add_task(path.stem, total=None)

                def cell_done(done: int, total: int, task: object = task) -> None:
                    bars.update(task, completed=done, total=total)  # type: ignore[arg-type]

                yield path, cell_done
                bars.stop_task(task)
                if not bars.console.is_terminal:
                    bars.console.print(f"{path.stem}: {time.perf_counter() - start:.0f} s")

        yield steps()


def print_report(report: CourseReport, console: Console) -> None:
    """Print a row for each notebook, what broke, and where the site is."""
    table = Table(title="The course", title_justify="left")
    for heading in ("notebook", "seconds", "cells", "assertions held", "exercises solved"):
        table.add_column(heading, justify="left" if heading == "notebook" else "right")
    for item in report.notebooks:
        mark = "[red]✗[/red]" if item.failure else "[green]✓[/green]"
        table.add_row(
            f"{mark} {item.name}",
            f"{item.seconds:.1f}",
            f"{item.cells_run} of {item.cells}",
            str(item.assertions),
            f"{item.solved} of {len(item.exercises)}",
        )
    console.print(table)
    for item in report.notebooks:
        if item.failure:
            console.print(f"{item.name} stopped at {item.failure}", style="red", markup=False, highlight=False)
    if report.artefacts:
        where = report.artefacts[0].parent
        console.print(f"Made: {len(report.artefacts)} files in {where}", markup=False, highlight=False, soft_wrap=True)
    if report.site is None:
        console.print(report.site_error, style="red", markup=False, highlight=False, soft_wrap=True)
    else:
        console.print(f"Site: {report.site.as_uri()}", markup=False, highlight=False, soft_wrap=True)

"""`aigc-course progress`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aigc_course.errors import UsageError

if TYPE_CHECKING:
    from aigc_course.exercises.summary import ProgressReport


def progress(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a summary to keep: one web page.")] = None,
    name: Annotated[str, typer.Option(help="With --html: your name, to stand in it.")] = "",
    reset: Annotated[bool, typer.Option("--reset", help="Forget all progress, after a question.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --reset: do not ask.")] = False,
) -> None:
    """Show where you are, which exercises you passed, when, and with how many tries and hints."""
    if name and html is None:
        raise UsageError("--name stands in the summary alone; add --html summary.html")
    if reset:
        _reset(yes)
        return
    from aigc_course.exercises.registry import all_exercises
    from aigc_course.exercises.summary import report

    found = report(all_exercises().values())
    if html is not None:
        from aigc_course.exercises.transcript import write_transcript

        write_transcript(html, found, name)
        typer.echo(f"Wrote {html}.")
        return
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        _print_tables(found, console)
    else:
        typer.echo(str(found))


def _reset(yes: bool) -> None:
    from aigc_course.exercises import record

    path = record.progress_file()
    if not path.exists():
        typer.echo(f"There is nothing to forget: {path} does not exist.")
        return
    if not yes:
        typer.confirm(f"Forget all progress in {path}?", abort=True)
    kept = record.reset()
    typer.echo(f"{path} could not be read; it is kept as {kept.name}." if kept else f"Deleted {path}.")


def _print_tables(found: "ProgressReport", console: object) -> None:
    from rich.console import Console
    from rich.table import Table

    from aigc_course.exercises.summary import COLUMNS

    assert isinstance(console, Console)
    console.print(found.headline, style="bold", highlight=False)
    notebooks = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        notebooks.add_column(name, justify="left" if name == COLUMNS[0] else "right")
    for row in found.notebooks:
        notebooks.add_row(*row.cells, style="green" if row.passed == row.exercises else None)
    console.print(notebooks)
    begun = [row for row in found.exercises if row.notes]
    if begun:
        exercises = Table(box=None, pad_edge=False, show_header=False)
        styles = {"passed": "green", "failed": "red"}
        for item in begun:
            exercises.add_row(item.sign, item.exercise.title, item.notes, style=styles.get(item.entry.status))
        console.print()
        console.print(exercises)
    if found.standing:
        console.print()
        console.print(found.standing.title, style="bold", highlight=False, markup=False)
        console.print(str(found.standing).partition("\n")[2], highlight=False, markup=False)

"""`aigc-course notebooks`, `diff` and `reset`: the learner's own copies of the notebooks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aigc_course.errors import UsageError

if TYPE_CHECKING:
    from aigc_course.teaching.copies import Outcome

Number = Annotated[str, typer.Argument(metavar="NN", help="The notebook's number: 05.")]


def notebooks() -> None:
    """Bring my_notebooks/ to the course's version; what you changed stays. `make lab` does this first."""
    from aigc_course.teaching.copies import bring_up_to_date, my_notebooks_dir

    outcomes = bring_up_to_date()
    made = [outcome.name for outcome in outcomes if outcome.change == "made"]
    if made:
        what = f"{len(made)} notebooks" if len(made) > 3 else ", ".join(made)
        typer.echo(f"New in {my_notebooks_dir()}, yours to change: {what}.")
    for outcome in outcomes:
        if outcome.change != "made":
            typer.echo(_told(outcome))
    if not outcomes:
        typer.echo(f"The notebooks in {my_notebooks_dir()} are up to date.")


def diff(
    number: Number,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a web page instead.")] = None,
) -> None:
    """Show what differs between your copy of a notebook and the course's version."""
    from aigc_course.teaching.copies import my_notebooks_dir
    from aigc_course.teaching.differences import notebook_differences, write_page
    from aigc_course.teaching.notebook import find_notebook

    theirs = find_notebook(number)
    mine = my_notebooks_dir() / theirs.name
    if not mine.is_file():
        raise UsageError(f"you have no copy of {theirs.name} yet; `aigc-course notebooks` makes one")
    from rich.console import Console

    console = Console()
    text = notebook_differences(mine, theirs, color=html is not None or console.is_terminal)
    head = f"{theirs.name}: lines with - are yours, lines with + are the course's; outputs are left out.\n\n"
    if not text:
        typer.echo(f"{mine} has the same cells as the course's version.")
    elif html is None:
        typer.echo(head + text, nl=False)
    else:
        write_page(html, f"Differences in {theirs.name}", head + text)
        typer.echo(f"Wrote {html}.")


def reset(number: Number) -> None:
    """Put the course's version in the place of your copy of a notebook, which is kept as a backup."""
    from aigc_course.teaching.copies import my_notebooks_dir, reset_copy
    from aigc_course.teaching.notebook import find_notebook

    backup = reset_copy(number)
    copy = my_notebooks_dir() / find_notebook(number).name
    typer.echo(f"{copy} is the course's version{f'; yours is kept as {backup}' if backup else ''}.")
    typer.echo("Your progress stays as it was. If the notebook is open in JupyterLab, reload it there.")


def _told(outcome: "Outcome") -> str:
    if outcome.change == "updated":
        return f"{outcome.name}: replaced by its new version; you had not changed yours."
    if outcome.change == "outputs kept":
        return f"{outcome.name}: replaced by its new version; yours, which you had only run, is kept as {outcome.file}."
    number = outcome.name[:2]
    return (
        f"{outcome.name}: yours stays, since you changed it; the new version is beside it, {outcome.file.name}.\n"
        f"    What differs: aigc-course diff {number}. To take the new one: aigc-course reset {number} (keeps yours)."
    )

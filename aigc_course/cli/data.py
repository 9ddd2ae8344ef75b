"""`aigc-course data …`: the data sets on this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="List, download, verify and import data sets.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Data sets; by default all.")]


@app.command("list")
def list_sets() -> None:
    """Show every data set and whether it is ready."""
    from aigc_course.data import store

    _show(store.status())


@app.command()
def download(name: Annotated[str, typer.Argument(help="The data set.")]) -> None:
    """Download a data set and verify it; goes on where an earlier download stopped."""
    from aigc_course.data import store

    typer.echo(f"{name} is in {store.download(name)}")


@app.command()
def verify(names: Names = None) -> None:
    """Compare the files with their digests; the exit status is 1 when one is damaged."""
    from aigc_course.data import store

    statuses = [store.verify(name) for name in names] if names else store.verify_all()
    _show(statuses)
    if any(status.state == "damaged" for status in statuses):
        raise typer.Exit(1)


@app.command("import")
def import_files(
    name: Annotated[str, typer.Argument(help="The data set, or a name for a set of your own.")],
    source: Annotated[Path, typer.Argument(help="The official files or archive, or a folder with them.")],
) -> None:
    """Take a data set from files that are here already, for a class without a network."""
    from aigc_course.data import store

    typer.echo(f"{name} is in {store.import_files(name, source)}")


@app.command()
def where() -> None:
    """Show the directory that data sets live in."""
    from aigc_course.paths import data_dir

    typer.echo(data_dir())


def _show(statuses: list[Any]) -> None:
    width = max((len(status.name) for status in statuses), default=0)
    for status in statuses:
        typer.echo(f"{status.name:<{width}}  {status.state:<8}  {status.detail}")
        if status.command:
            typer.echo(f"{'':<{width}}  → {status.command}")

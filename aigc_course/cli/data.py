"""`aigc-course data …`: the data sets on this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from aigc_course.errors import DataError

app = typer.Typer(help="List, download, verify and import data sets.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Data sets; by default all present.")]


@app.command("list")
def list_sets() -> None:
    """Show every data set and whether it is ready."""
    from aigc_course.data import store

    _show(store.status())


@app.command()
def download(name: Annotated[str, typer.Argument(help="The data set.")]) -> None:
    """Download a data set and verify it; goes on where an earlier download stopped."""
    from aigc_course.data import store

    _show([store.download(name)])


@app.command()
def verify(names: Names = None) -> None:
    """Read every file and compare it with its digest; the exit status is 1 when a set is absent or damaged."""
    from aigc_course.data import store

    wanted = names or [status.name for status in store.status() if status.state in ("present", "damaged")]
    failed = False
    for name in wanted:
        try:
            _show([store.verify(name)])
        except DataError as error:
            typer.echo(str(error), err=True)
            failed = True
    if not wanted:
        typer.echo("nothing to verify: no set has been downloaded or imported")
    raise typer.Exit(1 if failed else 0)


@app.command("import")
def import_files(
    name: Annotated[str, typer.Argument(help="The data set.")],
    source: Annotated[Path, typer.Argument(help="The official files or archive, or a folder with them.")],
) -> None:
    """Take a data set from files that are here already, for a class without a network."""
    from aigc_course.data import store

    _show([store.import_files(name, source)])


@app.command()
def where(
    name: Annotated[str | None, typer.Argument(help="A data set; by default the directory of all.")] = None,
) -> None:
    """Show the directory that data sets live in."""
    if name is None:
        from aigc_course.paths import data_dir

        typer.echo(data_dir())
    else:
        from aigc_course.data import store

        typer.echo(store.where(name))


def _show(statuses: list[Any]) -> None:
    width = max((len(status.name) for status in statuses), default=0)
    for status in statuses:
        typer.echo(f"{status.name:<{width}}  {status.state:<8}  {status.detail}")
        if status.command:
            typer.echo(f"{'':<{width}}  → {status.command}")

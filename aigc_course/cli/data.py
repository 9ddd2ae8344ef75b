"""`aigc-course data …`: the data sets on this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from aigc_course.errors import DataError, UsageError

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
    name: Annotated[str, typer.Argument(help="A set of the course, or a new name for a dump of Reddit comments.")],
    source: Annotated[
        Path, typer.Argument(help="The official files or archive, a folder with them, or a .jsonl or .jsonl.zst dump.")
    ],
    subreddits: Annotated[
        list[str] | None, typer.Option("--subreddit", help="Of a dump: keep this subreddit only; may be repeated.")
    ] = None,
    min_score: Annotated[int | None, typer.Option(help="Of a dump: keep comments with this score or more.")] = None,
) -> None:
    """Take a data set from files that are here already: for a class without a network, or comments of your own."""
    from aigc_course.data import dumps, store
    from aigc_course.data.cards import CARDS
    from aigc_course.data.reddit import DumpRules

    if name not in CARDS:
        rules = DumpRules(subreddits=tuple(subreddits or ()), min_score=min_score)
        _show([dumps.import_dump(name, source, rules)])
        _show_table(dumps.import_report(name))
        return
    if subreddits or min_score is not None:
        raise UsageError(f"{name} is a set of the course; --subreddit and --min-score are for dumps of your own")
    _show([store.import_files(name, source)])


@app.command()
def resize(
    source: Annotated[Path, typer.Argument(help="A folder of images; folders in it name their classes.")],
    target: Annotated[Path, typer.Argument(help="The new folder.")],
    size: Annotated[int, typer.Option(help="Pixels of each side.")] = 32,
) -> None:
    """Copy a folder of images of any sizes, cut square and resized: a model learns from images of one size."""
    from aigc_course.data.folder import resize_images

    number = resize_images(source, target, size)
    typer.echo(f"{number:,} images of {size} x {size} pixels are in {target}")


@app.command()
def describe(
    name: Annotated[str, typer.Argument(help="A set of text, or a folder of text files.")],
    data_filter: Annotated[
        str, typer.Option("--filter", help="classroom leaves comments with coarse words out, off keeps them.")
    ] = "classroom",
) -> None:
    """Count the documents and characters of a set of text, and what was left out and why."""
    from aigc_course.data import load_text

    dataset = load_text(name, data_filter)
    sizes: dict[str, int] = {}
    for split, documents in dataset.splits.items():
        sizes |= {f"{split}: documents": len(documents), f"{split}: characters": sum(map(len, documents))}
    _show_table(sizes | {f"left out, {reason}": number for reason, number in dataset.removed.items()})


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


def _show_table(numbers: dict[str, int]) -> None:
    width = max(map(len, numbers), default=0)
    for what, number in numbers.items():
        typer.echo(f"  {what:<{width}}  {number:>13,}")


def _show(statuses: list[Any]) -> None:
    width = max((len(status.name) for status in statuses), default=0)
    for status in statuses:
        typer.echo(f"{status.name:<{width}}  {status.state:<8}  {status.detail}")
        if status.command:
            typer.echo(f"{'':<{width}}  → {status.command}")

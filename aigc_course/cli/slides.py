"""`aigc-course slides`: decks of slides from the notebooks."""

from pathlib import Path
from typing import Annotated

import typer


def slides(
    numbers: Annotated[
        list[str] | None, typer.Argument(help="Numbers of notebooks, as 05; by default 01 to 10.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write to; by default build/slides.")] = None,
) -> None:
    """Make slides of notebooks, with their figures and formulas, to be shown without a network."""
    from aigc_course.teaching.decks import make_decks

    for page in make_decks(numbers or (), out):
        typer.echo(page.as_uri())

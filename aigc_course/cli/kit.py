"""`aigc-course kit`: everything for a room without a network in one archive."""

from pathlib import Path
from typing import Annotated

import typer


def kit(
    out: Annotated[Path, typer.Option(help="The archive to write.")] = Path("aigc-course-kit.tar"),
    run: Annotated[list[Path] | None, typer.Option(help="The folder of a run to take along; may be repeated.")] = None,
) -> None:
    """Pack the course, its packages and the data sets on this machine for a room without a network."""
    from aigc_course.teaching.kit import make_kit

    make_kit(out, run or ())

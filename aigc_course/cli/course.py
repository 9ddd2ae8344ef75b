"""`aigc-course course` and `aigc-course release`: what the course's makers run."""

from typing import Annotated

import typer


def course() -> None:
    """Run every notebook and build the site."""
    from aigc_course.teaching.course import run_course

    raise typer.Exit(run_course())


def release(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a notebook is out of date.")] = False,
) -> None:
    """Make the learners' notebooks from the solved ones."""
    from aigc_course.teaching.release import release as make

    raise typer.Exit(make(check=check))

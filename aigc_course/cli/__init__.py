"""The command line, `aigc-course`: one module for each group of commands; a body imports what it needs."""

import os
import sys
import traceback
import warnings
from typing import Annotated, NoReturn

import typer

from aigc_course.cli import (
    classes,
    course,
    data,
    doctor,
    export,
    generate,
    kit,
    maintain,
    notebooks,
    progress,
    serve,
    slides,
    train,
)
from aigc_course.errors import CourseError, CourseWarning
from aigc_course.files import explain_os_errors

__all__ = ["app", "main"]

app = typer.Typer(
    help="Train, judge and question models that write, paint and speak.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(train.train)
app.command()(train.evaluate)
app.command()(generate.generate)
app.command()(export.export)
app.command()(export.card)
app.command()(serve.serve)
app.add_typer(data.app, name="data")
app.command()(notebooks.notebooks)
app.command()(notebooks.diff)
app.command()(notebooks.reset)
app.command()(progress.progress)
app.command()(doctor.doctor)
app.command()(course.course)
app.command()(course.release)
app.command()(slides.slides)
app.command()(kit.kit)
app.add_typer(classes.app, name="class")
app.command()(maintain.refresh)
app.command()(maintain.verify)
app.command()(maintain.links)
app.command()(maintain.ship)


def _show_version(wanted: bool) -> None:
    if wanted:
        import aigc_course

        typer.echo(f"aigc-course {aigc_course.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")] = False,
) -> None:
    if debug:
        os.environ["AIGC_DEBUG"] = "1"


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process.

    Exit status: 0 done, 1 the command found problems, 2 wrong use or an error that the user can mend, 130 Ctrl-C.
    """
    try:
        with warnings.catch_warnings(), explain_os_errors("a file"):
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            app(arguments, prog_name="aigc-course")
    except CourseError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _fail("stopped", 130)
    sys.exit(0)


def _show_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
    """Print what the package says to the user alone, and what others say with the place that it comes from."""
    place = "note" if issubclass(category, CourseWarning) else f"{filename}:{lineno}: {category.__name__}"
    print(f"{place}: {message}", file=sys.stderr)


def _fail(text: str, status: int) -> NoReturn:
    if os.environ.get("AIGC_DEBUG") == "1":
        traceback.print_exc()
    else:
        print(f"error: {text}" if status == 2 else text, file=sys.stderr)
    sys.exit(status)

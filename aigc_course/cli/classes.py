"""`aigc-course class …`: what a teacher runs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc_course.errors import UsageError

if TYPE_CHECKING:
    from aigc_course.teaching.classes.class_folder import ClassFolder

app = typer.Typer(help="Hand out notebooks to a class, collect, grade, answer.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(metavar="NN", help="The notebook, by its two digits.")]
Folder = Annotated[Path, typer.Option("--class", metavar="FOLDER", help="The class; by default the working directory.")]
HERE = Path()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The new folder of the class.")],
    name: Annotated[str, typer.Option(help="What stands on the pages for students.")] = "AI-generated content",
    notebooks: Annotated[
        list[str] | None, typer.Option("--notebook", metavar="NN", help="May be repeated; by default all.")
    ] = None,
) -> None:
    """Set up a class: notebooks with points in class.json, students in roster.csv."""
    from aigc_course.teaching.classes.class_folder import ROSTER, SETTINGS, init_class

    made = init_class(folder, name, notebooks or [])
    numbers, points = ", ".join(made.assignments), sum(one.total for one in made.assignments.values())
    typer.echo(f"{made.path / SETTINGS}: notebooks {numbers} with {points:g} points; change what you like")
    typer.echo(f"{made.path / ROSTER}: write a line for each student, an id and nothing else about them")


@app.command()
def release(
    number: Number,
    folder: Folder = HERE,
    due: Annotated[str | None, typer.Option(metavar="TIME", help="Until when, like '2026-03-02 23:59'.")] = None,
) -> None:
    """Write the notebook that students get, without answers, and the one for nbgrader, with them."""
    from aigc_course.teaching.classes.class_folder import open_class, set_due
    from aigc_course.teaching.classes.handouts import hand_out

    here = set_due(open_class(folder), number, due) if due else open_class(folder)
    source, handout = hand_out(here, number)
    typer.echo(f"{handout}: for students, {here.assignment(number).total:g} points")
    typer.echo(f"{source}: with answers, for nbgrader alone; keep it to yourself")


@app.command()
def collect(
    number: Number,
    source: Annotated[Path, typer.Argument(help="A folder or a .zip with what was handed in.")],
    folder: Folder = HERE,
) -> None:
    """Copy submissions into the class and say which are late, missing, double or nobody's."""
    from aigc_course.teaching.classes.class_folder import open_class
    from aigc_course.teaching.classes.collecting import collect as collected

    found = collected(open_class(folder), number, source)
    typer.echo(f"{len(found.taken)} submissions of {number} are in {folder / 'submitted'}")
    for student, when in found.late.items():
        typer.echo(f"  late       {student}: {when}")
    for student in found.missing:
        typer.echo(f"  missing    {student}")
    for student, names in found.duplicate.items():
        typer.echo(f"  double     {student}: took {found.taken.get(student, 'none')}, left {', '.join(names)}")
    for student, why in found.refused.items():
        typer.echo(f"  refused    {student}: {why}")
    for name in found.unknown:
        typer.echo(f"  nobody's   {name}")


@app.command()
def grade(
    number: Number,
    folder: Folder = HERE,
    workers: Annotated[int | None, typer.Option(min=1, help="Submissions at a time; by default one a core.")] = None,
) -> None:
    """Grade what was collected, each submission in processes of its own that are shut off from this machine."""
    if sys.platform == "win32":
        raise UsageError("submissions cannot be shut off on Windows; grade them on Linux, in WSL or on macOS")
    from aigc_course.teaching.classes.class_folder import open_class
    from aigc_course.teaching.classes.grading import grade as graded

    here = open_class(folder)
    results = graded(here, number, workers, done=lambda one: _show(here, one))
    if not all(one["closed"] for one in results):
        typer.echo(
            "note: this system has no namespaces for ordinary users; the submissions had limits of time and memory, "
            "but could read files and use the network. See docs/teaching.md.",
            err=True,
        )


@app.command()
def feedback(number: Number, folder: Folder = HERE) -> None:
    """Write a page for each student: points, which mistake it was, a hint."""
    from aigc_course.teaching.classes.class_folder import open_class
    from aigc_course.teaching.classes.feedback import write_feedback

    written = write_feedback(open_class(folder), number)
    typer.echo(f"{len(written)} pages: {folder / 'feedback' / 'STUDENT' / f'{number}.html'}")


@app.command()
def report(number: Number, folder: Folder = HERE) -> None:
    """Write the points of the class as CSV, and a page with pass rates and frequent misconceptions."""
    from aigc_course.teaching.classes.class_folder import open_class
    from aigc_course.teaching.classes.report import write_report

    for path in write_report(open_class(folder), number):
        typer.echo(path)


def _show(folder: "ClassFolder", graded: dict[str, Any]) -> None:
    of = folder.assignment(graded["notebook"]).total
    problem = f"  {graded['problem']}" if graded["problem"] else ""
    typer.echo(f"  {graded['student']:<16} {graded['points']:>5g} of {of:g}  {graded['seconds']:5.1f} s{problem}")

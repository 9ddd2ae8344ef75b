"""`aigc-course doctor`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aigc_course.doctor import Report


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Check this machine and name the command that mends each problem."""
    from aigc_course.doctor import diagnose

    if as_json:
        report = diagnose()
        typer.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        from rich.console import Console

        console = Console()
        with console.status("Checking") as status:
            report = diagnose(lambda name: status.update(f"Checking: {name}"))
        if console.is_terminal:
            _print_table(report, console)
        else:
            typer.echo(str(report))
    raise typer.Exit(1 if report.problems else 0)


def _print_table(report: "Report", console: object) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from aigc_course.doctor.findings import SIGNS

    assert isinstance(console, Console)
    styles = {"ok": "green", "note": "yellow", "problem": "bold red"}
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in report.findings:
        text = Text(finding.detail)
        if finding.command:
            text.append(f"\n{finding.command}", style="bold cyan")
        table.add_row(Text(SIGNS[finding.status], style=styles[finding.status]), Text(finding.name), text)
    console.print(table)
    console.print(f"\n{report.summary}", highlight=False)

"""`aigc-course refresh`, `verify`, `links` and `ship`: what the course's maintainers run now and then."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def refresh(
    numbers: Annotated[list[str], typer.Argument(metavar="NN...", help="The notebooks' numbers: 05 06.")],
) -> None:
    """Execute solved notebooks in the quick profile, store them with their outputs, and release them."""
    from aigc_course.teaching.release import refresh as execute_in_place
    from aigc_course.teaching.release import release

    for path in execute_in_place(numbers=numbers):
        typer.echo(f"executed {path}")
    raise typer.Exit(release())


def verify(
    tests: Annotated[list[str] | None, typer.Argument(help="Only these tests: tests/notebooks. Default: all.")] = None,
    python: Annotated[list[str] | None, typer.Option(help="A Python: 3.12; may be given again.")] = None,
    latest: Annotated[bool, typer.Option("--latest", help="The newest allowed packages, not the locked ones.")] = False,
) -> None:
    """Run the tests in throw-away environments, and say what drifted from the lock and what broke."""
    from aigc_course.teaching.verify import find_python
    from aigc_course.teaching.verify import verify as try_out

    versions = python or [".".join(map(str, sys.version_info[:2]))]
    for version in versions:
        find_python(version)  # all of them are there before the first one is tried
    verdicts = []
    for version in versions:
        verdicts.append(try_out(version, latest=latest, tests=tests or ()))
        typer.echo(f"\n{verdicts[-1]}")
        verdicts[-1].tidy()
    raise typer.Exit(0 if all(verdict.ok for verdict in verdicts) else 1)


def links(
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask, by network, what the cache does not know.")] = False,
) -> None:
    """Check every link of the notebooks, pages and exercises; addresses by the cache docs/links.json."""
    from aigc_course.teaching.links import check_links

    report = check_links(refresh=refresh)
    typer.echo(str(report))
    raise typer.Exit(0 if report.ok else 1)


def ship(
    run: Annotated[Path, typer.Argument(help="The directory of a finished run, or a checkpoint.")],
    classifier: Annotated[
        Path | None, typer.Option(help="What to measure images or sounds by; by default as `evaluate` finds it.")
    ] = None,
) -> None:
    """Measure a run and put it into data/pretrained under its recipe's name, with its card."""
    from aigc_course import recipes
    from aigc_course.export.shipping import ship as put_into_the_course

    folder = put_into_the_course(run, classifier or recipes.newest_classifier(run))
    card = recipes.pretrained(folder.name).card
    typer.echo(f"{folder}: {card['size_bytes']:,} bytes, {', '.join(card['headline'])}:")
    for name in card["headline"]:
        typer.echo(f"{name}  {card['metrics'][name]:.4g} (in float32 {card['float32'][name]:.4g})")

"""RESULTS.md: what the models that come with the course reach, and how the course stands beside its peers.

Nothing in it is typed by hand. Its sources are `data/pretrained/*/card.json` and what the benchmarks left in
`benchmarks/results/` by `--json benchmarks/results/NAME.json`:

    python benchmarks/results.py            # write RESULTS.md
    python benchmarks/results.py --check    # exit status 1 where it isn't what its sources give
"""

import argparse
import ast
import itertools
import json
import math
import sys
from pathlib import Path
from typing import Any

from figures import number, places_of, several, table
from measure import Machine, Result, Row

from aigc_course.config import from_dict
from aigc_course.errors import CourseError, DataError
from aigc_course.files import write_text
from aigc_course.paths import pretrained_dir

FOLDER = Path(__file__).resolve().parent
PAGE = FOLDER / "RESULTS.md"
CARD_KEYS = (
    *("name", "recipe", "profile", "command", "seed", "steps", "hardware", "minutes", "data", "licence"),
    *("size_bytes", "numbers", "dtype", "metrics", "headline", "float32"),
)
NO_COMMAND = "# (no single command gives these settings; they are in its README.md)"
HEAD = """\
# Results

Written by `python benchmarks/results.py` from `data/pretrained/*/card.json` and `benchmarks/results/*.json`. To change
a figure, run the command beside it and then this one; `--check` tells whether the page is what its sources give.
"""
MODELS = """\
## Models that come with the course

Measured on the test split with the weights as they are stored, ± one standard error. "before": with the weights in
float32, as they were trained. Images of image-gan are drawn at the temperature that its card names.
"""
PEERS = """\
## Beside peers and limits

A value is the median over rounds or seeds. A ratio is the median (and range) over pairs of the same round or seed,
above 1 where the course is better: its rate over the peer's, or the peer's time or distance over its own. The load is
how many processes wanted a processor in the last minute, the benchmark among them.
"""


def page(*, pretrained: Path, results: Path, scripts: Path) -> str:
    """The whole page. Raises: DataError for a source of another form, naming the file.

    Args: pretrained: the folder of the models' folders; results: of the JSON files; scripts: of the benchmarks.
    """
    cards = [read_card(path) for path in sorted(pretrained.glob("[!.]*/card.json"))]
    found = [read_result(path) for path in sorted(results.glob("*.json"))]
    parts = [HEAD, MODELS, *(models(cards) if cards else ["None is stored yet.\n"]), PEERS, *map(section, found)]
    known = {result.script for result in found}
    missing = [path for path in benchmarks(scripts) if path.name not in known]
    return "\n".join(parts + ([without_result(missing)] if missing else []))


def benchmarks(folder: Path) -> list[Path]:
    """The scripts that write their results."""
    return [path for path in sorted(folder.glob("*.py")) if "--json PATH" in _docstring(path)]


def read_card(path: Path) -> dict[str, Any]:
    """A model's card. Raises: DataError where something is missing."""
    card = _read_json(path)
    missing = [key for key in CARD_KEYS if key not in card]
    missing += [f"metrics.{name}" for name in card.get("headline", ()) if name not in card.get("metrics", {})]
    if missing:
        raise DataError(f"{path} lacks {missing[0]!r}; write the model's card anew")
    return card


def read_result(path: Path) -> Result:
    """What a benchmark wrote. Raises: DataError for another form, or a script that it isn't named after."""
    values = _read_json(path)
    script = values.get("script", path.stem)
    try:
        result = from_dict(Result, values, "the result")
    except CourseError as error:
        raise DataError(f"{path}: {error}; run benchmarks/{Path(script).stem}.py again, with --json {path}") from error
    if path.stem != Path(result.script).stem:
        raise DataError(f"{path} is a result of {result.script}; name it {Path(result.script).stem}.json")
    return result


def models(cards: list[dict[str, Any]]) -> list[str]:
    """Three blocks: what was trained, what it reaches, how to train it again."""
    machines = {"; ".join(card["hardware"]) for card in cards}
    alike = len(machines) == 1
    trained = [
        [_link(card), card["profile"], card["data"]["name"]]
        + [f"{card['steps']:,}", f"{card['minutes']:.1f}", _weights(card), card["licence"]]
        + ([] if alike else ["; ".join(card["hardware"])])
        for card in cards
    ]
    names = ["", "profile", "data", "steps", "minutes", "weights", "licence"]
    reached = [
        ["" if place else card["name"], name.replace("_", " "), *_reached(card, name)]
        for card in cards
        for place, name in enumerate(card["headline"])
    ]
    commands = "".join(f"# {card['name']}\n{card['command'] or NO_COMMAND}\n" for card in cards)
    return [
        *([f"All were trained on {machines.pop()}.\n"] if alike else []),
        table(names + ([] if alike else ["trained on"]), trained, left=(0, 1, 2, 6, 7)),
        table(["", "metric", "value", "before"], reached, left=(0, 1)),
        f"To train them again:\n\n```\n{commands}```\n",
    ]


def section(result: Result) -> str:
    """Title, table, machine and command of a benchmark."""
    filled = comparison(result) if any(row.peer for row in result.rows) else overview(result)
    title = result.title[:1].upper() + result.title[1:]
    return f"### {title}\n\n{filled}\n{_count(result)}, {_words(result.machine)}\n\n```\n{result.command}\n```\n"


def comparison(result: Result) -> str:
    """A table with a line for each row: unit (in the head where all have the same), ours, the peer's, ratio, limit."""
    units = list(dict.fromkeys(row.unit for row in result.rows))
    mixed, limited = len(units) > 1, any(row.limit is not None for row in result.rows)
    head = ["", "unit"] if mixed else units
    head += ["ours", result.peer or "peer", "ratio", *(["at most"] if limited else [])]
    lines, last = [], ""
    for row in result.rows:
        ours, peer = (several(values, with_range=row.ratio == "none") for values in (row.ours, row.peer))
        line = ["" if row.what == last else row.what, *([row.unit] if mixed else []), ours, peer, ratio_of(row)]
        lines.append(line + ([_limit(row)] if limited else []))
        last = row.what
    return table(head, lines, left=(0, 1) if mixed else (0,))


def overview(result: Result) -> str:
    """A table without peers: a line for what was measured, a column for each unit."""
    found = {(row.what, row.unit): several(row.ours, with_range=True) for row in result.rows}
    limits = {row.unit: _limit(row) for row in result.rows}
    heads = {unit: f"{unit} (at most {limit})" if limit else unit for unit, limit in limits.items()}
    things = dict.fromkeys(row.what for row in result.rows)
    return table(["", *heads.values()], [[what, *(found.get((what, unit), "") for unit in heads)] for what in things])


def ratio_of(row: Row) -> str:
    """Median and range of the pairs' ratios, with ×."""
    if row.ratio == "none":
        return ""
    pairs = zip(row.ours, row.peer, strict=True) if row.ratio == "ours / peer" else zip(row.peer, row.ours, strict=True)
    ratios = tuple(above / below if below else math.inf for above, below in pairs)
    median, *rest = several(ratios, with_range=True).partition(" ")
    return f"{median} ×{''.join(rest)}"


def without_result(scripts: list[Path]) -> str:
    """The benchmarks that left nothing here, with what each measures."""
    lines = "".join(f"- `{path.name}`: {_docstring(path).splitlines()[0]}\n" for path in scripts)
    ask = "Each writes its figures with `--json benchmarks/results/NAME.json`, NAME its own."
    return f"## Not measured yet\n\nThese benchmarks have no stored result. {ask}\n\n{lines}"


def difference(old: str, new: str) -> str | None:
    """The first line that isn't the same, in words; None where all are."""
    lines = itertools.zip_longest(old.splitlines(), new.splitlines())
    for place, (is_there, should_be) in enumerate(lines, start=1):
        if is_there != should_be:
            said = "nothing" if is_there is None else repr(is_there)
            return f"line {place} is {said}, but its sources give {'nothing' if should_be is None else repr(should_be)}"
    return None


def main() -> int:
    """Returns: the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; tell whether the page is up to date")
    given = parser.parse_args()
    try:
        text = page(pretrained=pretrained_dir(), results=FOLDER / "results", scripts=FOLDER)
    except CourseError as error:
        raise SystemExit(str(error)) from error
    if not given.check:
        write_text(PAGE, text)
        return 0
    other = difference(PAGE.read_text("utf-8") if PAGE.exists() else "", text)
    if other:
        print(f"RESULTS.md: {other}; run python benchmarks/results.py", file=sys.stderr)
    return 1 if other else 0


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}); write it anew") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} is a {type(values).__name__}, not an object; write it anew")
    return values


def _reached(card: dict[str, Any], name: str) -> tuple[str, str]:
    """A metric's value with its standard error where there is one, and what it was in float32."""
    value, deviation = card["metrics"][name], card["metrics"].get(f"{name}_standard_error")
    before = card["float32"].get(name)
    places = places_of(deviation, 2, value, deviation) if deviation else places_of(value, 4, value)
    shown = number(value, places) + (f" ± {number(deviation, places)}" if deviation else "")
    return shown, "" if before is None else number(before, places)


def _link(card: dict[str, Any]) -> str:
    return f"[{card['name']}](../data/pretrained/{card['name']}/README.md)"


def _weights(card: dict[str, Any]) -> str:
    return f"{card['numbers']:,} × {card['dtype']}, {card['size_bytes'] / 1e6:.2f} MB"


def _count(result: Result) -> str:
    counts = {len(row.ours) for row in result.rows}
    return "One run" if counts == {1} else f"Medians of {'up to ' if len(counts) > 1 else ''}{max(counts)}"


def _words(machine: Machine) -> str:
    threads = f"{machine.threads} thread{'s' if machine.threads > 1 else ''} of {machine.cores} processors"
    load = "" if math.isnan(machine.load) else f"load {machine.load:.1f}, "
    gpu = f"{machine.gpu}, its host " if machine.gpu else ""
    return f"{gpu}{machine.processor}, {threads}, {load}torch {machine.torch}, Python {machine.python}:"


def _limit(row: Row) -> str:
    return "" if row.limit is None else number(row.limit, places_of(row.limit, 4, row.limit))


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""


if __name__ == "__main__":
    sys.exit(main())

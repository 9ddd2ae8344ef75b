"""What each notebook says of itself in its first cell: its title, what it teaches, how long it takes."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from aigc_course.paths import course_root

# The few commands that stand in goals, for terminals and for pages that draw no formulas.
_SYMBOLS = {r"\log": "log", r"\sigma": "σ", r"\varepsilon": "ε"}


@dataclass(frozen=True, kw_only=True)
class Outline:
    """The first cell of a notebook as plain text."""

    number: str  # "02"
    file: str  # "02_losses_and_gradient_descent.ipynb"
    title: str
    goals: tuple[str, ...] = ()  # each reads well after "You will be able to"
    takes: str = ""  # "2 hours, of which the machine needs less than a minute"


def outlines() -> dict[str, Outline]:
    """The notebooks of the checkout by number; empty elsewhere. A file that is no notebook is left out."""
    files = sorted((course_root() / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    found = (_outline(path, path.stat().st_mtime_ns) for path in files)
    return {item.number: item for item in found if item}


@lru_cache(maxsize=64)
def _outline(path: Path, _modified_ns: int) -> Outline | None:
    """Cached by the file's time: a notebook with its pictures has megabytes, and `progress()` follows every check."""
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
        return parse_outline("".join(cell["source"]), path.name)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def parse_outline(source: str, file: str) -> Outline:
    """The outline in a first cell: a heading, and a table with "You will be able to" and "It takes".

    Args: file: the notebook's file name, whose first two characters are its number.
    """
    heading = re.search(r"^# (.+)$", source, re.MULTILINE)
    rows: dict[str, list[str]] = {}
    name = ""
    for left, right in re.findall(r"^\|([^|]*)\|(.*)\|\s*$", source, re.MULTILINE):
        name = left.strip(" *") or name
        rows.setdefault(name, []).append(_plain(right))
    return Outline(
        number=file[:2],
        file=file,
        title=_plain(heading[1]) if heading else Path(file).stem.replace("_", " "),
        goals=tuple(rows.get("You will be able to", ())),
        takes=" ".join(rows.get("It takes", ())),
    )


def _plain(text: str) -> str:
    for command, symbol in _SYMBOLS.items():
        text = text.replace(command, symbol)
    return text.replace("$", "").strip()

"""What a check found, and all of it together."""

import html
import os
import sys
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "note", "problem"]
SIGNS: dict[Status, str] = {"ok": "✓", "note": "·", "problem": "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str  # what was looked at, two or three words
    status: Status  # ok, note (good to know, nothing to mend) or problem
    detail: str  # what was seen, one or two sentences
    command: str = ""  # the one command that mends it; every problem has one

    def __post_init__(self) -> None:
        if self.status == "problem" and not self.command:
            raise ValueError(f"the problem {self.name!r} names no command that mends it")


@dataclass(frozen=True, slots=True)
class Report:
    """All findings; shows itself as a table in a notebook and as lines of text elsewhere."""

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.status == "problem")

    @property
    def summary(self) -> str:
        """One sentence, for example "2 problems, 1 note, 9 checks passed"."""
        counts = {status: sum(f.status == status for f in self.findings) for status in SIGNS}
        parts = [_count(counts["problem"], "problem"), _count(counts["note"], "note"), f"{counts['ok']} checks passed"]
        return ", ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """What `aigc-course doctor --json` prints."""
        return {"healthy": not self.problems, "findings": [asdict(f) for f in self.findings]}

    def __str__(self) -> str:
        lines = []
        for f in self.findings:
            lines.append(f"{SIGNS[f.status]} {f.name}: {f.detail}")
            if f.command:
                lines.append(f"    → {f.command}")
        return "\n".join([*lines, self.summary])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{SIGNS[f.status]}</td><td style='text-align:left'>{html.escape(f.name)}</td>"
            f"<td style='text-align:left'>{html.escape(f.detail)}"
            + (f"<br><code>{html.escape(f.command)}</code>" if f.command else "")
            + "</td></tr>"
            for f in self.findings
        )
        return f"<table>{rows}</table><p>{html.escape(self.summary)}</p>"


def set_variable(name: str, value: str) -> str:
    """The command that sets an environment variable in this system's usual shell."""
    return f'$env:{name} = "{value}"' if os.name == "nt" else f'export {name}="{value}"'


def unset_variable(name: str) -> str:
    """The command that removes an environment variable in this system's usual shell."""
    return f"Remove-Item Env:{name}" if os.name == "nt" else f"unset {name}"


def pip_install(*arguments: str) -> str:
    """The command that installs into the environment that runs this code, whatever is activated."""
    words = [f'"{word}"' if set(word) & set(" <>[") else word for word in (sys.executable, *arguments)]
    return " ".join([words[0], "-m pip install", *words[1:]])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""

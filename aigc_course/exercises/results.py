"""What a check found, as text for a terminal and as HTML for a notebook."""

import html
from dataclasses import dataclass
from typing import Literal

from aigc_course.exercises.spec import Exercise

Status = Literal["not started", "passed", "failed"]
# Beside the colour (told apart with any kind of colour vision) each status has its own sign and its own word.
_LOOK = {"not started": ("○", "#8a8a8a"), "passed": ("✓", "#009E73"), "failed": ("✗", "#D55E00")}
# Half-transparent grey on the page's own background, text in the page's own colour: right in light and dark themes.
_CODE = "background: #8080801f; padding: 0.4em 0.7em; margin: 0.4em 0 0 0; overflow-x: auto; font-size: 92%"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a check found. True in a condition when the answer passed; shows itself in a notebook."""

    exercise_id: str
    title: str
    status: Status
    message: str
    misconception: str | None = None  # the name of the recognised mistake
    kind: str = ""  # of what is wrong: "wrong shape", "exception", …
    details: tuple[tuple[str, str], ...] = ()  # what was given, what came out: (label, text)
    excerpt: str = ""  # the learner's own lines, an arrow before the one that is meant
    printed: str = ""  # the first lines that the answer printed

    def __bool__(self) -> bool:
        return self.status == "passed"

    def __repr__(self) -> str:
        mark, _ = _LOOK[self.status]
        text = f"{mark} {self.exercise_id} {self.title}: {self.status}. {self.message}"
        width = max((len(label) for label, _ in self.details), default=0)
        lines = [f"    {label + ':':<{width + 1}} {value}" for label, value in self.details]
        for heading, block in (("", self.excerpt), ("    Printed:", self.printed)):
            lines += ([heading] if heading and block else []) + [f"    {line}" for line in block.splitlines()]
        return "\n".join([text, *lines])

    def _repr_html_(self) -> str:
        mark, colour = _LOOK[self.status]
        what = f" · {self.misconception or self.kind}" if self.misconception or self.kind else ""
        head = f"<b>{mark} {html.escape(f'{self.exercise_id} {self.title}: {self.status}{what}')}</b>"
        body = html.escape(self.message).replace("\n", "<br>")
        style = f"border-left: 4px solid {colour}; padding: 0.4em 0.9em; background: {colour}1a; margin: 0.3em 0"
        return f'<div style="{style}">{head}<br>{body}{self._details_html()}</div>'

    def _details_html(self) -> str:
        parts = []
        if self.details:
            cell = "text-align: left; padding: 0.1em 1em 0.1em 0; vertical-align: top; background: transparent"
            rows = "".join(
                f'<tr style="background: transparent"><th scope="row" style="{cell}">{html.escape(label)}</th>'
                f'<td style="{cell}"><code>{html.escape(value)}</code></td></tr>'
                for label, value in self.details
            )
            parts.append(f'<table style="margin: 0.4em 0 0 0; border: none">{rows}</table>')
        if self.excerpt:
            parts.append(f'<pre style="{_CODE}">{html.escape(self.excerpt)}</pre>')
        if self.printed:
            parts.append(f'Your function printed:<pre style="{_CODE}">{html.escape(self.printed)}</pre>')
        return "".join(parts)


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """What is wrong with an answer."""

    kind: str
    message: str
    details: tuple[tuple[str, str], ...] = ()
    excerpt: str = ""
    misconception: str | None = None


def not_started(exercise: Exercise) -> CheckResult:
    """The result for a stub that nobody has filled in yet; its text stands in the learners' notebooks."""
    message = f'The notebook goes on with the package\'s own version. Stuck? hint("{exercise.id}")'
    return CheckResult(exercise_id=exercise.id, title=exercise.title, status="not started", message=message)


def passed(exercise: Exercise, draws: int, printed: str) -> CheckResult:
    """The result for a right answer: what it has in common with every other right answer."""
    held = "; ".join(item.statement for item in exercise.properties)
    message = f"Right on {draws} random inputs." + (f" What holds for every right answer: {held}." if held else "")
    return CheckResult(exercise_id=exercise.id, title=exercise.title, status="passed", message=message, printed=printed)


def failed(exercise: Exercise, complaint: Complaint, printed: str = "") -> CheckResult:
    """The result for an answer that something is wrong with."""
    return CheckResult(
        exercise_id=exercise.id,
        title=exercise.title,
        status="failed",
        message=complaint.message,
        misconception=complaint.misconception,
        kind="" if complaint.misconception else complaint.kind,
        details=complaint.details,
        excerpt=complaint.excerpt,
        printed=printed,
    )

"""Where a learner is: the notebook at hand, what it teaches, and the exercise that comes next."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aigc_course.exercises.outline import Outline, outlines
from aigc_course.exercises.record import Entry
from aigc_course.exercises.spec import Exercise

_PANEL = "margin: 0.6em 0; padding: 0.1em 0 0.1em 0.9em; border-left: 4px solid #009E73"
_LIST = "margin: 0.2em 0 0.4em 0; padding-left: 1.4em"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The panel "Where you are"."""

    outline: Outline  # of the notebook at hand
    passed: int  # of this notebook's exercises
    exercises: int
    next: Exercise | None  # None when every exercise of the course is passed

    @property
    def title(self) -> str:
        return "Where you are: " + " · ".join(filter(None, [self.outline.number, self.outline.title]))

    @property
    def done(self) -> str:
        takes = f" The notebook takes {self.outline.takes}." if self.outline.takes else ""
        return f"{self.passed} of {self.exercises} exercises passed.{takes}"

    @property
    def next_step(self) -> str:
        """What to do now: "Next: exercise 02.4 Softmax (★★☆, about 10 minutes) in 02_losses.ipynb"."""
        if self.next is None:
            return "Next: nothing is left. `aigc-course progress --html FILE` writes a summary of what you did"
        stars = "★" * self.next.stars + "☆" * (3 - self.next.stars)
        where = f"{self.next.id} {self.next.title} ({stars}, about {self.next.minutes} minutes)"
        return f"Next: exercise {where} in {self.outline.file}"

    def __str__(self) -> str:
        goals = ["  You will be able to", *(f"    - {goal}" for goal in self.outline.goals)]
        return "\n".join([self.title, f"  {self.done}", *(goals if self.outline.goals else []), f"  {self.next_step}"])

    def to_html(self) -> str:
        """The panel in the page's own colours."""
        return (
            f'<div style="{_PANEL}"><b>{html.escape(self.title)}</b><br>{html.escape(self.done)}'
            f"{goals_html(self.outline)}<b>{html.escape(self.next_step)}</b></div>"
        )


def goals_html(outline: Outline) -> str:
    """What a notebook teaches, as a list; "" when it does not say."""
    goals = "".join(f"<li>{html.escape(goal)}</li>" for goal in outline.goals)
    return f'<div>You will be able to<ul style="{_LIST}">{goals}</ul></div>' if goals else ""


def standing(entries: Sequence[tuple[Exercise, Entry]]) -> Standing | None:
    """Where somebody with these entries is; None without exercises.

    The notebook at hand is the one tried last, or the next one with something left to do. What was left out in
    earlier notebooks comes when nothing is left after it.
    Args: entries: every exercise of the course, in the order of the ids.
    """
    if not entries:
        return None
    times = [_last_time(entry) for _, entry in entries]
    last = max(range(len(times)), key=lambda i: (times[i], i)) if any(times) else 0  # of one second's, the later one
    start = next(i for i, (item, _) in enumerate(entries) if _number(item) == _number(entries[last][0]))
    ahead = [item for item, entry in [*entries[start:], *entries[:start]] if entry.status != "passed"]
    number = _number(ahead[0] if ahead else entries[-1][0])
    mine = [entry for item, entry in entries if _number(item) == number]
    return Standing(
        outline=outlines().get(number) or Outline(number=number, file=f"notebook {number}", title=""),
        passed=sum(entry.status == "passed" for entry in mine),
        exercises=len(mine),
        next=ahead[0] if ahead else None,
    )


def _number(item: Exercise) -> str:
    return item.id.split(".")[0]


def _last_time(entry: Entry) -> float:
    """When the exercise was last heard of, in seconds since 1970; 0 without a trace."""
    times = (datetime.fromisoformat(text).timestamp() for text in (entry.first_tried, entry.passed) if text)
    return max(times, default=0.0)

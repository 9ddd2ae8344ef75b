"""The solution of an exercise: the reference's source with what it calls, the way to it, and what holds for it."""

import ast
import html
import inspect
import re
import textwrap
from dataclasses import dataclass
from types import FunctionType

from aigc_course.exercises.record import Entry
from aigc_course.exercises.spec import Answer, Exercise
from aigc_course.source import highlighted

_OWN = "aigc_course.exercises."  # helpers from here are shown too; the package's other functions have names and docs


@dataclass(frozen=True, kw_only=True)
class Solution:
    """A solved exercise, for reading. Shows itself in a notebook; `source` is the code alone."""

    exercise_id: str
    title: str
    source: str
    steps: tuple[str, ...]  # the hints in order: how one gets there
    statements: tuple[str, ...]  # what holds for this and every other right answer

    def __repr__(self) -> str:
        steps = [f"  {number}. {text}" for number, text in enumerate(self.steps, start=1)]
        parts = [
            f"Solution of {self.exercise_id} {self.title}",
            textwrap.indent(self.source, "    "),
            "\n".join(["How one gets there:", *(_wrapped(step, "     ") for step in steps)]),
            "\n".join(["What holds for every right answer:", *(_wrapped(f"  - {s}", "    ") for s in self.statements)]),
        ]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        steps = "".join(f"<li>{html.escape(text)}</li>" for text in self.steps)
        statements = "".join(f"<li>{html.escape(text)}</li>" for text in self.statements)
        style = "border-left: 4px solid #0072B2; padding: 0.4em 0.9em; margin: 0.3em 0"
        return (
            f'<div style="{style}"><b>{html.escape(f"Solution of {self.exercise_id} {self.title}")}</b>'
            f'<div style="margin: 0.5em 0">{highlighted(self.source)}</div>'
            f"How one gets there:<ol>{steps}</ol>What holds for every right answer:<ul>{statements}</ul></div>"
        )


def solution_of(exercise: Exercise) -> Solution:
    """The solution of an exercise, made from what its checks use. Nothing is asked or recorded."""
    return Solution(
        exercise_id=exercise.id,
        title=exercise.title,
        source=source_with_helpers(exercise.reference),
        steps=exercise.hints,
        statements=tuple(item.statement for item in exercise.properties),
    )


def honest_question(exercise: Exercise, entry: Entry) -> str:
    """What stands above the question whether the solution is wanted: what was tried, and what is left to try."""
    left = len(exercise.hints) - entry.hints
    tried = {0: "You have not tried it yet.", 1: "You have tried it once."}
    parts = [f"{exercise.id} {exercise.title}", tried.get(entry.tries, f"You have tried it {entry.tries} times.")]
    if left > 0:
        seen = f"{entry.hints} of {len(exercise.hints)} hints seen"
        parts.append(f'{seen}: hint("{exercise.id}") gives the next one, which may be all that you need.')
    parts.append("A solution that you found stays; one that you read fades. Have you given it an honest try?")
    return "\n".join(parts)


def source_with_helpers(function: Answer) -> str:
    """The source of a function, after the constants and the helpers of the exercises' modules that it uses.

    Raises: TypeError or OSError when it is not written in Python.
    """
    constants: dict[str, float] = {}
    sources: list[str] = []
    _collect(inspect.unwrap(function), constants, sources, set())
    lines = [f"{name} = {value!r}" for name, value in constants.items()]
    return "\n\n\n".join((["\n".join(lines)] if lines else []) + sources)


def _collect(function: Answer, constants: dict[str, float], sources: list[str], seen: set[Answer]) -> None:
    """Append the sources of what `function` uses, then its own."""
    seen.add(function)
    source = textwrap.dedent(inspect.getsource(function))
    source = re.sub(r"  # noqa\b.*", "", source).rstrip()
    for name in dict.fromkeys(node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)):
        value = getattr(function, "__globals__", {}).get(name)
        if isinstance(value, int | float):
            constants[name] = value
        elif isinstance(value, FunctionType) and value.__module__.startswith(_OWN) and value not in seen:
            _collect(value, constants, sources, seen)
    sources.append(source)


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, width=100, subsequent_indent=indent)

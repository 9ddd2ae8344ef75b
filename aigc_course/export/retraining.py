"""The command that trains a model again with the settings of its checkpoint."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from aigc_course import config
from aigc_course.errors import CourseError
from aigc_course.recipes import get_recipe


def command(saved: dict[str, Any]) -> str | None:
    """`aigc-course train …` for a POSIX shell; None where no command of this version gives the same settings.

    Args: saved: the config of a checkpoint.
    """
    recipe = get_recipe(saved["recipe"])
    try:
        start = recipe.profile(saved["profile"])
        usual, wanted = dict(_leaves(config.to_dict(start))), dict(_leaves(saved["settings"]))
        changed = [f"{name}={_written(value)}" for name, value in wanted.items() if usual.get(name) != value]
        if config.to_dict(config.override(start, changed)) != saved["settings"]:
            return None
    except (CourseError, KeyError):  # settings or a profile that this version lacks, or that only fit together
        return None
    words = ["aigc-course", "train", recipe.name, "--profile", saved["profile"]]
    for assignment in changed:
        words += ["--set", assignment]
    return shlex.join(words)


def _leaves(settings: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """("loop.steps", 500), … of nested settings."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _written(value: Any) -> str:
    """A value as `config.override` reads it back: text as it is, unless it would be read as something else."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            if value == value.strip() and value not in ("True", "False", "None"):
                return value
    return json.dumps(value)

"""The command that trains a model again with the settings of its checkpoint."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from aigc_course import config
from aigc_course.errors import CourseError
from aigc_course.recipes import Recipe, get_recipe


def command(saved: dict[str, Any]) -> str | None:
    """`aigc-course train …` for a POSIX shell; None where no command of this version gives the same settings.

    Args: saved: the config of a checkpoint; settings that came after it have their defaults.
    """
    recipe = get_recipe(saved["recipe"])
    ways = [_changes(recipe, preset, saved) for preset in ("", *recipe.presets)]
    words = min((way for way in ways if way is not None), key=len, default=None)
    if words is None:
        return None
    return shlex.join(["aigc-course", "train", recipe.name, "--profile", saved["profile"], *words])


def _changes(recipe: Recipe, preset: str, saved: dict[str, Any]) -> list[str] | None:
    """The arguments after the profile that give the saved settings, beginning with a preset or ("") without."""
    try:
        start = recipe.profile(saved["profile"])
        start = recipe.presets[preset](start) if preset else start
        usual, wanted = dict(_leaves(config.to_dict(start))), dict(_leaves(saved["settings"]))
        changed = [f"{name}={_written(value)}" for name, value in wanted.items() if usual.get(name) != value]
        if config.override(start, changed) != config.from_dict(recipe.settings_type, saved["settings"]):
            return None
    except (CourseError, KeyError):  # settings or a profile that this version lacks, or that only fit together
        return None
    return [*(["--preset", preset] if preset else []), *(word for change in changed for word in ("--set", change))]


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

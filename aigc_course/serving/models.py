"""The models that a server has: which runs they come from, and what is told of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aigc_course.errors import CheckpointError, UsageError
from aigc_course.generators import AudioGenerator, ImageGenerator, TextGenerator
from aigc_course.generators.load import generator_in
from aigc_course.paths import runs_dir
from aigc_course.recipes import RECIPES, Run, get_recipe, pretrained, pretrained_names, read_run
from aigc_course.recipes.model_card import OWN_FILES, data_card
from aigc_course.training import checkpoint
from aigc_course.training.session import LAST

Kind = Literal["text", "images", "audio"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KINDS: dict[type, Kind] = {TextGenerator: "text", ImageGenerator: "images", AudioGenerator: "audio"}


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A generator under the name that clients know it by."""

    name: str
    generator: TextGenerator | ImageGenerator | AudioGenerator
    card: dict[str, Any]  # JSON: recipe, profile, steps, data set and its licence

    @property
    def kind(self) -> Kind:
        """What it makes."""
        return next(kind for made_by, kind in _KINDS.items() if isinstance(self.generator, made_by))

    @property
    def class_names(self) -> tuple[str, ...]:
        """What a label may be; empty where the model knows no classes."""
        return getattr(self.generator, "class_names", ())

    @property
    def speaker_names(self) -> tuple[str, ...]:
        """Who may speak; empty where the model knows no speakers."""
        return getattr(self.generator, "speaker_names", ())

    @property
    def sample_rate_hz(self) -> int:
        """Of the sounds that it makes; 0 where it makes none."""
        return getattr(self.generator, "sample_rate_hz", 0)

    @property
    def facts(self) -> dict[str, Any]:
        """What a client is told of it, as JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "class_names": list(self.class_names),
            "speaker_names": list(self.speaker_names),
            "sample_rate_hz": self.sample_rate_hz,
            "card": self.card,
        }


def load_models(runs: Mapping[str, Run | str | Path]) -> dict[str, ServedModel]:
    """The models to serve. Args: runs: name -> a Run, its directory, a checkpoint file, or exported weights.

    Raises: UsageError for a name that doesn't fit into an address; CheckpointError where there is no generator.
    """
    for name in runs:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"a model can't be served as {name!r}; a name has up to 64 letters, digits, dots, underscores and "
                "hyphens: give another one as NAME=RUN"
            )
    read = {name: read_run(run) for name, run in runs.items()}
    return {
        name: ServedModel(name=name, generator=generator_in(path, tree), card=_card(tree))
        for name, (path, tree) in read.items()
    }


def named_runs(given: list[str]) -> dict[str, Path]:
    """Name -> run of arguments such as `runs/text-gpt/quick-1` or `writer=runs/text-gpt/quick-1`.

    A name that isn't given is that of the run's directory. Raises: UsageError when two have one name.
    """
    found: dict[str, Path] = {}
    for argument in given:
        name, equals, place = argument.partition("=")
        if not equals or Path(argument).exists():
            name, place = Path(argument).resolve().name, argument
        if name in found:
            raise UsageError(f"two runs have the name {name!r}; give one of them another: NAME={place}")
        found[name] = Path(place)
    return found


def finished_runs() -> dict[str, Path]:
    """Recipe -> the newest finished run of each recipe that generates something, under `AIGC_RUNS`.

    Where there is none at all, the models that came with the course. Raises: CheckpointError when they are missing too.
    """
    found: dict[str, Path] = {}
    for recipe in (name for name in RECIPES if get_recipe(name).generates):
        newest_first = sorted((runs_dir() / recipe).glob(f"*/{LAST}"), key=lambda path: -path.stat().st_mtime)
        directory = next((path.parent for path in newest_first if _is_finished(path)), None)
        if directory is not None:
            found[recipe] = directory
    if not found:
        found = {
            name: Path(name) for name in pretrained_names() if get_recipe(pretrained(name).card["recipe"]).generates
        }
    if not found:
        raise CheckpointError(
            f"{runs_dir()} holds no finished run of a model that generates; `aigc-course train text-gpt` makes one"
        )
    return found


def _is_finished(path: Path) -> bool:
    """Whether a run's last checkpoint has all its steps, or was one that its evaluations could end."""
    try:
        tree = checkpoint.load(path, only=("config", "step"))
    except CheckpointError:
        return False
    loop = tree["config"]["settings"]["loop"]
    return tree["step"] >= loop["steps"] or loop["patience"] > 0


def _card(tree: dict[str, Any]) -> dict[str, Any]:
    """What the checkpoint says of its training, and the data set's card of itself."""
    config = tree["config"]
    data = data_card(config)
    return {
        "recipe": config["recipe"],
        "profile": config["profile"],
        "steps": tree["step"],
        "data": config["data"]["name"],
        "licence": data.licence if data else OWN_FILES,
        "caveats": list(data.caveats) if data else [],
    }

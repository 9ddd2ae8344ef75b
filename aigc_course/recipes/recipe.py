"""What a recipe is: named settings for each profile, a way to train, a way to evaluate."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from aigc_course import config
from aigc_course.data import load_dataset
from aigc_course.data.cards import CARDS
from aigc_course.data.dumps import is_imported
from aigc_course.data.sets import AudioSet, ImageSet, TextSet
from aigc_course.errors import UsageError
from aigc_course.training import History, Session

PROFILES = ("smoke", "quick", "laptop", "full")

Kind = Literal["text", "images", "audio"]
T = TypeVar("T", TextSet, ImageSet, AudioSet)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training run to do."""

    recipe: str
    profile: str
    settings: Any
    run_dir: Path | None
    resume: bool
    on_log: Callable[[History], None] | None

    def config(self, *, model: Any, data: dict[str, Any]) -> dict[str, Any]:
        """What the checkpoint says of itself: enough to rebuild the model and to read its output."""
        return {
            "recipe": self.recipe,
            "profile": self.profile,
            "settings": config.to_dict(self.settings),
            "model": config.to_dict(model),
            "data": data,
        }


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model of the course with its data, its loss and its profiles."""

    name: str
    kind: Kind
    summary: str
    settings_type: type
    profile: Callable[[str], Any]  # profile name -> settings
    train: Callable[[Job], Session]
    evaluate: Callable[..., dict[str, float]]  # a loaded checkpoint (and a classifier, where it takes one) -> metrics
    presets: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)  # name -> a change of the settings
    generates: bool = True  # whether `load_generator` makes something with its runs
    classifier: str = ""  # the recipe whose runs can measure what this one's runs make


def smoke(settings: Any, **changes: Any) -> Any:
    """`settings` cut down to a handful of small steps, to see that everything runs."""
    loop = dataclasses.replace(
        settings.loop, steps=6, batch_size=8, warmup_steps=2, log_every=2, evaluate_every=0, checkpoint_every=4
    )
    return dataclasses.replace(settings, loop=loop, **changes)


def weights_of(tree: dict[str, Any], player: str = "model") -> dict[str, Any]:
    """The weights to use from a loaded checkpoint: the averaged ones where there are any."""
    weights = dict(tree["model"][player])
    if tree.get("ema") and player in tree["ema"]:
        weights.update(tree["ema"][player])
    return weights


def load_set(name: str, expected: type[T]) -> T:
    """The data set or folder `name`, which must hold what the recipe learns from.

    Raises: UsageError when it is of another kind; whatever `load_dataset` raises.
    """
    kinds: dict[type, Kind] = {TextSet: "text", ImageSet: "images", AudioSet: "audio"}
    is_name = name in CARDS or is_imported(name)
    dataset = load_dataset(name) if is_name else load_dataset(name, kind=kinds[expected])
    if not isinstance(dataset, expected):
        fitting = ", ".join(card.name for card in CARDS.values() if card.kind == kinds[expected])
        raise UsageError(f"data set {name!r} holds {kinds[type(dataset)]}, but {kinds[expected]} is needed: {fitting}")
    return dataset

"""Models that come with the course, by name: weights, config, history and card in a folder of `data/pretrained`.

`read_run`, and so `load_generator("image-gan")`, takes such a name where no file or folder has it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_course.errors import CheckpointError
from aigc_course.files import sha256
from aigc_course.paths import pretrained_dir
from aigc_course.recipes.weights import CONFIG, WEIGHTS
from aigc_course.training.history import History

CARD, HISTORY, README = "card.json", "history.json", "README.md"
_CONTENT = (WEIGHTS, CONFIG, HISTORY, README)
_RESTORE = "restore it by `git checkout -- data/pretrained`, or train a model of your own"


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A model that came with the course. `load_generator(name)` makes text, images or sound with it."""

    name: str
    folder: Path
    card: dict[str, Any]  # what `README.md` in the folder says, as JSON

    @property
    def metrics(self) -> dict[str, float]:
        """What it reaches on the test split: what `evaluate(name)` gave when it was made, without speeds."""
        return self.card["metrics"]

    @property
    def minutes(self) -> float:
        """In the training loop, on `card["hardware"]`."""
        return self.card["minutes"]

    @property
    def config(self) -> dict[str, Any]:
        """Recipe, profile, settings, model and data, as in a checkpoint."""
        return json.loads((self.folder / CONFIG).read_text(encoding="utf-8"))["config"]

    @property
    def history(self) -> History:
        """Of its training, for plots."""
        history = History()
        history.rows = json.loads((self.folder / HISTORY).read_text(encoding="utf-8"))
        return history


def pretrained_names() -> tuple[str, ...]:
    """The names of the models that came with the course; none without its checkout."""
    return tuple(sorted(path.parent.name for path in pretrained_dir().glob(f"*/{CARD}")))


def pretrained(name: str) -> Pretrained:
    """The model of that name, each of its files checked against the digest in its card.

    Raises: CheckpointError when there is none, or a file is missing or is not the one that the card was written for.
    """
    folder = pretrained_dir() / name
    if name not in pretrained_names():
        raise CheckpointError(f"no model {name!r} came with the course. Models of the course: {known_names()}")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        digests = {file: card["files"][file] for file in _CONTENT}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CheckpointError(f"{folder / CARD} is no card of a model ({error}); {_RESTORE}") from error
    for file, digest in digests.items():
        if not (folder / file).is_file() or sha256(folder / file) != digest:
            raise CheckpointError(f"{folder / file} is not the file that {CARD} was written for; {_RESTORE}")
    return Pretrained(name=name, folder=folder, card=card)


def model_of_the_course(run: str | Path) -> Pretrained | None:
    """The model that `run` names, or whose folder it is; None for anything else. Raises: as `pretrained`.

    A file or folder of a model's name, where one works, goes before the model.
    """
    place = Path(run).expanduser()
    if not place.exists():
        return pretrained(str(run)) if str(run) in pretrained_names() else None
    place = place.resolve()
    is_ours = place.parent == pretrained_dir().resolve() and place.name in pretrained_names()
    return pretrained(place.name) if is_ours else None


def known_names() -> str:
    """The names, in words for an error."""
    names = pretrained_names()
    return ", ".join(names) if names else f"none in {pretrained_dir()}"

"""A model's weights without its training: a folder of `model.safetensors` and `config.json`, which any tool can read.

A checkpoint also holds what training goes on from: the optimizer's state, random generators, the history, weights
before averaging, a GAN's discriminator. None of it is here.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as deserialise
from safetensors.torch import save as serialise
from torch import Tensor

from aigc_course import __version__
from aigc_course.errors import CheckpointError
from aigc_course.files import sha256, write_json

WEIGHTS, CONFIG = "model.safetensors", "config.json"
_FORMAT = "aigc-course-weights-1"


def is_weights_folder(path: str | Path) -> bool:
    """Whether `path` is a folder that `write_weights` wrote. A run's directory has its weights in checkpoints."""
    folder = Path(path).expanduser()
    return (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file()


def write_weights(folder: Path, weights: dict[str, Tensor], tree: dict[str, Any], player: str) -> None:
    """Write both files into an existing folder.

    Args: weights: by the names that the module has for them. tree: the loaded checkpoint (config, step). player: what
        the checkpoint calls the module, "model" or "generator".
    Raises: OSError when the disk is full.
    """
    tensors = {name: tensor.contiguous() for name, tensor in weights.items()}
    (folder / WEIGHTS).write_bytes(serialise(tensors, metadata={"format": "pt"}))
    facts = {"format": _FORMAT, "version": __version__, "player": player, "sha256": sha256(folder / WEIGHTS)}
    write_json(folder / CONFIG, facts | {"step": tree["step"], "config": tree["config"]})


def read_weights(folder: str | Path) -> dict[str, Any]:
    """What `write_weights` wrote, in the form of a loaded checkpoint: config, step, model. Runs no code from the files.

    Raises: CheckpointError when a file is missing or damaged, or they don't belong together.
    """
    folder = Path(folder).expanduser()
    try:
        facts = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        tensors = deserialise((folder / WEIGHTS).read_bytes())
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{folder} cannot be read ({error}); export the run, or restore the file") from error
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT:
        raise CheckpointError(f"{folder / CONFIG} is not of the form {_FORMAT}; give a folder that export wrote")
    if facts["sha256"] != sha256(folder / WEIGHTS):
        raise CheckpointError(
            f"{folder / WEIGHTS} does not match the SHA-256 in {CONFIG}; export the run, or restore the file"
        )
    return {"config": facts["config"], "step": facts["step"], "model": {facts["player"]: tensors}}

"""A model's card: what it was trained on, under which licence, and what it reaches; written beside its checkpoint."""

from pathlib import Path
from typing import Any

from aigc_course import __version__
from aigc_course.data.card import Card
from aigc_course.data.cards import CARDS
from aigc_course.files import sha256

OWN_FILES = "unknown: these are files of whoever trained the model"
"""The licence of data without a card."""


def model_card(tree: dict[str, Any], path: Path, metrics: dict[str, float]) -> dict[str, Any]:
    """What a person should know of the model in a checkpoint before using it, as JSON.

    Args: tree: the loaded checkpoint (config, model, step). path: its file. metrics: of the test split.
    """
    config = tree["config"]
    weights = {name: tensor for player in tree["model"].values() for name, tensor in player.items()}
    return {
        "recipe": config["recipe"],
        "profile": config["profile"],
        "version": __version__,
        "checkpoint": path.name,
        "sha256": sha256(path),
        "numbers": sum(tensor.numel() for tensor in weights.values()),  # weights and statistics
        "model": config["model"],
        "steps": tree["step"],
        "batch_size": config["settings"]["loop"]["batch_size"],
        "seed": config["settings"]["loop"]["seed"],
        "data": data_facts(config),
        "class_names": config["data"]["class_names"],
        "test_metrics": metrics,
    }


def data_card(config: dict[str, Any]) -> Card | None:
    """The card of the data set that a checkpoint's config names; None for files of the trainer's own.

    A folder may have the name of a set; the settings then hold its path.
    """
    name = config["data"]["name"]
    return CARDS.get(name) if config["settings"]["data"] == name else None


def data_facts(config: dict[str, Any]) -> dict[str, Any]:
    """The data set's own card, shortened."""
    card = data_card(config)
    if card is None:
        return {"name": config["data"]["name"], "licence": OWN_FILES}
    return {
        "name": card.name,
        "title": card.title,
        "licence": card.licence,
        "licence_url": card.licence_url,
        "source": card.source,
        "splits": card.splits,
        "caveats": list(card.caveats),
    }

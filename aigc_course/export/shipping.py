"""From a run to a folder of `data/pretrained`: weights in half the bytes, measured as they are, with their card.

The folder holds `model.safetensors` and `config.json` (as `recipes.weights` writes them), `history.json`, `card.json`
and `README.md`, the card for people. Every figure in it is of the weights that are in it.
"""

from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from torch import Tensor

from aigc_course import __version__, config
from aigc_course.errors import CheckpointError, CourseError
from aigc_course.export.card import WeightsFile, markdown_card
from aigc_course.export.card_text import weights_licence
from aigc_course.export.parts import player_of
from aigc_course.export.retraining import command
from aigc_course.files import atomic_folder, sha256, write_json, write_text
from aigc_course.paths import pretrained_dir
from aigc_course.recipes import Run, checkpoint_path, get_recipe
from aigc_course.recipes.image_evaluation import GivenClassifier
from aigc_course.recipes.model_card import data_facts
from aigc_course.recipes.pretrained_models import CARD, HISTORY, README
from aigc_course.recipes.recipe import weights_of
from aigc_course.recipes.weights import CONFIG, WEIGHTS, read_weights, write_weights
from aigc_course.training import checkpoint
from aigc_course.training.session import LAST

MOST_BYTES = 15_000_000
"""Of one model's weights: every learner gets them with the course."""

MOVED = 0.01
"""By how much a headline figure may differ after the weights were halved, as a share of it."""

HEADLINES: dict[str, tuple[str, ...]] = {
    "text-gpt": ("test_loss", "test_bits_per_byte"),
    "image-gan": ("frechet_over_floor", "coverage", "class_accuracy", "classes_hit"),
    "image-vae": ("negative_elbo_nats", "negative_iwae_*_nats"),
    "audio-vae": ("class_accuracy", "inversion_accuracy", "accuracy_over_ceiling"),
    "vocoder": ("*_log_spectral_distance_db", "learned_accuracy", "griffin_lim_accuracy"),
    "image-classifier": ("test_accuracy",),
    "audio-classifier": ("test_accuracy",),
}
"""What one asks first of each recipe's models: patterns of the names that `evaluate` gives."""

SLICES: dict[str, tuple[str, ...]] = {
    "text-gpt": ("test_documents=300", "evaluation_samples=20"),
    "image-gan": ("evaluation_samples=500",),
    "image-vae": ("importance_images=50", "importance_samples=20", "evaluation_samples=20"),
    "audio-vae": ("evaluation_samples=120",),
}
"""Settings that make an evaluation short: its figures are in the card, for a check that takes seconds."""


def ship(run: Run | str | Path, classifier: GivenClassifier | None = None, folder: Path | None = None) -> Path:
    """Measure a finished run and put it into the course under its recipe's name, in the place of what stood there.

    Args: run: a `Run`, its directory, or a checkpoint file. classifier: to measure by, as `evaluate` takes it. folder:
        None: `data/pretrained/<recipe>`.
    Returns: the folder.
    Raises: CheckpointError for a checkpoint that doesn't say what it was trained on; CourseError when the weights are
        too large, or worth less in half the bytes; as `evaluate`; WriteError when the disk is full.
    """
    path = checkpoint_path(run)
    tree = checkpoint.load(path)
    if not tree.get("hardware"):
        raise CheckpointError(f"{path} doesn't say what it was trained on (an older version wrote it); train it anew")
    recipe = get_recipe(tree["config"].get("recipe", ""))
    target = folder or pretrained_dir() / recipe.name
    before = _evaluate(tree, classifier)
    with atomic_folder(target) as new:
        _fill(new, path, tree, before, classifier)
    return target


def slice_metrics(tree: dict[str, Any], classifier: GivenClassifier | None = None) -> dict[str, float]:
    """The headline figures of a short evaluation, which `card.json` holds as "slice". Args: tree: of `read_run`."""
    values = tree["config"]
    recipe = get_recipe(values["recipe"])
    settings: Any = config.from_dict(recipe.settings_type, values["settings"])
    short = config.override(settings, SLICES.get(recipe.name, ()))
    shortened = {**tree, "config": {**values, "settings": config.to_dict(short)}}
    found = _evaluate(shortened, classifier)
    return {name: found[name] for name in headline(recipe.name, found)}


def headline(recipe: str, names: Iterable[str]) -> list[str]:
    """Those of the names that one asks first."""
    return [name for name in names if any(fnmatch(name, pattern) for pattern in HEADLINES[recipe])]


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices and kernels in float16; vectors (biases, norms and their statistics) and counters as they are."""
    return {name: t.half() if t.is_floating_point() and t.ndim > 1 else t for name, t in weights.items()}


def _fill(
    folder: Path, source: Path, tree: dict[str, Any], before: dict[str, float], classifier: GivenClassifier | None
) -> None:
    """Write all files of a model. Raises: as `ship`."""
    recipe = tree["config"]["recipe"]
    player = player_of(recipe)
    write_weights(folder, halved(weights_of(tree, player)), tree, player)
    size = (folder / WEIGHTS).stat().st_size
    if size > MOST_BYTES:
        raise CourseError(f"the weights have {size:,} bytes, but {MOST_BYTES:,} are allowed; train a smaller model")
    shipped = read_weights(folder)
    metrics = _evaluate(shipped, classifier)
    _require_unmoved(recipe, before, metrics)
    rows = _whole_history(source, tree)
    write_json(folder / HISTORY, rows)
    data = data_facts(tree["config"])
    licence = weights_licence(data["licence"])
    weights = WeightsFile(
        name=WEIGHTS, dtype="float16", size_bytes=size, sha256=sha256(folder / WEIGHTS), licence=licence
    )
    write_text(folder / README, markdown_card(source, metrics, weights))
    card = {
        "name": recipe,
        "recipe": recipe,
        "profile": tree["config"]["profile"],
        "version": __version__,
        "command": command(tree["config"]),
        "seed": tree["config"]["settings"]["loop"]["seed"],
        "steps": tree["step"],
        "hardware": tree["hardware"],
        "minutes": rows[-1]["seconds"] / 60,
        "data": data,
        "class_names": tree["config"]["data"].get("class_names", []),
        "licence": licence,
        "size_bytes": size,
        "dtype": "float16",
        "numbers": sum(t.numel() for t in shipped["model"][player].values()),
        "headline": headline(recipe, metrics),
        "metrics": metrics,
        "float32": {name: before[name] for name in headline(recipe, before)},
        "slice": slice_metrics(shipped, classifier),
        "files": {name: sha256(folder / name) for name in (WEIGHTS, CONFIG, HISTORY, README)},
    }
    write_json(folder / CARD, card)


def _whole_history(source: Path, tree: dict[str, Any]) -> list[dict[str, float]]:
    """The rows of the whole run: the best checkpoint knows those until its own step."""
    last = source.parent / LAST
    return (checkpoint.load(last, only=("history",)) if last.is_file() else tree)["history"]["rows"]


def _evaluate(tree: dict[str, Any], classifier: GivenClassifier | None) -> dict[str, float]:
    """What `evaluate` gives, without speeds, which are this machine's and not the model's."""
    recipe = get_recipe(tree["config"]["recipe"])
    found = recipe.evaluate(tree, classifier) if recipe.classifier else recipe.evaluate(tree)
    return {name: value for name, value in found.items() if not name.endswith("_times_real_time")}


def _require_unmoved(recipe: str, before: dict[str, float], after: dict[str, float]) -> None:
    """Raise CourseError when a headline figure is another one than with all bits, sampling errors apart."""
    for name in headline(recipe, before):
        error = before.get(f"{name.removesuffix('_nats')}_standard_error", 0.0)
        if not abs(after[name] - before[name]) <= max(MOVED * abs(before[name]), error):
            raise CourseError(
                f"in float16 {name} is {after[name]:.4g}, but {before[name]:.4g} in float32: these weights lose too "
                "much in half the bytes, so nothing was written"
            )

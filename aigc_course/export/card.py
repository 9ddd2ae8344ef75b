"""A model's card in Markdown, written from its checkpoint alone: what a person should know before using the model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_course import __version__
from aigc_course.errors import UsageError
from aigc_course.export.card_text import (
    UNITS,
    consequences,
    fenced,
    inline,
    intended_use,
    limits,
    yaml_text,
)
from aigc_course.export.retraining import command
from aigc_course.files import sha256, write_text
from aigc_course.recipes import Recipe, Run, checkpoint_path, get_recipe
from aigc_course.recipes.model_card import OWN_FILES, data_card
from aigc_course.recipes.pretrained_models import README, model_of_the_course
from aigc_course.training import checkpoint

_TASKS = {
    "text-gpt": "text-generation",
    "image-gan": "unconditional-image-generation",
    "image-vae": "unconditional-image-generation",
    "audio-vae": "text-to-audio",
    "waveform-vae": "text-to-audio",
    "image-classifier": "image-classification",
    "audio-classifier": "audio-classification",
}
_VALIDATION_SIZES = ("evaluation_documents", "validation_images", "validation_sounds")  # settings of the recipes
_TEST_SIZES = ("test_documents", "evaluation_samples", "importance_images", "importance_samples")
UNKNOWN = "unknown: the checkpoint does not say"


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """Weights that are published with a card of their own: what the card says of them."""

    name: str
    dtype: str
    size_bytes: int
    sha256: str
    licence: str


def write_card(run: Run | str | Path, out: str | Path, metrics: Mapping[str, float] | None = None) -> Path:
    """Write `markdown_card` to a file whose name ends in .md, whole or not at all.

    Raises: UsageError for another ending; as `markdown_card`; WriteError when the disk is full.
    """
    path = Path(out).expanduser()
    if path.suffix != ".md":
        raise UsageError(f"a card is Markdown, so its name ends in .md, but out is {str(path)!r}")
    write_text(path, markdown_card(run, metrics))
    return path


def markdown_card(
    run: Run | str | Path, metrics: Mapping[str, float] | None = None, weights: WeightsFile | None = None
) -> str:
    """The card of a run as Markdown with a YAML head; of a model that came with the course, the one that came with it.

    What the checkpoint does not know is said to be unknown.

    Args: run: a `Run`, its directory, a checkpoint file, or a name of `pretrained_names`. metrics: what `evaluate(run)`
        gave, if it was called. weights: what is published of the run, in the place of its checkpoint.
    Raises: CheckpointError when there is no checkpoint; UsageError for metrics of a model whose card has its own.
    """
    if not isinstance(run, Run) and (ours := model_of_the_course(run)):
        if metrics:
            raise UsageError(f"the card of {run} has its metrics already; leave them out (no --evaluate)")
        return (ours.folder / README).read_text(encoding="utf-8")
    path = checkpoint_path(run)
    tree = checkpoint.load(path, only=("config", "model", "step", "seconds", "hardware", "history"))
    recipe = get_recipe(tree["config"].get("recipe", ""))
    name = path.parent.name if path.stem in ("best", "last") else path.stem
    parts = [
        _head(tree, recipe, weights),
        f"# {inline(recipe.name if weights else name)}: {inline(recipe.summary)}",
        _facts(tree, path, weights),
        f"## What it is for\n\n{intended_use(recipe.name)}",
        _data(tree["config"]),
        f"## How it was trained\n\n{_training(tree)}",
        f"## What it reaches\n\n{_reached(tree, metrics)}",
        f"## What it is not good at\n\n{limits(recipe.name, tree['config'])}",
        *([_provenance(recipe.name)] if recipe.generates else []),
        f"This card was written from the checkpoint by aigc_course {__version__}; nobody has added to it.",
    ]
    return "\n\n".join(parts) + "\n"


def _head(tree: dict[str, Any], recipe: Recipe, weights: WeightsFile | None) -> str:
    """YAML, in the keys that model hubs read."""
    config = tree["config"]
    lines = [
        "library_name: aigc_course",
        f"pipeline_tag: {_TASKS.get(recipe.name, 'other')}",
        f"license: {yaml_text(weights.licence) if weights else 'unknown'}",
        f"datasets: [{yaml_text(config['data']['name'])}]",
        f"tags: [{yaml_text(config['recipe'])}, {yaml_text('profile-' + config['profile'])}, educational]",
    ]
    return "\n".join(["---", *lines, "---"])


def _facts(tree: dict[str, Any], path: Path, weights: WeightsFile | None) -> str:
    config, sizes = tree["config"], {}
    for player, tensors in tree["model"].items():
        sizes[player] = sum(tensor.numel() for tensor in tensors.values())
    numbers = ", ".join(f"{inline(player)} {count:,}" for player, count in sizes.items())
    rows = [
        ("recipe, profile", f"{inline(config['recipe'])}, {inline(config['profile'])}"),
        ("numbers in the weights", numbers),
    ]
    if weights:
        rows += [
            ("weights", f"{weights.name}, {weights.dtype}, {weights.size_bytes:,} bytes, SHA-256 {weights.sha256}"),
            ("licence of the weights", inline(weights.licence)),
        ]
    else:
        rows += [
            ("checkpoint", f"{inline(path.name)}, SHA-256 {sha256(path)}"),
            ("licence of the weights", "not decided: whoever publishes them decides, within what the data allow"),
        ]
    return _table(("", ""), rows)


def _data(config: dict[str, Any]) -> str:
    name, data = config["data"]["name"], config["data"]
    known = data_card(config)
    licence = known.licence if known else ""
    title = f"{inline(known.title)} ({inline(name)})" if known else inline(name)
    rows = [("data set", title), ("licence", inline(licence) or OWN_FILES)]
    if known:
        rows += [("source", inline(known.source)), ("splits", inline(known.splits or "unknown"))]
    if config["settings"].get("data_filter") and (known is None or known.filtered):
        rows.append(("filter", inline(config["settings"]["data_filter"])))
    for key in ("class_names", "speaker_names"):
        if data.get(key):
            rows.append((key.replace("_", " "), inline(", ".join(data[key]))))
    text = [f"## What it learned from\n\n{_table(('', ''), rows)}", consequences(licence)]
    if known and known.caveats:
        text.append("\n".join(f"- {inline(caveat)}" for caveat in known.caveats))
    return "\n\n".join(text)


def _training(tree: dict[str, Any]) -> str:
    loop = tree["config"]["settings"]["loop"]
    seconds, hardware = tree.get("seconds"), tree.get("hardware") or [UNKNOWN]
    rows = [
        ("steps", f"{tree['step']:,} of {loop['steps']:,}"),
        ("batch size", str(loop["batch_size"])),
        ("seed", str(loop["seed"])),
        ("minutes in the training loop", UNKNOWN if seconds is None else f"{seconds / 60:.1f}"),
        ("hardware", inline("; then ".join(hardware))),
    ]
    again = command(tree["config"])
    way = (
        f"The same settings again:\n\n{fenced(again, 'sh')}"
        if again
        else f"No command is known that gives this version of the course the same settings. They are:\n\n"
        f"{fenced(json.dumps(tree['config']['settings'], indent=2, ensure_ascii=False), 'json')}"
    )
    return f"{_table(('', ''), rows)}\n\n{way}"


def _reached(tree: dict[str, Any], metrics: Mapping[str, float] | None) -> str:
    """What the history has of held-out data at the checkpoint's own step, and the evaluation, each with its n."""
    settings = tree["config"]["settings"]
    rows = (tree.get("history") or {}).get("rows", [])
    at_step: dict[str, float] = next((row for row in rows if row["step"] == tree["step"]), {})
    held_out = {name: value for name, value in at_step.items() if name.startswith("validation_")}
    parts = []
    if held_out:
        parts.append(
            f"On the validation split, at this step, in {UNITS[tree['config']['recipe']]}"
            f"{_sizes(settings, _VALIDATION_SIZES)}:\n\n{_figures(held_out)}"
        )
    if metrics:
        parts.append(
            f"On the test split and by an oracle or a classifier{_sizes(settings, _TEST_SIZES)}{_temperature(settings)}"
            f":\n\n{_figures(metrics)}"
        )
    if not metrics:
        parts.append("It was not evaluated for this card (`aigc-course card RUN --evaluate` does it).")
    if not held_out:
        parts.append(
            "Training recorded nothing on held-out data; losses of a game between two networks say nothing of quality."
        )
    return "\n\n".join(parts)


def _sizes(settings: Mapping[str, Any], names: Sequence[str]) -> str:
    """How many examples the figures are of: settings that are upper limits where a split is smaller."""
    found = [f"{name} = {settings[name]:,}" for name in names if name in settings]
    return f" ({', '.join(found)}; fewer where the split is smaller)" if found else ""


def _temperature(settings: Mapping[str, Any]) -> str:
    """Where z was drawn, in words."""
    return f", z drawn at temperature {settings['temperature']:g}" if "temperature" in settings else ""


def _figures(values: Mapping[str, float]) -> str:
    shown = [
        (inline(name), f"{value:.4g}" if isinstance(value, float) else inline(str(value)))
        for name, value in values.items()
    ]
    return _table(("measure", "value"), shown)


def _provenance(recipe: str) -> str:
    return (
        "## Marking what it makes\n\nTexts, images and sounds that aigc_course saves say inside the file that the "
        f"{inline(recipe)} made them, and when; `read_note` reads it. Whoever runs exported weights or graphs gets "
        "bare numbers and has to mark the results, as the law of many places asks. A missing note proves nothing."
    )


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join([f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| {left} | {right} |" for left, right in rows)])

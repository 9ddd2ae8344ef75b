"""Start, resume and evaluate runs of recipes by name."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aigc_course import config
from aigc_course.errors import CheckpointError, UsageError, unknown
from aigc_course.paths import pretrained_dir, runs_dir
from aigc_course.recipes.pretrained_models import known_names, model_of_the_course
from aigc_course.recipes.recipe import PROFILES, Job, Recipe
from aigc_course.recipes.weights import is_weights_folder, read_weights
from aigc_course.training import History, checkpoint
from aigc_course.training.session import BEST, LAST

if TYPE_CHECKING:
    from aigc_course.recipes.audio_evaluation import GivenAudioClassifier
    from aigc_course.recipes.image_evaluation import GivenClassifier

RECIPES = {
    "text-gpt": "text_gpt",
    "image-gan": "image_gan",
    "image-vae": "image_vae",
    "audio-vae": "audio_vae",
    "waveform-vae": "waveform_vae",
    "vocoder": "vocoder",
    "image-classifier": "image_classifier",
    "audio-classifier": "audio_classifier",
}
"""Recipe names and the modules beside this one that hold them."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of a training run. `load_generator(run)` makes text, images or sound with it."""

    recipe: str
    directory: Path
    history: History
    metrics: dict[str, float]  # the last row of the history
    interrupted: bool  # stopped by the user before the last step
    seconds: float  # in the training loop, evaluations included


def get_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises: UsageError with the nearest name."""
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return import_module(f"aigc_course.recipes.{RECIPES[name]}").RECIPE


def train(
    recipe: str,
    *,
    profile: str | None = None,
    preset: str | None = None,
    data: str | Path | None = None,
    overrides: Iterable[str] = (),
    resume: bool = False,
    run_dir: str | Path | None = None,
    on_log: Callable[[History], None] | None = None,
) -> Run:
    """Train a model of the course.

    Args:
        recipe: a name of `RECIPES`, as "text-gpt", "image-gan", "image-vae" or "audio-vae".
        profile: "quick" (embedded data, a minute), "laptop", "full" or "smoke"; None: `AIGC_PROFILE`, else "quick".
        preset: a method by name, put into the profile's settings; for image-gan "dcgan", "sngan" or "modern", for
            image-vae "mlp", "conv", "ladder" or "conv-ladder", for audio-vae "complex", for waveform-vae "spectrum".
        data: another data set than the profile's: a name or a folder.
        overrides: settings to change, as "loop.steps=500".
        resume: go on from the last checkpoint in `run_dir`, or in the recipe's newest run, with the run's own settings.
        run_dir: where checkpoints and history go; None: a new directory under `AIGC_RUNS` (default `runs`).
        on_log: called with the history whenever a row is added.

    Raises: UsageError for a name or setting that does not exist; DataError, CheckpointError, TrainingError.
    """
    chosen = get_recipe(recipe)
    if resume:
        directory = Path(run_dir) if run_dir else _newest_run(recipe)
        profile, settings = _saved_settings(chosen, directory)
    else:
        profile = profile_name(profile)
        settings = chosen.profile(profile)
        directory = Path(run_dir) if run_dir else _new_directory(recipe, profile)
    if preset is not None:
        settings = _with_preset(chosen, preset, settings)
    if data is not None:
        settings = dataclasses.replace(settings, data=str(data))
    settings = config.override(settings, overrides)
    job = Job(recipe=recipe, profile=profile, settings=settings, run_dir=directory, resume=resume, on_log=on_log)
    session = chosen.train(job)
    session.runtime.close()
    return Run(
        recipe=recipe,
        directory=directory,
        history=session.history,
        metrics={name: value for name, value in session.history.rows[-1].items() if name != "seconds"},
        interrupted=session.interrupted,
        seconds=session.seconds,
    )


def evaluate(
    run: "Run | str | Path", classifier: "GivenClassifier | GivenAudioClassifier | None" = None
) -> dict[str, float]:
    """Measure a trained model on held-out data and, where the data come from a known process, against its oracle.

    Args:
        run: as `read_run` takes it.
        classifier: to measure generated images or sounds by: a run of image-classifier or audio-classifier on the same
            data as `read_run` takes it, or what loading one gave; None: `newest_classifier`.
            What it measures: `image_evaluation.image_quality`, `audio_evaluation.speech_report`.
    Raises: CheckpointError when there is none; DataError when its data set is missing; UsageError for a classifier of
        other data, or for one where none is of use.
    """
    _, tree = read_run(run)
    recipe = get_recipe(tree["config"].get("recipe", ""))
    if recipe.classifier:
        return recipe.evaluate(tree, _newest_classifier(recipe, tree) if classifier is None else classifier)
    if classifier is not None:
        raise UsageError(f"a run of {recipe.name} is not measured by a classifier; leave classifier out")
    return recipe.evaluate(tree)


def newest_classifier(run: "Run | str | Path") -> Path | None:
    """The directory of the newest finished run of a classifier on the data of `run`, under `AIGC_RUNS`.

    Where there is no such run, the folder of one that came with the course; None where that is missing too, or `run` is
    of a recipe that is measured without one.
    """
    _, tree = read_run(run)
    recipe = get_recipe(tree["config"].get("recipe", ""))
    return _newest_classifier(recipe, tree) if recipe.classifier else None


def read_run(run: "Run | str | Path") -> tuple[Path, dict[str, Any]]:
    """Where the weights of a run are, and its config, step, model and average (ema), where there is one.

    Args: run: a `Run`, its directory, a checkpoint file, a folder of exported weights, or the name of a model that came
        with the course (`pretrained_names`). A file or folder of that name goes before.
    Raises: CheckpointError when there is none, or it is damaged.
    """
    if not isinstance(run, Run):
        ours = model_of_the_course(run)
        folder = ours.folder if ours else Path(run).expanduser()
        if is_weights_folder(folder):
            return folder, read_weights(folder)
    path = checkpoint_path(run)
    return path, checkpoint.load(path, only=("config", "model", "ema", "step"))


def checkpoint_path(run: "Run | str | Path") -> Path:
    """The checkpoint to use: the file itself, or a run directory's best, else its last. Raises CheckpointError."""
    path = run.directory if isinstance(run, Run) else Path(run).expanduser()
    if path.is_file():
        return path
    for name in (BEST, LAST):
        if (path / name).is_file():
            return path / name
    if not path.exists():
        raise CheckpointError(
            f"there is no run or checkpoint at {path}; `aigc-course train` makes one. Models of the course: "
            f"{known_names()}"
        )
    raise CheckpointError(f"{path} holds no checkpoint ({BEST} or {LAST}); give the directory of a run")


def checkpoint_of(recipe: str, run: "Run | str | Path") -> tuple[dict[str, Any], str]:
    """What `read_run` reads of a run of that recipe, and where it is.

    Raises: CheckpointError when there is none, it is damaged, or the run is of another recipe.
    """
    path, tree = read_run(run)
    found = tree["config"].get("recipe")
    if found != recipe:
        raise CheckpointError(f"{path} was made by {found!r}, not by {recipe!r}; give a run of {recipe}")
    return tree, str(path)


def profile_name(given: str | None) -> str:
    """`given`, else `AIGC_PROFILE`, else "quick". Raises: UsageError for another name."""
    name = given or os.environ.get("AIGC_PROFILE", "").strip() or "quick"
    if name not in PROFILES:
        raise unknown("profile", name, PROFILES)
    return name


def _with_preset(recipe: Recipe, name: str, settings: Any) -> Any:
    """The settings with a preset of the recipe put into them. Raises: UsageError when it has none of that name."""
    if not recipe.presets:
        raise UsageError(f"{recipe.name} has no presets; leave preset out")
    if name not in recipe.presets:
        raise unknown("preset", name, recipe.presets)
    return recipe.presets[name](settings)


def _saved_settings(recipe: Recipe, directory: Path) -> tuple[str, Any]:
    """Profile and settings of the run in `directory`."""
    saved = checkpoint.load(directory / LAST, only=("config",))["config"]
    if saved.get("recipe") != recipe.name:
        raise CheckpointError(f"{directory} is a run of {saved.get('recipe')!r}, not of {recipe.name!r}")
    return saved["profile"], config.from_dict(recipe.settings_type, saved["settings"])


def _newest_run(recipe: str) -> Path:
    found = sorted((runs_dir() / recipe).glob(f"*/{LAST}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UsageError(f"{runs_dir() / recipe} holds no run to go on with; train without resume first")
    return found[-1].parent


def _newest_classifier(recipe: Recipe, tree: dict[str, Any]) -> Path | None:
    """By the cards that finished runs have; then by those of the models that came with the course."""
    data = tree["config"]["data"]
    cards = sorted((runs_dir() / recipe.classifier).glob("*/card.json"), key=lambda path: -path.stat().st_mtime)
    for path in [*cards, *pretrained_dir().glob(f"{recipe.classifier}/card.json")]:
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            of_data = card["data"]["name"], card["class_names"]
        except (ValueError, LookupError, TypeError) as error:
            raise CheckpointError(
                f"{path} is no card of a model ({error}); name a classifier, or delete {path.parent} and train it anew"
            ) from error
        if of_data == (data["name"], data["class_names"]):
            return path.parent
    return None


def _new_directory(recipe: str, profile: str) -> Path:
    """A directory that no other run has: named by profile and time, numbered when two start in one second."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("under torchrun give run_dir (--run-dir), so that all processes write to one place")
    base = runs_dir() / recipe / f"{profile}-{datetime.now():%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        directory = base if number == 1 else base.with_name(f"{base.name}-{number}")
        if not directory.exists():
            return directory
    raise UsageError(f"{base} and 999 more exist; give run_dir")

"""From a checkpoint to the generator that it holds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from aigc_course import __version__
from aigc_course.config import from_dict
from aigc_course.errors import CheckpointError
from aigc_course.generators.makers import ImageGenerator, TextGenerator
from aigc_course.generators.speaking import AudioGenerator, DrawSounds
from aigc_course.recipes import (
    RECIPES,
    Run,
    audio_vae,
    get_recipe,
    image_gan,
    image_vae,
    read_run,
    text_gpt,
    waveform_samples,
    waveform_vae,
)
from aigc_course.recipes.audio_samples import sample_sounds
from aigc_course.recipes.recipe import weights_of
from aigc_course.recipes.spectrogram_scale import Scale, Sounds
from aigc_course.training import checkpoint

AnyGenerator = TextGenerator | ImageGenerator | AudioGenerator


def load_generator(run: Run | str | Path) -> AnyGenerator:
    """The generator in a run, or in a model that came with the course: `load_generator("image-gan")`.

    Args: run: a `Run`, its directory, a checkpoint file, a folder of exported weights, or a name of `pretrained_names`.
    Raises: CheckpointError when there is none, it is damaged, it generates nothing (a classifier), or a recipe made it
        that this version lacks.
    """
    return generator_in(*read_run(run))


def generator_in(path: Path, tree: dict[str, Any]) -> AnyGenerator:
    """The generator in what `read_run` gave. Raises: see `load_generator`."""
    loaders: dict[str, Callable[[dict[str, Any], str], AnyGenerator]] = {
        "text-gpt": _text_gpt,
        "image-gan": _image_gan,
        "image-vae": _image_vae,
        "audio-vae": _audio_vae,
        "waveform-vae": _waveform_vae,
    }
    recipe = tree["config"].get("recipe")
    if recipe in RECIPES and not get_recipe(recipe).generates:
        raise CheckpointError(
            f"{path} was made by {recipe!r}, which generates nothing; `aigc-course evaluate` measures it"
        )
    if recipe not in loaders:
        raise CheckpointError(f"{path} was made by {recipe!r}, not by one of {', '.join(loaders)}")
    generator = loaders[recipe](tree, str(path))
    generator.made_by = f"the {recipe} of aigc_course {__version__}"
    return generator


def _ready(model: torch.nn.Module, tree: dict[str, Any], where: str, player: str = "model") -> Any:
    """The model with the checkpoint's weights, for use."""
    checkpoint.load_weights(model, weights_of(tree, player), where)
    return model.eval().requires_grad_(False)


def _text_gpt(tree: dict[str, Any], where: str) -> TextGenerator:
    model, tokenizer = text_gpt.rebuild(tree)
    return TextGenerator(_ready(model, tree, where), tokenizer)


def _image_gan(tree: dict[str, Any], where: str) -> ImageGenerator:
    model = _ready(image_gan.rebuild(tree), tree, where, "generator")
    data, temperature = tree["config"]["data"], tree["config"]["settings"].get("temperature", 1.0)

    def draw(labels: torch.Tensor | None, count: int, seed: int, temperature: float) -> torch.Tensor:
        images = image_gan.sample_images(model, labels, seed, num_images=count, temperature=temperature)  # in [-1, 1]
        return image_gan.crop_to(images, data["image_size"]) / 2 + 0.5

    return ImageGenerator(draw, data["class_names"] if model.config.n_classes else (), temperature)


def _image_vae(tree: dict[str, Any], where: str) -> ImageGenerator:
    model = _ready(image_vae.rebuild(tree), tree, where)

    def draw(labels: torch.Tensor | None, count: int, seed: int, temperature: float) -> torch.Tensor:
        return image_vae.sample_images(model, labels, seed, num_images=count, temperature=temperature)

    return ImageGenerator(draw, tree["config"]["data"]["class_names"] if model.config.n_classes else ())


def _audio_vae(tree: dict[str, Any], where: str) -> AudioGenerator:
    model, data = _ready(audio_vae.rebuild(tree), tree, where), tree["config"]["data"]

    def draw(labels: torch.Tensor, speakers: torch.Tensor | None, seed: int, temperature: float) -> Sounds:
        return sample_sounds(model, data, labels, seed=seed, speakers=speakers, temperature=temperature)

    return _speaking(draw, model, data, from_dict(Scale, data["scale"]).longest)


def _waveform_vae(tree: dict[str, Any], where: str) -> AudioGenerator:
    model, data = _ready(waveform_vae.rebuild(tree), tree, where), tree["config"]["data"]
    rate = data["sample_rate_hz"]

    def draw(labels: torch.Tensor, speakers: torch.Tensor | None, seed: int, temperature: float) -> Sounds:
        return waveform_samples.sample_sounds(
            model, rate, labels, seed=seed, speakers=speakers, temperature=temperature
        )

    return _speaking(draw, model, data, model.config.n_samples)


def _speaking(draw: DrawSounds, model: Any, data: dict[str, Any], longest: int) -> AudioGenerator:
    """A generator that asks for what the model is told of."""
    classes = data["class_names"] if model.config.n_classes else ()
    speakers = data["speaker_names"] if model.config.n_speakers else ()
    return AudioGenerator(draw, classes, speakers, data["sample_rate_hz"], longest)

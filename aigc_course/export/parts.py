"""What of each model is exported: a function of tensors alone, without randomness and without files.

Random numbers go in as inputs, so that a program draws them as it likes and equal inputs give equal outputs in every
form. Text stays outside (tokens go in, logits come out), and so do the phases of a spectrogram's sound.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from aigc_course import config
from aigc_course.models.attention import rotation_table
from aigc_course.models.audio_vae import SpectrogramVAE
from aigc_course.models.conditioning import word_and_voice
from aigc_course.models.gpt import GPT
from aigc_course.models.lengths import draw_lengths
from aigc_course.models.waveform_vae import WaveformVAE
from aigc_course.recipes import audio_vae, image_gan, image_vae, text_gpt, waveform_vae
from aigc_course.recipes.recipe import weights_of
from aigc_course.recipes.spectrogram_scale import Scale
from aigc_course.training import checkpoint


@dataclass(frozen=True, kw_only=True)
class Part:
    """A module to export, and what its caller has to know.

    Inputs, by their names in `module.forward`: "tokens" are whole numbers (B, T); "z" is normal (B, D); "uniform" lies
    in [0, 1), (B,); all others are whole numbers (B,). `sizes` says how many values a whole number can have, and D.
    """

    module: nn.Module
    sizes: dict[str, int]
    outputs: tuple[str, ...]
    meaning: str  # of inputs and outputs, as "tokens (B, T) -> logits (B, T, V)"
    longest: int = 0  # text: the largest T

    def draw(self, batch: int, seed: int = 0, length: int | None = None) -> dict[str, Tensor]:
        """Random inputs, T being `length` (None: `longest`)."""
        source = torch.Generator().manual_seed(seed)
        drawn = {}
        for name, size in self.sizes.items():
            if name == "z":
                drawn[name] = torch.randn(batch, size, generator=source)
            elif name == "uniform":
                drawn[name] = torch.rand(batch, generator=source)
            else:
                shape = (batch, length or self.longest) if name == "tokens" else (batch,)
                drawn[name] = torch.randint(size, shape, generator=source)
        return drawn


class NextTokens(nn.Module):
    """tokens (B, T) -> logits (B, T, V) of each next token, computed anew each time: no cache goes in or out."""

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) int64 -> (B, T, V)."""
        return self.model(tokens)


class ImageOfGAN(nn.Module):
    """z (B, D) and labels (B,) -> images (B, C, H, W) in [0, 1], without the padding that the networks see."""

    def __init__(self, model: image_gan.AnyGenerator, image_size: int) -> None:
        super().__init__()
        self.model, self.image_size = model, image_size

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """As the class says."""
        return image_gan.crop_to(self.model(z, labels), self.image_size) / 2 + 0.5


class ImageOfVAE(nn.Module):
    """z (B, D) and labels (B,) -> the mean images (B, C, H, W) of p(x | z), in [0, 1]."""

    def __init__(self, model: image_vae.AnyVAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """As the class says."""
        return self.model.decode(z, labels)[:, : self.model.config.channels].sigmoid()


class SpectrogramOfVAE(nn.Module):
    """z (B, D), uniform (B,), labels (B,), speakers (B,) -> spectrograms and how many of their frames count."""

    def __init__(self, model: SpectrogramVAE, scale: Scale) -> None:
        super().__init__()
        self.model, self.mean, self.std = model, scale.mean, scale.std

    def forward(
        self, z: Tensor, uniform: Tensor, labels: Tensor | None = None, speakers: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Spectrograms (B, n_rows, max_frames) in the unit of `Scale`, n_frames (B,), parameters (B, 2) of p(n | z)."""
        model, sizes = self.model, self.model.config
        condition = word_and_voice(labels, speakers, sizes.n_classes, sizes.n_speakers, like=z)
        parameters = model.lengths(z, labels, speakers)
        n_frames = draw_lengths(parameters, uniform, sizes.max_frames)
        return model.decoder(z, n_frames, condition) * self.std + self.mean, n_frames, parameters


class WaveformOfVAE(nn.Module):
    """z (B, D), labels (B,), speakers (B,) -> the mean waveforms (B, n_samples) of p(x | z)."""

    def __init__(self, model: WaveformVAE) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor, labels: Tensor | None = None, speakers: Tensor | None = None) -> Tensor:
        """As the class says."""
        return self.model.decode(z, labels, speakers)


def part_of(tree: dict[str, Any], where: str) -> Part:
    """What of the model in a loaded checkpoint is exported, with its weights, in evaluation mode.

    Args: tree: config, model, ema; of a recipe that generates. where: the checkpoint's name, for errors.
    Raises: CheckpointError when the weights don't fit the config.
    """
    makers = {
        "text-gpt": _text_gpt,
        "image-gan": _image_gan,
        "image-vae": _image_vae,
        "audio-vae": _audio_vae,
        "waveform-vae": _waveform_vae,
    }
    part = makers[tree["config"]["recipe"]](tree, where)
    part.module.eval().requires_grad_(False)
    return part


def player_of(recipe: str) -> str:
    """What a checkpoint of the recipe calls the module that is used after training."""
    return "generator" if recipe == "image-gan" else "model"


def _text_gpt(tree: dict[str, Any], where: str) -> Part:
    trained, _ = text_gpt.rebuild(tree)
    # A fused kernel is told in advance whether there is more than one query; products hold for any length.
    model = GPT(dataclasses.replace(trained.config, attention="products"))
    _load(model, tree, where)
    length = model.config.context_length
    if model.rotation is not None:
        # One place more than a text can have: then no length is a special case in which the table isn't cut.
        model.rotation = rotation_table(length + 1, model.config.head_dim)
    return Part(
        module=NextTokens(model),
        sizes={"tokens": model.config.vocab_size},
        outputs=("logits",),
        meaning=f"tokens (B, T) int64, T at most {length} -> logits (B, T, V) of each next token",
        longest=length,
    )


def _image_gan(tree: dict[str, Any], where: str) -> Part:
    model = image_gan.rebuild(tree)
    _load(model, tree, where)
    return Part(
        module=ImageOfGAN(model, tree["config"]["data"]["image_size"]),
        sizes=_sizes(z=model.config.latent_dim, labels=model.config.n_classes),
        outputs=("images",),
        meaning="z (B, D) from N(0, I), labels (B,) int64 if the model knows classes -> images (B, C, H, W) in [0, 1]",
    )


def _image_vae(tree: dict[str, Any], where: str) -> Part:
    model = image_vae.rebuild(tree)
    _load(model, tree, where)
    return Part(
        module=ImageOfVAE(model),
        sizes=_sizes(z=model.config.latent_dim, labels=model.config.n_classes),
        outputs=("images",),
        meaning="z (B, D) from N(0, I), labels (B,) int64 if the model knows classes -> mean images (B, C, H, W) in "
        "[0, 1]",
    )


def _audio_vae(tree: dict[str, Any], where: str) -> Part:
    model, scale = audio_vae.rebuild(tree), config.from_dict(Scale, tree["config"]["data"]["scale"])
    _load(model, tree, where)
    model.vocoder = None  # it works on whole spectrograms, after the model
    sizes = model.config
    unit = "dB" if scale.representation == "magnitude" else "real and imaginary parts"
    return Part(
        module=SpectrogramOfVAE(model, scale),
        sizes=_sizes(z=sizes.latent_dim, uniform=1, labels=sizes.n_classes, speakers=sizes.n_speakers),
        outputs=("spectrograms", "n_frames", "length_parameters"),
        meaning="z (B, D) from N(0, I), uniform (B,) in [0, 1), labels and speakers (B,) int64 if the model knows them "
        f"-> spectrograms (B, rows, frames) in {unit}, n_frames (B,): how many of them count, length_parameters "
        "(B, 2): mean and log scale of the logistic variable log n",
    )


def _waveform_vae(tree: dict[str, Any], where: str) -> Part:
    model = waveform_vae.rebuild(tree)
    _load(model, tree, where)
    sizes = model.config
    return Part(
        module=WaveformOfVAE(model),
        sizes=_sizes(z=sizes.latent_dim, labels=sizes.n_classes, speakers=sizes.n_speakers),
        outputs=("waveforms",),
        meaning="z (B, D) from N(0, I), labels and speakers (B,) int64 if the model knows them -> mean waveforms "
        "(B, T)",
    )


def _load(model: nn.Module, tree: dict[str, Any], where: str) -> None:
    checkpoint.load_weights(model, weights_of(tree, player_of(tree["config"]["recipe"])), where)


def _sizes(**sizes: int) -> dict[str, int]:
    """Those that are not 0: what a model knows nothing of is no input."""
    return {name: size for name, size in sizes.items() if size}

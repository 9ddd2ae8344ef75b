"""Checkpoints of untrained models, of any architecture, without a training."""

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import nn

from aigc_course import config
from aigc_course.audio import SpectrogramConfig
from aigc_course.data import digits, dtmf_digits, toy_comments, toy_shapes
from aigc_course.data.tokenizer import BPETokenizer
from aigc_course.models.audio_vae import SpectrogramVAE, SpectrogramVAEConfig
from aigc_course.models.gan import GANConfig
from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.models.vae import VAEConfig
from aigc_course.models.waveform_vae import WaveformVAE, WaveformVAEConfig
from aigc_course.recipes import get_recipe, image_gan, image_vae
from aigc_course.recipes.spectrogram_scale import Scale
from aigc_course.training import checkpoint

TOKENIZER = BPETokenizer.from_text(["the model is good 🎬", "that film was long"] * 20, vocab_size=290)
DIGITS = [str(number) for number in range(10)]


def lively(module: nn.Module, seed: int = 0) -> nn.Module:
    """Weights under which no output is constant; statistics of batch norms that differ from their start."""
    torch.manual_seed(seed)
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point() and name in module.state_dict():
            fresh = torch.randn_like(tensor) / max(1, tensor[0].numel() if tensor.ndim > 1 else 1) ** 0.5
            tensor.data.copy_(1 + 0.3 * fresh.abs() if "running_var" in name else fresh)
    return module


def saved(folder: Path, recipe: str, players: dict[str, nn.Module], data: dict[str, Any], **settings: Any) -> Path:
    """Write a checkpoint as a training run would."""
    chosen = get_recipe(recipe)
    given = dataclasses.replace(chosen.profile("smoke"), **settings)
    main = players.get("generator", players.get("model"))
    tree = {
        "config": {
            "recipe": recipe,
            "profile": "smoke",
            "settings": config.to_dict(given),
            "model": config.to_dict(main.config),
            "data": data,
        },
        "step": 6,
        "seconds": 90.0,
        "hardware": ["a machine", "another"],
        "history": {"rows": [{"step": 6, "seconds": 90.0, "loss": 2.0, "validation_loss": 1.5}], "pending": []},
        "model": {name: lively(player).state_dict() for name, player in players.items()},
        "ema": None,
    }
    path = folder / "last.safetensors"
    checkpoint.save(path, tree)
    return path


def text_gpt(folder: Path, **changes: Any) -> Path:
    sizes = {"vocab_size": len(TOKENIZER), "context_length": 12, "d_model": 16, "n_layers": 1, "n_heads": 2}
    model = GPT(GPTConfig(**sizes | changes))
    return saved(folder, "text-gpt", {"model": model}, {"name": toy_comments.NAME, "tokenizer": TOKENIZER.to_dict()})


def gan(folder: Path, network: Any = None, names: list[str] | None = None, image_size: int = 8) -> Path:
    network = network or GANConfig(image_size=8, latent_dim=3, width=4, upsample="nearest", hidden=5)
    names = list(toy_shapes.CLASS_NAMES) if names is None else names
    network = dataclasses.replace(network, n_classes=len(names))
    players = {"generator": image_gan.generator_of(network), "discriminator": image_gan.discriminator_of(network)}
    kind = "dcgan" if isinstance(network, GANConfig) else "residual"
    data = {"name": toy_shapes.NAME, "class_names": names, "image_size": image_size, "channels": 3}
    return saved(folder, "image-gan", players, data, architecture=kind)


def vae(folder: Path, network: Any = None, architecture: str = "conv") -> Path:
    network = network or VAEConfig(image_size=8, latent_dim=3, width=4, n_classes=10)
    data = {"name": digits.NAME, "class_names": DIGITS}
    return saved(folder, "image-vae", {"model": image_vae.network_of(network)}, data, architecture=architecture)


def audio_vae(folder: Path, speakers: list[str] | None = None) -> Path:
    speakers = speakers or []
    scale = Scale(spectrogram=SpectrogramConfig(sample_rate_hz=8000), max_frames=10, mean=-40.0, std=9.0)
    sizes = {"n_bins": scale.n_rows, "max_frames": 10, "latent_dim": 3, "width": 4}
    model = SpectrogramVAE(SpectrogramVAEConfig(**sizes, n_classes=10, n_speakers=len(speakers)))
    data = {"name": dtmf_digits.NAME, "class_names": DIGITS, "speaker_names": speakers, "sample_rate_hz": 8000}
    return saved(folder, "audio-vae", {"model": model}, data | {"scale": config.to_dict(scale)})


def waveform_vae(folder: Path) -> Path:
    model = WaveformVAE(WaveformVAEConfig(n_samples=300, latent_dim=3, width=2, n_classes=10))
    data = {"name": dtmf_digits.NAME, "class_names": DIGITS, "speaker_names": [], "sample_rate_hz": 8000}
    return saved(folder, "waveform-vae", {"model": model}, data)

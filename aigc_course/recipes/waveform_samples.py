"""New sounds of a trained `waveform-vae`, and what it makes of given ones."""

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course import audio
from aigc_course.data.batches import Batch, generator
from aigc_course.data.sets import AudioSet
from aigc_course.models.waveform_vae import WaveformVAE, WaveformVAEConfig
from aigc_course.recipes.prior import latents
from aigc_course.recipes.sound_vae import AT_ONCE, anyone, told
from aigc_course.recipes.spectrogram_scale import Sounds


def windows(dataset: AudioSet, split: str, model_config: WaveformVAEConfig) -> Batch:
    """A split: waveforms (N, n_samples) of peak 0.95 and what the model is `told` of them."""
    waveforms = audio.normalise_peak(dataset.waveforms[split])
    return {"waveforms": F.pad(waveforms, (0, model_config.n_samples - waveforms.shape[1]))} | told(dataset, split)


@torch.no_grad()
def sample_sounds(
    model: WaveformVAE,
    sample_rate_hz: int,
    labels: Tensor,
    *,
    seed: int,
    speakers: Tensor | None = None,
    temperature: float = 1.0,
) -> Sounds:
    """Draw z from N(0, temperature² I) and take the mean of p(x | z), without offset or clicks, at peak 0.95.

    Args: labels: (B,) int64, not read by a model of one class alone. speakers: (B,) int64; None draws them at random
        where the model knows speakers.
    Returns: float32 on the CPU, every sound as long as the model's window, its silence included.
    Raises: UsageError when labels or speakers don't fit the model, or temperature is negative.
    """
    device = next(model.parameters()).device
    count, source = len(labels), generator(seed, "sample", 0)
    z = latents(count, model.config.latent_dim, temperature, source)
    speakers = anyone(speakers, count, model.config.n_speakers, source)
    parts = []
    for rows in torch.arange(count).split(AT_ONCE):
        what = labels[rows].to(device) if model.config.n_classes else None
        by_whom = None if speakers is None else speakers[rows].to(device)
        parts.append(model.decode(z[rows].to(device), what, by_whom).float().cpu())
    return cleaned(torch.cat(parts), sample_rate_hz)


def cleaned(waveforms: Tensor, sample_rate_hz: int) -> Sounds:
    """Waveforms (B, T) without offset or clicks, at peak 0.95."""
    sounds = audio.normalise_peak(audio.fade(audio.remove_dc(waveforms), sample_rate_hz))
    return Sounds(sounds, torch.full((len(sounds),), sounds.shape[1]))


@torch.no_grad()
def reconstructed(model: WaveformVAE, dataset: AudioSet, sample_rate_hz: int) -> Sounds:
    """The test sounds after encoder and decoder, z being the mean of q(z | x)."""
    device = next(model.parameters()).device
    tensors = windows(dataset, "test", model.config)
    parts = []
    for rows in torch.arange(len(tensors["waveforms"])).split(AT_ONCE):
        x, *conditions = (
            tensors[name][rows].to(device) if name in tensors else None for name in ("waveforms", "labels", "speakers")
        )
        mu, _ = model.encode(cast(Tensor, x), *conditions)
        parts.append(model.decode(mu, *conditions).float().cpu())
    return cleaned(torch.cat(parts), sample_rate_hz)

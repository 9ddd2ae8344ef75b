"""New sounds of a trained `audio-vae`."""

from typing import Any

import torch

from aigc_course import config
from aigc_course.data.batches import generator
from aigc_course.models.audio_vae import SpectrogramVAE
from aigc_course.models.lengths import draw_lengths
from aigc_course.recipes.prior import latents
from aigc_course.recipes.sound_vae import AT_ONCE, anyone
from aigc_course.recipes.spectrogram_scale import Scale, Sounds


@torch.no_grad()
def draw_spectrograms(
    model: SpectrogramVAE,
    labels: torch.Tensor,
    *,
    seed: int,
    speakers: torch.Tensor | None = None,
    temperature: float = 1.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw z from N(0, temperature² I), a length from p(n | z), and take the mean of p(x | n, z).

    Args:
        labels: (B,) int64, one sound each, not read by a model of one class alone.
        seed: the same seed gives the same sounds.
        speakers: (B,) int64; None draws them at random where the model knows speakers.
        temperature: of z and of the lengths: below 1 gives more typical sounds, above 1 more unusual ones.
    Returns: spectrograms (B, n_bins, max_frames), standardised, whose columns after a sound's own frames mean nothing;
        n_frames (B,) int64; both on the CPU.
    Raises: UsageError when labels or speakers don't fit the model, or temperature is negative.
    """
    device = next(model.parameters()).device
    count, source = len(labels), generator(seed, "sample", 0)
    z = latents(count, model.config.latent_dim, temperature, source)
    uniform = torch.rand(count, generator=source)
    speakers = anyone(speakers, count, model.config.n_speakers, source)
    spectrograms, lengths = [], []
    for rows in torch.arange(count).split(AT_ONCE):
        given = z[rows].to(device)
        what = labels[rows].to(device) if model.config.n_classes else None
        by_whom = None if speakers is None else speakers[rows].to(device)
        parameters = model.lengths(given, what, by_whom)
        n_frames = draw_lengths(parameters, uniform[rows].to(device), model.config.max_frames, temperature)
        spectrograms.append(model.decode(given, n_frames, what, by_whom).float().cpu())
        lengths.append(n_frames.cpu())
    return torch.cat(spectrograms), torch.cat(lengths)


def sample_sounds(
    model: SpectrogramVAE,
    data_config: dict[str, Any],
    labels: torch.Tensor,
    *,
    seed: int,
    speakers: torch.Tensor | None = None,
    temperature: float = 1.0,
) -> Sounds:
    """What `draw_spectrograms` draws, as sound: float32 on the CPU, in [-0.95, 0.95], each of its own length.

    Args: data_config: the `data` part of the checkpoint's config. The others: as for `draw_spectrograms`.
    """
    scale = config.from_dict(Scale, data_config["scale"]).with_vocoder(model.vocoder)
    drawn = draw_spectrograms(model, labels, seed=seed, speakers=speakers, temperature=temperature)
    parts = [
        scale.waveforms(spectrograms, n_frames, generator(seed, "phases", number).initial_seed())
        for number, (spectrograms, n_frames) in enumerate(
            zip(*(tensor.split(AT_ONCE) for tensor in drawn), strict=True)
        )
    ]
    return Sounds(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

"""A trained audio VAE for use one z at a time, with the sounds that it learned from."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aigc_course.config import from_dict
from aigc_course.data.batches import generator
from aigc_course.data.sets import AudioSet
from aigc_course.models.audio_vae import SpectrogramVAE
from aigc_course.models.lengths import draw_lengths
from aigc_course.recipes import audio_vae
from aigc_course.recipes.recipe import load_set, weights_of
from aigc_course.recipes.runs import Run, checkpoint_of
from aigc_course.recipes.sound_vae import AT_ONCE
from aigc_course.recipes.spectrogram_scale import Scale
from aigc_course.training import checkpoint


class TrainedVoice:
    """An audio VAE in eval mode with what it needs to read its output; results come back on the CPU.

    `class_names` and `speaker_names` are empty where the model isn't told of them.
    """

    def __init__(self, model: SpectrogramVAE, data_config: dict[str, Any]) -> None:
        """data_config: the `data` part of the checkpoint's config."""
        self.model = model.eval()
        self.scale = from_dict(Scale, data_config["scale"]).with_vocoder(model.vocoder)
        self.class_names = tuple(data_config["class_names"]) if model.config.n_classes else ()
        self.speaker_names = tuple(data_config["speaker_names"]) if model.config.n_speakers else ()
        self.sample_rate_hz: int = data_config["sample_rate_hz"]
        self._device = next(model.parameters()).device

    @property
    def latent_dim(self) -> int:
        """D, the length of z."""
        return self.model.config.latent_dim

    @torch.no_grad()
    def decode(self, z: Tensor, label: int | None = None, speaker: int | None = None) -> Tensor:
        """The sound (T,) in [-0.95, 0.95] of one z (D,): of the median length of p(n | z), always with the same phases.

        Args: label, speaker: numbers of a class and a speaker, where the model is told of them, else None.
        Raises: UsageError when one is missing, unknown or of no use.
        """
        what, by_whom = (None if n is None else torch.tensor([n], device=self._device) for n in (label, speaker))
        given = z[None].to(self._device)
        median = torch.full((1,), 0.5, device=self._device)
        n_frames = draw_lengths(self.model.lengths(given, what, by_whom), median, self.model.config.max_frames)
        spectrograms = self.model.decode(given, n_frames, what, by_whom).float().cpu()
        sounds = self.scale.waveforms(spectrograms, n_frames.cpu(), generator(0, "phases", 0).initial_seed())
        return sounds.waveforms[0, : int(sounds.lengths[0])]

    @torch.no_grad()
    def posterior(
        self, waveforms: Tensor, lengths: Tensor, labels: Tensor | None = None, speakers: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x) of recordings, each (N, D) float32.

        Args: waveforms: (N, T), zero after each one's end. lengths: (N,) int64, samples. labels, speakers: (N,) int64,
            where the model is told of them.
        """
        parts = []
        for rows in torch.arange(len(waveforms)).split(AT_ONCE):
            told = [None if t is None else t[rows].to(self._device) for t in (labels, speakers)]
            x, n_frames = self.scale.spectrograms(waveforms[rows], lengths[rows])
            parts.append(self.model.encode(x.to(self._device), n_frames.to(self._device), *told))
        mu, logvar = (torch.cat(tensors).float().cpu() for tensors in zip(*parts, strict=True))
        return mu, logvar


def load_voice(run: Run | str | Path) -> tuple[TrainedVoice, AudioSet]:
    """The model in a run of `audio-vae` (a `Run`, its directory, or a checkpoint file) and its data set.

    Raises: CheckpointError when there is none, it is damaged, or the run is of another recipe; DataError when the data
        set is missing.
    """
    tree, where = checkpoint_of("audio-vae", run)
    model = audio_vae.rebuild(tree)
    checkpoint.load_weights(model, weights_of(tree), where)
    dataset = load_set(tree["config"]["settings"]["data"], AudioSet)
    return TrainedVoice(model.requires_grad_(False), tree["config"]["data"]), dataset

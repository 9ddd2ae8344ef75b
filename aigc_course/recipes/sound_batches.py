"""Batches of sounds as spectrograms, changed at random in ways that keep what is said."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course.audio import SpectrogramConfig
from aigc_course.data.batches import Batch, TensorBatches
from aigc_course.data.noise import NoiseBatches
from aigc_course.models.settings import require_at_least
from aigc_course.recipes.log_mel import log_mel


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundChanges:
    """How training sounds are changed, each anew every time; 0 switches a change off.

    There is none of loudness, nor of silence put before or after a sound: the spectrograms don't show them.
    """

    noise: float = 0.0  # white noise's standard deviation, at most, as a share of the sound's own
    masked_frames: int = 0  # frames in one place that are silenced, at most
    masked_bins: int = 0  # neighbouring frequencies that are silenced, at most
    moved_bins: int = 0  # frequencies up or down that the whole spectrogram is moved by, at most: another voice

    def __post_init__(self) -> None:
        require_at_least(0, masked_frames=self.masked_frames, masked_bins=self.masked_bins, moved_bins=self.moved_bins)
        if not self.noise >= 0:
            raise ValueError(f"noise is {self.noise}, but must be at least 0")


class SoundBatches:
    """`stream[k]`: spectrograms (B, n_bins, n_frames), n_frames (B,) and labels (B,), after random changes.

    Order, ranks and errors are those of `TensorBatches`; the changes of batch k are a function of (seed, k).

    Args: sounds: waveforms (N, T), lengths (N,) and labels (N,).
    """

    def __init__(
        self,
        sounds: Batch,
        spectrogram: SpectrogramConfig,
        changes: SoundChanges,
        batch_size: int,
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._spectrogram, self._changes = spectrogram, changes
        stream = TensorBatches(sounds, batch_size, seed=seed, rank=rank, world=world)
        normal = {"noise": sounds["waveforms"].shape[1]} if changes.noise else {}
        places = {"level": 1, "time": 2, "frequency": 2, "move": 1}
        self._stream = NoiseBatches(stream, normal, batch_size, seed=seed, rank=rank, world=world, uniform=places)

    def __getitem__(self, k: int) -> Batch:
        """Batch k of this rank."""
        batch, changes = self._stream[k], self._changes
        waveforms, lengths = batch["waveforms"], batch["lengths"]
        if changes.noise:
            loudness = (waveforms.square().sum(dim=1) / lengths).sqrt()
            waveforms = waveforms + batch["noise"] * (loudness[:, None] * changes.noise * batch["level"])
        spectrograms, n_frames = log_mel(waveforms, lengths, self._spectrogram)
        if changes.moved_bins:
            spectrograms = move(spectrograms, _up_to(batch["move"][:, 0], changes.moved_bins, both_ways=True))
        masks = {2: ("time", changes.masked_frames), 1: ("frequency", changes.masked_bins)}
        for axis, (name, most) in masks.items():
            if most:
                ends = n_frames if axis == 2 else torch.full_like(n_frames, spectrograms.shape[1])
                spectrograms = silence(spectrograms, axis, _up_to(batch[name][:, 0], most), batch[name][:, 1], ends)
        return {"spectrograms": spectrograms, "n_frames": n_frames, "labels": batch["labels"]}


def move(spectrograms: Tensor, bins: Tensor) -> Tensor:
    """Spectrograms (B, n_bins, T) moved up by `bins` (B,), down where negative; what comes in is silence."""
    most = int(bins.abs().max())
    n_bins = spectrograms.shape[1]
    rows = torch.arange(n_bins) + most - bins[:, None]  # (B, n_bins)
    padded = F.pad(spectrograms, (0, 0, most, most))
    return padded.gather(1, rows[:, :, None].expand(-1, -1, spectrograms.shape[2]))


def silence(spectrograms: Tensor, axis: int, widths: Tensor, places: Tensor, ends: Tensor) -> Tensor:
    """Spectrograms (B, n_bins, T) with `widths` (B,) neighbours of an axis set to 0, somewhere before `ends` (B,).

    Args: places: (B,) in [0, 1), where between both ends. A mask takes at most half of what there is.
    Source: Park et al. 2019, "SpecAugment", arXiv:1904.08779.
    """
    widths = torch.minimum(widths, ends // 2)
    begins = (places * (ends - widths + 1)).long()
    points = torch.arange(spectrograms.shape[axis])
    masked = (points >= begins[:, None]) & (points < (begins + widths)[:, None])  # (B, length of the axis)
    return spectrograms.masked_fill(masked[:, None, :] if axis == 2 else masked[:, :, None], 0.0)


def _up_to(uniform: Tensor, most: int, *, both_ways: bool = False) -> Tensor:
    """Whole numbers in [0, most], or in [-most, most], from numbers in [0, 1)."""
    return (uniform * (2 * most + 1)).long() - most if both_ways else (uniform * (most + 1)).long()

"""Pieces of sounds, at random places and levels, with their spectrograms: what a vocoder learns from."""

import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course.audio import SpectrogramConfig, log_spectrogram, normalise_peak
from aigc_course.data.batches import Batch, TensorBatches
from aigc_course.data.noise import NoiseBatches
from aigc_course.data.sets import AudioSet
from aigc_course.training import LoopSettings, Runtime

PEAK = 0.95  # of the loudest pieces


class SoundSegments:
    """`stream[k]`: waveforms (B, T) of random pieces of the training sounds, and their spectrograms in dB.

    Order, ranks and errors are those of `TensorBatches`; places and levels of batch k are a function of (seed, k).

    Args: seconds: see `segment_length`.  quietest_db: how far below 0.95 the peak of a sound is set, at most.
    """

    def __init__(
        self,
        dataset: AudioSet,
        spectrogram: SpectrogramConfig,
        loop: LoopSettings,
        runtime: Runtime,
        *,
        seconds: float,
        quietest_db: float,
    ) -> None:
        self._spectrogram, self._quietest_db = spectrogram, quietest_db
        self._n_samples = segment_length(seconds, spectrogram)
        waveforms, lengths, _ = dataset.split("train")
        size, seed, rank, world = loop.batch_size, loop.seed, runtime.rank, runtime.world
        sounds = {"waveforms": normalise_peak(waveforms, peak=PEAK), "lengths": lengths}
        stream = TensorBatches(sounds, size, seed=seed, rank=rank, world=world)
        random = {"place": 1, "level": 1}
        self._stream = NoiseBatches(stream, {}, size, seed=seed, rank=rank, world=world, uniform=random)

    def __getitem__(self, k: int) -> Batch:
        """Batch k of this rank."""
        batch = self._stream[k]
        pieces = cut(batch["waveforms"], batch["lengths"], batch["place"][:, 0], self._n_samples)
        pieces = pieces * 10 ** (-batch["level"] * self._quietest_db / 20)
        return {"waveforms": pieces, "spectrograms": log_spectrogram(pieces, self._spectrogram)}


def segment_length(seconds: float, spectrogram: SpectrogramConfig) -> int:
    """Samples of a piece of about `seconds`: whole hops, and at least four windows."""
    hops = round(seconds * spectrogram.sample_rate_hz / spectrogram.hop_length)
    return max(hops, -(-4 * spectrogram.n_fft // spectrogram.hop_length)) * spectrogram.hop_length


def cut(waveforms: Tensor, lengths: Tensor, places: Tensor, n_samples: int) -> Tensor:
    """A piece (B, n_samples) of each sound (B, T): from anywhere in it; all of a shorter one, and silence.

    Args: lengths: (B,) int64 in [1, T].  places: (B,) in [0, 1), where the piece is, from beginning to end.
    """
    begins = (places * (lengths - n_samples + 1).clamp(min=1)).long()
    columns = begins[:, None] + torch.arange(n_samples)
    return F.pad(waveforms, (0, n_samples)).gather(1, columns)

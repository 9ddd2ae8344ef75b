"""Between waveforms of any lengths and the standardised spectrograms that `audio-vae` learns."""

import math
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course import audio
from aigc_course.audio import SpectrogramConfig
from aigc_course.errors import UsageError
from aigc_course.models.lengths import own_frames
from aigc_course.models.vocoder import Vocoder
from aigc_course.recipes.complex_spectrogram import complex_rows, invert_complex_rows
from aigc_course.recipes.trained_vocoder import TrainedVocoder

_AT_ONCE = 100  # sounds

Representation = Literal["magnitude", "complex"]


class Sounds(NamedTuple):
    """Sounds of different lengths."""

    waveforms: Tensor  # (N, T) float32, zero after each sound's end
    lengths: Tensor  # (N,) int64, samples of each sound


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """From waveforms to what the VAE sees, and back.

    "magnitude" is log_spectrogram, in dB; to come back, its phases have to be found. "complex" has the real and the
    imaginary parts as rows (`complex_rows`), from which the waveform follows at once.
    """

    spectrogram: SpectrogramConfig
    max_frames: int  # of the longest sound; what goes beyond is cut
    mean: float  # over all points of the training spectrograms' own frames
    std: float
    representation: Representation = "magnitude"
    iterations: int = 64  # of Griffin-Lim; of 200 real dtmf-digits, 100 % decode after them; after 32, 98.5 %

    @property
    def n_rows(self) -> int:
        """Numbers per frame."""
        return self.spectrogram.n_bins if self.representation == "magnitude" else 2 * self.spectrogram.n_bins

    @property
    def longest(self) -> int:
        """Samples of the longest sound that `waveforms` makes."""
        return (self.max_frames - 1) * self.spectrogram.hop_length

    @torch.no_grad()
    def spectrograms(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Each sound's spectrogram after it was scaled to peak 0.95, standardised; its level is no part of it.

        Args: waveforms: (B, T), zero after each sound's end. lengths: (B,) int64, samples of each sound.
        Returns: (B, n_rows, max_frames), 0 after each sound's own frames; n_frames (B,) int64.
        """
        values = self._unscaled(waveforms)
        n_frames = (1 + lengths // self.spectrogram.hop_length).clamp(max=self.max_frames)
        own = own_frames(n_frames, self.max_frames)[:, None]
        return torch.where(own, (values - self.mean) / self.std, 0), n_frames

    @torch.no_grad()
    def waveforms(self, spectrograms: Tensor, n_frames: Tensor, seed: int) -> Sounds:
        """The way back: sounds of (n_frames - 1) * hop_length samples, without offset or clicks, of peak 0.95.

        Args: spectrograms: (B, n_rows, max_frames); what is after a sound's own frames is not looked at. n_frames: (B,)
            int64 in [1, max_frames]. seed: of the phases that Griffin-Lim begins with.
        """
        config = self.spectrogram
        silence = config.floor_db if self.representation == "magnitude" else 0.0
        shown = max(int(n_frames.max()), 2 * config.n_fft // config.hop_length)  # frames; fewer can't be inverted
        values = (spectrograms * self.std + self.mean)[:, :, :shown]
        values = torch.where(own_frames(n_frames, values.shape[2])[:, None], values, silence)
        lengths = ((n_frames - 1) * config.hop_length).clamp(min=1)
        cleaned = values.new_zeros(len(values), self.longest)
        for row, waveform, length in zip(cleaned, self._inverted(values, seed), lengths.tolist(), strict=True):
            row[:length] = audio.fade(audio.remove_dc(waveform[:length]), config.sample_rate_hz)
        return Sounds(audio.normalise_peak(cleaned), lengths)

    def there_and_back(self, sounds: Sounds, seed: int) -> Sounds:
        """What is left of sounds after their own way to spectrograms and back: the most that a model can reach."""
        parts = [
            self.waveforms(*self.spectrograms(waveforms, lengths), seed=seed + number)
            for number, (waveforms, lengths) in enumerate(
                zip(sounds.waveforms.split(_AT_ONCE), sounds.lengths.split(_AT_ONCE), strict=True)
            )
        ]
        return Sounds(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    def _unscaled(self, waveforms: Tensor) -> Tensor:
        """(B, T) -> (B, n_rows, max_frames), in dB or in the complex spectrogram's unit."""
        config = self.spectrogram
        # Zeros as long as a frame follow, so that no frame meets the mirrored end.
        missing = self.longest + config.n_fft - waveforms.shape[1]
        padded = F.pad(audio.normalise_peak(waveforms), (0, missing))
        rows = audio.log_spectrogram if self.representation == "magnitude" else complex_rows
        return rows(padded, config)[:, :, : self.max_frames]

    def _inverted(self, values: Tensor, seed: int) -> Tensor:
        """The inverter: (B, n_rows, n), in dB or in the complex spectrogram's unit -> (B, (n - 1) * hop_length)."""
        if self.representation == "complex":
            return invert_complex_rows(values, self.spectrogram)
        return audio.invert(values, self.spectrogram, n_iterations=self.iterations, seed=seed)

    def with_vocoder(self, vocoder: Vocoder | None) -> "Scale":
        """The same scale, whose way back a trained vocoder of its spectrograms goes; None: the scale as it is."""
        if vocoder is None:
            return self
        return VocodedScale(**{field.name: getattr(self, field.name) for field in fields(self)}, vocoder=vocoder)

    @classmethod
    def measure(
        cls,
        sounds: Sounds,
        spectrogram: SpectrogramConfig,
        max_frames: int,
        representation: Representation = "magnitude",
    ) -> "Scale":
        """The scale of these sounds, over their own frames. Raises: UsageError when all are silent."""
        unscaled = cls(spectrogram=spectrogram, max_frames=max_frames, mean=0.0, std=1.0, representation=representation)
        total, squares, count = 0.0, 0.0, 0
        for waveforms, lengths in zip(sounds.waveforms.split(_AT_ONCE), sounds.lengths.split(_AT_ONCE), strict=True):
            values, n_frames = unscaled.spectrograms(waveforms, lengths)
            total, squares = total + values.double().sum().item(), squares + values.double().square().sum().item()
            count += int(n_frames.sum()) * unscaled.n_rows
        mean = total / count
        variance = squares / count - mean**2
        if variance < 1e-6:
            raise UsageError("all training sounds are silent, so there is nothing to learn from; record them anew")
        return cls(
            spectrogram=spectrogram,
            max_frames=max_frames,
            mean=mean,
            std=math.sqrt(variance),
            representation=representation,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class VocodedScale(Scale):
    """A scale whose way back has learned its phases."""

    vocoder: Vocoder

    def _inverted(self, values: Tensor, _seed: int) -> Tensor:
        """As Scale's, by the vocoder; there is nothing random about it."""
        return TrainedVocoder(self.vocoder, self.spectrogram).waveforms(values)

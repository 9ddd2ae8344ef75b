"""Between waveforms and the standardised spectrograms that `audio-vae` learns."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course import audio
from aigc_course.audio import SpectrogramConfig
from aigc_course.errors import UsageError

_AT_ONCE = 100  # sounds
_GRIFFIN_LIM_ITERATIONS = 64  # of 200 real dtmf-digits, 100 % decode after them; after 32, 98.5 %


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """From waveforms to what the VAE sees, and back."""

    spectrogram: SpectrogramConfig
    mean_db: float  # over all points of the training spectrograms
    std_db: float

    @torch.no_grad()
    def spectrograms(self, waveforms: Tensor) -> Tensor:
        """(B, T) -> (B, n_bins, n_frames), standardised."""
        return (audio.log_spectrogram(waveforms, self.spectrogram) - self.mean_db) / self.std_db

    @torch.no_grad()
    def waveforms(self, spectrograms: Tensor, n_samples: int, seed: int) -> Tensor:
        """The inverse by Griffin-Lim, cleaned: without offset or clicks, loudest sample 0.95. (B, n_samples)."""
        db = spectrograms * self.std_db + self.mean_db
        sound = audio.invert(db, self.spectrogram, n_iterations=_GRIFFIN_LIM_ITERATIONS, length=n_samples, seed=seed)
        return audio.normalise_peak(audio.fade(audio.remove_dc(sound), self.spectrogram.sample_rate_hz))

    @classmethod
    def measure(cls, waveforms: Tensor, spectrogram: SpectrogramConfig) -> "Scale":
        """The scale of these sounds (N, T). Raises: UsageError when all are silent."""
        total, squares, count = 0.0, 0.0, 0
        for part in waveforms.split(_AT_ONCE):
            db = audio.log_spectrogram(part, spectrogram).double()
            total, squares, count = total + db.sum().item(), squares + db.square().sum().item(), count + db.numel()
        mean = total / count
        variance = squares / count - mean**2
        if variance < 1e-6:
            raise UsageError("all training sounds are silent, so there is nothing to learn from; record them anew")
        return cls(spectrogram=spectrogram, mean_db=mean, std_db=math.sqrt(variance))

"""A vocoder: from a mel log-spectrogram to the waveform.

What a mel spectrogram has lost is of two kinds. A band says how much there is in it, but not at which frequencies, and
nothing of 0 Hz: a network learns that from sounds, such as where the harmonics of a voice lie. It is of the kind of
Vocos (Siuzdak 2023, arXiv:2306.00814), ConvNeXt blocks at the rate of the frames, but what it gives are magnitudes
alone, which sum up to what the bands say. The phases need no learning: each frame has to fit the frames around it, and
`phases.py` finds phases that do.

A frame that is silent in all bands is no input and gives no output. So what a sound is padded with, or stands beside in
a batch, doesn't reach it.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import at_least_float32
from aigc_course.models.phases import sound_of
from aigc_course.models.settings import require_at_least

_NEPERS_PER_DB = math.log(10) / 20
_STEP_DB = 20.0  # one unit of what the network sees
_CEILING_DB = 60.0  # far above any sound in [-1, 1]; keeps exp() finite when a model's output runs away
_AUDIBLE_DB = 1e-3  # above the floor, from where on a point is sound
_KERNEL = 7  # frames, of each convolution
_LARGEST_CORRECTION = 5.0  # nepers, of a magnitude within its bands
_MATCHES = 4  # how often magnitudes are brought to what the bands say
_TINY = 1e-8


@dataclass(frozen=True, kw_only=True, slots=True)
class VocoderConfig:
    """The spectrograms that a vocoder takes, and its size."""

    n_bins: int = 64  # bands of the spectrograms
    n_fft: int = 256  # samples per frame, even
    hop_length: int = 64  # samples from frame to frame, at most n_fft / 2
    floor_db: float = -80.0  # of the spectrograms: silence
    width: int = 64  # channels
    depth: int = 2  # blocks
    rounds: int = 6  # of Griffin-Lim over the whole sound

    def __post_init__(self) -> None:
        require_at_least(1, n_bins=self.n_bins, width=self.width, depth=self.depth, hop_length=self.hop_length)
        require_at_least(0, rounds=self.rounds)
        if self.n_fft % 2 or self.hop_length > self.n_fft // 2:
            shortest = 2 * self.hop_length
            raise ValueError(f"n_fft = {self.n_fft} is not allowed; it must be even and at least {shortest}, two hops")


class Vocoder(nn.Module):
    """Log-spectrograms to magnitudes, which is what it learns, and to waveforms: see the module's text.

    Args: bands: (n_fft / 2 + 1, n_bins), >= 0: how much of each frequency's magnitude each band sums.
    """

    bands: Tensor
    spread: Tensor

    def __init__(self, config: VocoderConfig, bands: Tensor) -> None:
        super().__init__()
        n_frequencies = config.n_fft // 2 + 1
        if tuple(bands.shape) != (n_frequencies, config.n_bins):
            raise UsageError(f"bands are {tuple(bands.shape)}; they must be {(n_frequencies, config.n_bins)}")
        self.config = config
        spread = bands.clone()
        spread[0], spread[-1] = bands[1], bands[-2]  # of 0 Hz and half the sample rate no mel band knows
        spread = (spread / spread.sum(dim=1, keepdim=True).clamp(min=_TINY)).T  # (n_bins, n_fft / 2 + 1)
        self.register_buffer("bands", bands, persistent=False)
        self.register_buffer("spread", spread.contiguous(), persistent=False)
        self.from_spectrogram = nn.Conv1d(config.n_bins, config.width, _KERNEL, padding="same")
        self.norm = nn.LayerNorm(config.width)
        self.blocks = nn.ModuleList(Block(config.width, config.depth) for _ in range(config.depth))
        self.last_norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, n_frequencies)
        self.initialise()

    def initialise(self) -> None:
        """Small weights, as Vocos has them: at first each band is spread evenly over its frequencies."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, log_spec: Tensor) -> Tensor:
        """The magnitudes of the short-time Fourier transform behind log-spectrograms.

        Args: log_spec: (B, n_bins, n_frames) in dB, 0 for a sinusoid at full scale; silence is floor_db or less.
        Returns: (B, n_fft / 2 + 1, n_frames) float32, >= 0, 1 for a sinusoid at full scale; 0 in silent bands.
        Raises: UsageError if the shape is wrong or there are fewer than two frames.
        """
        config = self.config
        if log_spec.ndim != 3 or log_spec.shape[1] != config.n_bins or log_spec.shape[2] < 2:
            raise UsageError(f"log_spec is {tuple(log_spec.shape)}; it must be (B, {config.n_bins}, n_frames >= 2)")
        # (B, n_frames, n_bins), in this order in memory, in which products are several times as fast
        db = at_least_float32(log_spec).transpose(1, 2).contiguous().clamp(config.floor_db, _CEILING_DB)
        audible = db > config.floor_db + _AUDIBLE_DB
        mask = audible.any(dim=2, keepdim=True)
        x = self.from_spectrogram((db - config.floor_db).transpose(1, 2) / _STEP_DB).transpose(1, 2)
        x = self.norm(x) * mask
        for block in self.blocks:
            x = block(x) * mask
        raw = at_least_float32(self.head(self.last_norm(x)))
        with torch.autocast(db.device.type, enabled=False):
            correction = raw.clamp(-_LARGEST_CORRECTION, _LARGEST_CORRECTION)
            target = torch.where(audible, (db * _NEPERS_PER_DB).exp(), 0)
            return self._within_bands(target, correction).transpose(1, 2)

    def waveforms(self, log_spec: Tensor) -> Tensor:
        """The sounds (B, (n_frames - 1) * hop_length) of log-spectrograms, as `forward` takes them."""
        config = self.config
        magnitude = self(log_spec).transpose(1, 2) * (config.n_fft / 4)  # sum(window) / 2
        return sound_of(magnitude, config.n_fft, config.hop_length, config.rounds)

    def _within_bands(self, target: Tensor, correction: Tensor) -> Tensor:
        """Magnitudes (B, n_frames, n_fft / 2 + 1), corrected, whose bands are near `target` (B, n_frames, n_bins)."""
        magnitude = (target @ self.spread) * correction.exp()
        for _ in range(_MATCHES):
            magnitude = magnitude * ((target / (magnitude @ self.bands).clamp(min=_TINY)) @ self.spread)
        return magnitude


class Block(nn.Module):
    """ConvNeXt (Liu et al. 2022, arXiv:2201.03545): each channel along time, then all channels of a frame."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.along_time = nn.Conv1d(width, width, _KERNEL, padding="same", groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 2 * width)
        self.contract = nn.Linear(2 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 1 / depth))

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_frames, width) -> the same shape."""
        y = self.norm(self.along_time(x.transpose(1, 2)).transpose(1, 2))
        return x + self.scale * self.contract(F.gelu(self.expand(y)))

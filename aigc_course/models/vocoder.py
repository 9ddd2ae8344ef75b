"""A vocoder: from a log-spectrogram to the waveform, in one pass.

A network of the kind of Vocos (Siuzdak 2023, arXiv:2306.00814): ConvNeXt blocks that work at the rate of the frames,
and an inverse short-time Fourier transform that makes the samples. What differs is how the phases come about. A
convolution does the same at every frame, and the spectrogram of a steady tone is the same at every frame: no
convolution could give it phases that advance, unless by whole turns. So the network says how much each phase
*advances*, which is a frequency and can be seen in a spectrogram, and a running sum makes phases of it. What neighbours
in frequency then disagree about is settled by a few rounds of Griffin-Lim, which start near their goal and are a part
of the network that is trained.

A frame that is silent in all bands is no input and gives no output. So what a sound is padded with, or stands beside in
a batch, changes nothing.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import at_least_float32
from aigc_course.models.settings import require_at_least

_STEP_DB = 20.0  # one unit of what the network sees
_AUDIBLE_DB = 1e-3  # above the floor, from where on a point is sound
_MOMENTUM = 0.99  # of the rounds of Griffin-Lim (Perraudin et al. 2013)
_KERNEL = 7  # frames, of each convolution
_LARGEST_CORRECTION = 3.0  # nepers, of a magnitude within its bands
_TINY = 1e-8


@dataclass(frozen=True, kw_only=True, slots=True)
class VocoderConfig:
    """The spectrograms that a vocoder takes, and its size."""

    n_bins: int = 64  # bands of the spectrograms
    n_fft: int = 256  # samples per frame, even
    hop_length: int = 64  # samples from frame to frame, at most n_fft / 2
    floor_db: float = -80.0  # of the spectrograms: silence
    width: int = 128  # channels
    depth: int = 4  # blocks
    refinements: int = 3  # rounds of Griffin-Lim after the network

    def __post_init__(self) -> None:
        require_at_least(1, n_bins=self.n_bins, width=self.width, depth=self.depth, hop_length=self.hop_length)
        require_at_least(0, refinements=self.refinements)
        if self.n_fft % 2 or self.hop_length > self.n_fft // 2:
            shortest = 2 * self.hop_length
            raise ValueError(f"n_fft = {self.n_fft} is not allowed; it must be even and at least {shortest}, two hops")


class VocoderOutput(NamedTuple):
    """What one pass through a vocoder gives."""

    waveforms: Tensor  # (B, (n_frames - 1) * hop_length)
    advance: Tensor  # (B, n_frames - 1, n_fft / 2 + 1): of the network's phases from frame to frame, in radians


class Vocoder(nn.Module):
    """Log-spectrograms to waveforms: see the module's text.

    Args: bands: (n_fft / 2 + 1, n_bins), >= 0: how much of each frequency's magnitude each band sums.
    """

    bands: Tensor
    spread: Tensor

    def __init__(self, config: VocoderConfig, bands: Tensor) -> None:
        super().__init__()
        if tuple(bands.shape) != (config.n_fft // 2 + 1, config.n_bins):
            raise UsageError(
                f"bands are {tuple(bands.shape)}; they must be {(config.n_fft // 2 + 1, config.n_bins)}: "
                "(n_fft / 2 + 1, n_bins)"
            )
        self.config = config
        self.register_buffer("bands", bands, persistent=False)
        spread = (bands / bands.sum(dim=1, keepdim=True).clamp(min=_TINY)).T  # (n_bins, n_fft / 2 + 1)
        self.register_buffer("spread", spread, persistent=False)
        n_frequencies = config.n_fft // 2 + 1
        self.from_spectrogram = nn.Conv1d(config.n_bins, config.width, _KERNEL, padding="same")
        self.norm = nn.LayerNorm(config.width)
        self.blocks = nn.ModuleList(Block(config.width, config.depth) for _ in range(config.depth))
        self.last_norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, 2 * n_frequencies)
        self.initialise()

    def initialise(self) -> None:
        """Small weights, as Vocos has them; so at first each band's magnitude is spread evenly over its frequencies,
        and each phase advances by the middle frequency of its bin."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, log_spec: Tensor) -> VocoderOutput:
        """The sound of log-spectrograms.

        Args: log_spec: (B, n_bins, n_frames) in dB, 0 for a sinusoid at full scale; silence is floor_db or less.
        Returns: the waveforms, and the advance of the phases before the rounds of Griffin-Lim.
        Raises: UsageError if the shape is wrong or there are fewer than two frames.
        """
        config = self.config
        if log_spec.ndim != 3 or log_spec.shape[1] != config.n_bins or log_spec.shape[2] < 2:
            raise UsageError(f"log_spec is {tuple(log_spec.shape)}; it must be (B, {config.n_bins}, n_frames >= 2)")
        log_spec = at_least_float32(log_spec).transpose(1, 2)  # (B, n_frames, n_bins)
        audible = log_spec > config.floor_db + _AUDIBLE_DB
        correction, detune = self._network(log_spec, audible)
        with torch.autocast(log_spec.device.type, enabled=False):
            target = torch.where(audible, 10 ** (log_spec / 20), 0) * (config.n_fft / 4)  # sum(window) / 2
            magnitude = self._magnitude(target, correction)
            advance = detune + self._middle_advance(log_spec)
            start = torch.polar(magnitude, advance.cumsum(dim=1)) * self._centre_signs(log_spec)
            return VocoderOutput(self._refined(start, magnitude), advance[:, 1:])

    def _network(self, log_spec: Tensor, audible: Tensor) -> tuple[Tensor, Tensor]:
        """Corrections of magnitudes in nepers and of advances in radians, each (B, n_frames, n_fft / 2 + 1)."""
        mask = audible.any(dim=2, keepdim=True)
        x = (log_spec.clamp(min=self.config.floor_db) - self.config.floor_db) / _STEP_DB
        x = self.norm(self.from_spectrogram(x.transpose(1, 2)).transpose(1, 2)) * mask
        for block in self.blocks:
            x = block(x) * mask
        correction, detune = self.head(self.last_norm(x)).float().chunk(2, dim=2)
        return _LARGEST_CORRECTION * torch.tanh(correction / _LARGEST_CORRECTION), detune

    def _magnitude(self, target: Tensor, correction: Tensor) -> Tensor:
        """|STFT| (B, n_frames, n_fft / 2 + 1) whose bands are near `target` (B, n_frames, n_bins), as corrected."""
        magnitude = (target @ self.spread) * correction.exp()
        for _ in range(2):
            magnitude = magnitude * ((target / (magnitude @ self.bands).clamp(min=_TINY)) @ self.spread)
        return magnitude

    def _refined(self, spectra: Tensor, magnitude: Tensor) -> Tensor:
        """The waveforms of spectra after some rounds of: to sound and back, then the magnitudes as they should be."""
        n_fft, hop = self.config.n_fft, self.config.hop_length
        before = torch.zeros_like(spectra)
        for _ in range(self.config.refinements):
            now = short_time_spectra(overlap_add(spectra, n_fft, hop), n_fft, hop)
            ahead = now + _MOMENTUM * (now - before)
            spectra = ahead * (magnitude / (torch.view_as_real(ahead).square().sum(-1) + _TINY).sqrt())
            before = now
        whole = overlap_add(
            spectra, n_fft, hop
        )  # with half a frame before the first one's middle, and after the last's
        return whole[:, n_fft // 2 : n_fft // 2 + (spectra.shape[1] - 1) * hop]

    def _middle_advance(self, like: Tensor) -> Tensor:
        """(n_fft / 2 + 1,): by how much the middle frequency of each bin advances from frame to frame, in radians."""
        turns = torch.arange(self.config.n_fft // 2 + 1, device=like.device) * self.config.hop_length
        return (turns % self.config.n_fft) * (2 * math.pi / self.config.n_fft)

    def _centre_signs(self, like: Tensor) -> Tensor:
        """(n_fft / 2 + 1,) of 1 and -1, by which phases at a frame's middle differ from those at its beginning.

        Seen from its middle, a tone has one phase in all the bins that it fills.
        """
        return 1.0 - 2.0 * (torch.arange(self.config.n_fft // 2 + 1, device=like.device) % 2)


class Block(nn.Module):
    """ConvNeXt (Liu et al. 2022, arXiv:2201.03545): each channel along time, then all channels of a frame."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.along_time = nn.Conv1d(width, width, _KERNEL, padding="same", groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 3 * width)
        self.contract = nn.Linear(3 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 1 / depth))

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_frames, width) -> the same shape."""
        y = self.norm(self.along_time(x.transpose(1, 2)).transpose(1, 2))
        return x + self.scale * self.contract(F.gelu(self.expand(y)))


def short_time_spectra(waveforms: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """The short-time Fourier transform by a Hann window, whose first frame begins at the first sample.

    Args: waveforms: (B, T) float32, T >= n_fft.
    Returns: complex (B, 1 + (T - n_fft) // hop_length, n_fft / 2 + 1).
    """
    frames = waveforms.unfold(1, n_fft, hop_length)
    return torch.fft.rfft(frames * torch.hann_window(n_fft, device=waveforms.device))


def overlap_add(spectra: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """The inverse of `short_time_spectra`: of spectra that no sound has, the sound with the nearest ones.

    The frames before the first and after the last, which would add to them, are taken to be silent.

    Args: spectra: complex (B, n_frames, n_fft / 2 + 1).  Returns: (B, n_fft + (n_frames - 1) * hop_length).
    Source: Griffin & Lim 1984, Eq. 6, where every place has all its windows.
    """
    window = torch.hann_window(n_fft, device=spectra.device)
    pieces = -(-n_fft // hop_length)  # of a frame, each one hop long
    padding = pieces * hop_length - n_fft
    frames = F.pad(torch.fft.irfft(spectra, n_fft) * window, (0, padding)).unflatten(2, (pieces, hop_length))
    moved = [F.pad(frames[:, :, i], (0, 0, i, pieces - 1 - i)) for i in range(pieces)]
    weight = F.pad(window.square(), (0, padding)).view(pieces, hop_length).sum(dim=0)  # repeats every hop
    total = torch.stack(moved).sum(dim=0) / weight  # (B, n_frames + pieces - 1, hop_length)
    return total.flatten(1)[:, : n_fft + (spectra.shape[1] - 1) * hop_length]

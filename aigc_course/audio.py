"""Sound as tensors: waveform to log-spectrogram and back, clean-up, resampling, WAV files.

Waveforms are float (..., T) with full scale [-1, 1]. torchaudio and soundfile are imported when first used.
"""

import io
import math
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.errors import DataError, UsageError
from aigc_course.files import atomic_write

_CEILING_DB = 60.0  # far above any sound in [-1, 1]; keeps exp() finite when a model's output runs away


@dataclass(frozen=True, kw_only=True, slots=True)
class SpectrogramConfig:
    """How a waveform is cut into frames and frequencies."""

    sample_rate_hz: int = 8000
    n_fft: int = 256  # samples per frame (periodic Hann window), even
    hop_length: int = 64  # samples from frame to frame, at most n_fft / 2
    n_mels: int = 0  # mel bands from 0 Hz to half the sample rate; 0: the n_fft / 2 + 1 linear frequencies
    floor_db: float = -80.0  # what is quieter counts as silence; 0 dB is a sinusoid at full scale

    def __post_init__(self) -> None:
        if self.sample_rate_hz < 1:
            raise ValueError(f"sample_rate_hz = {self.sample_rate_hz} is not allowed; it must be at least 1")
        if self.n_fft < 4 or self.n_fft % 2:
            raise ValueError(f"n_fft = {self.n_fft} is not allowed; it must be even and at least 4")
        if not 1 <= self.hop_length <= self.n_fft // 2:
            raise ValueError(
                f"hop_length = {self.hop_length} is not allowed; it must be 1 to n_fft / 2 = {self.n_fft // 2}"
            )
        if not 0 <= self.n_mels <= self.n_fft // 2:
            raise ValueError(
                f"n_mels = {self.n_mels} is not allowed; it must be 0 (linear) to n_fft / 2 = {self.n_fft // 2}"
            )
        if not -200 <= self.floor_db < 0:
            raise ValueError(f"floor_db = {self.floor_db} is not allowed; it must be at least -200 and below 0")

    @property
    def n_bins(self) -> int:
        """Rows of the spectrogram."""
        return self.n_mels or self.n_fft // 2 + 1

    def n_frames(self, n_samples: int) -> int:
        """Columns of the spectrogram of `n_samples` samples: one centred on each multiple of hop_length."""
        return 1 + n_samples // self.hop_length


def log_spectrogram(waveforms: Tensor, config: SpectrogramConfig) -> Tensor:
    """Magnitude of the short-time Fourier transform, in dB relative to a sinusoid at full scale.

    20 log10(|STFT| / (sum(window) / 2)), nothing below floor_db; in mel mode |STFT| is summed by triangular bands.

    Args: waveforms: (B, T) float, T > n_fft / 2 (the ends are mirrored).
    Returns: (B, n_bins, n_frames) float, >= floor_db; silence is floor_db everywhere.
    Raises: UsageError if the shape is wrong, T too small or a sample not finite.
    """
    if waveforms.ndim != 2 or waveforms.shape[1] <= config.n_fft // 2:
        raise UsageError(f"waveforms are {tuple(waveforms.shape)}; they must be (B, T) with T > {config.n_fft // 2}")
    _require_finite("waveforms", waveforms)
    window = torch.hann_window(config.n_fft, dtype=waveforms.dtype, device=waveforms.device)
    stft = torch.stft(waveforms, config.n_fft, config.hop_length, window=window, return_complex=True)
    magnitude = stft.abs()  # (B, n_fft / 2 + 1, n_frames)
    if config.n_mels:
        magnitude = _mel_filters(config).to(magnitude).T @ magnitude  # (B, n_mels, n_frames)
    reference = window.sum() / 2
    return 20 * (magnitude / reference).clamp(min=10 ** (config.floor_db / 20)).log10()


def band_filters(config: SpectrogramConfig) -> Tensor:
    """How much of each frequency's magnitude each row of a spectrogram sums: (n_fft / 2 + 1, n_bins), >= 0."""
    return _mel_filters(config).clone() if config.n_mels else torch.eye(config.n_bins)


def invert(
    log_spec: Tensor,
    config: SpectrogramConfig,
    *,
    n_iterations: int = 32,
    length: int | None = None,
    seed: int = 0,
) -> Tensor:
    """Waveforms whose log_spectrogram is close to `log_spec`, by Griffin-Lim with momentum.

    The missing phases start at random, from `seed` and not from torch's global generator, which is left as it was.
    Whatever is at or below floor_db becomes exact silence.

    Args: log_spec: (B, n_bins, n_frames) in dB, as log_spectrogram gives it. length: samples to return, the end cut
        or filled with zeros; None: (n_frames - 1) * hop_length.
    Returns: (B, T) float, finite; may exceed [-1, 1] slightly (normalise_peak).
    Raises: UsageError if the shape is wrong, there are too few frames, or a value is not finite.
    Source: Perraudin et al. 2013, "A fast Griffin-Lim algorithm".
    """
    import torchaudio

    if log_spec.ndim != 3 or log_spec.shape[1] != config.n_bins:
        raise UsageError(f"log_spec is {tuple(log_spec.shape)}; it must be (B, {config.n_bins}, n_frames)")
    if (log_spec.shape[2] - 1) * config.hop_length <= config.n_fft // 2:
        raise UsageError(f"{log_spec.shape[2]} frames are too few; give more than {config.n_fft // 2} samples' worth")
    _require_finite("log_spec", log_spec)
    window = torch.hann_window(config.n_fft, dtype=log_spec.dtype, device=log_spec.device)
    audible = log_spec > config.floor_db + 1e-3
    magnitude = 10 ** (log_spec.clamp(max=_CEILING_DB) / 20) * (window.sum() / 2) * audible
    if config.n_mels:
        magnitude = _linear_from_mel(magnitude, config)
    with torch.random.fork_rng(devices=[log_spec.device] if log_spec.is_cuda else []):
        torch.manual_seed(seed)
        waveforms = torchaudio.functional.griffinlim(
            magnitude,
            window=window,
            n_fft=config.n_fft,
            hop_length=config.hop_length,
            win_length=config.n_fft,
            power=1.0,
            n_iter=n_iterations,
            momentum=0.99,
            length=None,
            rand_init=True,
        )
    return waveforms if length is None else F.pad(waveforms, (0, length - waveforms.shape[1]))


def resample(waveforms: Tensor, from_hz: int, to_hz: int) -> Tensor:
    """Waveforms (..., T) at another sample rate, band-limited: (..., ceil(T * to_hz / from_hz)).

    Raises: UsageError unless both rates are positive.
    """
    import torchaudio

    if from_hz < 1 or to_hz < 1:
        raise UsageError(f"cannot resample from {from_hz} Hz to {to_hz} Hz; both must be at least 1")
    return torchaudio.functional.resample(waveforms, from_hz, to_hz)


def remove_dc(waveforms: Tensor) -> Tensor:
    """Waveforms (..., T), each with its mean subtracted."""
    return waveforms - waveforms.mean(dim=-1, keepdim=True)


def fade(waveforms: Tensor, sample_rate_hz: int, *, seconds: float = 0.01) -> Tensor:
    """Waveforms (..., T) that rise from and fall to silence over `seconds` (raised cosine), so that they don't click.

    The ramps are shortened to half the sound where it is shorter than both.
    """
    n_samples = waveforms.shape[-1]
    n_ramp = min(round(seconds * sample_rate_hz), n_samples // 2)
    steps = torch.arange(n_ramp, dtype=waveforms.dtype, device=waveforms.device)
    ramp = 0.5 - 0.5 * torch.cos(math.pi * steps / max(n_ramp, 1))  # 0 at the outermost sample
    gain = torch.ones(n_samples, dtype=waveforms.dtype, device=waveforms.device)
    gain[:n_ramp] = ramp
    gain[n_samples - n_ramp :] = ramp.flip(0)
    return waveforms * gain


def normalise_peak(waveforms: Tensor, *, peak: float = 0.95) -> Tensor:
    """Waveforms (..., T), each scaled so that its largest magnitude is `peak`; silence stays silence.

    Raises: UsageError unless 0 < peak <= 1.
    """
    if not 0 < peak <= 1:
        raise UsageError(f"peak = {peak} is not allowed; it must be above 0 and at most 1")
    largest = waveforms.abs().amax(dim=-1, keepdim=True)
    return waveforms * torch.where(largest > 0, peak / largest.clamp(min=torch.finfo(waveforms.dtype).tiny), 0.0)


def write_wav(path: str | Path, waveform: Tensor, sample_rate_hz: int, *, comment: str = "") -> None:
    """Write a mono waveform (T,) in [-1, 1] as a 16-bit WAV file, whole or not at all; the comment in an INFO chunk.

    Raises: UsageError if the shape is wrong or a sample is not finite or beyond full scale (it would be cut off);
        WriteError if the file can't be written.
    """
    import soundfile

    if waveform.ndim != 1 or waveform.numel() == 0:
        raise UsageError(f"waveform is {tuple(waveform.shape)}; write one sound (T,) with T >= 1 at a time")
    _require_finite("waveform", waveform)
    largest = waveform.abs().max().item()
    if largest > 1 + 1e-4:
        raise UsageError(f"waveform reaches {largest:.3g}, beyond full scale 1; apply normalise_peak first")
    samples = waveform.detach().float().clamp(-1, 1).cpu().numpy()
    form = {"samplerate": sample_rate_hz, "channels": 1, "format": "WAV", "subtype": "PCM_16"}
    with atomic_write(path) as temporary, soundfile.SoundFile(temporary, "w", **form) as file:
        if comment:
            file.comment = comment
        file.write(samples)


def wav_bytes(waveform: Tensor, sample_rate_hz: int, *, comment: str = "") -> bytes:
    """A mono waveform (T,) as the bytes of a 16-bit WAV file, for a player; what is beyond full scale is cut off."""
    import soundfile

    content = io.BytesIO()
    form = {"samplerate": sample_rate_hz, "channels": 1, "format": "WAV", "subtype": "PCM_16"}
    with soundfile.SoundFile(content, "w", **form) as file:
        if comment:
            file.comment = comment
        file.write(waveform.clamp(-1, 1).numpy())
    return content.getvalue()


def read_wav(path: str | Path) -> tuple[Tensor, int]:
    """Read a mono WAV file: the waveform (T,) float32 in [-1, 1], and its sample rate in Hz.

    Raises: DataError if the file is missing, not audio, empty, has more than one channel, or a sample that is not
        finite or beyond full scale, as floating-point files may have.
    """
    import soundfile

    try:
        samples, sample_rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise DataError(f"cannot read {path} as sound: {error}; give a WAV file") from error
    if samples.shape[1] != 1:
        raise DataError(f"{path} has {samples.shape[1]} channels; convert it to mono first")
    if samples.shape[0] == 0:
        raise DataError(f"{path} holds no samples; give a recording that is not empty")
    waveform = torch.from_numpy(samples[:, 0].copy())
    if not waveform.isfinite().all():
        raise DataError(f"{path} holds samples that are not finite numbers (NaN or infinity); export it anew")
    if waveform.abs().max() > 1:
        raise DataError(f"{path} reaches {waveform.abs().max():.3g}, beyond full scale 1; export it at a lower level")
    return waveform, sample_rate_hz


@lru_cache(maxsize=8)
def _mel_filters(config: SpectrogramConfig) -> Tensor:
    """Triangular bands (n_fft / 2 + 1, n_mels), peak 1, on the HTK mel scale."""
    import torchaudio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # empty bands get an error of their own below
        filters = torchaudio.functional.melscale_fbanks(
            config.n_fft // 2 + 1, 0.0, config.sample_rate_hz / 2, config.n_mels, config.sample_rate_hz
        )
    if (filters.sum(dim=0) == 0).any():
        raise UsageError(
            f"n_mels = {config.n_mels} leaves bands without any frequency at n_fft = {config.n_fft}; "
            "choose fewer bands or a longer frame"
        )
    return filters


def _linear_from_mel(mel: Tensor, config: SpectrogramConfig) -> Tensor:
    """The non-negative part of the least-squares (B, n_fft / 2 + 1, n_frames) behind mel magnitudes, on the CPU."""
    import torchaudio

    _mel_filters(config)  # rejects empty bands
    # gelsd: the filter bank has more columns than rank, which the default solver can't handle.
    inverse = torchaudio.transforms.InverseMelScale(
        n_stft=config.n_fft // 2 + 1, n_mels=config.n_mels, sample_rate=config.sample_rate_hz, driver="gelsd"
    )
    return inverse(mel.float().cpu()).to(mel)


def _require_finite(name: str, values: Tensor) -> None:
    if not values.isfinite().all():
        raise UsageError(f"{name} has values that are not finite; look where they became inf or nan")

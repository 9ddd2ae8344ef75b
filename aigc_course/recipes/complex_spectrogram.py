"""Complex spectrograms as real numbers: with the phases in them, a waveform follows without searching for any."""

import torch
from torch import Tensor

from aigc_course.audio import SpectrogramConfig

_POWER = 0.3  # of the magnitudes: a whisper counts beside a shout, as it does for the ear


def complex_rows(waveforms: Tensor, config: SpectrogramConfig) -> Tensor:
    """Real parts above imaginary parts of the short-time Fourier transform, magnitudes m compressed to m^0.3.

    A sinusoid at full scale has magnitude 1. `config.n_mels` must be 0.

    Args: waveforms: (B, T) float, T > n_fft / 2.  Returns: (B, 2 * n_bins, n_frames) float.
    Source: the compression: Ephrat et al. 2018, "Looking to listen", arXiv:1804.03619.
    """
    window = torch.hann_window(config.n_fft, dtype=waveforms.dtype, device=waveforms.device)
    stft = torch.stft(waveforms, config.n_fft, config.hop_length, window=window, return_complex=True)
    stft = stft / (window.sum() / 2)
    compressed = torch.polar(stft.abs() ** _POWER, stft.angle())
    return torch.cat([compressed.real, compressed.imag], dim=1)


def invert_complex_rows(rows: Tensor, config: SpectrogramConfig) -> Tensor:
    """The waveforms (B, (n_frames - 1) * hop_length) whose transform is nearest to `rows`, by least squares."""
    real, imaginary = rows.chunk(2, dim=1)
    magnitude = torch.hypot(real, imaginary) ** (1 / _POWER)
    stft = torch.polar(magnitude, torch.atan2(imaginary, real))
    window = torch.hann_window(config.n_fft, dtype=rows.dtype, device=rows.device)
    return torch.istft(stft * (window.sum() / 2), config.n_fft, config.hop_length, window=window)

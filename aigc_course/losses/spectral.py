"""How far a sound is from the one it should be, by the magnitudes of its short-time spectra.

Two sounds that nobody can tell apart may have waveforms that differ everywhere: a shift of all phases is not heard. So
they are compared by magnitudes, and by several windows, because each alone takes different sounds for one.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import at_least_float32, require_same_shape

Resolution = tuple[int, int]  # window and hop, in samples

_TINY = 1e-12  # under a root, whose slope at 0 is infinite


def stft_magnitudes(waveforms: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """|STFT| by a Hann window, where a sinusoid at full scale has 1.

    Args: waveforms: (B, T) float, T > n_fft / 2 (the ends are mirrored).
    Returns: (B, n_fft / 2 + 1, 1 + T // hop_length), > 0, at least 1e-6.
    Raises: UsageError if the shape is wrong or T too small.
    """
    if waveforms.ndim != 2 or waveforms.shape[1] <= n_fft // 2:
        raise UsageError(f"waveforms are {tuple(waveforms.shape)}; they must be (B, T) with T > {n_fft // 2}")
    waveforms = at_least_float32(waveforms)
    window = torch.hann_window(n_fft, dtype=waveforms.dtype, device=waveforms.device)
    stft = torch.view_as_real(torch.stft(waveforms, n_fft, hop_length, window=window, return_complex=True))
    return ((stft / (window.sum() / 2)).square().sum(dim=-1) + _TINY).sqrt()


def spectral_convergence(fake: Tensor, real: Tensor) -> Tensor:
    """||fake - real|| / ||real|| per example, of magnitudes, by the Euclidean norm: loud points count.

    Args: fake, real: (B, ...) magnitudes of one shape.  Returns: (B,), >= 0; 1 for silent ones.
    Source: Arik et al. 2018, arXiv:1808.06719, Eq. 3.
    """
    require_same_shape(fake=fake, real=real)
    difference = (fake - real).square().flatten(1).sum(dim=1)
    return (difference + _TINY).sqrt() / (real.square().flatten(1).sum(dim=1) + _TINY).sqrt()


def log_magnitude_distance(fake: Tensor, real: Tensor, floor_db: float = -80.0) -> Tensor:
    """Mean |ln fake - ln real| per example, of magnitudes: quiet points count as loud ones do.

    Args: fake, real: (B, ...) magnitudes > 0 of one shape. floor_db: what is below this level is taken to be at it.
    Returns: (B,), >= 0; 1 dB is ln(10) / 20 = 0.115.
    Source: Arik et al. 2018, arXiv:1808.06719, Eq. 4.
    """
    require_same_shape(fake=fake, real=real)
    lowest = 10 ** (floor_db / 20)
    return (fake.clamp(min=lowest).log() - real.clamp(min=lowest).log()).abs().flatten(1).mean(dim=1)


def multi_resolution_stft_loss(
    fake: Tensor, real: Tensor, resolutions: Sequence[Resolution], floor_db: float = -80.0
) -> Tensor:
    """`spectral_convergence` + `log_magnitude_distance` per example, the mean over several windows.

    Phases, and so the sign of a waveform, count nothing. A sound g times as loud as another, above the floor, is
    |g - 1| + |ln g| away from it.

    Args: fake, real: waveforms (B, T) of one shape. resolutions: windows and hops, in samples. floor_db: as in
        `log_magnitude_distance`; a sinusoid at full scale has 0 dB.
    Returns: (B,), >= 0.
    Raises: UsageError if shapes differ, a window is too long for T, or there is none.
    Source: Yamamoto et al. 2020, arXiv:1910.11480, Eq. 6.
    """
    require_same_shape(fake=fake, real=real)
    if not resolutions:
        raise UsageError("resolutions are empty; give at least one window and hop, such as (256, 64)")
    total = torch.zeros((), device=fake.device)
    for n_fft, hop_length in resolutions:
        of_fake, of_real = (stft_magnitudes(sound, n_fft, hop_length) for sound in (fake, real))
        total = total + spectral_convergence(of_fake, of_real) + log_magnitude_distance(of_fake, of_real, floor_db)
    return total / len(resolutions)

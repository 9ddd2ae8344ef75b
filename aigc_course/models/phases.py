"""From magnitudes of a short-time Fourier transform to a sound that has them: the phases are found, not learned.

First one frame after another: a new frame takes its phases from the sound that the frames before it make together (as
RTISI does: Beauregard, Zhu & Wyse 2005). So it begins in step with them, where Griffin-Lim begins at random. Then a few
rounds of Griffin-Lim with momentum over the whole sound settle what is left.

A silent frame gives no sound, and silence comes after the last frame: so padding is no input. But where waves cancel, a
phase hangs on the last digits, and what follows hangs on it: in another batch the same magnitudes may become another
sound, as near to them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

_ROUNDS_PER_FRAME = 2  # while one frame comes after another
_MOMENTUM = 0.9  # of the rounds over the whole sound (Perraudin et al. 2013)
_AT_ONCE = 8  # sounds in these rounds: few enough for a processor's cache
_BIAS = 1e-3  # share of a magnitude that has the phase of a pulse: what a frame begins with after silence


def sound_of(magnitude: Tensor, n_fft: int, hop_length: int, rounds: int) -> Tensor:
    """A sound whose `short_time_spectra` have about these magnitudes.

    Args: magnitude: (B, n_frames, n_fft / 2 + 1) float32, >= 0. rounds: over the whole sound, after the first pass.
    Returns: (B, (n_frames - 1) * hop_length), from the middle of the first frame to the middle of the last.
    """
    # A pulse in the middle of a frame: seen from there, all its frequencies have one phase.
    pulse = 1.0 - 2.0 * (torch.arange(n_fft // 2 + 1, device=magnitude.device) % 2)
    bias = _BIAS * magnitude * pulse
    spectra = _one_after_another(magnitude, bias, n_fft, hop_length)
    rows = [slice(begin, begin + _AT_ONCE) for begin in range(0, len(magnitude), _AT_ONCE)]
    whole = torch.cat([_all_together(spectra[r], magnitude[r], bias[r], n_fft, hop_length, rounds) for r in rows])
    return whole[:, n_fft // 2 : n_fft // 2 + (magnitude.shape[1] - 1) * hop_length]


def _all_together(spectra: Tensor, magnitude: Tensor, bias: Tensor, n_fft: int, hop_length: int, rounds: int) -> Tensor:
    """The sounds (B, n_fft + (n_frames - 1) * hop_length) of spectra after some rounds of Griffin-Lim."""
    before = None
    for _ in range(rounds):
        whole = overlap_add(spectra, n_fft, hop_length)
        whole[:, : n_fft // 2] = whole[:, n_fft // 2 + 1 : n_fft + 1].flip(1)  # what is before the sound mirrors it
        now = short_time_spectra(whole, n_fft, hop_length)
        spectra = (_ahead(before, now) + bias).sgn_().mul_(magnitude)
        before = now
    return overlap_add(spectra, n_fft, hop_length)


def _ahead(before: Tensor | None, now: Tensor) -> Tensor:
    """now + momentum (now - before), of complex tensors of one shape."""
    if before is None:
        return now
    return torch.view_as_complex(torch.lerp(torch.view_as_real(before), torch.view_as_real(now), 1 + _MOMENTUM))


def _one_after_another(magnitude: Tensor, bias: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """Spectra (B, n_frames, n_fft / 2 + 1) with these magnitudes, each in step with those before it."""
    window = torch.hann_window(n_fft, device=magnitude.device)
    weight = window.square()
    for earlier in range(hop_length, n_fft, hop_length):
        weight[: n_fft - earlier] += window[earlier:].square()
    back = window / (weight + 1e-3)  # from a sum of windowed frames to a windowed sound, where no later frame is known
    heard = magnitude.new_zeros(len(magnitude), n_fft)  # by the frames before, at the place of the next one
    spectra = []
    for of_frame, of_bias in zip(magnitude.unbind(dim=1), bias.unbind(dim=1), strict=True):
        both = heard
        for _ in range(1 + _ROUNDS_PER_FRAME):
            spectrum = (torch.fft.rfft(both * back) + of_bias).sgn_().mul_(of_frame)
            both = torch.addcmul(heard, torch.fft.irfft(spectrum, n_fft), window)
        spectra.append(spectrum)
        heard = F.pad(both[:, hop_length:], (0, hop_length))
    return torch.stack(spectra, dim=1)


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
    count, n_frames = spectra.shape[:2]
    total = frames.new_zeros(count, n_frames + pieces - 1, hop_length)
    for number, piece in enumerate(frames.unbind(dim=2)):
        total[:, number : number + n_frames] += piece
    total /= F.pad(window.square(), (0, padding)).view(pieces, hop_length).sum(dim=0)  # repeats every hop
    return total.flatten(1)[:, : n_fft + (n_frames - 1) * hop_length]

"""Melodies from one sound: each note is the sound played faster or slower, as samplers do."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course import audio
from aigc_course.errors import UsageError

_FINE = 1000  # speeds are multiples of 1 / 1000: less than a cent (1/1200 of an octave) off near 1
_LOUD = 0.35  # of the loudest frame's level: what is below is no part of the sound
_FRAME_SECONDS = 0.01
_NEAR = 0.04  # how far from where it should be a tone is looked for, relative to its frequency
_FAINTER = 10  # a tone has at least a tenth of the strongest amplitude; the window's side lobes have 1/37
_PADDED = 16  # times as long as the sound: how finely the spectrum is sampled


def loud_part(waveform: Tensor, sample_rate_hz: int) -> Tensor:
    """A sound (T,) without the quiet before and after it. Raises: UsageError for silence."""
    size = max(1, round(_FRAME_SECONDS * sample_rate_hz))
    levels = F.pad(waveform, (0, -len(waveform) % size)).view(-1, size).square().mean(dim=1).sqrt()
    if not levels.max() > 0:
        raise UsageError("the sound is silent; give one that can be heard")
    loud = (levels >= _LOUD * levels.max()).nonzero()[:, 0]
    return waveform[int(loud[0]) * size : (int(loud[-1]) + 1) * size]


def at_speed(waveform: Tensor, speed: float) -> Tensor:
    """A sound (T,) played so many times as fast: all its frequencies times `speed`, its length divided by it.

    Raises: UsageError unless the speed is between 1/4 and 4.
    """
    if not 0.25 <= speed <= 4:
        raise UsageError(f"speed = {speed} is not allowed; a sound stays recognisable from 1/4 to 4 times as fast")
    return audio.resample(waveform, round(speed * _FINE), _FINE)


def melody(
    waveform: Tensor,
    sample_rate_hz: int,
    own_hz: float,
    notes_hz: Sequence[float],
    *,
    note_seconds: float = 0.25,
    fade_seconds: float = 0.01,
) -> Tensor:
    """Play a sound whose tone is `own_hz` once for each note, so that its tone is the note's: (notes * samples,).

    Each note sounds as long as the sound lasts at that speed, at most `note_seconds`, and is silent for the rest. It
    rises from and falls to silence, so neither from note to note nor from the end to the beginning is there a click;
    `fade_seconds` = 0 leaves the clicks in.

    Args: waveform: (T,) float. notes_hz: one frequency for each note, or 0 for a rest.
    Raises: UsageError for no notes, or one that would play the sound less than 1/4 or more than 4 times as fast.
    """
    if not len(notes_hz):
        raise UsageError("notes_hz is empty; give one frequency for each note")
    size = round(note_seconds * sample_rate_hz)
    played = torch.zeros(len(notes_hz), size)
    for row, note_hz in zip(played, notes_hz, strict=True):
        if note_hz > 0:
            note = at_speed(waveform, note_hz / own_hz)[:size]
            row[: len(note)] = audio.fade(note, sample_rate_hz, seconds=fade_seconds)
    return audio.normalise_peak(played.flatten(), peak=0.8)


def tone_hz(waveform: Tensor, sample_rate_hz: int, near_hz: float) -> float:
    """The frequency of the strongest tone of a sound (T,) within 4 % of `near_hz`.

    The peak of the spectrum (Hann window, padded to 16 times the length), refined by a parabola through its logarithm.
    Raises: UsageError for a sound too short to tell tones apart there, or without a tone there.
    """
    if len(waveform) * near_hz * _NEAR < 2 * sample_rate_hz:
        raise UsageError(f"{len(waveform)} samples are too few to find a tone near {near_hz:.0f} Hz; give more")
    n = _PADDED * len(waveform)
    levels = torch.fft.rfft(waveform.double() * torch.hann_window(len(waveform)).double(), n=n).abs().log()
    low, high = (math.floor(near_hz * factor * n / sample_rate_hz) for factor in (1 - _NEAR, 1 + _NEAR))
    peak = low + int(levels[low : high + 1].argmax())
    if peak in (low, high) or not levels[peak] > levels.max() - math.log(_FAINTER):
        raise UsageError(f"no tone lies within {_NEAR:.0%} of {near_hz:.0f} Hz; look for it at another frequency")
    before, at, after = levels[peak - 1 : peak + 2].tolist()
    return (peak + 0.5 * (before - after) / (before - 2 * at + after)) * sample_rate_hz / n


def cents(hz: float, reference_hz: float) -> float:
    """How far a tone is from another, in cents: 1200 to the octave, 100 to a semitone of the piano."""
    return 1200 * math.log2(hz / reference_hz)


def jumps_at(waveform: Tensor, places: Sequence[int]) -> Tensor:
    """|x[n] - x[n - 1]| at each place n of a sound (T,) that is played in a loop: (len(places),).

    Place 0 is the seam: from the last sample back to the first. A jump is heard as a click.
    """
    at = torch.tensor(places)
    return (waveform[at] - waveform[at - 1]).abs()

"""The exercise on finding phases for magnitudes: one step of Griffin and Lim's algorithm."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from aigc_course.exercises.draws import near_float32, normal_float32
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def griffin_lim_step(magnitudes: Tensor, spectrum: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """The magnitudes (n_fft / 2 + 1, n_frames) with the phases that the sound of `spectrum` really has.

    `spectrum` is complex, of the same shape and of these magnitudes; so is the result.
    """
    window = torch.hann_window(n_fft, dtype=spectrum.real.dtype)
    waveform = torch.istft(spectrum, n_fft, hop_length, window=window)
    heard = torch.stft(waveform, n_fft, hop_length, window=window, return_complex=True)
    return torch.polar(magnitudes, heard.angle().to(magnitudes.dtype))  # an angle exists for 0 too


def _sound(spectrum: Tensor, n_fft: int, hop_length: int) -> Tensor:
    return torch.istft(spectrum, n_fft, hop_length, window=torch.hann_window(n_fft, dtype=spectrum.real.dtype))


def _spectrum(waveform: Tensor, n_fft: int, hop_length: int) -> Tensor:
    window = torch.hann_window(n_fft, dtype=waveform.dtype)
    return torch.stft(waveform, n_fft, hop_length, window=window, return_complex=True)


def _heard(spectrum: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """The short-time spectrum that the sound of `spectrum` really has."""
    return _spectrum(_sound(spectrum, n_fft, hop_length), n_fft, hop_length)


def _sizes(rng: Rng) -> tuple[int, int]:
    """n_fft and hop_length, a half or a quarter of it."""
    n_fft = int(rng.choice([16, 32]))
    return n_fft, n_fft // int(rng.choice([2, 4]))


def _waveform(rng: Rng, n_fft: int, hop_length: int) -> Tensor:
    """Noise that fills a whole number of hops, so that there and back has the same length."""
    return normal_float32(rng, 3 * n_fft + hop_length * int(rng.integers(4)))


def _random_phases(rng: Rng, magnitudes: Tensor) -> Tensor:
    return torch.polar(magnitudes, torch.from_numpy(rng.uniform(0, 2 * math.pi, magnitudes.shape)).to(magnitudes))


def _magnitudes_without_phases(rng: Rng) -> tuple[Tensor, Tensor, int, int]:
    n_fft, hop_length = _sizes(rng)
    magnitudes = _spectrum(_waveform(rng, n_fft, hop_length), n_fft, hop_length).abs()
    return magnitudes, _random_phases(rng, magnitudes), n_fft, hop_length


def _the_magnitudes_are_kept(answer: Answer, rng: Rng) -> bool:
    magnitudes, *rest = _magnitudes_without_phases(rng)
    return near_float32(answer(magnitudes, *rest).abs(), magnitudes)


def _a_sound_stays_as_it_is(answer: Answer, rng: Rng) -> bool:
    n_fft, hop_length = _sizes(rng)
    spectrum = _spectrum(_waveform(rng, n_fft, hop_length), n_fft, hop_length)
    return near_float32(answer(spectrum.abs(), spectrum, n_fft, hop_length), spectrum)


def _opposite_phases_stay_opposite(answer: Answer, rng: Rng) -> bool:
    magnitudes, spectrum, *sizes = _magnitudes_without_phases(rng)
    return near_float32(answer(magnitudes, -spectrum, *sizes), -answer(magnitudes, spectrum, *sizes))


def _inconsistency(spectrum: Tensor, n_fft: int, hop_length: int) -> float:
    """Squared distance to what is heard; all rows but the first and the last stand for -f too."""
    twice = torch.full((n_fft // 2 + 1, 1), 2.0)
    twice[0] = twice[-1] = 1
    return ((_heard(spectrum, n_fft, hop_length) - spectrum).abs().square() * twice).sum().item()


def _in_silence(rng: Rng) -> tuple[Tensor, Tensor, int, int]:
    """A sound whose first and last frames are silent, so that the mirrored ends are plain zeros."""
    n_fft, hop_length = _sizes(rng)
    magnitudes = _spectrum(_waveform(rng, n_fft, hop_length), n_fft, hop_length).abs()
    silence = torch.zeros(len(magnitudes), n_fft // hop_length + 1)
    magnitudes = torch.cat([silence, magnitudes, silence], dim=1)
    return magnitudes, _random_phases(rng, magnitudes), n_fft, hop_length


def _the_inconsistency_never_grows(answer: Answer, rng: Rng) -> bool:
    """Both halves of a step go to the nearest point of a set, so that no step leads away; the first leads nearer."""
    magnitudes, spectrum, *sizes = _in_silence(rng)
    path = [_inconsistency(spectrum, *sizes)]
    for _ in range(4):
        spectrum = answer(magnitudes, spectrum, *sizes)
        path.append(_inconsistency(spectrum, *sizes))
    return path[1] < 0.99 * path[0] and all(b <= 1.0001 * a for a, b in pairwise(path))


def _keeping(make: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Answer:
    """A step that makes its result from the magnitudes, the old spectrum and the one that is heard."""

    def wrong(magnitudes: Tensor, spectrum: Tensor, n_fft: int, hop_length: int) -> Tensor:
        return make(magnitudes, spectrum, _heard(spectrum, n_fft, hop_length))

    return wrong


def _phases_ignored(magnitudes: Tensor, _spectrum: Tensor, n_fft: int, hop_length: int) -> Tensor:
    return torch.polar(magnitudes, _heard(torch.complex(magnitudes, 0 * magnitudes), n_fft, hop_length).angle())


def _no_window(magnitudes: Tensor, spectrum: Tensor, n_fft: int, hop_length: int) -> Tensor:
    ones = torch.ones(n_fft)
    waveform = torch.istft(spectrum, n_fft, hop_length, window=ones)
    heard = torch.stft(waveform, n_fft, hop_length, window=ones, return_complex=True)
    return torch.polar(magnitudes, heard.angle())


LOST_PHASES = Exercise(
    id="10.5",
    title="One step of Griffin-Lim",
    stars=2,
    minutes=10,
    inputs=_magnitudes_without_phases,
    reference=griffin_lim_step,
    relative_tolerance=1e-2,  # the phase of a frequency that is hardly heard has few digits
    absolute_tolerance=1e-2,
    extremes=(_in_silence(np.random.default_rng(0)),),
    hints=(
        "Go to the waveform of `spectrum`, and from it back to a spectrum. Frames overlap and contradict each other; "
        "the waveform is their compromise, so what comes back is another spectrum.",
        "torch.istft(spectrum, n_fft, hop_length, window=...), then torch.stft(..., return_complex=True) with the "
        "same window, torch.hann_window(n_fft).",
        "What came back has a magnitude and a phase. Which of the two do you know better already?",
        "torch.polar(magnitudes, angle) makes complex numbers; .angle() gives the phases. Where you divide by a "
        "magnitude instead, think of silence.",
    ),
    properties=(
        Property(statement="the result has the magnitudes that were given", holds=_the_magnitudes_are_kept),
        Property(statement="the spectrum of a real sound stays as it is", holds=_a_sound_stays_as_it_is),
        Property(
            statement="all phases turned by half a circle give a result turned by half a circle",
            holds=_opposite_phases_stay_opposite,
        ),
        Property(
            statement="with silence before and after the sound, the distance to the spectrum that is heard never grows "
            "from step to step, and falls in the first",
            holds=_the_inconsistency_never_grows,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the new magnitudes kept",
            wrong=_keeping(lambda _magnitudes, _old, heard: heard),
            message="You gave the new spectrum as it came back. It belongs to a real sound, but not to the one that "
            "is wanted: further steps would change nothing. Bring the given magnitudes back in.",
        ),
        Misconception(
            name="the old phases kept",
            wrong=_keeping(lambda magnitudes, old, _heard: torch.polar(magnitudes, old.angle())),
            message="You put the given magnitudes and the old phases together: that is where you began. What is to be "
            "learned from the way there and back?",
        ),
        Misconception(
            name="the phases with the other sign",
            wrong=_keeping(lambda magnitudes, _old, heard: torch.polar(magnitudes, -heard.angle())),
            message="Your phases have the wrong sign (a complex conjugate). In every frame the sound would run "
            "backwards.",
        ),
        Misconception(
            name="phases averaged as numbers",
            wrong=_keeping(lambda magnitudes, old, heard: torch.polar(magnitudes, (old.angle() + heard.angle()) / 2)),
            message="You averaged old and new phases as numbers. 179 and -179 degrees are neighbours, and 0 is the "
            "phase farthest from both. Take the new ones.",
        ),
        Misconception(
            name="the angles alone",
            wrong=_keeping(lambda _magnitudes, _old, heard: heard.angle()),
            message="You gave back the angles. The next step needs a spectrum: complex numbers of these angles and of "
            "the given magnitudes.",
        ),
        Misconception(
            name="magnitude times magnitude",
            wrong=_keeping(lambda magnitudes, _old, heard: magnitudes * heard),
            message="You multiplied the new spectrum by the magnitudes, but it has magnitudes of its own. Only its "
            "phases are wanted: numbers of size 1.",
        ),
        Misconception(
            name="the phases thrown away",
            wrong=_phases_ignored,
            message="You went to the waveform with the magnitudes alone, as if all phases were 0. Whatever phases were "
            "found before are lost, and every step gives the same.",
        ),
        Misconception(
            name="no window",
            wrong=_no_window,
            message="You left out the window, on both ways. The given magnitudes are those of frames weighed by Hann's "
            "window; what comes back has to be weighed alike.",
        ),
        Misconception(
            name="0 divided by 0",
            wrong=_keeping(lambda magnitudes, _old, heard: magnitudes * heard / heard.abs()),
            message="Right, but for silence: where the new spectrum is 0 you divide 0 by 0, and one such number makes "
            "the whole sound NaN.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (LOST_PHASES,)

"""The exercise on mel bands: triangles over the frequencies, as wide as the ear's own steps."""

import math

import torch
from torch import Tensor

from aigc_course.exercises.draws import near
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def mel_filters(n_mels: int, n_fft: int, sample_rate_hz: int) -> Tensor:
    """(n_mels, n_fft / 2 + 1): in each row a triangle of height 1 over the frequencies of a short-time spectrum.

    The corners are equally far apart in mel, m = 2595 log10(1 + f / 700), from 0 Hz to half the sample rate; the sides
    are straight in Hz.
    """
    highest = 2595 * math.log10(1 + sample_rate_hz / 2 / 700)  # mel
    corners = 700 * (10 ** (torch.linspace(0, highest, n_mels + 2, dtype=torch.float64) / 2595) - 1)  # Hz
    left, centre, right = (corners[i : i + n_mels, None] for i in range(3))  # (n_mels, 1) each
    hz = torch.arange(n_fft // 2 + 1) * sample_rate_hz / n_fft
    return torch.minimum((hz - left) / (centre - left), (right - hz) / (right - centre)).clamp(min=0)


def _sizes(rng: Rng) -> tuple[int, int, int]:
    """n_mels, n_fft and the sample rate in Hz."""
    return int(rng.integers(4, 9)), int(rng.choice([96, 128, 200, 256])), int(rng.choice([8000, 12000, 16000, 22050]))


def _mel(hz: Tensor) -> Tensor:
    return 2595 * (1 + hz / 700).log10()


def _hz(mel: Tensor) -> Tensor:
    return 700 * (10 ** (mel / 2595) - 1)


def _corners(n_mels: int, sample_rate_hz: int) -> Tensor:
    highest = _mel(torch.tensor(sample_rate_hz / 2, dtype=torch.float64)).item()
    return _hz(torch.linspace(0, highest, n_mels + 2, dtype=torch.float64))


def _frequencies(n_fft: int, sample_rate_hz: int) -> Tensor:
    return torch.arange(n_fft // 2 + 1, dtype=torch.float64) * sample_rate_hz / n_fft


def _peaks_are_equal_steps_of_mel(answer: Answer, rng: Rng) -> bool:
    """With long frames each peak shows where it is, to one row."""
    n_mels, _, sample_rate_hz = _sizes(rng)
    filters = answer(n_mels, 1024, sample_rate_hz)
    step = sample_rate_hz / 1024
    peaks = filters.argmax(dim=1) * step
    return bool(((peaks - _corners(n_mels, sample_rate_hz)[1:-1]).abs() <= step).all())


def _every_frequency_counts_once(answer: Answer, rng: Rng) -> bool:
    """Where one triangle falls the next one rises by as much."""
    n_mels, n_fft, sample_rate_hz = _sizes(rng)
    corners, hz = _corners(n_mels, sample_rate_hz), _frequencies(n_fft, sample_rate_hz)
    sums = answer(n_mels, n_fft, sample_rate_hz).sum(dim=0)[(hz > corners[1]) & (hz < corners[-2])]
    return near(sums, torch.ones(len(sums)), 1e-3)


def _sides_are_straight(answer: Answer, rng: Rng) -> bool:
    """Each side is the line from its first row to its last."""
    n_mels, _, sample_rate_hz = _sizes(rng)
    hz, corners = _frequencies(512, sample_rate_hz), _corners(n_mels, sample_rate_hz)
    filters = answer(n_mels, 512, sample_rate_hz).double()
    sides = [
        band[(hz > corners[place]) & (hz < corners[place + 1])]
        for number, band in enumerate(filters)
        for place in (number, number + 1)
    ]
    straight = all(near(side, torch.linspace(side[0].item(), side[-1].item(), len(side)), 1e-3) for side in sides)
    return straight and bool((filters >= 0).all())


def _longer_frames_only_look_closer(answer: Answer, rng: Rng) -> bool:
    n_mels, n_fft, sample_rate_hz = _sizes(rng)
    closer = answer(n_mels, 2 * n_fft, sample_rate_hz)
    return near(closer[:, ::2], answer(n_mels, n_fft, sample_rate_hz), 1e-3)


def _triangles(corners: Tensor, hz: Tensor) -> Tensor:
    """(n, len(hz)) for n + 2 corners, not cut off at 0."""
    left, centre, right = (corners[i : len(corners) - 2 + i, None] for i in range(3))
    return torch.minimum((hz - left) / (centre - left), (right - hz) / (right - centre))


def _on(corners: Tensor, n_fft: int, sample_rate_hz: int) -> Tensor:
    return _triangles(corners, _frequencies(n_fft, sample_rate_hz)).clamp(min=0)


def _equal_steps_of_hz(n_mels: int, n_fft: int, sample_rate_hz: int) -> Tensor:
    return _on(torch.linspace(0, sample_rate_hz / 2, n_mels + 2, dtype=torch.float64), n_fft, sample_rate_hz)


def _two_logarithms(n_mels: int, n_fft: int, sample_rate_hz: int) -> Tensor:
    highest = 2595 * math.log(1 + sample_rate_hz / 2 / 700)
    return _on(_hz(torch.linspace(0, highest, n_mels + 2, dtype=torch.float64)), n_fft, sample_rate_hz)


def _equal_areas(n_mels: int, n_fft: int, sample_rate_hz: int) -> Tensor:
    corners = _corners(n_mels, sample_rate_hz)
    return _on(corners, n_fft, sample_rate_hz) * (2 / (corners[2:] - corners[:-2]))[:, None]


def _up_to_the_sample_rate(n_mels: int, n_fft: int, sample_rate_hz: int) -> Tensor:
    return _on(_corners(n_mels, 2 * sample_rate_hz), n_fft, sample_rate_hz)


def _peaks_at_both_ends(n_mels: int, n_fft: int, sample_rate_hz: int) -> Tensor:
    mel = _mel(_corners(n_mels - 2, sample_rate_hz))
    step = mel[1:2]
    return _on(_hz(torch.cat([-step, mel, mel[-1:] + step])), n_fft, sample_rate_hz)


def _one_corner_too_many(n_mels: int, n_fft: int, sample_rate_hz: int) -> Tensor:
    return _on(_corners(n_mels + 1, sample_rate_hz)[:-1], n_fft, sample_rate_hz)


def _corners_on_rows(n_mels: int, n_fft: int, sample_rate_hz: int) -> Tensor:
    corners = ((n_fft + 1) * _corners(n_mels, sample_rate_hz) / sample_rate_hz).floor()
    left, centre, right = (corners[i : i + n_mels, None] for i in range(3))
    row = torch.arange(n_fft // 2 + 1)
    rising = (row - left) / (centre - left).clamp(min=1) * ((row >= left) & (row < centre))
    return rising + (right - row) / (right - centre).clamp(min=1) * ((row >= centre) & (row < right))


def _sides_straight_in_mel(n_mels: int, n_fft: int, sample_rate_hz: int) -> Tensor:
    return _triangles(_mel(_corners(n_mels, sample_rate_hz)), _mel(_frequencies(n_fft, sample_rate_hz))).clamp(min=0)


def _not_cut_off(n_mels: int, n_fft: int, sample_rate_hz: int) -> Tensor:
    return _triangles(_corners(n_mels, sample_rate_hz), _frequencies(n_fft, sample_rate_hz))


MEL_BANDS = Exercise(
    id="10.2",
    title="Mel bands",
    stars=3,
    minutes=15,
    inputs=_sizes,
    reference=mel_filters,
    relative_tolerance=1e-3,
    absolute_tolerance=1e-4,  # float32 frequencies on narrow triangles
    hints=(
        "n_mels triangles that overlap share their corners: each begins at its neighbour's peak. How many corners are "
        "there in all?",
        "torch.linspace between 0 mel and the mel of half the sample rate, n_mels + 2 numbers; then back to Hz. Call "
        "three neighbours left, centre and right.",
        "Two straight lines: (hz - left) / (centre - left) rises through 0 and 1, (right - hz) / (right - centre) "
        "falls through 1 and 0. Which of the two is the triangle, at each place? And beyond its corners?",
        "The smaller of the two, but not below 0. As a table: corners[:n_mels, None] is a column, and hz = "
        "torch.arange(n_fft // 2 + 1) * sample_rate_hz / n_fft a row.",
    ),
    properties=(
        Property(
            statement="the peaks are equally far apart in mel, between 0 Hz and half the sample rate",
            holds=_peaks_are_equal_steps_of_mel,
        ),
        Property(
            statement="between the first and the last peak the bands sum to 1 at each frequency",
            holds=_every_frequency_counts_once,
        ),
        Property(statement="no value is below 0, and the sides are straight in Hz", holds=_sides_are_straight),
        Property(
            statement="with frames twice as long, every second column is what it was",
            holds=_longer_frames_only_look_closer,
        ),
    ),
    misconceptions=(
        Misconception(
            name="equal steps of Hz",
            wrong=_equal_steps_of_hz,
            message="Your corners are equally far apart in Hz. Take equal steps in mel and carry them back to Hz: the "
            "bands get wider with the frequency, as the ear's do.",
        ),
        Misconception(
            name="two logarithms",
            wrong=_two_logarithms,
            message="You went to mel by the natural logarithm and came back by powers of 10. The 2595 belongs to "
            "log10. Your highest corner lies far above half the sample rate.",
        ),
        Misconception(
            name="equal areas",
            wrong=_equal_areas,
            message="You divided each triangle by its width, so that all have one area. Some libraries do; here each "
            "has the height 1.",
        ),
        Misconception(
            name="up to the sample rate",
            wrong=_up_to_the_sample_rate,
            message="Your last corner is at the sample rate. A sampled sound has frequencies up to half of it, so "
            "your highest bands are empty.",
        ),
        Misconception(
            name="peaks at both ends",
            wrong=_peaks_at_both_ends,
            message="You spread the n_mels peaks from 0 Hz to half the sample rate. There it is that the first "
            "triangle begins and the last one ends: corners, of which there are two more than peaks.",
        ),
        Misconception(
            name="one corner too many",
            wrong=_one_corner_too_many,
            message="Your triangles end before half the sample rate: you laid out a corner too many, for one more "
            "triangle. n triangles that overlap by halves have n + 2 corners.",
        ),
        Misconception(
            name="corners rounded to rows",
            wrong=_corners_on_rows,
            message="You rounded the corners to rows of the spectrum. Narrow triangles lose their shape by that. "
            "Leave the corners in Hz and ask of each row's frequency how high the triangle is there.",
        ),
        Misconception(
            name="sides straight in mel",
            wrong=_sides_straight_in_mel,
            message="Your corners are right, but you measured along the sides in mel. Here the sides are straight in "
            "Hz: carry the corners back to Hz first.",
        ),
        Misconception(
            name="not cut off at 0",
            wrong=_not_cut_off,
            message="Between their corners your triangles are right, but beyond these the lines go on below 0. A band "
            "takes nothing from there.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (MEL_BANDS,)

"""The exercise on measuring one tone, at any frequency: how telephone exchanges hear which key was pressed."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def tone_power(waveform: Tensor, frequency_hz: float, sample_rate_hz: int) -> Tensor:
    """2 / T^2 |sum_n x[n] exp(-2 pi i f n / f_s)|^2 of a waveform x (T,): A^2 / 2 for A sin(2 pi f t)."""
    places = torch.arange(len(waveform), dtype=torch.float64)
    angle = 2 * math.pi * frequency_hz / sample_rate_hz * places
    real, imaginary = (waveform * angle.cos()).sum(), (waveform * angle.sin()).sum()
    return 2 * (real**2 + imaginary**2) / len(waveform) ** 2


def _sine(length: int, frequency_hz: float, sample_rate_hz: int, phase: float) -> Tensor:
    angle = 2 * math.pi * frequency_hz / sample_rate_hz * torch.arange(length, dtype=torch.float64)
    return (angle + phase).sin()


def _between_rows(rng: Rng) -> tuple[int, float, int]:
    """A length T, and a frequency with k + 0.2 to k + 0.45 periods in T samples of this rate."""
    length, sample_rate_hz = int(rng.integers(60, 120)), int(rng.choice([8000, 11025, 16000]))
    periods = int(rng.integers(4, 20)) + float(rng.uniform(0.2, 0.45))
    return length, periods * sample_rate_hz / length, sample_rate_hz


def _tone_in_noise(rng: Rng) -> tuple[Tensor, float, int]:
    length, frequency_hz, sample_rate_hz = _between_rows(rng)
    tone = _sine(length, frequency_hz, sample_rate_hz, float(rng.uniform(0, 2 * math.pi)))
    return float(rng.uniform(1, 2)) * tone + normal(rng, length, scale=0.3), frequency_hz, sample_rate_hz


def _a_sine_has_half_its_square(answer: Answer, rng: Rng) -> bool:
    """Whole periods of it, and another one of whole periods beside it, which doesn't count."""
    length, sample_rate_hz = int(rng.integers(60, 120)), 8000
    periods, other = (int(number) for number in rng.choice(range(3, 25), size=2, replace=False))
    frequency_hz, other_hz = periods * sample_rate_hz / length, other * sample_rate_hz / length
    amplitude, phase = float(rng.uniform(0.5, 3)), float(rng.uniform(0, 2 * math.pi))
    waveform = amplitude * _sine(length, frequency_hz, sample_rate_hz, phase)
    waveform = waveform + 3 * _sine(length, other_hz, sample_rate_hz, float(rng.uniform(0, 2 * math.pi)))
    return near(answer(waveform, frequency_hz, sample_rate_hz), torch.tensor(amplitude**2 / 2), 1e-3)


def _when_it_sounds_does_not_matter(answer: Answer, rng: Rng) -> bool:
    """In silence twice as long as the sound."""
    waveform, frequency_hz, sample_rate_hz = _tone_in_noise(rng)
    silence, length = torch.zeros(3 * len(waveform), dtype=torch.float64), len(waveform)
    powers = []
    for start in rng.integers(0, 2 * length, size=4):
        late = silence.clone()
        late[start : start + length] = waveform
        powers.append(answer(late, frequency_hz, sample_rate_hz))
    return all(near(power, powers[0], 1e-3) for power in powers)


def _silence_thins_it_out(answer: Answer, rng: Rng) -> bool:
    waveform, frequency_hz, sample_rate_hz = _tone_in_noise(rng)
    longer = torch.cat([waveform, torch.zeros_like(waveform)])
    thinned = answer(longer, frequency_hz, sample_rate_hz)
    return near(4 * thinned, answer(waveform, frequency_hz, sample_rate_hz), 1e-3)


def _at_angle(per_sample: Callable[[Tensor, float, int], float]) -> Answer:
    """The right power, but at another angle per sample."""

    def wrong(waveform: Tensor, frequency_hz: float, sample_rate_hz: int) -> Tensor:
        places = torch.arange(len(waveform), dtype=torch.float64)
        angle = per_sample(waveform, frequency_hz, sample_rate_hz) * places
        return 2 * ((waveform * angle.cos()).sum() ** 2 + (waveform * angle.sin()).sum() ** 2) / len(waveform) ** 2

    return wrong


def _nearest_row(waveform: Tensor, frequency_hz: float, sample_rate_hz: int) -> float:
    return 2 * math.pi * round(frequency_hz * len(waveform) / sample_rate_hz) / len(waveform)


def _real_part(waveform: Tensor, frequency_hz: float, sample_rate_hz: int) -> Tensor:
    wave = _sine(len(waveform), frequency_hz, sample_rate_hz, math.pi / 2)
    return 2 * (waveform * wave).sum() ** 2 / len(waveform) ** 2


def _times(factor: Callable[[int], float]) -> Answer:
    """The right power times something that depends on the length."""

    def wrong(waveform: Tensor, *given: Any) -> Tensor:
        return tone_power(waveform, *given) * factor(len(waveform))

    return wrong


TONE_POWER = Exercise(
    id="10.4",
    title="How strong is one tone",
    stars=2,
    minutes=10,
    inputs=_tone_in_noise,
    reference=tone_power,
    relative_tolerance=1e-3,  # float32 angles of hundreds of radians
    hints=(
        "A complex exponential is a cosine and a sine. Multiply the waveform by each of the two waves of the frequency "
        "that you ask for, and sum up: two numbers.",
        "The tone passes through 2 pi f / f_s radians from one sample to the next. torch.arange(len(waveform)) are the "
        "samples' numbers.",
        "The power is the sum of the two numbers' squares, times 2 / len(waveform) ** 2. Which of the two is large "
        "depends on the phase; their squares' sum does not.",
    ),
    properties=(
        Property(
            statement="whole periods of A sin(2 pi f t + phase) give A^2 / 2, whatever the phase, and whatever tone of "
            "other whole periods sounds with it",
            holds=_a_sine_has_half_its_square,
        ),
        Property(
            statement="where in a long silence the sound stands makes no difference",
            holds=_when_it_sounds_does_not_matter,
        ),
        Property(statement="followed by a silence of its own length it has a quarter", holds=_silence_thins_it_out),
    ),
    misconceptions=(
        Misconception(
            name="the real part alone",
            wrong=_real_part,
            message="You multiplied by the cosine alone. A tone that stands a quarter of a period beside it gives 0, "
            "however loud it is. The sine finds what the cosine misses.",
        ),
        Misconception(
            name="no 2 pi",
            wrong=_at_angle(lambda _, frequency_hz, sample_rate_hz: frequency_hz / sample_rate_hz),
            message="Your angle grows by f / f_s per sample. That is in periods; torch.cos takes radians.",
        ),
        Misconception(
            name="the nearest whole number of periods",
            wrong=_at_angle(_nearest_row),
            message="You rounded to a whole number of periods in the waveform, as if only the rows of a Fourier "
            "transform could be asked for. The sum can be taken at any frequency, and a telephone's tones lie between "
            "rows.",
        ),
        Misconception(
            name="the sample rate over the frequency",
            wrong=_at_angle(lambda _, frequency_hz, sample_rate_hz: 2 * math.pi * sample_rate_hz / frequency_hz),
            message="You divided the sample rate by the frequency, which gives the samples in one period. What is "
            "needed is the part of a period in one sample.",
        ),
        Misconception(
            name="the sum for the mean",
            wrong=_times(lambda length: length**2),
            message="You did not divide by the length: the same tone counts for four times as much when it lasts twice "
            "as long.",
        ),
        Misconception(
            name="divided by the length once",
            wrong=_times(lambda length: length),
            message="You divided by the length once. The sum grows with the length, so its square grows with the "
            "length squared.",
        ),
        Misconception(
            name="half of the tone",
            wrong=_times(lambda _: 0.5),
            message="Your result is half of what it should be. A real tone stands in a spectrum twice, at f and at -f, "
            "and you counted it once: that is what the 2 in the formula is for.",
        ),
        Misconception(
            name="the magnitude",
            wrong=lambda *given: tone_power(*given).sqrt(),
            message="Your result is the root of the power. Power is a square: twice the amplitude gives four times "
            "of it.",
        ),
        Misconception(
            name="the power of everything",
            wrong=lambda waveform, _frequency_hz, _sample_rate_hz: waveform.square().mean(),
            message="Your result is the mean square of the whole waveform. What part of it belongs to this frequency?",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (TONE_POWER,)

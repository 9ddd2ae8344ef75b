"""The exercise on decibels: magnitudes as the ear orders them, with a floor under silence."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def to_decibels(magnitude: Tensor, reference: float, floor_db: float) -> Tensor:
    """20 log10(magnitude / reference) of magnitudes (F, T), and floor_db for all that is quieter."""
    return (20 * (magnitude / reference).log10()).clamp(min=floor_db)


def _magnitudes(rng: Rng, reference: float, low_db: float, high_db: float) -> Tensor:
    """(F, T) magnitudes between these levels."""
    level = torch.from_numpy(rng.uniform(low_db, high_db, size=(int(rng.integers(3, 6)), int(rng.integers(4, 8)))))
    return reference * 10 ** (level / 20)


def _reference_and_floor(rng: Rng) -> tuple[float, float]:
    """The reference is never near 1, the level where a forgotten one would not show."""
    return float(rng.choice([rng.uniform(0.1, 0.5), rng.uniform(5, 60)])), float(rng.uniform(-50, -30))


def _sound_and_silence(rng: Rng) -> tuple[Tensor, float, float]:
    reference, floor_db = _reference_and_floor(rng)
    magnitude = _magnitudes(rng, reference, -100, 6)
    magnitude[0, :3] = reference * torch.tensor([0.3, 2.0, 1e-4])  # above the floor, above 0 dB, below the floor
    return magnitude, reference, floor_db


def _the_reference_is_0(answer: Answer, rng: Rng) -> bool:
    reference, floor_db = _reference_and_floor(rng)
    return near(answer(torch.full((2, 3), reference), reference, floor_db), torch.zeros(2, 3))


def _ten_times_is_20_more(answer: Answer, rng: Rng) -> bool:
    reference, floor_db = _reference_and_floor(rng)
    loud = _magnitudes(rng, reference, -15, 10)
    return near(answer(10 * loud, reference, floor_db), answer(loud, reference, floor_db) + 20)


def _only_the_ratio_counts(answer: Answer, rng: Rng) -> bool:
    magnitude, reference, floor_db = _sound_and_silence(rng)
    factor = float(rng.uniform(2, 5))
    return near(answer(factor * magnitude, factor * reference, floor_db), answer(magnitude, reference, floor_db))


def _silence_is_the_floor(answer: Answer, rng: Rng) -> bool:
    reference, floor_db = _reference_and_floor(rng)
    silence, quiet = torch.zeros(2, 3), _magnitudes(rng, reference, -90, floor_db - 0.1)
    return all(
        near(answer(magnitude, reference, floor_db), torch.full_like(magnitude, floor_db))
        for magnitude in (silence, quiet)
    )


def _decibels(ratio: Tensor, floor_db: float) -> Tensor:
    return (20 * ratio.log10()).clamp(min=floor_db)


DECIBELS = Exercise(
    id="10.3",
    title="Decibels",
    stars=1,
    minutes=6,
    inputs=_sound_and_silence,
    reference=to_decibels,
    absolute_tolerance=1e-4,  # dB; levels near 0
    extremes=((torch.tensor([[0.0, 3.0], [1e-30, 30.0]]), 3.0, -80.0),),
    hints=(
        "First the ratio to the reference, then its logarithm to base 10, then the factor.",
        "Decibels count powers: 10 log10 of a ratio of powers. A power is a magnitude squared, and a square under a "
        "logarithm is a factor 2.",
        "torch.log10 of 0 is minus infinity, and .clamp(min=floor_db) makes the floor of it.",
    ),
    properties=(
        Property(statement="the reference itself is at 0 dB", holds=_the_reference_is_0),
        Property(statement="ten times the magnitude is 20 dB more", holds=_ten_times_is_20_more),
        Property(
            statement="magnitude and reference in another unit give the same decibels", holds=_only_the_ratio_counts
        ),
        Property(
            statement="silence, and all that is quieter than the floor, is at floor_db", holds=_silence_is_the_floor
        ),
    ),
    misconceptions=(
        Misconception(
            name="10 for 20",
            wrong=lambda magnitude, reference, floor_db: (10 * (magnitude / reference).log10()).clamp(min=floor_db),
            message="You took 10 log10, which is for powers. A magnitude is the root of a power, so its logarithm is "
            "half as large: what makes up for that?",
        ),
        Misconception(
            name="the natural logarithm",
            wrong=lambda magnitude, reference, floor_db: (20 * (magnitude / reference).log()).clamp(min=floor_db),
            message="torch.log and math.log are natural logarithms. A decibel is a tenth of a power of 10.",
        ),
        Misconception(
            name="no floor",
            wrong=lambda magnitude, reference, _floor_db: 20 * (magnitude / reference).log10(),
            message="Right above the floor, but below it your values go on down, for silence to minus infinity: no "
            "mean and no loss can be taken over that.",
        ),
        Misconception(
            name="the floor added",
            wrong=lambda magnitude, reference, floor_db: 20 * (magnitude / reference + 10 ** (floor_db / 20)).log10(),
            message="You added the floor to every magnitude before the logarithm. Silence comes out right, but all "
            "else a little too loud, most near the floor. Cut off instead of adding.",
        ),
        Misconception(
            name="the ratio upside down",
            wrong=lambda magnitude, reference, floor_db: _decibels(reference / magnitude, floor_db),
            message="You divided the reference by the magnitude: what is louder gets fewer decibels.",
        ),
        Misconception(
            name="the floor as a ceiling",
            wrong=lambda magnitude, reference, floor_db: (20 * (magnitude / reference).log10()).clamp(max=floor_db),
            message="You cut off on the wrong side: nothing of yours is above floor_db, where all that can be heard "
            "is. The result is the larger of level and floor.",
        ),
        Misconception(
            name="the floor from 1",
            wrong=lambda magnitude, reference, floor_db: (
                20 * (magnitude.clamp(min=10 ** (floor_db / 20)) / reference).log10()
            ),
            message="You cut the magnitudes off before dividing by the reference, so that your floor is measured from "
            "the magnitude 1. It is meant from the reference.",
        ),
        Misconception(
            name="the floor as a power",
            wrong=lambda magnitude, reference, floor_db: (
                20 * (magnitude / reference).clamp(min=10 ** (floor_db / 10)).log10()
            ),
            message="You turned floor_db into a ratio by 10 ** (floor_db / 10), which is one of powers. In decibels of "
            "magnitudes your floor is twice as deep.",
        ),
        Misconception(
            name="the reference subtracted",
            wrong=lambda magnitude, reference, floor_db: (20 * magnitude.log10() - reference).clamp(min=floor_db),
            message="You subtracted the reference from the decibels. It is a magnitude itself, not a level: divide by "
            "it before the logarithm.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (DECIBELS,)

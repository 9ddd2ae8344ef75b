"""Exercises on language models: what a loss in nats says."""

import math
from functools import partial

from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

_close = partial(math.isclose, rel_tol=1e-4, abs_tol=1e-6)


def perplexity(loss_nats: float) -> float:
    """exp(loss): among how many equally likely characters a model with this loss hesitates."""
    return math.exp(loss_nats)


def excess_over_floor(loss_nats: float, floor_nats: float) -> float:
    """(loss - floor) / floor: how far above the entropy of the source a loss is, as a fraction of that entropy."""
    return (loss_nats - floor_nats) / floor_nats


def _uniform_guess_counts_symbols(answer: Answer, rng: Rng) -> bool:
    symbols = int(rng.integers(2, 200))
    return _close(answer(math.log(symbols)), symbols)


def _adding_multiplies(answer: Answer, rng: Rng) -> bool:
    a, b = rng.uniform(0, 3, size=2)
    return _close(answer(a + b), answer(a) * answer(b))


PERPLEXITY = Exercise(
    id="00.1",
    title="Perplexity from a loss in nats",
    inputs=lambda rng: (float(rng.uniform(0.1, 4.0)),),
    reference=perplexity,
    hints=(
        "A model that guesses uniformly among k characters has the loss log k. Its perplexity should be k.",
        "So you need the function that undoes the logarithm. Which base has a logarithm measured in nats?",
        "The natural logarithm is undone by math.exp.",
    ),
    properties=(
        Property(
            statement="guessing uniformly among k characters gives a perplexity of k",
            holds=_uniform_guess_counts_symbols,
        ),
        Property(statement="adding two losses multiplies their perplexities", holds=_adding_multiplies),
    ),
    misconceptions=(
        Misconception(
            name="the base of bits",
            wrong=lambda loss_nats: 2.0**loss_nats,
            message="You raised 2 to the loss. That is right for a loss in bits; this one is in nats, "
            "so it was measured with the natural logarithm.",
        ),
        Misconception(
            name="the probability instead",
            wrong=lambda loss_nats: math.exp(-loss_nats),
            message="You computed exp(-loss): the (geometric) mean probability that the model gives the true "
            "character. Perplexity is the number of choices that this probability stands for.",
        ),
        Misconception(
            name="nats to bits",
            wrong=lambda loss_nats: loss_nats / math.log(2.0),
            message="You divided by log 2: that turns nats into bits per character, which is still a logarithm. "
            "Perplexity undoes the logarithm.",
        ),
        Misconception(
            name="a logarithm of a logarithm",
            wrong=math.log,
            message="You took the logarithm of the loss. The loss is already the logarithm of something; "
            "perplexity goes the other way.",
        ),
    ),
)


def _floor_scores_zero(answer: Answer, rng: Rng) -> bool:
    floor = float(rng.uniform(0.3, 2.0))
    return _close(answer(floor, floor), 0.0)


def _twice_the_floor_scores_one(answer: Answer, rng: Rng) -> bool:
    floor = float(rng.uniform(0.3, 2.0))
    return _close(answer(2 * floor, floor), 1.0)


def _unit_does_not_matter(answer: Answer, rng: Rng) -> bool:
    loss, floor, unit = rng.uniform(0.3, 2.0, size=3)
    return _close(answer(loss * unit, floor * unit), answer(loss, floor))


EXCESS = Exercise(
    id="00.2",
    title="How far above the floor?",
    inputs=lambda rng: (float(rng.uniform(1.0, 3.0)), float(rng.uniform(0.3, 0.9))),
    reference=excess_over_floor,
    hints=(
        "A model that has learned all there is to learn sits on the floor; its excess is 0.",
        "Take what the loss has too much, and express it as a fraction of the floor.",
        "(loss - floor) / floor",
    ),
    properties=(
        Property(statement="a loss at the floor has an excess of 0", holds=_floor_scores_zero),
        Property(statement="a loss of twice the floor has an excess of 1", holds=_twice_the_floor_scores_one),
        Property(statement="it is the same in nats and in bits", holds=_unit_does_not_matter),
    ),
    misconceptions=(
        Misconception(
            name="a fraction of the loss",
            wrong=lambda loss_nats, floor_nats: (loss_nats - floor_nats) / loss_nats,
            message="You divided by the loss. Then even the worst model scores below 1, and two models are "
            "measured with two different rulers; the floor is the ruler that stays the same.",
        ),
        Misconception(
            name="the ratio, not the excess",
            wrong=lambda loss_nats, floor_nats: loss_nats / floor_nats,
            message="You gave the whole loss as a multiple of the floor, so a perfect model would score 1. "
            "The excess counts only what lies above the floor.",
        ),
        Misconception(
            name="nats, not a fraction",
            wrong=lambda loss_nats, floor_nats: loss_nats - floor_nats,
            message="You gave the difference in nats. That difference is the KL divergence from the source to the "
            "model, a fine number; but the question asks for it as a fraction of the floor.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda loss_nats, floor_nats: (floor_nats - loss_nats) / floor_nats,
            message="Your sign is turned round: a loss cannot go below the floor, so an excess is never negative.",
        ),
    ),
)

EXERCISES = (PERPLEXITY, EXCESS)

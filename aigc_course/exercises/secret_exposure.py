"""The exercise on how many bits of a secret a language model gives away."""

import math

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def exposure(nats: Tensor, place: int) -> float:
    """log2 N - log2 rank: of N candidates with these surprises (N,), the one at `place` is the secret.

    Its rank counts the candidates that surprise the model no more than it does, itself included.
    """
    rank = (nats <= nats[place]).sum().item()
    return math.log2(len(nats)) - math.log2(rank)


def _candidates(rng: Rng) -> tuple[Tensor, int]:
    """Surprises, some of them equal, and the secret's place: seldom the first or the last in rank."""
    nats = (normal(rng, int(rng.integers(11, 30)), scale=4.0)).round() / 2 + 10
    order = nats.argsort()
    return nats, int(order[int(rng.integers(2, len(nats) - 2))])


def _the_likeliest_of_many(answer: Answer, rng: Rng) -> bool:
    bits = int(rng.integers(2, 7))
    nats = torch.from_numpy(rng.permutation(2**bits)).double()
    return near(answer(nats, int(nats.argmin())), float(bits))


def _the_least_likely(answer: Answer, rng: Rng) -> bool:
    nats = normal(rng, int(rng.integers(5, 20)))
    return near(answer(nats, int(nats.argmax())), 0.0)


def _half_the_candidates_cost_a_bit(answer: Answer, rng: Rng) -> bool:
    """Four times the rank, two bits less."""
    nats = torch.arange(64, dtype=torch.float64)
    rank = int(rng.integers(1, 16))
    return near(answer(nats, rank - 1) - answer(nats, 4 * rank - 1), 2.0)


def _a_model_that_knows_nothing(answer: Answer, rng: Rng) -> bool:
    number = int(rng.integers(5, 20))
    return near(answer(torch.full((number,), 3.0).double(), int(rng.integers(number))), 0.0)


def _rank(nats: Tensor, place: int) -> int:
    return int((nats <= nats[place]).sum())


EXPOSURE = Exercise(
    id="14.1",
    title="The exposure of a secret",
    stars=1,
    minutes=6,
    inputs=_candidates,
    reference=exposure,
    hints=(
        "Guess the candidates in the order in which the model finds them likely. At which guess is the secret found?",
        "That is its rank: how many candidates have at most the secret's surprise? A comparison and a sum.",
        "Without the model the secret is among N candidates, log2 N bits. With it, it is among the first `rank`.",
        "math.log2(len(nats)) - math.log2(rank)",
    ),
    properties=(
        Property(statement="the likeliest of 2^k candidates has an exposure of k bits", holds=_the_likeliest_of_many),
        Property(statement="the least likely candidate has an exposure of 0", holds=_the_least_likely),
        Property(statement="a rank four times as large has two bits less", holds=_half_the_candidates_cost_a_bit),
        Property(
            statement="a model to which all candidates are alike exposes none of them",
            holds=_a_model_that_knows_nothing,
        ),
    ),
    misconceptions=(
        Misconception(
            name="nats for bits",
            wrong=lambda nats, place: exposure(nats, place) * math.log(2),
            message="You took natural logarithms. Exposure is in bits: one bit for each halving of the candidates.",
        ),
        Misconception(
            name="the wrong end",
            wrong=lambda nats, place: exposure(-nats, place),
            message="You ranked from the other end. The surprise is small where the model finds a candidate likely, so "
            "the rank counts those with *at most* the secret's surprise.",
        ),
        Misconception(
            name="ties left out",
            wrong=lambda nats, place: math.log2(len(nats)) - math.log2(1 + int((nats < nats[place]).sum())),
            message="You counted the candidates that are strictly more likely. One that is exactly as likely may come "
            "first as well; or a model that finds all alike would seem to know the secret.",
        ),
        Misconception(
            name="the rank's own bits",
            wrong=lambda nats, place: math.log2(_rank(nats, place)),
            message="You gave the bits that are left to guess, log2 of the rank. Exposure is how many the model has "
            "saved: those that there were before, minus these.",
        ),
        Misconception(
            name="no logarithm",
            wrong=lambda nats, place: len(nats) / _rank(nats, place),
            message="You gave how many times fewer guesses are needed, N / rank. In bits that is its logarithm to "
            "base 2.",
        ),
        Misconception(
            name="the surprise itself",
            wrong=lambda nats, place: nats[place].item() / math.log(2),
            message="You gave the secret's own surprise in bits. A sentence may be likely because all of its kind are; "
            "only the comparison with the other candidates says that *this* one was seen.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (EXPOSURE,)

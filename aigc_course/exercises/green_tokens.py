"""The exercise on the detector of a text watermark."""

import math

import torch
from torch import Tensor

from aigc_course.exercises.draws import near
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def watermark_z(tokens: Tensor, green: Tensor, share: float) -> float:
    """(g - share n) / sqrt(n share (1 - share)) of the n different pairs of neighbours, g of them green.

    Args: tokens: (T,) int64. green: (V, V) bool: is the token (column) green behind the token before it (row)?
        share: of green tokens in text without the watermark.
    """
    pairs = torch.stack([tokens[:-1], tokens[1:]]).unique(dim=1)
    return _z(green[pairs[0], pairs[1]].sum().item(), pairs.shape[1], share)


def _z(count: float, number: int, share: float) -> float:
    return (count - share * number) / math.sqrt(number * share * (1 - share))


def _texts(rng: Rng) -> tuple[Tensor, Tensor, float]:
    """Few tokens, so that some pairs come again; a share that is not one half."""
    vocabulary = int(rng.integers(5, 9))
    tokens = torch.from_numpy(rng.integers(0, vocabulary, size=int(rng.integers(20, 40))))
    share = float(rng.choice([0.2, 0.25, 0.3, 0.4]))
    return tokens, torch.from_numpy(rng.random((vocabulary, vocabulary)) < share + 0.2), share


def _all_green(answer: Answer, rng: Rng) -> bool:
    """n pairs that are all different and green: the root of n (1 - share) / share."""
    number, share = int(rng.integers(4, 12)), float(rng.uniform(0.1, 0.9))
    green = torch.ones(number + 1, number + 1, dtype=torch.bool)
    return near(answer(torch.arange(number + 1), green, share), math.sqrt(number * (1 - share) / share))


def _none_green(answer: Answer, rng: Rng) -> bool:
    number, share = int(rng.integers(4, 12)), float(rng.uniform(0.1, 0.9))
    green = torch.zeros(number + 1, number + 1, dtype=torch.bool)
    return near(answer(torch.arange(number + 1), green, share), -math.sqrt(number * share / (1 - share)))


def _said_again(answer: Answer, rng: Rng) -> bool:
    """A text that repeats itself is no more suspicious than when said once."""
    size = int(rng.integers(4, 9))
    round_trip = torch.from_numpy(rng.permutation(size))
    once = torch.cat([round_trip, round_trip[:1]])
    again = torch.cat([round_trip, round_trip, round_trip[:1]])
    green = torch.from_numpy(rng.random((size, size)) < 0.7)
    return near(answer(again, green, 0.5), answer(once, green, 0.5))


def _the_token_before_decides(answer: Answer, rng: Rng) -> bool:
    """Green is what goes up by one."""
    size = int(rng.integers(5, 10))
    green = torch.zeros(size, size, dtype=torch.bool)
    green[torch.arange(size - 1), torch.arange(1, size)] = True
    up, down = torch.arange(size), torch.arange(size).flip(0)
    return near([answer(up, green, 0.5), answer(down, green, 0.5)], [math.sqrt(size - 1), -math.sqrt(size - 1)])


def _every_pair(tokens: Tensor, green: Tensor, share: float) -> float:
    return _z(green[tokens[:-1], tokens[1:]].sum().item(), len(tokens) - 1, share)


def _counts(tokens: Tensor, green: Tensor) -> tuple[int, int]:
    pairs = torch.stack([tokens[:-1], tokens[1:]]).unique(dim=1)
    return int(green[pairs[0], pairs[1]].sum()), pairs.shape[1]


def _with_variance(tokens: Tensor, green: Tensor, share: float) -> float:
    count, number = _counts(tokens, green)
    return (count - share * number) / (number * share * (1 - share))


def _by_all_tokens(tokens: Tensor, green: Tensor, share: float) -> float:
    return _z(_counts(tokens, green)[0], len(tokens), share)


def _excess_share(tokens: Tensor, green: Tensor, share: float) -> float:
    count, number = _counts(tokens, green)
    return count / number - share


WATERMARK_Z = Exercise(
    id="14.4",
    title="Find the watermark",
    stars=2,
    minutes=10,
    inputs=_texts,
    reference=watermark_z,
    hints=(
        "A text of T tokens has T - 1 pairs of neighbours: tokens[:-1] and tokens[1:].",
        "Each different pair is looked up once: a set of tuples, or torch.stack([...]).unique(dim=1).",
        "Without the watermark each of the n pairs is green with the probability `share`, as a coin falls: what are "
        "mean and standard deviation of their number?",
        "(g - share * n) / math.sqrt(n * share * (1 - share)), with g = green[before, token].sum()",
    ),
    properties=(
        Property(statement="n different pairs that are all green give sqrt(n (1 - share) / share)", holds=_all_green),
        Property(
            statement="n different pairs of which none is green give -sqrt(n share / (1 - share))", holds=_none_green
        ),
        Property(statement="a text that repeats itself scores as when it is said once", holds=_said_again),
        Property(
            statement="the row of the table is the token before, the column the token", holds=_the_token_before_decides
        ),
    ),
    misconceptions=(
        Misconception(
            name="repeated pairs counted",
            wrong=_every_pair,
            message="You counted a pair of neighbours each time that it comes. Who says a green pair ten times is no "
            "ten times as suspicious: the hash gives the same answer each time.",
        ),
        Misconception(
            name="tokens for pairs",
            wrong=_by_all_tokens,
            message="You divided by the number of tokens. What was looked up, and could have been green, are the "
            "different pairs.",
        ),
        Misconception(
            name="the variance",
            wrong=_with_variance,
            message="You divided by the variance n p (1 - p). z counts standard deviations: its root.",
        ),
        Misconception(
            name="row and column exchanged",
            wrong=lambda tokens, green, share: watermark_z(tokens, green.T, share),
            message="You looked up green[token, before]. The row is the token before: it decides which tokens are "
            "green.",
        ),
        Misconception(
            name="a fair coin",
            wrong=lambda tokens, green, _share: watermark_z(tokens, green, 0.5),
            message="You expected one half of the tokens to be green. How many are green without the watermark is "
            "`share`.",
        ),
        Misconception(
            name="the share alone",
            wrong=_excess_share,
            message="You gave how much larger the share of green tokens is. The same excess means little in ten tokens "
            "and much in a thousand: divide by the standard deviation of the share.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (WATERMARK_Z,)

"""The exercise on noticing that inputs have changed."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def ks_distance(reference: Tensor, current: Tensor) -> float:
    """The largest |F(x) - G(x)| over all x, F and G being the shares of both samples that are at most x.

    Args: reference: (N,). current: (M,).
    Source: the statistic of Kolmogorov 1933 and Smirnov 1939 for two samples.
    """
    places = torch.cat([reference, current])
    return (_shares(reference, places) - _shares(current, places)).abs().max().item()


def _shares(values: Tensor, places: Tensor) -> Tensor:
    return (values <= places[:, None]).double().mean(dim=1)


def _samples(rng: Rng) -> tuple[Tensor, Tensor]:
    """Of different sizes, in either order, moved up or down, or only wider; whole numbers, so that some are equal."""
    sizes = rng.permutation([int(rng.integers(9, 15)), int(rng.integers(20, 30))])
    first, second = (torch.from_numpy(rng.normal(0, 6, size=int(size))) for size in sizes)
    shift, stretch = ((5.0, 1.0), (-5.0, 1.0), (0.5, 2.5), (-0.5, 0.3))[int(rng.integers(0, 4))]
    return first.round(), (stretch * second + shift).round()


def _apart(answer: Answer, rng: Rng) -> bool:
    first, second = _samples(rng)
    return near([answer(first, second + 1000), answer(first, second - 1000)], [1.0, 1.0])


def _with_itself(answer: Answer, rng: Rng) -> bool:
    """A sample beside itself, said twice and in another order."""
    first, _ = _samples(rng)
    twice = torch.cat([first, first])[torch.from_numpy(rng.permutation(2 * len(first)))]
    return near(answer(first, twice), 0.0)


def _order_of_the_samples(answer: Answer, rng: Rng) -> bool:
    first, second = _samples(rng)
    return near(answer(second, first), answer(first, second))


def _another_scale(answer: Answer, rng: Rng) -> bool:
    """A rising function of all values keeps who is below whom."""
    first, second = _samples(rng)
    return near(answer((first / 9).exp(), (second / 9).exp()), answer(first, second))


def _wider(answer: Answer, rng: Rng) -> bool:
    """Equal means do not mean equal distributions."""
    size = int(rng.integers(5, 20))
    narrow = torch.linspace(-1, 1, 2 * size).double()
    wide = torch.cat([narrow[:size] - 10, narrow[size:] + 10])
    return near(answer(narrow, wide), 0.5)


def _means(reference: Tensor, current: Tensor) -> float:
    return (reference.mean() - current.mean()).abs().item() / reference.std().item()


def _signed(reference: Tensor, current: Tensor) -> float:
    places = torch.cat([reference, current])
    return (_shares(reference, places) - _shares(current, places)).max().item()


def _mean_gap(reference: Tensor, current: Tensor) -> float:
    places = torch.cat([reference, current])
    return (_shares(reference, places) - _shares(current, places)).abs().mean().item()


def _counts(reference: Tensor, current: Tensor) -> float:
    places = torch.cat([reference, current])
    counts = _shares(reference, places) * len(reference) - _shares(current, places) * len(current)
    return (counts / len(reference)).abs().max().item()


def _values(reference: Tensor, current: Tensor) -> float:
    size = min(len(reference), len(current))
    return (reference.sort().values[:size] - current.sort().values[:size]).abs().max().item()


def _at_the_mean(reference: Tensor, current: Tensor) -> float:
    place = reference.mean().reshape(1)
    return (_shares(reference, place) - _shares(current, place)).abs().item()


KS_DISTANCE = Exercise(
    id="12.4",
    title="Have the inputs changed?",
    stars=2,
    minutes=10,
    inputs=_samples,
    reference=ks_distance,
    hints=(
        "At one x: the share of `reference` that is at most x, minus the same share of `current`. As a distance, "
        "without its sign.",
        "Both shares only change at values of the samples: it is enough to look at torch.cat([reference, current]).",
        "All shares at once: (values <= places[:, None]).double().mean(dim=1).",
        "Of the absolute differences, the largest.",
    ),
    properties=(
        Property(statement="samples that lie apart have the distance 1", holds=_apart),
        Property(statement="a sample has the distance 0 to itself, said twice in any order", holds=_with_itself),
        Property(statement="it does not matter which sample is which", holds=_order_of_the_samples),
        Property(statement="a rising function of all values changes nothing", holds=_another_scale),
        Property(statement="a sample that is only wider has a distance", holds=_wider),
    ),
    misconceptions=(
        Misconception(
            name="the means alone",
            wrong=_means,
            message="You compared the means. Inputs can become twice as varied with the same mean, and a model fails "
            "at the ends.",
        ),
        Misconception(
            name="one side only",
            wrong=_signed,
            message="You took the largest difference with its sign, so that only a move upwards is seen. Take the "
            "absolute value first.",
        ),
        Misconception(
            name="the mean gap",
            wrong=_mean_gap,
            message="You gave the mean distance of both curves. The statistic is the largest.",
        ),
        Misconception(
            name="counts for shares",
            wrong=_counts,
            message="You compared how many values are below x. The samples have different sizes: compare shares.",
        ),
        Misconception(
            name="values for shares",
            wrong=_values,
            message="You compared the sorted values with each other. That is a distance in the values' unit; here the "
            "shares at a value are compared.",
        ),
        Misconception(
            name="at one place",
            wrong=_at_the_mean,
            message="You looked at one x. The largest difference may lie anywhere.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (KS_DISTANCE,)

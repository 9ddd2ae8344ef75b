"""Exercises on two samples: which modes are covered, and how far apart they are."""

import math

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

REACH = 0.3  # of a mode, in the draws


def modes_hit(samples: Tensor, centres: Tensor, reach: float, least_share: float) -> int:
    """How many centres (K, 2) have at least `least_share` of all samples (N, 2) within `reach`. Modes don't overlap."""
    near_centre = torch.cdist(samples, centres) <= reach  # (N, K)
    return int((near_centre.double().mean(dim=0) >= least_share).sum())


def _ring(n_modes: int) -> Tensor:
    angles = 2 * math.pi * torch.arange(n_modes, dtype=torch.float64) / n_modes
    return 4.0 * torch.stack([angles.cos(), angles.sin()], dim=1)


def _sample_inputs(rng: Rng) -> tuple[Tensor, Tensor, float, float]:
    """Modes that are hit, that get too few samples or a single one, and that are missed by less or by more."""
    centres = _ring(12)[torch.from_numpy(rng.permutation(12))]
    many, few = int(rng.integers(18, 23)), int(rng.integers(4, 6))
    n_hit, n_few, n_stray, n_diagonal, n_across, n_far = (int(n) for n in rng.integers(1, 3, size=6))
    # For each group of modes: how many samples each mode gets, in which direction, and how far out, in reaches.
    groups = [
        (n_hit, many, rng.uniform(0, 2 * math.pi), 0.9),
        (n_few, few, rng.uniform(0, 2 * math.pi), 0.6),
        (n_stray, 1, rng.uniform(0, 2 * math.pi), 0.6),
        (n_diagonal, many, 0.25 * math.pi, 1.2),  # inside the square of the reach
        (n_across, many, 0.0, 1.5),  # its square is less than the reach
        (n_far, many, rng.uniform(0, 2 * math.pi), 2.5),
    ]
    parts, first = [], 0
    for modes, samples, angle, reaches in groups:
        offset = REACH * reaches * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        jitter = normal(rng, modes * samples, 2, scale=0.002)
        parts.append(centres[first : first + modes].repeat_interleave(samples, dim=0) + offset + jitter)
        first += modes
    every, good = sum(map(len, parts)), sum(map(len, parts[:3]))
    least = 0.5 * (few / every + few / good)  # too many for `few` of all samples, not of the good ones
    return torch.cat(parts)[torch.from_numpy(rng.permutation(every))], centres, REACH, least


def _all_at_their_centres(answer: Answer, rng: Rng) -> bool:
    centres = _ring(int(rng.integers(3, 9)))
    return near(int(answer(centres.repeat(5, 1), centres, REACH, 0.1)), len(centres))


def _a_stray_sample_does_not_count(answer: Answer, rng: Rng) -> bool:
    centres = _ring(int(rng.integers(3, 9)))
    samples = torch.cat([centres[:1].repeat(98, 1), centres[1:2], 9 + centres[:1]])
    return near(int(answer(samples, centres, REACH, 0.05)), 1)


def _out_of_reach_is_not_hit(answer: Answer, rng: Rng) -> bool:
    """In every direction, a little further than the reach."""
    centres = _ring(5)
    angle = rng.choice([0.25 * math.pi, rng.uniform(0, 2 * math.pi)])
    away = 1.1 * REACH * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    return near(int(answer((centres + away).repeat(4, 1), centres, REACH, 0.1)), 0)


def _bad_samples_are_counted_too(answer: Answer, rng: Rng) -> bool:
    """Five of a hundred samples reach the only mode that any reach; the others fill the middle."""
    centres = _ring(int(rng.integers(3, 9)))
    samples = torch.cat([torch.zeros(95, 2).double(), centres[:1].repeat(5, 1)])
    return near(int(answer(samples, centres, REACH, 0.1)), 0)


def _counts(samples: Tensor, centres: Tensor, reach: float) -> Tensor:
    return (torch.cdist(samples, centres) <= reach).sum(dim=0)


def _nearest(samples: Tensor, centres: Tensor, _: float, least_share: float) -> int:
    counts = torch.bincount(torch.cdist(samples, centres).argmin(dim=1), minlength=len(centres))
    return int((counts >= least_share * len(samples)).sum())


def _in_a_square(samples: Tensor, centres: Tensor, reach: float, least_share: float) -> int:
    inside = ((samples[:, None] - centres).abs() <= reach).all(dim=2)
    return int((inside.double().mean(dim=0) >= least_share).sum())


def _of_the_good_ones(samples: Tensor, centres: Tensor, reach: float, least_share: float) -> int:
    counts = _counts(samples, centres, reach)
    return int((counts >= least_share * counts.sum()).sum())


def _anything_counts(samples: Tensor, centres: Tensor, reach: float, _: float) -> int:
    return int((_counts(samples, centres, reach) > 0).sum())


MODES_HIT = Exercise(
    id="04.8",
    title="Count the modes that are hit",
    stars=2,
    minutes=10,
    inputs=_sample_inputs,
    reference=modes_hit,
    hints=(
        "All distances at once: samples[:, None] - centres is (N, K, 2); or torch.cdist(samples, centres), (N, K).",
        "A table of True and False says which sample is within reach of which centre. Along which axis do you average?",
        "The share is of all N samples, also of those that are near no centre. Compare it with least_share and count.",
    ),
    properties=(
        Property(statement="samples at every centre hit every mode", holds=_all_at_their_centres),
        Property(statement="one stray sample in a hundred hits nothing", holds=_a_stray_sample_does_not_count),
        Property(statement="samples a little out of reach hit nothing", holds=_out_of_reach_is_not_hit),
        Property(
            statement="samples that are near no mode lower the share of the others", holds=_bad_samples_are_counted_too
        ),
    ),
    misconceptions=(
        Misconception(
            name="any sample counts",
            wrong=_anything_counts,
            message="You count every mode that any sample reaches. With a thousand samples a stray one lands anywhere: "
            "a mode must get its least share.",
        ),
        Misconception(
            name="the nearest mode, however far",
            wrong=_nearest,
            message="You gave each sample to its nearest centre and forgot the reach: samples between the modes, "
            "which look like nothing real, count as hits.",
        ),
        Misconception(
            name="a square about the centre",
            wrong=_in_a_square,
            message="You compared each coordinate with the reach. That is a square; its corners are further away than "
            "the reach.",
        ),
        Misconception(
            name="the squared distance",
            wrong=lambda samples, centres, reach, least: modes_hit(samples, centres, math.sqrt(reach), least),
            message="You compared the squared distance with the reach: take the root of the one, or the square of the "
            "other.",
        ),
        Misconception(
            name="a share of the good samples",
            wrong=_of_the_good_ones,
            message="You divided by the number of samples near some centre. Then a generator that makes little but "
            "rubbish could hit all modes with the rest.",
        ),
        Misconception(
            name="samples, not modes",
            wrong=lambda samples, centres, reach, _: int(_counts(samples, centres, reach).sum()),
            message="You counted the samples within reach. The number of modes is asked for, at most K.",
        ),
        Misconception(
            name="the modes that are missed",
            wrong=lambda samples, centres, reach, least: len(centres) - modes_hit(samples, centres, reach, least),
            message="You counted the modes that are not hit.",
        ),
    ),
)


def wasserstein(x: Tensor, y: Tensor) -> Tensor:
    """The Wasserstein-1 distance between two samples of equal size (N,), (N,): a scalar."""
    return (x.sort().values - y.sort().values).abs().mean()


def _two_samples(rng: Rng) -> tuple[Tensor, Tensor]:
    """The second is wider, so that some of the matched pairs go to the left and some to the right."""
    size = int(rng.integers(5, 10))
    return normal(rng, size), float(rng.uniform(-0.5, 0.5)) + normal(rng, size, scale=2.5)


def _a_shift_costs_its_length(answer: Answer, rng: Rng) -> bool:
    x, _ = _two_samples(rng)
    shift = float(rng.uniform(-9, 9))
    return near(answer(x, x + shift), torch.tensor(abs(shift)))


def _the_order_of_a_sample_does_not_matter(answer: Answer, rng: Rng) -> bool:
    x, y = _two_samples(rng)
    shuffled = x[torch.from_numpy(rng.permutation(len(x)))], y[torch.from_numpy(rng.permutation(len(y)))]
    return near(answer(*shuffled), answer(x, y)) and near(answer(x, shuffled[0]), torch.tensor(0.0))


def _stretching_costs_what_each_moves(answer: Answer, rng: Rng) -> bool:
    """Stretched about 0 by a positive factor, the order stays, so each number goes to its own multiple."""
    x, _ = _two_samples(rng)
    factor = float(rng.uniform(1.5, 3.0))
    return near(answer(x, factor * x), (factor - 1) * x.abs().mean())


def _nearest_neighbours(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None] - y).abs().min(dim=1).values.mean()


WASSERSTEIN = Exercise(
    id="04.4",
    title="The cheapest way to move one sample onto another",
    stars=2,
    minutes=8,
    inputs=_two_samples,
    reference=wasserstein,
    hints=(
        "Each number of x goes to one of y. On a line, can it pay that two of them cross?",
        "If they never cross, the smallest goes to the smallest, the second to the second.",
        "Sort both, take the distances of the pairs, and average.",
    ),
    properties=(
        Property(statement="a shift by c costs |c|", holds=_a_shift_costs_its_length),
        Property(statement="the order within a sample changes nothing", holds=_the_order_of_a_sample_does_not_matter),
        Property(
            statement="stretching x by k > 1 costs (k - 1) times the mean of |x|",
            holds=_stretching_costs_what_each_moves,
        ),
    ),
    misconceptions=(
        Misconception(
            name="pairs as they come",
            wrong=lambda x, y: (x - y).abs().mean(),
            message="You moved each number to the one that happens to stand at the same place of the other tensor. "
            "There are cheaper ways to pair them.",
        ),
        Misconception(
            name="the difference of the means",
            wrong=lambda x, y: (x.mean() - y.mean()).abs(),
            message="You took the absolute value after averaging: moves to the left and to the right cancel. Two "
            "samples with equal means would be no distance apart, however different their widths.",
        ),
        Misconception(
            name="squared distances",
            wrong=lambda x, y: (x.sort().values - y.sort().values).square().mean(),
            message="You averaged squares: that is the square of the Wasserstein-2 distance. In Wasserstein-1 a move "
            "costs its length.",
        ),
        Misconception(
            name="the root of the mean square",
            wrong=lambda x, y: (x.sort().values - y.sort().values).square().mean().sqrt(),
            message="This is the Wasserstein-2 distance, which punishes long moves more. In Wasserstein-1 a move costs "
            "its length.",
        ),
        Misconception(
            name="a sum over the pairs",
            wrong=lambda x, y: (x.sort().values - y.sort().values).abs().sum(),
            message="You added up the moves. Each number carries a mass of 1/N, or the distance would grow with the "
            "size of the sample.",
        ),
        Misconception(
            name="only one of them sorted",
            wrong=lambda x, y: (x.sort().values - y).abs().mean(),
            message="You sorted one of the samples only; the pairs are as arbitrary as before.",
        ),
        Misconception(
            name="the nearest of the others",
            wrong=_nearest_neighbours,
            message="Each number went to its nearest of the other sample, so several may go to the same place while "
            "others of y get nothing. Every number of y must be reached by one of x.",
        ),
        Misconception(
            name="every number with every other",
            wrong=lambda x, y: (x[:, None] - y).abs().mean(),
            message="You averaged over all pairs. Then a sample would be far away from itself; the best pairing "
            "counts.",
        ),
    ),
)

EXERCISES = (MODES_HIT, WASSERSTEIN)

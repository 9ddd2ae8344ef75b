"""The exercise on grey levels: the mass that a logistic distribution gives each of them."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.exercises.draws import near, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Pixels = tuple[Tensor, Tensor, Tensor, int]


def discretised_logistic_log_mass(x: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    """log P(x) of each image, in nats: x (B, D), whole numbers 0 … levels - 1 -> (B,).

    mean, log_scale: (B, D), of the logistic, in the unit in which level k stands at k / (levels - 1).
    """
    width = (-log_scale).exp() / (levels - 1)  # of a bin, in scales
    middle = (x - (levels - 1) * mean) * width
    below = F.logsigmoid(middle + width / 2)  # log of the mass below the bin's upper edge
    above = F.logsigmoid(width / 2 - middle)  # log of the mass above its lower edge
    inside = below + above + (-torch.expm1(-width)).log()
    first_or_inside = torch.where(x == 0, below, inside)
    return torch.where(x == levels - 1, above, first_or_inside).sum(dim=1)


def _uniform(rng: Rng, low: float, high: float, *shape: int) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, size=shape))


def _pixels(rng: Rng) -> Pixels:
    """Both ends are among the levels, and no mass is so small that rounding matters."""
    levels, images, size = int(rng.integers(4, 9)), int(rng.integers(2, 5)), int(rng.integers(5, 8))
    x = torch.from_numpy(rng.integers(0, levels, size=(images, size))).double()
    x[:, 0], x[:, -1] = 0, levels - 1
    return x, _uniform(rng, 0.1, 0.9, images, size), _uniform(rng, -2, 0.3, images, size), levels


def _each_level(mean: float, log_scale: float, levels: int) -> Pixels:
    """One image of one pixel for each level."""
    x = torch.arange(levels).double()[:, None]
    return x, torch.full_like(x, mean), torch.full_like(x, log_scale), levels


def _masses_sum_to_one(answer: Answer, rng: Rng) -> bool:
    given = _each_level(rng.uniform(-0.2, 1.2), rng.uniform(-3, 1), int(rng.integers(2, 40)))
    return near(tensor(answer(*given)).exp().sum(), 1.0)


def _pixels_add_up(answer: Answer, rng: Rng) -> bool:
    x, mean, log_scale, levels = _pixels(rng)
    twice = answer(torch.cat([x, x], 1), torch.cat([mean, mean], 1), torch.cat([log_scale, log_scale], 1), levels)
    return near(twice, 2 * tensor(answer(x, mean, log_scale, levels)))


def _black_and_white_may_change_places(answer: Answer, rng: Rng) -> bool:
    x, mean, log_scale, levels = _pixels(rng)
    return near(answer(levels - 1 - x, 1 - mean, log_scale, levels), answer(x, mean, log_scale, levels))


def _a_wide_logistic_is_cut_in_half(answer: Answer, rng: Rng) -> bool:
    given = _each_level(rng.uniform(0, 1), 20.0, int(rng.integers(3, 40)))
    masses = tensor(answer(*given)).exp()
    return near(masses[[0, -1]], torch.full((2,), 0.5))


def _a_narrow_one_is_all_in_its_bin(answer: Answer, rng: Rng) -> bool:
    levels = int(rng.integers(3, 40))
    level = int(rng.integers(levels))
    return near(answer(*_each_level(level / (levels - 1), -8.0, levels))[level], 0.0)


def _far_away_each_step_costs_the_same(answer: Answer, rng: Rng) -> bool:
    """The logistic falls off like exp(-distance / scale)."""
    levels, log_scale = int(rng.integers(5, 12)), float(rng.uniform(-3, -1))
    away = float(rng.choice([-1, 1])) * 60 * math.exp(log_scale)
    costs = tensor(answer(*_each_level(away if away < 0 else 1 + away, log_scale, levels)))[1:-1].diff().abs()
    return near(costs, torch.full((levels - 3,), math.exp(-log_scale) / (levels - 1)))


def _sigmoids(
    x: Tensor, mean: Tensor, scale: Tensor, levels: int, first: float = 0.0, steps: int = 0, bins: int = 0
) -> tuple[Tensor, Tensor]:
    """At the upper and the lower edge: level k stands at first + k / steps, in the middle of a bin 1 / bins wide."""
    middle, half = first + x / (steps or levels - 1) - mean, 0.5 / (bins or levels - 1)
    return ((middle + half) / scale).sigmoid(), ((middle - half) / scale).sigmoid()


def _masses(x: Tensor, levels: int, upper: Tensor, lower: Tensor) -> Tensor:
    """By the difference of the sigmoids, with open bins at the ends, (B, D)."""
    return torch.where(x == levels - 1, 1.0, upper) - torch.where(x == 0, 0.0, lower)


def _added(masses: Tensor) -> Tensor:
    return masses.log().sum(dim=1)


def _log_density(x: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    """Of the logistic at each level, (B, D)."""
    z = (x / (levels - 1) - mean) * (-log_scale).exp()
    return F.logsigmoid(z) + F.logsigmoid(-z) - log_scale


def _closed_ends(x: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    upper, lower = _sigmoids(x, mean, log_scale.exp(), levels)
    return _added(upper - lower)


def _open_to_the_inside(x: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    upper, lower = _sigmoids(x, mean, log_scale.exp(), levels)
    return _added(torch.where(x == 0, 1.0, upper) - torch.where(x == levels - 1, 0.0, lower))


def _rounded(x: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    return _added(_masses(x, levels, *_sigmoids(x, mean, log_scale.exp(), levels)))


def _kept_from_zero(x: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    return _added(_masses(x, levels, *_sigmoids(x, mean, log_scale.exp(), levels)).clamp(min=1e-12))


def _narrow_bins(x: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    return _added(_masses(x, levels, *_sigmoids(x, mean, log_scale.exp(), levels, bins=levels)))


def _equal_parts(x: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    sigmoids = _sigmoids(x, mean, log_scale.exp(), levels, first=0.5 / levels, steps=levels, bins=levels)
    return _added(_masses(x, levels, *sigmoids))


def _no_exponential(x: Tensor, mean: Tensor, log_scale: Tensor, levels: int) -> Tensor:
    return _added(_masses(x, levels, *_sigmoids(x, mean, log_scale, levels)))


DISCRETISED_LOGISTIC = Exercise(
    id="09.3",
    title="The mass of a grey level",
    stars=3,
    minutes=15,
    inputs=_pixels,
    reference=discretised_logistic_log_mass,
    extremes=((*(torch.tensor([row]).double() for row in ([250.0, 0, 255], [0.0, 1, 0], [-6.0] * 3)), 256),),
    hints=(
        "How far is the bin's upper edge from the mean, in scales? Level k stands at k / (levels - 1), its edges are "
        "half a step, 0.5 / (levels - 1), to either side, and the scale is exp(log_scale).",
        "With a and b, the upper and the lower edge in scales: level 0 has all below a, sigmoid(a); the last level all "
        "above b, sigmoid(-b); the others sigmoid(a) - sigmoid(b). torch.where(x == 0, …, …) chooses.",
        "log(sigmoid(a) - sigmoid(b)) = logsigmoid(a) + logsigmoid(-b) + log(1 - exp(b - a)), where a - b is the bin's "
        "width in scales. Then the sum over dim=1.",
    ),
    properties=(
        Property(statement="the masses of all levels sum to 1", holds=_masses_sum_to_one),
        Property(statement="an image with every pixel twice counts twice", holds=_pixels_add_up),
        Property(
            statement="it does not matter which end of the range is called black",
            holds=_black_and_white_may_change_places,
        ),
        Property(
            statement="a logistic far wider than the range gives the first and the last level one half each",
            holds=_a_wide_logistic_is_cut_in_half,
        ),
        Property(
            statement="a logistic far narrower than a bin gives all to the level where its mean is",
            holds=_a_narrow_one_is_all_in_its_bin,
        ),
        Property(
            statement="far away from the mean each further level costs a bin's width in scales",
            holds=_far_away_each_step_costs_the_same,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the logarithm of a difference that rounds to 0",
            wrong=_rounded,
            message="Right for masses of moderate size. But far above the mean both sigmoids are exactly 1: their "
            "difference is 0, and its logarithm minus infinity. Write the difference as a product, and add "
            "logarithms.",
        ),
        Misconception(
            name="a floor below the mass",
            wrong=_kept_from_zero,
            message="You keep the mass from 0 by a small number or a limit. Then all pixels far from the mean cost the "
            "same, and no gradient tells the mean where to go. Write the difference of the two sigmoids as a product, "
            "and add logarithms.",
        ),
        Misconception(
            name="the density",
            wrong=lambda *given: _log_density(*given).sum(dim=1),
            message="This is the density of the logistic at the level. A pixel is one of finitely many levels; each "
            "has a mass, what the distribution holds between the edges of its bin.",
        ),
        Misconception(
            name="the density times the width",
            wrong=lambda *given: (_log_density(*given) - math.log(given[-1] - 1)).sum(dim=1),
            message="You multiplied the density in the middle of the bin by its width. That is nearly the mass where "
            "the logistic is wide, but not where it is narrower than a bin, and what lies outside of the range is "
            "lost. Take the distribution function at the two edges.",
        ),
        Misconception(
            name="closed bins at the ends",
            wrong=_closed_ends,
            message="Your first and last bin end half a step outside of the range. What the logistic holds beyond is "
            "lost, and the masses of all levels sum to less than 1. Who takes what is blacker than black?",
        ),
        Misconception(
            name="ends open to the inside",
            wrong=_open_to_the_inside,
            message="Your inner levels are right. At the ends you opened the wrong side: level 0 has all that lies "
            "below its upper edge, the last level all above its lower edge.",
        ),
        Misconception(
            name="bins too narrow for their steps",
            wrong=_narrow_bins,
            message="Your bins are 1/levels wide, but the levels stand 1/(levels - 1) apart: between them are gaps, "
            "whose mass is lost. How many steps lead from the first level to the last?",
        ),
        Misconception(
            name="levels in the middle of equal parts",
            wrong=_equal_parts,
            message="You cut [0, 1] into as many equal parts as there are levels. Here level 0 stands at 0, black, "
            "and the last one at 1, white: the steps between them are wider than 1/levels.",
        ),
        Misconception(
            name="the scale taken for its logarithm",
            wrong=_no_exponential,
            message="You divided by log_scale itself. It is the logarithm of the scale, and may be negative; "
            "which function of it is the scale?",
        ),
        Misconception(
            name="multiplied by the scale",
            wrong=lambda x, mean, log_scale, levels: discretised_logistic_log_mass(x, mean, -log_scale, levels),
            message="You multiplied by the scale. A wide logistic is one that is counted in large units: what is its "
            "distance from the mean, in scales?",
        ),
        Misconception(
            name="averaged over the pixels",
            wrong=lambda *given: discretised_logistic_log_mass(*given) / given[0].shape[1],
            message="You averaged over the pixels. They are independent given z: their log-masses add up.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda *given: -discretised_logistic_log_mass(*given),
            message="This is the negative log-likelihood. A mass is at most 1, so its logarithm is never above 0.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (DISCRETISED_LOGISTIC,)

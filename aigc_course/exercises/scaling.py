"""An exercise on scaling: the power law between the size of a model and its loss."""

import numpy as np
import torch
from torch import Tensor

from aigc_course.exercises.draws import near, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def power_law(sizes: Tensor, losses: Tensor) -> tuple[float, float]:
    """(a, b) of losses = a * sizes**(-b), both (n,), by least squares of log loss on log size."""
    slope, intercept = _line(sizes.log(), losses.log())
    return intercept.exp().item(), -slope.item()


def _line(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and intercept of the line with the least squared errors in y."""
    dx, dy = x - x.mean(), y - y.mean()
    slope = (dx * dy).sum() / dx.square().sum()
    return slope, y.mean() - slope * x.mean()


def _sizes(rng: Rng) -> Tensor:
    return torch.from_numpy(np.sort(10 ** rng.uniform(4, 8, size=int(rng.integers(5, 9))))).round()


def _law(rng: Rng) -> tuple[float, float]:
    return float(rng.uniform(5, 30)), float(rng.uniform(0.05, 0.4))


def _runs(rng: Rng) -> tuple[Tensor, Tensor]:
    """Losses that lie near a power law."""
    sizes, (a, b) = _sizes(rng), _law(rng)
    return sizes, a * sizes ** (-b) * torch.from_numpy(rng.normal(scale=0.05, size=len(sizes))).exp()


def _an_exact_law_is_found(answer: Answer, rng: Rng) -> bool:
    sizes, (a, b) = _sizes(rng), _law(rng)
    return near(answer(sizes, a * sizes ** (-b)), (a, b))


def _larger_losses_change_a_alone(answer: Answer, rng: Rng) -> bool:
    sizes, losses = _runs(rng)
    (a, b), (other_a, other_b) = answer(sizes, losses), answer(sizes, 3 * losses)
    return near(other_a / a, 3.0) and near(other_b, b)


def _errors_balance(answer: Answer, rng: Rng) -> bool:
    """The normal equations of least squares."""
    sizes, losses = _runs(rng)
    a, b = answer(sizes, losses)
    x = sizes.log()
    errors = losses.log() - (tensor(a).log() - b * x)
    return near(errors.sum(), 0.0) and near((errors * (x - x.mean())).sum(), 0.0, 1e-3)


def _first_and_last(sizes: Tensor, losses: Tensor) -> tuple[float, float]:
    x, y = sizes.log(), losses.log()
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    return (y[0] - slope * x[0]).exp().item(), -slope.item()


def _fitted(x: Tensor, y: Tensor) -> tuple[float, float]:
    slope, intercept = _line(x, y)
    return intercept.exp().item(), -slope.item()


POWER_LAW = Exercise(
    id="07.7",
    title="A power law from a few runs",
    stars=2,
    minutes=10,
    inputs=_runs,
    reference=power_law,
    relative_tolerance=1e-3,
    hints=(
        "Take the logarithm of both sides of L = a * N**(-b). What kind of curve is log L against log N?",
        "It is a straight line: log L = log a - b log N. Fit a line; what are its slope and its height at 0?",
        "The slope of a least-squares line is sum((x - mean x)(y - mean y)) / sum((x - mean x)**2), and it goes "
        "through the means. np.polyfit(x, y, 1) gives the slope and the height at 0 too.",
        "b is minus the slope; a is the exponential of the height at 0.",
    ),
    properties=(
        Property(statement="losses that follow a power law exactly give it back", holds=_an_exact_law_is_found),
        Property(
            statement="losses three times as large have an a three times as large, and the same b",
            holds=_larger_losses_change_a_alone,
        ),
        Property(statement="the errors in log L add up to 0, and are not correlated with log N", holds=_errors_balance),
    ),
    misconceptions=(
        Misconception(
            name="the sign of b",
            wrong=lambda sizes, losses: (power_law(sizes, losses)[0], -power_law(sizes, losses)[1]),
            message="Your b has the wrong sign: you gave the slope itself. The law says N**(-b), so that a loss that "
            "falls has a positive b.",
        ),
        Misconception(
            name="log a for a",
            wrong=lambda sizes, losses: (_line(sizes.log(), losses.log())[1].item(), power_law(sizes, losses)[1]),
            message="Your b is right, but your first number is the height of the line, which is the logarithm of a.",
        ),
        Misconception(
            name="the losses left as they are",
            wrong=lambda sizes, losses: _fitted(sizes.log(), losses),
            message="You took the logarithm of the sizes only. A power law is straight where both axes are "
            "logarithmic; a line on this plot would fall below 0 for large models.",
        ),
        Misconception(
            name="the sizes left as they are",
            wrong=lambda sizes, losses: _fitted(sizes, losses.log()),
            message="You took the logarithm of the losses only. That fits an exponential, and the largest model alone "
            "nearly decides it.",
        ),
        Misconception(
            name="two bases",
            wrong=lambda sizes, losses: _fitted(sizes.log10(), losses.log10()),
            message="Your b is right, a is not: you took logarithms to base 10 and undid them with the natural "
            "exponential.",
        ),
        Misconception(
            name="through two points",
            wrong=_first_and_last,
            message="You drew the line through the smallest and the largest run. The noise of these two then decides "
            "all, and the runs in between count for nothing.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (POWER_LAW,)

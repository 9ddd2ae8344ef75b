"""The exercise on the bootstrap: the standard error of any figure, from the examples themselves."""

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Statistic = Callable[[Tensor], float]


def bootstrap_error(examples: Tensor, statistic: Statistic, draws: Tensor) -> float:
    """The standard deviation (divisor B - 1) of `statistic` over the sets examples[rows], rows (N,) of draws (B, N)."""
    return torch.tensor([statistic(examples[rows]) for rows in draws]).double().std().item()


def _ratio(rows: Tensor) -> float:
    """Of two columns' sums, as bits over bytes are."""
    return (rows[:, 0].sum() / rows[:, 1].sum()).item()


def _mean(rows: Tensor) -> float:
    return rows.mean().item()


def _resampling(rng: Rng) -> tuple[Tensor, Statistic, Tensor]:
    n, n_draws = int(rng.integers(6, 14)), int(rng.integers(8, 20))
    examples = torch.stack([normal(rng, n).abs() + 0.2, normal(rng, n).abs() + 1.0], dim=1)
    return examples, _ratio, torch.from_numpy(rng.integers(0, n, size=(n_draws, n)))


def _the_mean_of_all_draws(answer: Answer, rng: Rng) -> bool:
    """Three examples can be drawn in 27 ways; over all of them the mean's variance is the examples' over 3."""
    examples = normal(rng, 3, 1)
    draws = torch.tensor(list(product(range(3), repeat=3)))
    variance = examples.var(correction=0) / 3 * 27 / 26
    return near(answer(examples, _mean, draws), variance.sqrt())


def _whole_sets_are_measured(answer: Answer, rng: Rng) -> bool:
    """The statistic is given the rows of one draw at a time, as they are."""
    examples, _, draws = _resampling(rng)
    seen: list[Tensor] = []

    def keep(rows: Tensor) -> float:
        seen.append(rows)
        return float(len(seen))

    answer(examples, keep, draws)
    wanted = {_as_key(examples[rows]) for rows in draws}
    return wanted <= {_as_key(rows) for rows in seen}


def _as_key(rows: Tensor) -> tuple[float, ...]:
    return tuple(rows.flatten().tolist())


def _ten_times_the_figure(answer: Answer, rng: Rng) -> bool:
    examples, statistic, draws = _resampling(rng)
    shifted = answer(examples, lambda rows: 10 * statistic(rows) + 3, draws)
    return near(shifted, 10 * float(answer(examples, statistic, draws)))


def _values(examples: Tensor, statistic: Statistic, draws: Tensor) -> Tensor:
    return torch.tensor([statistic(examples[rows]) for rows in draws]).double()


def _of_the_mean_over_draws(examples: Tensor, statistic: Statistic, draws: Tensor) -> float:
    return bootstrap_error(examples, statistic, draws) / len(draws) ** 0.5


def _over_examples_again(examples: Tensor, statistic: Statistic, draws: Tensor) -> float:
    return bootstrap_error(examples, statistic, draws) / len(examples) ** 0.5


def _variance(examples: Tensor, statistic: Statistic, draws: Tensor) -> float:
    return bootstrap_error(examples, statistic, draws) ** 2


def _of_single_examples(examples: Tensor, statistic: Statistic, draws: Tensor) -> float:  # noqa: ARG001
    values = torch.tensor([statistic(row[None]) for row in examples]).double()
    return (values.std() / len(examples) ** 0.5).item()


def _each_example_once(examples: Tensor, statistic: Statistic, draws: Tensor) -> float:
    """A set in place of a list: repeats are dropped."""
    return torch.tensor([statistic(examples[rows.unique()]) for rows in draws]).double().std().item()


def _columns_of_the_draws(examples: Tensor, statistic: Statistic, draws: Tensor) -> float:
    return torch.tensor([statistic(examples[rows]) for rows in draws.T]).double().std().item()


def _around_the_figure_itself(examples: Tensor, statistic: Statistic, draws: Tensor) -> float:
    return (_values(examples, statistic, draws) - statistic(examples)).square().mean().sqrt().item()


BOOTSTRAP = Exercise(
    id="11.2",
    title="The standard error of any figure",
    stars=1,
    minutes=8,
    inputs=_resampling,
    reference=bootstrap_error,
    hints=(
        "examples[rows] with rows = draws[0] is the first drawn set: N rows, some of them twice, some not at all.",
        "Measure each drawn set by itself: statistic(examples[rows]) for rows in draws. That gives B numbers.",
        "Their standard deviation is the standard error already: how far the figure would move with other examples.",
        "torch.tensor([...]).std() divides by B - 1.",
    ),
    properties=(
        Property(
            statement="over all 27 ways to draw from three examples, the error of their mean is that of the textbook",
            holds=_the_mean_of_all_draws,
        ),
        Property(
            statement="the statistic is given each drawn set whole, with its repeats", holds=_whole_sets_are_measured
        ),
        Property(statement="ten times the figure, plus 3, has ten times the error", holds=_ten_times_the_figure),
    ),
    misconceptions=(
        Misconception(
            name="divided by the root of the draws",
            wrong=_of_the_mean_over_draws,
            message="You divided by sqrt(B). That is how well you know the *mean over the drawn sets*; with more draws "
            "you could make it as small as you like, without one more example. The spread itself is the error.",
        ),
        Misconception(
            name="divided by the root of the examples",
            wrong=_over_examples_again,
            message="You divided by sqrt(N). Each drawn set has N examples, so the spread of its figure is that of N "
            "examples already.",
        ),
        Misconception(
            name="the variance",
            wrong=_variance,
            message="That is the variance. The standard error is its root, in the unit of the figure.",
        ),
        Misconception(
            name="the figure of single examples",
            wrong=_of_single_examples,
            message="You took the statistic of each example by itself, and s / sqrt(N) of those. That is right for a "
            "mean alone: a ratio of sums is no mean of ratios.",
        ),
        Misconception(
            name="repeats dropped",
            wrong=_each_example_once,
            message="You measured each drawn example once. The repeats are the point: they stand for the examples that "
            "another data set would have in that place.",
        ),
        Misconception(
            name="the columns of the draws",
            wrong=_columns_of_the_draws,
            message="You went through the columns of draws. A row is one drawn set: draws is (B, N).",
        ),
        Misconception(
            name="around the figure of all examples",
            wrong=_around_the_figure_itself,
            message="You took the deviations from the figure of all examples, which adds the bias of the figure to its "
            "spread. A standard deviation is taken around the mean of the drawn sets' figures (and divided by B - 1).",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (BOOTSTRAP,)

"""The exercise on the kernel distance: which pairs count, and how many there are."""

from itertools import combinations

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """The unbiased estimate of E k(x, x') + E k(y, y') - 2 E k(x, y): real (M, D), fake (N, D), k = (x.y / D + 1)^3."""
    within = [(_kernel(x, x).sum() - _kernel(x, x).trace()) / (len(x) * (len(x) - 1)) for x in (real, fake)]
    return (within[0] + within[1] - 2 * _kernel(real, fake).mean()).item()


def _kernel(x: Tensor, y: Tensor, degree: int = 3) -> Tensor:
    """(M, N)"""
    return (x @ y.T / x.shape[1] + 1) ** degree


def _two_sets(rng: Rng) -> tuple[Tensor, Tensor]:
    """Of unequal size, the second shifted."""
    n_real, n_fake = (int(n) for n in rng.permutation(range(3, 9))[:2])
    dims = int(rng.integers(2, 6))
    return normal(rng, n_real, dims), normal(rng, n_fake, dims) + 0.7 * normal(rng, dims)


def _no_distance_on_average(answer: Answer, rng: Rng) -> bool:
    """Over all ways to deal seven examples to the two sides the mean is exactly 0."""
    pool = normal(rng, 7, 3)
    chosen = [torch.tensor(rows) for rows in combinations(range(7), 3)]
    hidden = torch.ones(len(chosen), 7, dtype=torch.bool)
    for row, rows in enumerate(chosen):
        hidden[row, rows] = False
    values = [float(answer(pool[rows], pool[others])) for rows, others in zip(chosen, hidden, strict=True)]
    return near(sum(values) / len(values), 0.0, 1e-3)


def _one_point_each(answer: Answer, rng: Rng) -> bool:
    """Copies of x on one side and of y on the other: every pair has the same kernel."""
    dims = int(rng.integers(2, 6))
    x, y = normal(rng, 1, dims), normal(rng, 1, dims)
    expected = _kernel(x, x) + _kernel(y, y) - 2 * _kernel(x, y)
    return near(answer(x.repeat(4, 1), y.repeat(6, 1)), expected.item())


def _the_sides_may_change(answer: Answer, rng: Rng) -> bool:
    real, fake = _two_sets(rng)
    return near(answer(real, fake), float(answer(fake, real)))


def _with(real: Tensor, fake: Tensor, within: list[Tensor], degree: int = 3) -> float:
    """These two means within the sets, and the right one between them."""
    return (within[0] + within[1] - 2 * _kernel(real, fake, degree).mean()).item()


def _itself_counted(real: Tensor, fake: Tensor) -> float:
    return _with(real, fake, [_kernel(x, x).mean() for x in (real, fake)])


def _itself_counted_but_not_in_the_number(real: Tensor, fake: Tensor) -> float:
    within = [_kernel(x, x).sum() / (len(x) * (len(x) - 1)) for x in (real, fake)]
    return _with(real, fake, within)


def _too_many_pairs(real: Tensor, fake: Tensor) -> float:
    within = [(_kernel(x, x).sum() - _kernel(x, x).trace()) / len(x) ** 2 for x in (real, fake)]
    return _with(real, fake, within)


def _between_once(real: Tensor, fake: Tensor) -> float:
    return kernel_distance(real, fake) + _kernel(real, fake).mean().item()


def _not_over_dimensions(real: Tensor, fake: Tensor) -> float:
    return kernel_distance(real * real.shape[1] ** 0.5, fake * fake.shape[1] ** 0.5)


def _root_of_it(real: Tensor, fake: Tensor) -> float:
    return max(kernel_distance(real, fake), 0.0) ** 0.5


def _of_degree_two(real: Tensor, fake: Tensor) -> float:
    within = [(_kernel(x, x, 2).sum() - _kernel(x, x, 2).trace()) / (len(x) * (len(x) - 1)) for x in (real, fake)]
    return _with(real, fake, within, 2)


KERNEL_DISTANCE = Exercise(
    id="11.4",
    title="A distance without bias",
    stars=2,
    minutes=12,
    inputs=_two_sets,
    reference=kernel_distance,
    relative_tolerance=1e-3,
    absolute_tolerance=1e-5,
    hints=(
        "All kernels of two sets at once: (x @ y.T / x.shape[1] + 1) ** 3 is (M, N). You need it three times: real "
        "with real, fake with fake, real with fake.",
        "Within one set the diagonal holds each example with itself: leave it out. How many pairs are left of M * M?",
        "(k.sum() - k.trace()) / (M * (M - 1)) is the mean over the pairs of different examples of one set.",
        "Add the two means within the sets, and subtract 2 * k.mean() of the kernels between them; there every pair "
        "counts.",
    ),
    properties=(
        Property(
            statement="seven examples, dealt to the two sides in all possible ways, are 0 apart on average",
            holds=_no_distance_on_average,
        ),
        Property(statement="copies of x against copies of y give k(x, x) + k(y, y) - 2 k(x, y)", holds=_one_point_each),
        Property(statement="real and fake may change places", holds=_the_sides_may_change),
    ),
    misconceptions=(
        Misconception(
            name="each example paired with itself",
            wrong=_itself_counted,
            message="Your means within the sets take in k(x, x), each example with itself. That is larger than the "
            "kernel of two different ones, so the estimate is too large on average, the more so the fewer examples: "
            "the bias that this distance is chosen to avoid.",
        ),
        Misconception(
            name="the diagonal summed, not counted",
            wrong=_itself_counted_but_not_in_the_number,
            message="You divide by M (M - 1), the number of pairs of different examples, but your sum still holds the "
            "M pairs of an example with itself.",
        ),
        Misconception(
            name="the diagonal counted, not summed",
            wrong=_too_many_pairs,
            message="You left the diagonal out of the sum, but divide by M * M. There are M (M - 1) pairs of different "
            "examples.",
        ),
        Misconception(
            name="the pairs between the sets once",
            wrong=_between_once,
            message="The mean between the sets comes with the factor 2, as 2ab does in (a - b)^2.",
        ),
        Misconception(
            name="not divided by the dimensions",
            wrong=_not_over_dimensions,
            message="In the kernel, x.y is divided by D, the number of features; you took the product as it is.",
        ),
        Misconception(
            name="the root of it",
            wrong=_root_of_it,
            message="You took the root, and 0 where the estimate was below 0. The unbiased estimate of the *squared* "
            "distance is asked for; where both sets come from one distribution, it must fall below 0 about half of "
            "the times.",
        ),
        Misconception(
            name="the second power",
            wrong=_of_degree_two,
            message="Your kernel is the square; here it is the third power, which sees means, covariances and the "
            "third moments.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (KERNEL_DISTANCE,)

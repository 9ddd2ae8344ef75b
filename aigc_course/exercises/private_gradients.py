"""The exercise on a gradient that hides each single example."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def private_gradient(
    gradients: Tensor, clip: float, noise_multiplier: float, noise: Tensor, expected_size: float
) -> Tensor:
    """(sum of the clipped rows + noise_multiplier * clip * noise) / expected_size.

    Args: gradients: (B, D), one row for each example: none longer than `clip` counts as more than `clip`. noise: (D,)
        standard normal. expected_size: of the batch, which varies.
    """
    return (_clipped(gradients, clip).sum(dim=0) + noise_multiplier * clip * noise) / expected_size


def _clipped(gradients: Tensor, clip: float) -> Tensor:
    lengths = gradients.norm(dim=1, keepdim=True)
    return gradients * (clip / lengths).clamp(max=1)


def _batch(rng: Rng) -> tuple[Tensor, float, float, Tensor, float]:
    """Some gradients shorter than the limit and some longer, of a batch that isn't of the expected size."""
    size, dimensions, clip = int(rng.integers(4, 9)), int(rng.integers(3, 6)), float(rng.uniform(0.4, 2.5))
    directions = torch.nn.functional.normalize(normal(rng, size, dimensions) + 0.5, dim=1)
    lengths = clip * torch.from_numpy(rng.permutation([0.3, 0.6, 1.7, 3.0] + [2.0] * (size - 4)))
    expected = size + float(rng.choice([-2.5, -1.5, 1.5, 2.5]))
    return directions * lengths[:, None], clip, float(rng.uniform(0.5, 2)), normal(rng, dimensions), expected


def _short_ones_stay(answer: Answer, rng: Rng) -> bool:
    gradients, clip, _, noise, expected = _batch(rng)
    short = 0.1 * gradients
    return near(answer(short, clip, 0.0, noise, expected), short.sum(dim=0) / expected)


def _one_example_weighs_at_most_the_limit(answer: Answer, rng: Rng) -> bool:
    """Whatever one more example is, the sum moves by no more than the limit."""
    gradients, clip, multiplier, noise, expected = _batch(rng)
    before = torch.as_tensor(answer(gradients[1:], clip, multiplier, noise, expected))
    longer = torch.cat([1000 * gradients[:1], gradients[1:]])
    moved = (torch.as_tensor(answer(longer, clip, multiplier, noise, expected)) - before).double().norm() * expected
    return near(moved, clip, 1e-3)


def _noise_in_units_of_the_limit(answer: Answer, rng: Rng) -> bool:
    gradients, clip, multiplier, noise, expected = _batch(rng)
    with_noise = torch.as_tensor(answer(gradients, clip, multiplier, noise, expected))
    without = torch.as_tensor(answer(gradients, clip, 0.0, noise, expected))
    return near(with_noise - without, multiplier * clip * noise / expected, 1e-3)


def _directions_stay(answer: Answer, rng: Rng) -> bool:
    gradients, clip, _, noise, expected = _batch(rng)
    given = torch.as_tensor(answer(100 * gradients[:1], clip, 0.0, noise, expected)).double()
    return near(given, clip * torch.nn.functional.normalize(gradients[0], dim=0) / expected, 1e-3)


def _of_the_mean(gradients: Tensor, clip: float, multiplier: float, noise: Tensor, expected: float) -> Tensor:
    mean = gradients.sum(dim=0, keepdim=True) / expected
    return _clipped(mean, clip)[0] + multiplier * clip * noise / expected


def _normalised(gradients: Tensor, clip: float, multiplier: float, noise: Tensor, expected: float) -> Tensor:
    rows = clip * torch.nn.functional.normalize(gradients, dim=1)
    return (rows.sum(dim=0) + multiplier * clip * noise) / expected


def _each_number(gradients: Tensor, clip: float, multiplier: float, noise: Tensor, expected: float) -> Tensor:
    return (gradients.clamp(-clip, clip).sum(dim=0) + multiplier * clip * noise) / expected


def _noise_undivided(gradients: Tensor, clip: float, multiplier: float, noise: Tensor, expected: float) -> Tensor:
    return _clipped(gradients, clip).sum(dim=0) / expected + multiplier * clip * noise


def _noise_unscaled(gradients: Tensor, clip: float, multiplier: float, noise: Tensor, expected: float) -> Tensor:
    return (_clipped(gradients, clip).sum(dim=0) + multiplier * noise) / expected


def _noise_for_each(gradients: Tensor, clip: float, multiplier: float, noise: Tensor, expected: float) -> Tensor:
    return private_gradient(gradients, clip, multiplier * len(gradients), noise, expected)


def _by_its_size(gradients: Tensor, clip: float, multiplier: float, noise: Tensor, _: float) -> Tensor:
    return private_gradient(gradients, clip, multiplier, noise, len(gradients))


def _a_gradient_of_zero() -> tuple[Tensor, float, float, Tensor, float]:
    return torch.tensor([[0.0, 0.0], [3.0, 4.0]]).double(), 1.0, 0.5, torch.ones(2).double(), 2.0


PRIVATE_GRADIENT = Exercise(
    id="14.3",
    title="A gradient that hides each example",
    stars=2,
    minutes=10,
    inputs=_batch,
    reference=private_gradient,
    extremes=(_a_gradient_of_zero(),),
    hints=(
        "The length of each example's gradient: gradients.norm(dim=1, keepdim=True), (B, 1).",
        "A row that is too long is multiplied by clip / length, a shorter one by 1: (clip / lengths).clamp(max=1).",
        "Add up the rows; add noise whose standard deviation is noise_multiplier times the most that one example can "
        "move the sum.",
        "Divide all of it, noise included, by expected_size: a number that does not depend on who is in the batch.",
    ),
    properties=(
        Property(statement="gradients shorter than the limit are left as they are", holds=_short_ones_stay),
        Property(
            statement="one more example, however large, moves the sum by the limit",
            holds=_one_example_weighs_at_most_the_limit,
        ),
        Property(statement="a long gradient keeps its direction", holds=_directions_stay),
        Property(
            statement="the noise of the sum is noise_multiplier * clip * noise", holds=_noise_in_units_of_the_limit
        ),
    ),
    misconceptions=(
        Misconception(
            name="the mean clipped",
            wrong=_of_the_mean,
            message="You clipped the batch's mean gradient, as one does against explosions. One example can still turn "
            "it as it likes: each row has to be clipped before the sum.",
        ),
        Misconception(
            name="short ones lengthened",
            wrong=_normalised,
            message="You gave every gradient the length of the limit. Only those that are longer are shortened.",
        ),
        Misconception(
            name="each number clipped",
            wrong=_each_number,
            message="You clipped each number. A row of D numbers can then be sqrt(D) times as long as the limit, which "
            "is about the length of the whole row.",
        ),
        Misconception(
            name="noise not divided",
            wrong=_noise_undivided,
            message="You added the noise to the mean. It belongs to the sum, and is divided with it; or a large batch "
            "would not help.",
        ),
        Misconception(
            name="noise without the limit",
            wrong=_noise_unscaled,
            message="Your noise does not know the limit. One example moves the sum by up to `clip`, so the noise that "
            "hides it is noise_multiplier * clip * noise.",
        ),
        Misconception(
            name="noise for each example",
            wrong=_noise_for_each,
            message="You added the noise once for each example. It is added once, to the sum: that is enough to hide "
            "any one of them.",
        ),
        Misconception(
            name="divided by the batch's own size",
            wrong=_by_its_size,
            message="You divided by the number of examples that happen to be in the batch. That number tells whether "
            "somebody is in it; expected_size does not.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (PRIVATE_GRADIENT,)

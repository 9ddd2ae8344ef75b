"""The exercise on bringing a generator's images into the form in which a figure takes them."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def to_show(images: Tensor) -> Tensor:
    """(N, 3, H, W) in about [-1, 1], as a tanh gives them -> (N, H, W, 3) in [0, 1], as matplotlib takes them."""
    return (0.5 * (images + 1)).clamp(0, 1).permute(0, 2, 3, 1)


def _drawn(rng: Rng) -> tuple[Tensor]:
    """Images whose height is not their width, some of whose numbers leave [-1, 1]."""
    count, height, width = int(rng.integers(1, 4)), int(rng.integers(2, 5)), int(rng.integers(5, 8))
    return (normal(rng, count, 3, height, width, scale=0.7),)


def _flat(value: float) -> Tensor:
    return torch.full((1, 3, 2, 5), value, dtype=torch.float64)


def _ends_and_middle(answer: Answer, _: Rng) -> bool:
    levels = torch.cat([_flat(-1.0), _flat(0.0), _flat(1.0)])
    expected = torch.tensor([0.0, 0.5, 1.0]).double()[:, None, None, None].expand(3, 2, 5, 3)
    return near(answer(levels), expected)


def _one_level_stays_one_level(answer: Answer, rng: Rng) -> bool:
    """Alone, and beside an image of all levels."""
    level = float(rng.uniform(-0.9, 0.9))
    both = torch.cat([_flat(level), torch.linspace(-1, 1, 30).double().view(1, 3, 2, 5)])
    return near(answer(_flat(level)), tensor(answer(both))[:1]) and near(
        tensor(answer(both))[0, 1, 2, 0], (level + 1) / 2
    )


def _a_red_pixel(answer: Answer, rng: Rng) -> bool:
    row, column = int(rng.integers(0, 2)), int(rng.integers(0, 5))
    image = _flat(-1.0)
    image[0, 0, row, column] = 1
    expected = torch.zeros(1, 2, 5, 3).double()
    expected[0, row, column, 0] = 1
    return near(answer(image), expected)


def _nothing_leaves_the_range(answer: Answer, rng: Rng) -> bool:
    shown = tensor(answer(5 * _drawn(rng)[0]))
    return bool(shown.min() >= 0 and shown.max() <= 1)


def _to_its_own_range(images: Tensor) -> Tensor:
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    return ((images - low) / (high - low)).permute(0, 2, 3, 1)


SHOW = Exercise(
    id="16.3",
    title="A generator's image, as a figure takes it",
    stars=1,
    minutes=8,
    inputs=_drawn,
    reference=to_show,
    hints=(
        "Two things differ: the place of the axis of colours, and the range. And a third: what lies outside the range.",
        "Which number should -1 become, which 0, which 1? Two of them fix the line.",
        "images.permute(0, 2, 3, 1) moves the axis of colours to the end; clamp(0, 1) cuts what lies outside.",
    ),
    properties=(
        Property(statement="-1 becomes 0, 0 becomes 1/2 and 1 becomes 1", holds=_ends_and_middle),
        Property(
            statement="a red pixel on black stays red, in its row and its column, and all else black",
            holds=_a_red_pixel,
        ),
        Property(
            statement="a level comes out the same whatever else is in the image or the batch",
            holds=_one_level_stays_one_level,
        ),
        Property(statement="no number leaves [0, 1], whatever comes in", holds=_nothing_leaves_the_range),
    ),
    misconceptions=(
        Misconception(
            name="reshaped, not moved",
            wrong=lambda images: to_show(images).permute(0, 3, 1, 2).reshape(len(images), *images.shape[2:], 3),
            message="The shape fits, the picture is shredded: reshape keeps the numbers in their order in memory. The "
            "axis of colours has to be moved.",
        ),
        Misconception(
            name="the dark half cut off",
            wrong=lambda images: images.clamp(0, 1).permute(0, 2, 3, 1),
            message="You cut off what is below 0, as matplotlib does by itself. Half of the range becomes black: 0 is "
            "the middle grey of a tanh.",
        ),
        Misconception(
            name="stretched to its own range",
            wrong=_to_its_own_range,
            message="You stretched each image to its own darkest and brightest number. Then a pale generator looks as "
            "rich in contrast as the real images, and two images can't be compared.",
        ),
        Misconception(
            name="not cut",
            wrong=lambda images: (0.5 * (images + 1)).permute(0, 2, 3, 1),
            message="Line and axes are right. But numbers beyond [-1, 1] come out beyond [0, 1]; a figure then cuts "
            "them with a warning, and bytes made of them wrap round: the brightest pixel turns black.",
        ),
        Misconception(
            name="rows and columns exchanged",
            wrong=lambda images: to_show(images).transpose(1, 2),
            message="Rows and columns have changed places: each image lies on its side, mirrored.",
        ),
        Misconception(
            name="0 to 255",
            wrong=lambda images: 255 * to_show(images),
            message="Your numbers reach 255. A figure takes floats in [0, 1]; only uint8 goes from 0 to 255.",
        ),
        Misconception(
            name="blue first",
            wrong=lambda images: to_show(images).flip(-1),
            message="The last axis is turned round. OpenCV stores blue first; torch and matplotlib store red first.",
        ),
        Misconception(
            name="the axes left as they are",
            wrong=lambda images: (0.5 * (images + 1)).clamp(0, 1),
            message="The range is right, but the colours still come before rows and columns: matplotlib refuses that.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (SHOW,)

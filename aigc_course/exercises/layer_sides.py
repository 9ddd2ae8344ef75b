"""The exercise on the side of an image after each ordinary and each transposed convolution."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from aigc_course.exercises.draws import near
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Layer = tuple[str, int, int, int]  # "conv" or "transposed", kernel, stride, padding
Side = Callable[[int, int, int, int], float]  # of what comes in, kernel, stride, padding -> of what goes out


def layer_sides(side: int, layers: Sequence[Layer]) -> list[int]:
    """The side of a square image before the first layer and after each: one number more than there are layers."""
    sides = [side]
    for kind, kernel, stride, padding in layers:
        side = (_transposed if kind == "transposed" else _conv)(side, kernel, stride, padding)
        sides.append(side)
    return sides


def _conv(side: int, kernel: int, stride: int, padding: int) -> int:
    return (side + 2 * padding - kernel) // stride + 1


def _transposed(side: int, kernel: int, stride: int, padding: int) -> int:
    return (side - 1) * stride + kernel - 2 * padding


def _numbers(rng: Rng) -> tuple[int, int, int]:
    """Kernel, stride and padding that a layer may have."""
    kernel, stride = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    return kernel, stride, int(rng.integers(0, (kernel + 1) // 2))


def _side_and_layers(rng: Rng) -> tuple[int, list[Layer]]:
    """Two convolutions and two or three transposed ones in any order, with sides from 4 to 60."""
    first = side = int(rng.integers(5, 17))
    layers: list[Layer] = []
    for kind in rng.permutation(["conv", "conv", *["transposed"] * int(rng.integers(2, 4))]):
        while True:
            numbers = _numbers(rng)
            after = (_conv if kind == "conv" else _transposed)(side, *numbers)
            if 4 <= after <= 60:
                break
        layers.append((str(kind), *numbers))
        side = after
    return first, layers


def _torch_gives_the_same(answer: Answer, rng: Rng) -> bool:
    side, layers = _side_and_layers(rng)
    x = torch.empty(1, 1, side, side, device="meta")
    expected = [side]
    for kind, kernel, stride, padding in layers:
        layer = F.conv2d if kind == "conv" else F.conv_transpose2d
        weight = torch.empty(1, 1, kernel, kernel, device="meta")
        x = layer(x, weight, stride=stride, padding=padding)
        expected.append(x.shape[-1])
    return near(answer(side, layers), expected)


def _dcgan_doubles_four_to_thirty_two(answer: Answer, _: Rng) -> bool:
    layers = [("transposed", 4, 1, 0), *[("transposed", 4, 2, 1)] * 3]
    return near(answer(1, layers), [1, 4, 8, 16, 32])


def _a_transposed_one_leads_back(answer: Answer, rng: Rng) -> bool:
    """Where the convolution's division leaves no rest."""
    side, numbers = int(rng.integers(3, 9)), _numbers(rng)
    large = _transposed(side, *numbers)
    return large < 1 or near(answer(large, [("conv", *numbers), ("transposed", *numbers)]), [large, side, large])


def _with(conv: Side = _conv, transposed: Side = _transposed) -> Answer:
    """The answer with these two formulas."""

    def sides(side: int, layers: Sequence[Layer]) -> list[float]:
        found: list[Any] = [side]
        for kind, *numbers in layers:
            found.append((transposed if kind == "transposed" else conv)(found[-1], *numbers))
        return found

    return sides


LAYER_SIDES = Exercise(
    id="08.1",
    title="The side after each layer",
    stars=1,
    minutes=8,
    inputs=_side_and_layers,
    reference=layer_sides,
    hints=(
        "A convolution: padding makes the side longer at both ends. How many places has the kernel, one pixel apart?",
        "With n pixels, n - k + 1 places. With a stride s it takes each s-th of them, beginning with the first: "
        "(n + 2p - k) // s + 1.",
        "A transposed convolution puts one kernel down for each pixel that comes in, s pixels apart. Where does the "
        "last one end? Its padding then cuts pixels off, at both ends.",
        "The last of n kernels begins (n - 1) s pixels behind the first and is k long: (n - 1) s + k - 2p.",
    ),
    properties=(
        Property(statement="torch's own layers give the same sides", holds=_torch_gives_the_same),
        Property(
            statement="transposed convolutions as DCGAN has them lead from 1 to 4, 8, 16 and 32",
            holds=_dcgan_doubles_four_to_thirty_two,
        ),
        Property(
            statement="a transposed convolution leads back to the side before the convolution with its numbers, "
            "where no pixel was left over",
            holds=_a_transposed_one_leads_back,
        ),
    ),
    misconceptions=(
        Misconception(
            name="padding at one end",
            wrong=_with(
                lambda n, kernel, stride, padding: (n + padding - kernel) // stride + 1,
                lambda n, kernel, stride, padding: (n - 1) * stride + kernel - padding,
            ),
            message="You counted the padding once. It lies at both ends of a side.",
        ),
        Misconception(
            name="a transposed convolution taken for an ordinary one",
            wrong=_with(transposed=_conv),
            message="You treat both kinds alike, and divide by the stride in both. A transposed convolution makes the "
            "image larger: its stride is the distance between the kernels that it puts down.",
        ),
        Misconception(
            name="the first place is missing",
            wrong=_with(conv=lambda n, kernel, stride, padding: (n + 2 * padding - kernel) // stride),
            message="You counted the steps between the kernel's places in a convolution. There is one place more than "
            "steps, as there is one fence post more than gaps.",
        ),
        Misconception(
            name="a step for each pixel",
            wrong=_with(transposed=lambda n, kernel, stride, padding: n * stride + kernel - 2 * padding),
            message="You moved a transposed kernel on once for each pixel. Between n kernels there are n - 1 steps.",
        ),
        Misconception(
            name="padding makes a transposed one larger",
            wrong=_with(transposed=lambda n, kernel, stride, padding: (n - 1) * stride + kernel + 2 * padding),
            message="Your transposed convolution grows by its padding. It is the way back from a convolution, whose "
            "padding was added: here it is cut off again.",
        ),
        Misconception(
            name="rounded up",
            wrong=_with(conv=lambda n, kernel, stride, padding: -(-(n + 2 * padding - kernel) // stride) + 1),
            message="You rounded up. Where the last step would carry the kernel over the edge, it is not taken: the "
            "pixels that are left over are dropped.",
        ),
        Misconception(
            name="not rounded",
            wrong=_with(conv=lambda n, kernel, stride, padding: (n + 2 * padding - kernel) / stride + 1),
            message="You divided without rounding: no image has half a pixel. Which places has the kernel when the "
            "last step would carry it over the edge?",
        ),
        Misconception(
            name="times or divided by the stride",
            wrong=_with(lambda n, _, stride, __: n // stride, lambda n, _, stride, __: n * stride),
            message="You used the stride alone. That a stride of 2 halves or doubles the side is true for a kernel of "
            "4 with a padding of 1, and for few others: kernel and padding count as well.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (LAYER_SIDES,)

"""The exercise on weights of few bits."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def rounded_weights(weights: Tensor, bits: int) -> Tensor:
    """What (N, D) weights become on symmetric grids of 2^bits - 1 whole numbers, one grid for each row.

    A row's scale makes its largest |weight| the grid's end: scale * q, q from -(2^(bits-1) - 1) to 2^(bits-1) - 1.
    """
    highest = 2 ** (bits - 1) - 1
    scale = _scale(weights.abs().amax(dim=1, keepdim=True), highest)
    return (weights / scale).round() * scale


def _scale(largest: Tensor, highest: float) -> Tensor:
    return torch.where(largest > 0, largest, 1) / highest


def _matrix(rng: Rng) -> tuple[Tensor, int]:
    """Rows of very different sizes; more rows than columns or fewer, never as many."""
    rows, columns = (int(n) for n in rng.permutation([int(rng.integers(3, 5)), int(rng.integers(6, 9))]))
    sizes = torch.from_numpy(rng.permutation([0.05, 1.0, 8.0] + [2.0] * (rows - 3)))
    return normal(rng, rows, columns) * sizes[:, None], int(rng.choice([3, 4, 5]))


def _no_weight_moves_by_more_than_half_a_step(answer: Answer, rng: Rng) -> bool:
    weights, bits = _matrix(rng)
    moved = (tensor(answer(weights, bits)) - weights).abs()
    steps = weights.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
    return bool((moved <= steps / 2 * (1 + 1e-6)).all())


def _the_largest_of_each_row_stays(answer: Answer, rng: Rng) -> bool:
    weights, bits = _matrix(rng)
    places = weights.abs().argmax(dim=1, keepdim=True)
    return near(tensor(answer(weights, bits)).gather(1, places), weights.gather(1, places))


def _few_values_in_a_row(answer: Answer, rng: Rng) -> bool:
    """Whole multiples of the row's step."""
    weights, bits = _matrix(rng)
    steps = weights.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
    q = tensor(answer(weights, bits)) / steps
    return near(q, q.round(), 1e-3)


def _mirrored(answer: Answer, rng: Rng) -> bool:
    weights, bits = _matrix(rng)
    return near(answer(-weights, bits), -tensor(answer(weights, bits)))


def _one_grid(weights: Tensor, bits: int) -> Tensor:
    scale = weights.abs().max() / (2 ** (bits - 1) - 1)
    return (weights / scale).round() * scale


def _by_columns(weights: Tensor, bits: int) -> Tensor:
    return rounded_weights(weights.T, bits).T


def _rounded_down(weights: Tensor, bits: int) -> Tensor:
    scale = _scale(weights.abs().amax(dim=1, keepdim=True), 2 ** (bits - 1) - 1)
    return (weights / scale).floor() * scale


def _whole_numbers(weights: Tensor, bits: int) -> Tensor:
    scale = _scale(weights.abs().amax(dim=1, keepdim=True), 2 ** (bits - 1) - 1)
    return (weights / scale).round()


def _sign_forgotten(weights: Tensor, bits: int) -> Tensor:
    highest = 2**bits - 1
    scale = _scale(weights.abs().amax(dim=1, keepdim=True), highest)
    return (weights / scale).round() * scale


def _from_lowest_to_highest(weights: Tensor, bits: int) -> Tensor:
    spread = weights.amax(dim=1, keepdim=True) - weights.amin(dim=1, keepdim=True)
    scale = _scale(spread, 2**bits - 1)
    return (weights / scale).round() * scale


ROUNDED_WEIGHTS = Exercise(
    id="12.1",
    title="Weights of a few bits",
    stars=2,
    minutes=10,
    inputs=_matrix,
    reference=rounded_weights,
    extremes=((torch.tensor([[0.0, 0.0], [0.4, -1.0]]).double(), 4),),
    hints=(
        "With 8 bits and one number left out, whole numbers go from -127 to 127; with `bits`, to 2**(bits - 1) - 1.",
        "The largest |weight| of a row: weights.abs().amax(dim=1, keepdim=True), (N, 1). Divided by that whole number, "
        "it is the row's step.",
        "Round weights / step to whole numbers, and multiply by the step again.",
        "A row of zeros has the step 0: put any other number there, as torch.where(largest > 0, largest, 1) does.",
    ),
    properties=(
        Property(
            statement="no weight moves by more than half a step of its row",
            holds=_no_weight_moves_by_more_than_half_a_step,
        ),
        Property(statement="the largest weight of each row stays what it is", holds=_the_largest_of_each_row_stays),
        Property(statement="all weights of a row are whole multiples of its step", holds=_few_values_in_a_row),
        Property(statement="turning all signs before or after gives the same", holds=_mirrored),
    ),
    misconceptions=(
        Misconception(
            name="one step for the whole matrix",
            wrong=_one_grid,
            message="Your step comes from the largest weight of all. A row whose weights are small then has only a few "
            "values left, or none but 0: each row has a step of its own.",
        ),
        Misconception(
            name="a step for each column",
            wrong=_by_columns,
            message="You took the largest weight of each column. One output is computed from one row, and its sum can "
            "be multiplied by the step afterwards; a step that changes inside the sum could not be.",
        ),
        Misconception(
            name="rounded down",
            wrong=_rounded_down,
            message="You rounded down, so that weights move by up to a whole step, and all in one direction: the sums "
            "are shifted. The nearest whole number moves them by half a step at most.",
        ),
        Misconception(
            name="the whole numbers themselves",
            wrong=_whole_numbers,
            message="You gave the whole numbers. What they stand for is asked: times the step.",
        ),
        Misconception(
            name="the sign costs nothing",
            wrong=_sign_forgotten,
            message="You let the whole numbers go up to 2^bits - 1 on both sides, which takes one bit more. Half of "
            "them are for the negative weights.",
        ),
        Misconception(
            name="the range of an asymmetric grid",
            wrong=_from_lowest_to_highest,
            message="Your step is (largest - smallest) / (2^bits - 1), that of a grid which is moved by a zero point. "
            "Without the zero point one side doesn't fit into the bits.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (ROUNDED_WEIGHTS,)

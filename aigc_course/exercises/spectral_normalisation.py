"""The exercise on spectral normalisation: the largest singular value by power iteration, and its gradient."""

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Normalised = tuple[Tensor, Tensor]  # the weight, u


def spectrally_normalised(weight: Tensor, u: Tensor, steps: int) -> Normalised:
    """(weight / sigma, the new u) after `steps` steps of power iteration from u.

    The weight (outputs, inputs) or (outputs, inputs, height, width) counts as the matrix W (outputs, all the rest).
    A step: v = W^T u / |W^T u|, then u = W v / |W v|. In the end sigma = u^T W v. For gradients, u and v are constants.
    """
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(steps):
            v = F.normalize(matrix.T @ u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
    sigma = u @ matrix @ v
    return weight / sigma, u


def _weight_and_vector(rng: Rng) -> tuple[Tensor, Tensor, int]:
    """A convolution's weight three times of four, else a linear layer's."""
    outputs, inputs = int(rng.integers(3, 7)), int(rng.integers(3, 5))
    kernel = (3, 2) if rng.random() < 0.75 else ()
    return normal(rng, outputs, inputs, *kernel), F.normalize(normal(rng, outputs), dim=0), int(rng.integers(1, 4))


def _nothing_is_stretched(answer: Answer, rng: Rng) -> bool:
    """Singular values 1, 1/2, 1/4, … times some factor, so that a few dozen steps find the largest."""
    weight, u, _ = _weight_and_vector(rng)
    left, _, right = torch.linalg.svd(weight.flatten(1), full_matrices=False)
    values = float(rng.uniform(0.5, 3.0)) * 0.5 ** torch.arange(left.shape[1], dtype=torch.float64)
    result, _ = answer(((left * values) @ right).reshape(weight.shape), u, 40)
    return near(torch.linalg.matrix_norm(result.flatten(1), 2), 1.0)


def _a_scaled_weight_gives_the_same(answer: Answer, rng: Rng) -> bool:
    weight, u, steps = _weight_and_vector(rng)
    return near(answer(float(rng.uniform(2, 5)) * weight, u, steps), answer(weight, u, steps))


def _it_goes_on_where_it_ended(answer: Answer, rng: Rng) -> bool:
    weight, u, steps = _weight_and_vector(rng)
    return near(answer(weight, answer(weight, u, steps)[1], 2), answer(weight, u, steps + 2))


def _a_gradient_cannot_lengthen(answer: Answer, rng: Rng) -> bool:
    weight, u, steps = _weight_and_vector(rng)
    weight.requires_grad_()
    result, _ = answer(weight, u, steps)
    (slope,) = torch.autograd.grad((result * normal(rng, *weight.shape)).sum(), weight)
    return near(F.cosine_similarity(slope.flatten(), weight.flatten(), dim=0), 0.0, 1e-3)


def _u_has_no_gradient(answer: Answer, rng: Rng) -> bool:
    weight, u, steps = _weight_and_vector(rng)
    return not answer(weight.requires_grad_(), u, steps)[1].requires_grad


def _iterated(matrix: Tensor, u: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """(sigma, u) with a graph through all steps."""
    for _ in range(steps):
        v = F.normalize(matrix.T @ u, dim=0)
        u = F.normalize(matrix @ v, dim=0)
    return u @ matrix @ v, u


def _one_length_kept(weight: Tensor, u: Tensor, steps: int) -> Normalised:
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(steps):
            v = F.normalize(matrix.T @ u, dim=0)
            u = matrix @ v
    return weight / (u @ matrix @ v), u


def _no_length_kept(weight: Tensor, u: Tensor, steps: int) -> Normalised:
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(steps):
            v = matrix.T @ u
            u = matrix @ v
    return weight / (u @ matrix @ v), u


def _squared(weight: Tensor, u: Tensor, steps: int) -> Normalised:
    normalised, after = spectrally_normalised(weight, u, steps)
    sigma = weight.norm() / normalised.norm()
    return normalised / sigma, after


def _numbers_mixed_up(weight: Tensor, u: Tensor, steps: int) -> Normalised:
    matrix = weight.reshape(-1, len(weight)).T
    normalised, after = spectrally_normalised(matrix, u, steps)
    return normalised.T.reshape(weight.shape), after


def _constant_sigma(weight: Tensor, u: Tensor, steps: int) -> Normalised:
    sigma, after = _iterated(weight.detach().flatten(1), u, steps)
    return weight / sigma, after


def _graph_through_the_steps(weight: Tensor, u: Tensor, steps: int) -> Normalised:
    sigma, after = _iterated(weight.flatten(1), u, steps)
    return weight / sigma, after


SPECTRAL_NORMALISATION = Exercise(
    id="08.2",
    title="A weight that lengthens no vector",
    stars=3,
    minutes=12,
    inputs=_weight_and_vector,
    reference=spectrally_normalised,
    differentiable=(0,),
    hints=(
        "First the matrix: weight.flatten(1) has one row for each output, whatever the weight's number of dimensions.",
        "One step is two products, and each result is brought back to length 1: x / x.norm(), or "
        "F.normalize(x, dim=0).",
        "The steps stand inside `with torch.no_grad():`, so that u and v are constants. sigma comes after it: "
        "u @ matrix @ v, whose gradient reaches the weight.",
        "Divide the weight in its own shape by sigma, and give back the last u beside it.",
    ),
    properties=(
        Property(statement="after many steps the largest singular value is 1", holds=_nothing_is_stretched),
        Property(
            statement="the weight times a positive number gives the same result", holds=_a_scaled_weight_gives_the_same
        ),
        Property(
            statement="calling it again with the u that came back goes on where the steps ended",
            holds=_it_goes_on_where_it_ended,
        ),
        Property(
            statement="a gradient that went through sigma stands at right angles to the weight",
            holds=_a_gradient_cannot_lengthen,
        ),
        Property(statement="the u that comes back carries no gradient", holds=_u_has_no_gradient),
    ),
    misconceptions=(
        Misconception(
            name="the Frobenius norm",
            wrong=lambda weight, u, steps: (weight / weight.norm(), spectrally_normalised(weight, u, steps)[1]),
            message="You divided by the root of the sum of all squares. That counts every direction, not the one that "
            "is stretched most: the more directions there are, the weaker it makes the layer.",
        ),
        Misconception(
            name="u keeps its length",
            wrong=_one_length_kept,
            message="Your v has length 1, your u does not. u^T W v then measures the length of u as well.",
        ),
        Misconception(
            name="neither has length 1",
            wrong=_no_length_kept,
            message="Neither u nor v is brought to length 1. Only a product between vectors of length 1 tells how much "
            "W stretches; theirs grow with every step.",
        ),
        Misconception(
            name="sigma squared",
            wrong=_squared,
            message="You divided by the square of sigma. The square is the largest eigenvalue of W^T W; the weight is "
            "of the same order as sigma itself.",
        ),
        Misconception(
            name="the numbers mixed up",
            wrong=_numbers_mixed_up,
            message="Your matrix has the right shape, but its rows hold numbers of several outputs. A reshape keeps "
            "the order of the numbers: the outputs come first in it, so they have to be the first dimension.",
        ),
        Misconception(
            name="the old u",
            wrong=lambda weight, u, steps: (spectrally_normalised(weight, u, steps)[0], u),
            message="The weight is right, but you gave back the u that you were given. In training one step is done "
            "for each batch: it finds sigma only because each begins with what the last one found.",
        ),
        Misconception(
            name="sigma a constant",
            wrong=_constant_sigma,
            message="The values are right, but no gradient goes through sigma. Then the optimizer tries to lengthen "
            "the weight, and the division undoes it each time.",
        ),
        Misconception(
            name="a gradient through the steps",
            wrong=_graph_through_the_steps,
            message="The values are right, but the steps are part of the graph. u is kept for the next batch, and with "
            "it the graph of every batch before; the steps belong under torch.no_grad().",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (SPECTRAL_NORMALISATION,)

"""The exercise on the distance between real and generated features, taken for Gaussians."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Gaussians = tuple[Tensor, Tensor, Tensor, Tensor]  # mean and covariance of the real, then of the fake


def frechet(mean_real: Tensor, covariance_real: Tensor, mean_fake: Tensor, covariance_fake: Tensor) -> float:
    """|mu - mu'|^2 + tr C + tr C' - 2 tr (C C')^(1/2) of two Gaussians: means (D,), covariances (D, D).

    The trace of the root is the sum of the roots of the eigenvalues of C C', which are those of C^(1/2) C' C^(1/2).
    """
    root = _root(covariance_real)
    eigenvalues = torch.linalg.eigvalsh(root @ covariance_fake @ root).clamp(min=0)  # below 0 by rounding alone
    shift = (mean_real - mean_fake).square().sum()
    spread = covariance_real.trace() + covariance_fake.trace() - 2 * eigenvalues.sqrt().sum()
    return (shift + spread).item()


def _root(covariance: Tensor) -> Tensor:
    """The symmetric matrix whose square is the covariance."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _covariance(rng: Rng, size: int) -> Tensor:
    factor = normal(rng, size, size)
    return factor @ factor.T + 0.3 * torch.eye(size, dtype=torch.float64)


def _gaussians(rng: Rng) -> Gaussians:
    size = int(rng.integers(2, 5))
    return normal(rng, size), _covariance(rng, size), normal(rng, size, scale=2.0), _covariance(rng, size)


def _no_distance_to_itself(answer: Answer, rng: Rng) -> bool:
    mean, covariance, *_ = _gaussians(rng)
    return near(answer(mean, covariance, mean, covariance), 0.0, 1e-3)


def _a_shift_costs_its_square(answer: Answer, rng: Rng) -> bool:
    mean, covariance, shift, _ = _gaussians(rng)
    return near(answer(mean, covariance, mean + shift, covariance), shift.square().sum(), 1e-3)


def _a_turn_changes_nothing(answer: Answer, rng: Rng) -> bool:
    gaussians = _gaussians(rng)
    turn, _ = torch.linalg.qr(normal(rng, len(gaussians[0]), len(gaussians[0])))
    turned = [turn @ moment if moment.ndim == 1 else turn @ moment @ turn.T for moment in gaussians]
    return near(answer(*turned), answer(*gaussians), 1e-3)


def _a_stretch_costs_what_it_moves(answer: Answer, rng: Rng) -> bool:
    """The cheapest way from x to A x, for symmetric positive A, is to move each point there."""
    mean, covariance, *_ = _gaussians(rng)
    stretch = _covariance(rng, len(mean))
    move = stretch - torch.eye(len(mean), dtype=torch.float64)
    moved = (move @ mean).square().sum() + (move @ covariance @ move).trace()
    return near(answer(mean, covariance, stretch @ mean, stretch @ covariance @ stretch), moved, 1e-3)


def _shift(mean: Tensor, other: Tensor) -> Tensor:
    return (mean - other).square().sum()


def _with_cross_term(cross: Tensor, gaussians: Gaussians) -> float:
    mean, covariance, other_mean, other = gaussians
    return (_shift(mean, other_mean) + covariance.trace() + other.trace() - 2 * cross).item()


def _root_trace(covariance: Tensor, other: Tensor) -> float:
    """tr (C C')^(1/2)"""
    nothing = torch.zeros(len(covariance), dtype=covariance.dtype)
    return (covariance.trace() + other.trace()).item() / 2 - frechet(nothing, covariance, nothing, other) / 2


def _distance_of_means(mean: Tensor, covariance: Tensor, other_mean: Tensor, other: Tensor) -> float:
    shift = _shift(mean, other_mean)
    return frechet(mean, covariance, other_mean, other) - (shift - shift.sqrt()).item()


def _no_two(mean: Tensor, covariance: Tensor, other_mean: Tensor, other: Tensor) -> float:
    return frechet(mean, covariance, other_mean, other) + _root_trace(covariance, other)


def _of_rank_one() -> Gaussians:
    """Covariances of rank 1, as of features that are multiples of each other."""
    one, other = torch.tensor([1.0, 2.0, 3.0]).double(), torch.tensor([3.0, 1.0, -1.0]).double()
    return torch.zeros(3).double(), one.outer(one), torch.ones(3).double(), other.outer(other)


FRECHET = Exercise(
    id="08.4",
    title="The Fréchet distance of two Gaussians",
    stars=2,
    minutes=10,
    inputs=_gaussians,
    reference=frechet,
    relative_tolerance=1e-3,
    absolute_tolerance=1e-4,
    extremes=(_of_rank_one(),),
    hints=(
        "Three parts: the squared distance of the means, the two traces, and the trace of a root of a matrix.",
        "The root of a matrix R is no root of its numbers: R R has to give the matrix. You need its trace alone, which "
        "is the sum of its eigenvalues. How do they come from those of C C'?",
        "The eigenvalues of the root are the roots of the eigenvalues: torch.linalg.eigvals(C @ C').real. They are "
        ">= 0, and the rounding that may carry them below 0 is undone by .clamp(min=0).",
        "Add the squared shift and the two traces, and take away 2 * eigenvalues.sqrt().sum().",
    ),
    properties=(
        Property(statement="a Gaussian has no distance to itself", holds=_no_distance_to_itself),
        Property(statement="a shift costs its squared length", holds=_a_shift_costs_its_square),
        Property(statement="turning both in the same way changes nothing", holds=_a_turn_changes_nothing),
        Property(
            statement="from x to A x, for a symmetric A with positive eigenvalues, it is the mean squared move "
            "E|A x - x|^2",
            holds=_a_stretch_costs_what_it_moves,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the means' distance not squared",
            wrong=_distance_of_means,
            message="You added the distance of the means; the formula has its square, as the traces are squares too.",
        ),
        Misconception(
            name="the factor 2",
            wrong=_no_two,
            message="You subtracted the trace of the root once. In tr C + tr C' - 2 tr (C C')^(1/2) it comes twice, as "
            "2ab does in (a - b)^2; or two equal Gaussians would be apart.",
        ),
        Misconception(
            name="the root of each number",
            wrong=lambda *gaussians: _with_cross_term((gaussians[1] @ gaussians[3]).sqrt().trace(), gaussians),
            message="You took the root of each number of C C'. The root of a matrix is another matrix whose product "
            "with itself gives C C'; a number below 0 in C C' is no obstacle to it.",
        ),
        Misconception(
            name="the variances alone",
            wrong=lambda *gaussians: _with_cross_term(
                (gaussians[1].diagonal() * gaussians[3].diagonal()).sqrt().sum(), gaussians
            ),
            message="You used the diagonals only, as if no feature were correlated with another. Two clouds that "
            "lean to different sides would then count as equal.",
        ),
        Misconception(
            name="roots before the product",
            wrong=lambda *gaussians: _with_cross_term((_root(gaussians[1]) @ _root(gaussians[3])).trace(), gaussians),
            message="You multiplied the two roots. That is the root of the product only where the order of a product "
            "does not matter, C C' = C' C.",
        ),
        Misconception(
            name="no root at all",
            wrong=lambda *gaussians: _with_cross_term((gaussians[1] @ gaussians[3]).trace(), gaussians),
            message="You subtracted twice the trace of C C' itself. Its unit is the fourth power of a feature's; the "
            "others are squares, so a root is missing.",
        ),
        Misconception(
            name="covariances taken for standard deviations",
            wrong=lambda *gaussians: (_shift(gaussians[0], gaussians[2]) + _shift(gaussians[1], gaussians[3])).item(),
            message="You added the squared differences of the covariances. In one dimension the distance is "
            "(mu - mu')^2 + (sigma - sigma')^2, with standard deviations; a covariance is their square.",
        ),
        Misconception(
            name="the root of the whole",
            wrong=lambda *gaussians: max(frechet(*gaussians), 0.0) ** 0.5,
            message="You took the root of the result. What is called Fréchet distance in all papers, the FID too, is "
            "the square.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (FRECHET,)

"""The exercise on walking through a latent space at the length that latent vectors have."""

import math

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

_PARALLEL = 1e-6  # below this sine the arc is as good as straight


def spherical_walk(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """sin((1 - t) theta) / sin theta start + sin(t theta) / sin theta end, for start and end (D,): (T, D) for t (T,).

    theta is the angle between the two, in (0, pi). Where they point the same way, the straight line takes its place.
    """
    cosine = start @ end / (start.norm() * end.norm())
    theta = cosine.clamp(-1, 1).acos()  # rounding may carry a cosine beyond 1
    t = t[:, None]
    if theta.sin() < _PARALLEL:
        return (1 - t) * start + t * end
    return (((1 - t) * theta).sin() * start + (t * theta).sin() * end) / theta.sin()


def _at_an_angle(rng: Rng, size: int, angle: float, length: float) -> tuple[Tensor, Tensor]:
    """Two vectors (size,) of this length with this angle between them."""
    frame, _ = torch.linalg.qr(normal(rng, size, 2))
    start, other = frame.T
    return length * start, length * (math.cos(angle) * start + math.sin(angle) * other)


def _steps(rng: Rng) -> Tensor:
    return torch.from_numpy(rng.uniform(0.05, 0.95, size=int(rng.integers(3, 7))))


def _walk_inputs(rng: Rng) -> tuple[Tensor, Tensor, Tensor]:
    """Two vectors of one length below 1, so that their product is the cosine of some angle, though not of theirs."""
    angle, length = float(rng.uniform(0.6, 2.4)), float(rng.uniform(0.5, 0.9))
    return *_at_an_angle(rng, int(rng.integers(3, 7)), angle, length), _steps(rng)


def _latent(rng: Rng) -> Tensor:
    return normal(rng, 64)


def _from_start_to_end(answer: Answer, rng: Rng) -> bool:
    start, end = _latent(rng), _latent(rng)
    return near(answer(start, end, torch.tensor([0.0, 1.0]).double()), torch.stack([start, end]))


def _never_shorter(answer: Answer, rng: Rng) -> bool:
    length = float(rng.uniform(1, 9))
    start, end = _at_an_angle(rng, 64, float(rng.uniform(1, 2)), length)
    t = _steps(rng)
    return near(answer(start, end, t).norm(dim=1), torch.full_like(t, length))


def _equal_steps_are_equal_turns(answer: Answer, rng: Rng) -> bool:
    angle = float(rng.uniform(1, 2.5))
    walk = answer(*_at_an_angle(rng, 8, angle, 3.0), torch.linspace(0, 1, 6).double())
    turns = torch.cosine_similarity(walk[1:], walk[:-1], dim=1).clamp(-1, 1).acos()
    return near(turns, torch.full((5,), angle / 5), 1e-3)


def _a_walk_on_the_spot(answer: Answer, rng: Rng) -> bool:
    there = torch.zeros(5, dtype=torch.float64)
    there[int(rng.integers(5))] = 2.0 ** int(rng.integers(-2, 3))
    t = _steps(rng)
    return near(answer(there, there, t), there.expand(len(t), -1))


def _angle(start: Tensor, end: Tensor) -> Tensor:
    return (start @ end / (start.norm() * end.norm())).acos()


def _with_angle(start: Tensor, end: Tensor, t: Tensor, theta: Tensor) -> Tensor:
    t = t[:, None]
    return (((1 - t) * theta).sin() * start + (t * theta).sin() * end) / theta.sin()


def _straight(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    return start + t[:, None] * (end - start)


def _straight_and_lengthened(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    walk = _straight(start, end, t)
    return walk / walk.norm(dim=1, keepdim=True) * start.norm()


def _of_length_one(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    return spherical_walk(start / start.norm(), end / end.norm(), t)


def _undivided(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    return spherical_walk(start, end, t) * _angle(start, end).sin()


SPHERICAL_WALK = Exercise(
    id="08.6",
    title="A walk at the right length",
    stars=2,
    minutes=10,
    inputs=_walk_inputs,
    reference=spherical_walk,
    absolute_tolerance=1e-5,
    extremes=((torch.tensor([0.0, 0.5, 0.0]), torch.tensor([0.0, 0.5, 0.0]), torch.tensor([0.25, 0.5])),),
    hints=(
        "First the angle: a product of two vectors is the cosine of their angle times both lengths. Divide by these, "
        "and take torch.acos, which gives radians.",
        "t has T numbers, the vectors have D. t[:, None] makes a column of it, and column times vector is (T, D).",
        "For t = 0 the weights must be 1 and 0, for t = 1 they must be 0 and 1. Try your formula there.",
        "For two vectors of one direction sin theta is 0: look for it before you divide, and go straight then. "
        "Clamp the cosine to [-1, 1]: rounding may carry it beyond.",
    ),
    properties=(
        Property(statement="the walk leads from start (t = 0) to end (t = 1)", holds=_from_start_to_end),
        Property(statement="between two vectors of one length all have this length", holds=_never_shorter),
        Property(statement="equal steps of t turn by equal angles", holds=_equal_steps_are_equal_turns),
        Property(statement="a walk from a vector to itself stays there", holds=_a_walk_on_the_spot),
    ),
    misconceptions=(
        Misconception(
            name="the straight line",
            wrong=_straight,
            message="You went straight from start to end. Half-way between two vectors at a right angle the straight "
            "line is shorter by the factor 0.71: so near to 0 hardly any latent vector is ever drawn.",
        ),
        Misconception(
            name="the straight line, lengthened",
            wrong=_straight_and_lengthened,
            message="You brought a straight walk to the right length. It lies on the arc, but does not move evenly: "
            "it turns faster in the middle than at its ends.",
        ),
        Misconception(
            name="the lengths in the cosine",
            wrong=lambda start, end, t: _with_angle(start, end, t, (start @ end).acos()),
            message="You took the product of the vectors for the cosine of their angle. It is that times both lengths; "
            "with latent vectors of length 10 it would be far outside [-1, 1].",
        ),
        Misconception(
            name="degrees",
            wrong=lambda start, end, t: _with_angle(start, end, t, torch.rad2deg(_angle(start, end))),
            message="Your angle is in degrees, but torch.sin takes radians.",
        ),
        Misconception(
            name="from the end to the start",
            wrong=lambda start, end, t: spherical_walk(end, start, t),
            message="Your walk begins at the end: the weights t and 1 - t are exchanged.",
        ),
        Misconception(
            name="the length is lost",
            wrong=_of_length_one,
            message="You brought both vectors to length 1, and walked between these. Only the angle needs vectors of "
            "length 1; the walk is one between start and end themselves.",
        ),
        Misconception(
            name="not divided by the sine",
            wrong=_undivided,
            message="Your weights are sin((1 - t) theta) and sin(t theta). At t = 0 the first has to be 1.",
        ),
        Misconception(
            name="divided by 0",
            wrong=lambda start, end, t: _with_angle(start, end, t, _angle(start, end)),
            message="Right, but for two vectors of one direction: their angle is 0, and you divide by its sine. There "
            "is no arc between them, so go straight.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (SPHERICAL_WALK,)

"""Three losses of two parameters with known minima, and what a descent on them came to."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import unknown
from aigc_course.training.descent import Quadratic

SURFACES = ("quadratic", "Rosenbrock", "saddle")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Surface:
    """A loss of theta = (x, y), with everything that its picture needs."""

    loss: Callable[[Tensor], Tensor]  # (..., 2) -> (...)
    gradient: Callable[[Tensor], Tensor]  # (..., 2) -> (..., 2)
    minima: Tensor  # (n, 2)
    start: Tensor  # (2,)
    window: tuple[float, float, float, float]  # the part that is drawn: x from, to, y from, to
    largest_curvature: float  # the largest eigenvalue of the hessian at a minimum

    @property
    def floor(self) -> float:
        """The smallest loss."""
        return self.loss(self.minima[0]).item()


def make_surface(name: str, condition: float = 10.0) -> Surface:
    """One of SURFACES, in float64.

    Args: condition: of the quadratic (x^2 + condition y^2) / 2: its largest curvature over its smallest, which is 1.
    """
    if name == "quadratic":
        bowl = Quadratic(hessian=_tensor([1.0, condition]).diag(), minimum=_tensor([0.0, 0.0]))
        start, window = _tensor([-2.2, 0.9]), (-2.6, 2.6, -1.6, 1.6)
        return _surface(bowl.loss, bowl.gradient, [[0, 0]], start, window, condition)
    if name == "Rosenbrock":
        largest = torch.linalg.eigvalsh(_tensor([[802, -400], [-400, 200]]))[-1].item()  # the hessian at (1, 1)
        start, window = _tensor([-1.2, 1.0]), (-2.0, 2.0, -0.8, 2.4)
        return _surface(_rosenbrock, _rosenbrock_gradient, [[1, 1]], start, window, largest)
    if name == "saddle":
        start, window = _tensor([-2.0, 1e-3]), (-2.4, 2.4, -1.6, 1.6)
        return _surface(_saddle, _saddle_gradient, [[0, 1], [0, -1]], start, window, 2.0)
    raise unknown("surface", name, SURFACES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a descent came to: `kind` is "converges", "diverges" or "on its way"."""

    kind: str
    step: int | None  # the first step after which the loss stays close, or from which on it is above the start's


def outcome(losses: Tensor, floor: float, close: float = 1e-3) -> Outcome:
    """Judge the losses (steps + 1,) of a path.

    It converges when the excess over `floor` ends below `close` of the start's; it diverges when it ends above the
    start's or is no number any more.
    """
    excess = torch.nan_to_num(losses - floor, nan=math.inf, posinf=math.inf)
    if excess[-1] > excess[0]:
        below = (excess <= excess[0]).nonzero()
        return Outcome(kind="diverges", step=int(below[-1]) + 1)
    if excess[-1] < close * excess[0]:
        far = (excess >= close * excess[0]).nonzero()
        return Outcome(kind="converges", step=int(far[-1]) + 1)
    return Outcome(kind="on its way", step=None)


def _surface(
    loss: Callable[[Tensor], Tensor],
    gradient: Callable[[Tensor], Tensor],
    minima: Sequence[Sequence[float]],
    start: Tensor,
    window: tuple[float, float, float, float],
    largest: float,
) -> Surface:
    return Surface(
        loss=loss, gradient=gradient, minima=_tensor(minima), start=start, window=window, largest_curvature=largest
    )


def _tensor(values: Sequence[float] | Sequence[Sequence[float]]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _rosenbrock(theta: Tensor) -> Tensor:
    """(1 - x)^2 + 100 (y - x^2)^2. Source: Rosenbrock 1960."""
    x, y = theta.unbind(-1)
    return (1 - x).square() + 100 * (y - x.square()).square()


def _rosenbrock_gradient(theta: Tensor) -> Tensor:
    x, y = theta.unbind(-1)
    off = y - x.square()
    return torch.stack([-2 * (1 - x) - 400 * x * off, 200 * off], dim=-1)


def _saddle(theta: Tensor) -> Tensor:
    """x^2 / 2 - y^2 / 2 + y^4 / 4: a saddle at the origin between two minima at y = 1 and -1."""
    x, y = theta.unbind(-1)
    return x.square() / 2 - y.square() / 2 + y**4 / 4


def _saddle_gradient(theta: Tensor) -> Tensor:
    x, y = theta.unbind(-1)
    return torch.stack([x, y**3 - y], dim=-1)

"""Gradient descent where its behaviour can be predicted: quadratic losses, the update rules, their best settings.

The recipes train with torch's optimizers. Here each rule is a few lines to be read, on a loss of which everything is
known: its minimum, its curvatures, and therefore which learning rates converge and how fast.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from aigc_course.errors import UsageError

State = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Quadratic:
    """L(theta) = floor + (theta - minimum)^T hessian (theta - minimum) / 2.

    Raises: UsageError if the shapes don't fit, or the hessian is not symmetric.
    """

    hessian: Tensor  # (D, D) symmetric; its eigenvalues are the curvatures
    minimum: Tensor  # (D,)
    floor: float = 0.0  # L(minimum)

    def __post_init__(self) -> None:
        size = self.minimum.shape[-1] if self.minimum.ndim == 1 else -1
        if tuple(self.hessian.shape) != (size, size):
            raise UsageError(
                f"hessian {tuple(self.hessian.shape)} and minimum {tuple(self.minimum.shape)} don't fit: "
                "they must be (D, D) and (D,)"
            )
        if not torch.allclose(self.hessian, self.hessian.T, rtol=1e-4, atol=1e-6 * self.hessian.abs().max().item()):
            raise UsageError("the hessian must be symmetric; use (A + A.T) / 2, which has the same loss")

    @classmethod
    def least_squares(cls, features: Tensor, targets: Tensor) -> "Quadratic":
        """The mean squared error of the linear model features @ theta as a function of theta, in float64.

        Its hessian is (2 / N) X^T X. Args: features: (N, D). targets: (N,).
        """
        if features.ndim != 2 or targets.shape != features.shape[:1]:
            raise UsageError(
                f"features {tuple(features.shape)} and targets {tuple(targets.shape)} must be (N, D) and (N,)"
            )
        x, y = features.double(), targets.double()
        minimum = torch.linalg.lstsq(x, y, driver="gelsd").solution
        return cls(hessian=2 * x.T @ x / len(x), minimum=minimum, floor=(x @ minimum - y).square().mean().item())

    def loss(self, theta: Tensor) -> Tensor:
        """L at theta (..., D): (...,)."""
        away = theta - self.minimum
        return self.floor + 0.5 * (away @ self.hessian * away).sum(dim=-1)

    def gradient(self, theta: Tensor) -> Tensor:
        """The gradient at theta (..., D): (..., D)."""
        return (theta - self.minimum) @ self.hessian

    def curvatures(self) -> Tensor:
        """(D,) the eigenvalues of the hessian, from the smallest to the largest."""
        return torch.linalg.eigvalsh(self.hessian)

    def condition_number(self) -> float:
        """The largest curvature divided by the smallest: 1 for a round bowl; inf when a direction is flat."""
        curvatures = self.curvatures()
        smallest, largest = curvatures[0].item(), curvatures[-1].item()
        flat = len(curvatures) * torch.finfo(self.hessian.dtype).eps * largest
        return largest / smallest if smallest > flat else math.inf


class Rule(Protocol):
    """An update rule: what it remembers at the start, and one step."""

    def begin(self, theta: Tensor) -> State:
        """What the rule remembers before the first step."""

    def step(self, theta: Tensor, gradient: Tensor, state: State, number: int) -> tuple[Tensor, State]:
        """The parameters and the memory after step `number` = 1, 2, ...; nothing is changed in place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeavyBall:
    """v <- momentum v + gradient;  theta <- theta - learning_rate v. Plain gradient descent with momentum 0.

    Source: Polyak 1964, in the form of torch.optim.SGD (dampening 0).
    """

    learning_rate: float
    momentum: float = 0.0  # in [0, 1)

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise UsageError(f"momentum must be in [0, 1), but is {self.momentum}")

    def begin(self, theta: Tensor) -> State:
        """No velocity yet."""
        return (torch.zeros_like(theta),)

    def step(self, theta: Tensor, gradient: Tensor, state: State, number: int) -> tuple[Tensor, State]:  # noqa: ARG002
        """One step; its number does not matter."""
        velocity = self.momentum * state[0] + gradient
        return theta - self.learning_rate * velocity, (velocity,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Adam:
    """Steps of about the learning rate in every coordinate, whatever the size of its gradient.

    Source: Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9  # memory of the gradient, about 1 / (1 - beta1) steps
    beta2: float = 0.999  # memory of its square
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} must be in [0, 1), but is {getattr(self, name)}")

    def begin(self, theta: Tensor) -> State:
        """Both averages start at zero, which is what the correction in `step` undoes."""
        return torch.zeros_like(theta), torch.zeros_like(theta)

    def step(self, theta: Tensor, gradient: Tensor, state: State, number: int) -> tuple[Tensor, State]:
        """One step, with bias-corrected averages of the gradient and of its square."""
        m = self.beta1 * state[0] + (1 - self.beta1) * gradient
        v = self.beta2 * state[1] + (1 - self.beta2) * gradient.square()
        m_hat, v_hat = m / (1 - self.beta1**number), v / (1 - self.beta2**number)
        return theta - self.learning_rate * m_hat / (v_hat.sqrt() + self.epsilon), (m, v)


def descend(gradient: Callable[[Tensor], Tensor], start: Tensor, rule: Rule, steps: int) -> Tensor:
    """The path of a descent, the start included.

    Args: gradient: theta (..., D) -> (..., D). start: (..., D); leading axes are independent runs. steps: >= 0.
    Returns: (steps + 1, ..., D).
    """
    if steps < 0:
        raise UsageError(f"steps must be >= 0, but is {steps}")
    theta = start.detach().clone()
    path, state = [theta], rule.begin(theta)
    for number in range(1, steps + 1):
        theta, state = rule.step(theta, gradient(theta), state, number)
        path.append(theta)
    return torch.stack(path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuned:
    """The best fixed settings for a quadratic whose curvatures lie between two known ones."""

    rule: HeavyBall
    factor: float  # by which the distance to the minimum shrinks in a step, in the long run


def stability_limit(largest_curvature: float, momentum: float = 0.0) -> float:
    """The learning rate from which on the heavy ball diverges: 2 (1 + momentum) / lambda_max.

    Raises: UsageError unless the curvature is positive.
    """
    _check_curvatures(largest_curvature, largest_curvature)
    return 2 * (1 + momentum) / largest_curvature


def contraction(rule: HeavyBall, curvatures: Tensor | Sequence[float]) -> float:
    """By which factor a step shrinks the distance to the minimum, in the long run and in the slowest direction.

    Without momentum it is max_i |1 - learning_rate lambda_i|. With it, the spectral radius of the step
    (theta_t, theta_{t-1}) -> (theta_{t+1}, theta_t), of which each direction has its own. >= 1: no convergence.

    Args: curvatures: (D,) eigenvalues of the hessian.
    """
    momentum = rule.momentum
    radii = []
    for curvature in torch.as_tensor(curvatures, dtype=torch.float64).tolist():
        trace = 1 + momentum - rule.learning_rate * curvature
        discriminant = trace * trace - 4 * momentum
        # A pair of complex eigenvalues has the product `momentum`, so each has the modulus sqrt(momentum).
        radii.append(math.sqrt(momentum) if discriminant < 0 else (abs(trace) + math.sqrt(discriminant)) / 2)
    return max(radii)


def best_gradient_descent(smallest: float, largest: float) -> Tuned:
    """The fixed learning rate 2 / (smallest + largest), and its factor (kappa - 1) / (kappa + 1).

    Args: smallest, largest: the extreme curvatures, 0 < smallest <= largest; kappa = largest / smallest.
    Raises: UsageError for other curvatures.
    Source: Polyak 1987, Introduction to Optimization, Sec. 1.4.
    """
    _check_curvatures(smallest, largest)
    kappa = largest / smallest
    return Tuned(rule=HeavyBall(learning_rate=2 / (smallest + largest)), factor=(kappa - 1) / (kappa + 1))


def best_heavy_ball(smallest: float, largest: float) -> Tuned:
    """The fixed learning rate and momentum of least factor (sqrt(kappa) - 1) / (sqrt(kappa) + 1).

    Args: as best_gradient_descent.
    Source: Polyak 1964, Some methods of speeding up the convergence of iteration methods.
    """
    _check_curvatures(smallest, largest)
    low, high = math.sqrt(smallest), math.sqrt(largest)
    factor = (high - low) / (high + low)
    return Tuned(rule=HeavyBall(learning_rate=(2 / (low + high)) ** 2, momentum=factor**2), factor=factor)


def _check_curvatures(smallest: float, largest: float) -> None:
    if not 0 < smallest <= largest < math.inf:
        raise UsageError(
            f"curvatures {smallest} to {largest} are not allowed; they must satisfy 0 < smallest <= largest, "
            "or there is no single minimum to descend to"
        )

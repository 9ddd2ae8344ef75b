"""The Dirac-GAN: the smallest GAN there is, whose training can be followed with a pencil.

All real samples are the number 0. The generator always makes the number theta, and the discriminator's logit is
psi x. Both parameters at 0 are the equilibrium. Source: Mescheder et al. 2018, arXiv:1801.04406, Sec. 2.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from aigc_course.errors import UsageError, unknown

DiracLoss = Literal["saturating", "non-saturating", "Wasserstein"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DiracGAN:
    """The game of theta and psi. A state is (..., 2): theta, psi. The losses are those of `losses.adversarial`."""

    loss: DiracLoss = "saturating"
    penalty: float = 0.0  # gamma of R1: the discriminator's loss gets gamma / 2 times its squared slope, psi^2

    def __post_init__(self) -> None:
        if self.loss not in get_args(DiracLoss):
            raise unknown("loss", self.loss, get_args(DiracLoss))
        if not 0 <= self.penalty < math.inf:
            raise UsageError(f"penalty = {self.penalty} is not allowed; it must be finite and at least 0")

    @property
    def slope(self) -> float:
        """How strongly either player's loss pulls on the logit at the equilibrium."""
        return 1.0 if self.loss == "Wasserstein" else 0.5

    def field(self, state: Tensor) -> Tensor:
        """The direction of both players' gradient descent at states (..., 2): (..., 2)."""
        theta, psi = state.unbind(dim=-1)
        logit = theta * psi  # of the generated number; the real one's is 0 and depends on nothing
        pull_d = torch.ones_like(logit) if self.loss == "Wasserstein" else logit.sigmoid()
        pull_g = (-logit).sigmoid() if self.loss == "non-saturating" else pull_d
        return torch.stack([pull_g * psi, -pull_d * theta - self.penalty * psi], dim=-1)

    def jacobian(self) -> Tensor:
        """The derivative of `field` at the equilibrium: (2, 2) float64."""
        return torch.tensor([[0.0, self.slope], [-self.slope, -self.penalty]], dtype=torch.float64)

    def eigenvalues(self) -> Tensor:
        """Of the jacobian, (2,) complex: -gamma / 2 +- sqrt(gamma^2 / 4 - slope^2).

        The real parts are the rates at which the distance to the equilibrium grows, the imaginary parts are the
        angles per time by which the players turn about it.
        """
        root = torch.sqrt(torch.tensor(self.penalty**2 / 4 - self.slope**2, dtype=torch.complex128))
        return -self.penalty / 2 + torch.stack([root, -root])

    def step_matrix(self, learning_rate: float, *, alternating: bool = False) -> Tensor:
        """What one step does to a state near the equilibrium: (2, 2) float64, next = matrix @ state."""
        move = learning_rate * self.jacobian()
        if not alternating:
            return torch.eye(2, dtype=torch.float64) + move
        of_g, of_d = torch.eye(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
        of_g[0] += move[0]
        of_d[1] += move[1]
        return of_g @ of_d

    def step_factor(self, learning_rate: float, *, alternating: bool = False) -> float:
        """The factor by which a step changes the distance to the equilibrium, in the long run; >= 1: no convergence."""
        return torch.linalg.eigvals(self.step_matrix(learning_rate, alternating=alternating)).abs().max().item()

    def path(self, start: Tensor, learning_rate: float, steps: int, *, alternating: bool = False) -> Tensor:
        """The states of a training: (steps + 1, ..., 2), the start (..., 2) included.

        Both players move at once, or `alternating`: first the discriminator, then the generator, which sees it moved.
        Raises: UsageError if the start is not (..., 2) or steps < 0.
        """
        if start.ndim < 1 or start.shape[-1] != 2 or steps < 0:
            raise UsageError(f"start is {tuple(start.shape)} and steps = {steps}; give (..., 2) and steps >= 0")
        states = [start.detach().clone()]
        for _ in range(steps):
            state = states[-1]
            moved = state + learning_rate * self.field(state)
            if alternating:
                half = torch.stack([state[..., 0], moved[..., 1]], dim=-1)
                moved = torch.stack([(half + learning_rate * self.field(half))[..., 0], moved[..., 1]], dim=-1)
            states.append(moved)
        return torch.stack(states)

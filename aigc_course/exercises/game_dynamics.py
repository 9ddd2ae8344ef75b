"""Exercises on the game's movement: a step of the Dirac-GAN, and how fast its steps converge."""

import cmath
import math

import torch
from torch.nn.functional import logsigmoid

from aigc_course.exercises.draws import near, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

State = tuple[float, float]


def _sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def dirac_step(theta: float, psi: float, learning_rate: float, penalty: float) -> State:
    """Both players' gradient step at once in V = log sigmoid(0) + log sigmoid(-psi theta): the new (theta, psi).

    The discriminator's loss is -V + penalty / 2 psi^2, the generator's is V.
    """
    pull = _sigmoid(theta * psi)
    return theta + learning_rate * pull * psi, psi - learning_rate * (pull * theta + penalty * psi)


def _step_inputs(rng: Rng) -> tuple[float, float, float, float]:
    theta, psi = rng.uniform(0.5, 2.0, size=2) * rng.choice([-1, 1], size=2)
    return float(theta), float(psi), float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.3, 1.5))


def _descends_both_losses(answer: Answer, rng: Rng) -> bool:
    theta, psi, learning_rate, penalty = _step_inputs(rng)
    state = torch.tensor([theta, psi], dtype=torch.float64, requires_grad=True)
    value = logsigmoid(-state[0] * state[1])
    (of_g,) = torch.autograd.grad(value, state, retain_graph=True)
    (of_d,) = torch.autograd.grad(-value + penalty / 2 * state[1] ** 2, state)
    expected = theta - learning_rate * of_g[0].item(), psi - learning_rate * of_d[1].item()
    return near(tuple(answer(theta, psi, learning_rate, penalty)), expected)


def _rests_at_the_equilibrium(answer: Answer, rng: Rng) -> bool:
    _, _, learning_rate, penalty = _step_inputs(rng)
    return near(tuple(answer(0.0, 0.0, learning_rate, penalty)), (0.0, 0.0))


def _without_penalty_the_distance_grows(answer: Answer, rng: Rng) -> bool:
    """The move stands at right angles to the state, so Pythagoras gives the new distance."""
    theta, psi, learning_rate, _ = _step_inputs(rng)
    after = tensor(tuple(answer(theta, psi, learning_rate, 0.0))).square().sum()
    growth = 1 + (learning_rate * _sigmoid(theta * psi)) ** 2
    return near(after, torch.tensor((theta**2 + psi**2) * growth))


def _one_after_the_other(theta: float, psi: float, learning_rate: float, penalty: float) -> State:
    _, psi_new = dirac_step(theta, psi, learning_rate, penalty)
    return theta + learning_rate * _sigmoid(theta * psi_new) * psi_new, psi_new


def _both_minimise(theta: float, psi: float, learning_rate: float, penalty: float) -> State:
    pull = _sigmoid(theta * psi)
    return theta + learning_rate * pull * psi, psi + learning_rate * (pull * theta - penalty * psi)


def _non_saturating(theta: float, psi: float, learning_rate: float, penalty: float) -> State:
    _, psi_new = dirac_step(theta, psi, learning_rate, penalty)
    return theta + learning_rate * _sigmoid(-theta * psi) * psi, psi_new


def _penalty_on_both(theta: float, psi: float, learning_rate: float, penalty: float) -> State:
    theta_new, psi_new = dirac_step(theta, psi, learning_rate, penalty)
    return theta_new - learning_rate * penalty * theta, psi_new


DIRAC_STEP = Exercise(
    id="04.5",
    title="One step of the smallest GAN",
    stars=2,
    minutes=10,
    inputs=_step_inputs,
    reference=dirac_step,
    hints=(
        "d/da log sigma(-a) = -sigma(a). Here a = psi theta, so the chain rule gives a factor psi for theta, and a "
        "factor theta for psi.",
        "The generator goes down in V, the discriminator goes up in V and down in its penalty.",
        "Compute sigma(psi theta) once, from the old state, and use it for both new values.",
        "The derivative of penalty / 2 psi^2 is penalty times psi, and it is multiplied by the learning rate too.",
    ),
    properties=(
        Property(statement="each player descends its own loss, as autograd computes it", holds=_descends_both_losses),
        Property(statement="nothing moves at the equilibrium", holds=_rests_at_the_equilibrium),
        Property(
            statement="without penalty the squared distance to the equilibrium grows by 1 + (alpha sigma(psi theta))^2",
            holds=_without_penalty_the_distance_grows,
        ),
    ),
    misconceptions=(
        Misconception(
            name="one after the other",
            wrong=_one_after_the_other,
            message="Your generator already sees the moved discriminator. That is alternating training; asked for is "
            "the step of both from the same state. The difference is larger than it looks: see part 6.",
        ),
        Misconception(
            name="both minimise the value",
            wrong=_both_minimise,
            message="Both of your players descend V. The discriminator wants it large: they pull in opposite "
            "directions.",
        ),
        Misconception(
            name="the non-saturating generator",
            wrong=_non_saturating,
            message="Your generator descends -log D. Here it plays the minimax game itself, with log(1 - D).",
        ),
        Misconception(
            name="the penalty raises the slope",
            wrong=lambda theta, psi, rate, penalty: dirac_step(theta, psi, rate, -penalty),
            message="Your penalty pushes psi away from 0. It stands in the loss that the discriminator minimises.",
        ),
        Misconception(
            name="half of the penalty's derivative",
            wrong=lambda theta, psi, rate, penalty: dirac_step(theta, psi, rate, penalty / 2),
            message="Your penalty pulls half as hard as it should: the half in penalty / 2 psi^2 is cancelled by the "
            "2 of the derivative.",
        ),
        Misconception(
            name="the generator is penalised too",
            wrong=_penalty_on_both,
            message="You shrink theta as well. The penalty is the discriminator's; the generator finds its way because "
            "of it, not by a force of its own.",
        ),
        Misconception(
            name="the sigmoid is missing",
            wrong=lambda theta, psi, rate, penalty: (theta + rate * psi, psi - rate * (theta + penalty * psi)),
            message="You differentiated -psi theta. The logarithm of the sigmoid around it has a slope below 1.",
        ),
    ),
)


def step_factor(learning_rate: float, penalty: float) -> float:
    """max |1 + learning_rate lambda| over the eigenvalues lambda = -penalty / 2 +- sqrt(penalty^2 / 4 - 1 / 4)."""
    return max(abs(1 + learning_rate * one) for one in _eigenvalues(penalty))


def _eigenvalues(penalty: float) -> tuple[complex, complex]:
    root = cmath.sqrt(penalty**2 / 4 - 0.25)
    return -penalty / 2 + root, -penalty / 2 - root


def _factor_inputs(rng: Rng) -> tuple[float, float]:
    """Penalties on both sides of the critical one."""
    return float(rng.uniform(0.1, 1.5)), float(rng.choice([rng.uniform(0.05, 0.8), rng.uniform(1.2, 3.0)]))


def _grows_without_penalty(answer: Answer, rng: Rng) -> bool:
    rate, _ = _factor_inputs(rng)
    return near(float(answer(rate, 0.0)), math.sqrt(1 + rate**2 / 4))


def _at_critical_damping(answer: Answer, rng: Rng) -> bool:
    rate, _ = _factor_inputs(rng)
    return near(float(answer(rate, 1.0)), 1 - rate / 2)


def _is_the_matrix_spectral_radius(answer: Answer, rng: Rng) -> bool:
    rate, penalty = _factor_inputs(rng)
    matrix = torch.tensor([[1.0, 0.5 * rate], [-0.5 * rate, 1 - penalty * rate]], dtype=torch.float64)
    return near(float(answer(rate, penalty)), torch.linalg.eigvals(matrix).abs().max().item())


STEP_FACTOR = Exercise(
    id="04.6",
    title="Does the game come to rest?",
    stars=3,
    minutes=12,
    inputs=_factor_inputs,
    reference=step_factor,
    hints=(
        "An eigenvalue lambda of the field becomes 1 + alpha lambda for a step. In the long run its modulus counts.",
        "For small penalties the root is imaginary: cmath.sqrt, or |a + ib|^2 = a^2 + b^2 by hand.",
        "There are two eigenvalues. The distance shrinks as slowly as the one with the larger modulus.",
        "max(abs(1 + alpha * lam) for lam in ...): abs of a complex number is its modulus.",
    ),
    properties=(
        Property(statement="without penalty it is sqrt(1 + alpha^2 / 4), above 1", holds=_grows_without_penalty),
        Property(statement="with a penalty of 1 it is 1 - alpha / 2", holds=_at_critical_damping),
        Property(
            statement="it is the largest modulus of the eigenvalues of a step's matrix",
            holds=_is_the_matrix_spectral_radius,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the real parts alone",
            wrong=lambda rate, penalty: max(abs(1 + rate * one.real) for one in _eigenvalues(penalty)),
            message="You left the imaginary part out. It only turns the state in continuous time, but a step goes "
            "straight ahead along the tangent and so ends further out.",
        ),
        Misconception(
            name="continuous time",
            wrong=lambda rate, penalty: max(math.exp(rate * one.real) for one in _eigenvalues(penalty)),
            message="exp(alpha Re lambda) is what the flow does in a time alpha. A gradient step is no flow: it "
            "multiplies by 1 + alpha lambda.",
        ),
        Misconception(
            name="the faster of the two",
            wrong=lambda rate, penalty: min(abs(1 + rate * one) for one in _eigenvalues(penalty)),
            message="You took the smaller modulus. In the long run the part that shrinks slowest is what is left.",
        ),
        Misconception(
            name="the move, not the state",
            wrong=lambda rate, penalty: max(abs(rate * one) for one in _eigenvalues(penalty)),
            message="alpha times lambda is the length of the move. The new state is the old one plus the move.",
        ),
        Misconception(
            name="the penalty drives outward",
            wrong=lambda rate, penalty: max(abs(1 - rate * one) for one in _eigenvalues(penalty)),
            message="Your eigenvalues have a positive real part. The penalty stands on the diagonal of the jacobian "
            "with a minus sign.",
        ),
        Misconception(
            name="both factors multiplied",
            wrong=lambda rate, penalty: math.prod(abs(1 + rate * one) for one in _eigenvalues(penalty)),
            message="You multiplied both moduli: that is the determinant, what a step does to an area.",
        ),
        Misconception(
            name="the squared distance",
            wrong=lambda rate, penalty: step_factor(rate, penalty) ** 2,
            message="Your factor is squared. The modulus of a + ib is the root of a^2 + b^2.",
        ),
    ),
)

EXERCISES = (DIRAC_STEP, STEP_FACTOR)

"""Exercises on update rules: one step with momentum, one step of Adam."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Pair = tuple[Tensor, Tensor]
Triple = tuple[Tensor, Tensor, Tensor]
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def momentum_step(
    theta: Tensor, velocity: Tensor, gradient: Tensor, learning_rate: float, momentum: float
) -> tuple[Tensor, Tensor]:
    """v <- momentum v + gradient; theta <- theta - learning_rate v. Returns (theta, v)."""
    velocity = momentum * velocity + gradient
    return theta - learning_rate * velocity, velocity


def _momentum_inputs(rng: Rng) -> tuple[Tensor, Tensor, Tensor, float, float]:
    size = int(rng.integers(2, 6))
    theta, velocity, gradient = normal(rng, size), normal(rng, size), normal(rng, size)
    return theta, velocity, gradient, float(rng.uniform(0.05, 0.5)), float(rng.uniform(0.3, 0.9))


def _without_momentum_it_is_plain(answer: Answer, rng: Rng) -> bool:
    theta, velocity, gradient, learning_rate, _ = _momentum_inputs(rng)
    expected = (theta - learning_rate * gradient, gradient)
    return near(tuple(answer(theta, velocity, gradient, learning_rate, 0.0)), expected)


def _a_constant_gradient_builds_up(answer: Answer, rng: Rng) -> bool:
    """After many steps the velocity is gradient / (1 - momentum)."""
    theta, velocity, gradient, learning_rate, momentum = _momentum_inputs(rng)
    for _ in range(200):
        theta, velocity = answer(theta, velocity, gradient, learning_rate, momentum)
    return near(velocity, gradient / (1 - momentum))


def _walks_as_torchs_sgd(answer: Answer, rng: Rng) -> bool:
    theta, _, _, learning_rate, momentum = _momentum_inputs(rng)
    parameter, velocity = theta.clone(), torch.zeros_like(theta)
    optimizer = torch.optim.SGD([parameter], lr=learning_rate, momentum=momentum)
    for _ in range(5):
        parameter.grad = normal(rng, len(theta))
        theta, velocity = answer(theta, velocity, parameter.grad.clone(), learning_rate, momentum)
        optimizer.step()
    return near(theta, parameter)


def _dampened(theta: Tensor, velocity: Tensor, gradient: Tensor, learning_rate: float, momentum: float) -> Pair:
    velocity = momentum * velocity + (1 - momentum) * gradient
    return theta - learning_rate * velocity, velocity


def _old_velocity(theta: Tensor, velocity: Tensor, gradient: Tensor, learning_rate: float, momentum: float) -> Pair:
    return theta - learning_rate * velocity, momentum * velocity + gradient


def _rate_inside(theta: Tensor, velocity: Tensor, gradient: Tensor, learning_rate: float, momentum: float) -> Pair:
    velocity = momentum * velocity + learning_rate * gradient
    return theta - velocity, velocity


def _negative_velocity(
    theta: Tensor, velocity: Tensor, gradient: Tensor, learning_rate: float, momentum: float
) -> Pair:
    velocity = momentum * velocity - learning_rate * gradient
    return theta + velocity, velocity


def _look_ahead(theta: Tensor, velocity: Tensor, gradient: Tensor, learning_rate: float, momentum: float) -> Pair:
    velocity = momentum * velocity + gradient
    return theta - learning_rate * (gradient + momentum * velocity), velocity


def _roles_exchanged(theta: Tensor, velocity: Tensor, gradient: Tensor, learning_rate: float, momentum: float) -> Pair:
    velocity = velocity + momentum * gradient
    return theta - learning_rate * velocity, velocity


def _uphill(theta: Tensor, velocity: Tensor, gradient: Tensor, learning_rate: float, momentum: float) -> Pair:
    velocity = momentum * velocity + gradient
    return theta + learning_rate * velocity, velocity


MOMENTUM_STEP = Exercise(
    id="02.8",
    title="One step with momentum",
    stars=2,
    minutes=8,
    inputs=_momentum_inputs,
    reference=momentum_step,
    hints=(
        "First the velocity, from the old velocity and the gradient; then the parameters, from the new velocity.",
        "The whole gradient is added to what momentum leaves of the old velocity.",
        "The learning rate stands in the second line alone. Return both, theta first.",
    ),
    properties=(
        Property(statement="with momentum 0 it is plain gradient descent", holds=_without_momentum_it_is_plain),
        Property(
            statement="under a constant gradient g the velocity grows to g / (1 - momentum)",
            holds=_a_constant_gradient_builds_up,
        ),
        Property(statement="five steps end where those of torch.optim.SGD end", holds=_walks_as_torchs_sgd),
    ),
    misconceptions=(
        Misconception(
            name="dampening",
            wrong=_dampened,
            message="You weighted the gradient by 1 - momentum, as in an average. In the heavy ball the gradient "
            "counts in full: under a constant gradient the steps become 1 / (1 - momentum) times as long.",
        ),
        Misconception(
            name="the old velocity",
            wrong=_old_velocity,
            message="You moved by the velocity from before the step, so each gradient acts one step too late. "
            "Renew the velocity first.",
        ),
        Misconception(
            name="the learning rate inside the velocity",
            wrong=_rate_inside,
            message="You put the learning rate into the velocity. While it is constant the path is the same, but when "
            "a schedule changes it, the old steps keep their old rate. Here the velocity is made of gradients alone.",
        ),
        Misconception(
            name="a velocity that points downhill",
            wrong=_negative_velocity,
            message="Your velocity holds minus the learning rate times the gradients: the form of many textbooks, with "
            "the same path. Here, as in torch, the velocity is a sum of gradients, and the step is taken against it.",
        ),
        Misconception(
            name="Nesterov's look-ahead",
            wrong=_look_ahead,
            message="You applied the momentum a second time in the step: that is Nesterov's variant, which looks ahead "
            "along the velocity. The heavy ball moves by the velocity itself.",
        ),
        Misconception(
            name="roles exchanged",
            wrong=_roles_exchanged,
            message="You multiplied the gradient by the momentum. It is the old velocity that fades: otherwise nothing "
            "is ever forgotten.",
        ),
        Misconception(
            name="uphill",
            wrong=_uphill,
            message="You added the velocity. It is made of gradients, which point uphill.",
        ),
    ),
)


def adam_step(
    theta: Tensor, gradient: Tensor, m: Tensor, v: Tensor, step: int, learning_rate: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Step number `step` = 1, 2, ... of Adam, with beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8: (theta, m, v)."""
    m = BETA1 * m + (1 - BETA1) * gradient
    v = BETA2 * v + (1 - BETA2) * gradient**2
    m_hat, v_hat = m / (1 - BETA1**step), v / (1 - BETA2**step)
    return theta - learning_rate * m_hat / (v_hat**0.5 + EPSILON), m, v


def _gradients(rng: Rng, steps: int) -> Tensor:
    """(steps, 4): coordinates whose gradients are of the sizes 10, 1, 0.01 and 1e-5."""
    return normal(rng, steps, 4) * torch.tensor([10.0, 1.0, 1e-2, 1e-5], dtype=torch.float64)


def _adam_inputs(rng: Rng) -> tuple[Tensor, Tensor, Tensor, Tensor, int, float]:
    """A step in the middle of a run: m and v are what the steps before have left."""
    step, learning_rate = int(rng.integers(1, 7)), float(rng.uniform(0.05, 0.3))
    gradients = _gradients(rng, step)
    theta, m, v = 0.1 * normal(rng, 4), torch.zeros(4).double(), torch.zeros(4).double()
    for number in range(1, step):
        _, m, v = adam_step(theta, gradients[number - 1], m, v, number, learning_rate)
    return theta, gradients[-1], m, v, step, learning_rate


def _run(answer: Answer, gradients: Tensor, start: Tensor, learning_rate: float) -> Tensor:
    theta, m, v = start, torch.zeros_like(start), torch.zeros_like(start)
    for number, gradient in enumerate(gradients, start=1):
        theta, m, v = answer(theta, gradient, m, v, number, learning_rate)
    return theta


def _walks_as_torchs_adam(answer: Answer, rng: Rng) -> bool:
    start, learning_rate, gradients = normal(rng, 4), float(rng.uniform(0.05, 0.3)), _gradients(rng, 6)
    parameter = start.clone()
    optimizer = torch.optim.Adam([parameter], lr=learning_rate)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return near(_run(answer, gradients, start, learning_rate), parameter)


def _the_first_step_has_the_length_of_the_rate(answer: Answer, rng: Rng) -> bool:
    start, learning_rate = normal(rng, 3), float(rng.uniform(0.05, 0.3))
    gradient = torch.from_numpy(rng.choice([-1.0, 1.0], size=3) * 10.0 ** rng.uniform(-3, 3, size=3))
    moved = start - learning_rate * gradient.sign()
    return near(_run(answer, gradient[None], start, learning_rate), moved)


def _both_averages_fade(answer: Answer, rng: Rng) -> bool:
    theta, _, m, v, step, learning_rate = _adam_inputs(rng)
    _, m_next, v_next = answer(theta, torch.zeros_like(theta), m + 1, v + 1, step, learning_rate)
    return near(m_next, BETA1 * (m + 1)) and near(v_next, BETA2 * (v + 1), 1e-5)


def _variant(
    *, fix_m: bool = True, fix_v: bool = True, offset: int = 0, root: str = "outside", power: int = 2
) -> Answer:
    """Adam with one thing changed."""

    def step_fn(theta: Tensor, gradient: Tensor, m: Tensor, v: Tensor, step: int, learning_rate: float) -> Triple:
        m = BETA1 * m + (1 - BETA1) * gradient
        v = BETA2 * v + (1 - BETA2) * gradient**power
        m_hat = m / (1 - torch.tensor(BETA1).double() ** (step + offset)) if fix_m else m
        v_hat = v / (1 - torch.tensor(BETA2).double() ** (step + offset)) if fix_v else v
        below = {
            "outside": v_hat**0.5 + EPSILON,
            "inside": (v_hat + EPSILON) ** 0.5,
            "none": v_hat + EPSILON,
        }
        return theta - learning_rate * m_hat / below[root], m, v

    return step_fn


def _betas_exchanged(theta: Tensor, gradient: Tensor, m: Tensor, v: Tensor, step: int, learning_rate: float) -> Triple:
    m = BETA2 * m + (1 - BETA2) * gradient
    v = BETA1 * v + (1 - BETA1) * gradient**2
    m_hat, v_hat = m / (1 - BETA2**step), v / (1 - BETA1**step)
    return theta - learning_rate * m_hat / (v_hat**0.5 + EPSILON), m, v


def _corrected_kept(theta: Tensor, gradient: Tensor, m: Tensor, v: Tensor, step: int, learning_rate: float) -> Triple:
    theta, m, v = adam_step(theta, gradient, m, v, step, learning_rate)
    return theta, m / (1 - BETA1**step), v / (1 - BETA2**step)


def _no_first_average(theta: Tensor, gradient: Tensor, m: Tensor, v: Tensor, step: int, learning_rate: float) -> Triple:
    _, m, v = adam_step(theta, gradient, m, v, step, learning_rate)
    return theta - learning_rate * gradient / ((v / (1 - BETA2**step)) ** 0.5 + EPSILON), m, v


ADAM_STEP = Exercise(
    id="02.9",
    title="One step of Adam",
    stars=3,
    minutes=15,
    inputs=_adam_inputs,
    reference=adam_step,
    hints=(
        "Two running averages: m of the gradient, with beta1; v of its square, with beta2.",
        "Both start at 0, so early on both are too small. Dividing by 1 - beta ** step undoes exactly that.",
        "Move by the learning rate times m_hat over (root of v_hat, plus epsilon). Return theta and the uncorrected "
        "m and v.",
    ),
    properties=(
        Property(
            statement="the first step moves every coordinate by the learning rate, whatever the size of its gradient",
            holds=_the_first_step_has_the_length_of_the_rate,
        ),
        Property(statement="six steps end where those of torch.optim.Adam end", holds=_walks_as_torchs_adam),
        Property(statement="with a zero gradient m and v fade by the factors 0.9 and 0.999", holds=_both_averages_fade),
    ),
    misconceptions=(
        Misconception(
            name="no bias correction",
            wrong=_variant(fix_m=False, fix_v=False),
            message="You use m and v as they are. Both began at 0, v with a memory of 1,000 steps: so early on v is "
            "far too small, much more so than m, and the first steps are three times too long.",
        ),
        Misconception(
            name="only m corrected",
            wrong=_variant(fix_v=False),
            message="You corrected m but not v. After the first step v is still only a thousandth of the squared "
            "gradient, and its root about a thirtieth of the gradient.",
        ),
        Misconception(
            name="only v corrected",
            wrong=_variant(fix_m=False),
            message="You corrected v but not m. After the first step m is still only a tenth of the gradient.",
        ),
        Misconception(
            name="epsilon inside the root",
            wrong=_variant(root="inside"),
            message="Your epsilon stands under the root. There 1e-8 acts like 1e-4: coordinates with gradients below "
            "that are held back. Algorithm 1 of the paper adds it after the root.",
        ),
        Misconception(
            name="steps counted from 0",
            wrong=_variant(offset=-1),
            message="Your correction uses step - 1. In the first step that divides by 1 - beta ** 0 = 0. The step "
            "number given here starts at 1 already.",
        ),
        Misconception(
            name="no root",
            wrong=_variant(root="none"),
            message="You divided by v_hat itself. That has the square of the gradient's unit, so small gradients make "
            "enormous steps; the root makes numerator and denominator alike.",
        ),
        Misconception(
            name="the square forgotten",
            wrong=_variant(power=1),
            message="Your v averages the gradient, not its square. It can become negative, and a negative number has "
            "no root.",
        ),
        Misconception(
            name="the betas exchanged",
            wrong=_betas_exchanged,
            message="You averaged the gradient with beta2 and its square with beta1. The direction should follow "
            "quickly (0.9), the scale change slowly (0.999).",
        ),
        Misconception(
            name="corrected averages kept",
            wrong=_corrected_kept,
            message="You gave back the corrected averages. The next step averages m and v as they are; corrected again "
            "and again they would grow out of proportion.",
        ),
        Misconception(
            name="the gradient instead of its average",
            wrong=_no_first_average,
            message="You moved by the gradient itself, divided by the root of v_hat: that is RMSprop with a corrected "
            "v. Adam moves by the average m_hat.",
        ),
        Misconception(
            name="uphill",
            wrong=lambda theta, *rest: (2 * theta - adam_step(theta, *rest)[0], *adam_step(theta, *rest)[1:]),
            message="You added the step. m is an average of gradients, which point uphill.",
        ),
    ),
)


EXERCISES = (MOMENTUM_STEP, ADAM_STEP)

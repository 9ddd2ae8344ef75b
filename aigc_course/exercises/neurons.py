"""Exercises on single neurons, stacks of linear layers, and the spread of initial weights."""

import math

from torch import Tensor

from aigc_course.exercises.draws import near_float32, normal_float32, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def signed_distance(x: Tensor, w: Tensor, b: float) -> Tensor:
    """(w . x + b) / |w|: how far x (D,) lies from the neuron's boundary, positive on the side that w points to."""
    return (x @ w + b) / w.norm()


def collapse(layers: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The one layer (W, b) that does what the linear `layers` do one after another, the first one first."""
    weight, bias = layers[0]
    for next_weight, next_bias in layers[1:]:
        weight, bias = next_weight @ weight, next_weight @ bias + next_bias
    return weight, bias


def leaky_relu_weight_std(slope: float, fan_in: int, fan_out: int) -> float:  # noqa: ARG001 (one of the two is right)
    """sqrt(2 / ((1 + slope^2) fan_in)): keeps the mean square of leaky ReLU activations (He et al. 2015)."""
    return math.sqrt(2 / ((1 + slope**2) * fan_in))


def _distance_inputs(rng: Rng) -> tuple[Tensor, Tensor, float]:
    return normal_float32(rng, 3), 2.5 * normal_float32(rng, 3), float(rng.choice([-1, 1]) * rng.uniform(0.5, 2))


def _scaling_changes_nothing(answer: Answer, rng: Rng) -> bool:
    x, w, b = _distance_inputs(rng)
    c = float(rng.uniform(1.5, 4))
    return near_float32(answer(x, c * w, c * b), answer(x, w, b))


def _walking_along_the_normal(answer: Answer, rng: Rng) -> bool:
    x, w, b = _distance_inputs(rng)
    on_the_line = x - (x @ w + b) / (w @ w) * w
    step = float(rng.uniform(-2, 2))
    return near_float32(answer(on_the_line + step * w / w.norm(), w, b), step)


DISTANCE = Exercise(
    id="01.1",
    title="How far from the boundary?",
    inputs=_distance_inputs,
    reference=signed_distance,
    absolute_tolerance=1e-5,
    minutes=5,
    hints=(
        "The boundary is where w · x + b = 0. What does w · x + b become when you double both w and b? The line stays.",
        "Walk from the line by t along the unit vector w / |w|. By how much does w · x + b grow?",
        "By t |w|. So t is w · x + b over the length of w.",
    ),
    properties=(
        Property(statement="doubling w and b changes nothing", holds=_scaling_changes_nothing),
        Property(statement="a walk of t along w, from the boundary, ends at t", holds=_walking_along_the_normal),
    ),
    misconceptions=(
        Misconception(
            name="the pre-activation",
            wrong=lambda x, w, b: x @ w + b,
            message="You gave w · x + b itself. It is 0 on the boundary and has the right sign, but it is measured in "
            "units of |w|: a neuron with larger weights would call the same point farther away.",
        ),
        Misconception(
            name="the squared length",
            wrong=lambda x, w, b: (x @ w + b) / (w @ w),
            message="You divided by |w|². That is the multiple of w that leads to the boundary; a distance counts "
            "steps of length 1.",
        ),
        Misconception(
            name="the sign of the bias",
            wrong=lambda x, w, b: (x @ w - b) / w.norm(),
            message="Your bias has the other sign: check a point where w · x = -b, which lies on the boundary.",
        ),
        Misconception(
            name="only the bias is scaled wrongly",
            wrong=lambda x, w, b: x @ w / w.norm() + b,
            message="You divided w · x by the length of w, but not b. Both belong to the pre-activation.",
        ),
    ),
)


def _stack(rng: Rng, depth: int = 3, width: int = 3) -> tuple[list[tuple[Tensor, Tensor]]]:
    return ([(normal_float32(rng, width, width), normal_float32(rng, width)) for _ in range(depth)],)


def _does_what_the_stack_does(answer: Answer, rng: Rng) -> bool:
    widths = [int(n) for n in rng.integers(2, 6, size=4)]
    layers = [(normal_float32(rng, widths[i + 1], widths[i]), normal_float32(rng, widths[i + 1])) for i in range(3)]
    weight, bias = answer(layers)
    h = x = normal_float32(rng, 5, widths[0])
    for w, b in layers:
        h = h @ w.T + b
    return near_float32(tensor(x) @ tensor(weight).T + tensor(bias), h)


def _one_layer_stays(answer: Answer, rng: Rng) -> bool:
    (layers,) = _stack(rng, depth=1)
    weight, bias = answer(layers)
    return near_float32(weight, layers[0][0]) and near_float32(bias, layers[0][1])


def _collapse_in_turned_order(layers: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    weight, bias = layers[0]
    for next_weight, next_bias in layers[1:]:
        weight, bias = weight @ next_weight, next_weight @ bias + next_bias
    return weight, bias


COLLAPSE = Exercise(
    id="01.3",
    title="Many linear layers in one",
    inputs=_stack,
    reference=collapse,
    absolute_tolerance=1e-4,
    stars=2,
    minutes=8,
    hints=(
        "Write two layers out: W₂ (W₁ x + b₁) + b₂. Which part multiplies x, and which does not?",
        "The weight is W₂ W₁. The first bias goes through the second layer too.",
        "Keep (W, b) of the layers so far; with the next layer (V, c) they become (V W, V b + c).",
    ),
    properties=(
        Property(
            statement="the one layer gives what the stack gives, whatever the widths", holds=_does_what_the_stack_does
        ),
        Property(statement="a stack of one layer stays what it is", holds=_one_layer_stays),
    ),
    misconceptions=(
        Misconception(
            name="the order of the product",
            wrong=_collapse_in_turned_order,
            message="Your biases are right, but the matrices are multiplied in the order in which they are applied. "
            "The matrix nearest to x acts first: where does it stand in the product?",
        ),
        Misconception(
            name="biases only added",
            wrong=lambda layers: (collapse(layers)[0], sum(b for _, b in layers)),
            message="Your weight is right, but the biases are just added up. An early bias still passes through all "
            "later layers.",
        ),
        Misconception(
            name="the last bias alone",
            wrong=lambda layers: (collapse(layers)[0], layers[-1][1]),
            message="Your weight is right, but only the last bias is left. What does the stack give for x = 0?",
        ),
    ),
)


def _spread_inputs(rng: Rng) -> tuple[float, int, int]:
    fan_in = int(rng.integers(50, 400))
    return float(rng.uniform(0.3, 0.9)), fan_in, fan_in + int(rng.integers(50, 400))


def _second_moment_is_kept(answer: Answer, rng: Rng) -> bool:
    slope, fan_in, fan_out = _spread_inputs(rng)
    positive_part = 0.5 * (1 + slope**2)  # E[leaky(z)^2] / E[z^2] for symmetric z
    return near_float32(fan_in * answer(slope, fan_in, fan_out) ** 2 * positive_part, 1.0)


def _slope_one_is_linear(answer: Answer, rng: Rng) -> bool:
    _, fan_in, fan_out = _spread_inputs(rng)
    return near_float32(answer(1.0, fan_in, fan_out) * math.sqrt(fan_in), 1.0)


SPREAD = Exercise(
    id="01.7",
    title="He initialisation for a leaky ReLU",
    inputs=_spread_inputs,
    reference=leaky_relu_weight_std,
    stars=3,
    minutes=10,
    hints=(
        "The pre-activation is a sum of fan_in products: Var[z] = fan_in · Var[w] · E[h²].",
        "For symmetric z, half of E[h²] comes from z > 0, and half from z < 0, there multiplied by slope².",
        "So E[h²] = ½ (1 + slope²) Var[z]. Solve for Var[w] such that E[h²] stays; then take the root.",
    ),
    properties=(
        Property(statement="E[h²] is the same after the layer as before", holds=_second_moment_is_kept),
        Property(
            statement="with slope 1 (a linear layer) the standard deviation is 1/√fan_in", holds=_slope_one_is_linear
        ),
    ),
    misconceptions=(
        Misconception(
            name="fan_out for fan_in",
            wrong=lambda slope, fan_in, fan_out: leaky_relu_weight_std(slope, fan_out, fan_in),
            message="You divided by the number of outputs: that keeps the gradients on their way back. The question "
            "is about the activations: how many terms does each pre-activation add up?",
        ),
        Misconception(
            name="variance for standard deviation",
            wrong=lambda slope, fan_in, fan_out: leaky_relu_weight_std(slope, fan_in, fan_out) ** 2,
            message="You gave the variance. What `std * torch.randn(...)` needs is the standard deviation.",
        ),
        Misconception(
            name="slope forgotten",
            wrong=lambda slope, fan_in, fan_out: math.sqrt(2 / fan_in),  # noqa: ARG005
            message="That is right for ReLU. A leaky ReLU also lets part of the negative side through, so its weights "
            "have to be a little smaller.",
        ),
        Misconception(
            name="slope not squared",
            wrong=lambda slope, fan_in, fan_out: math.sqrt(2 / ((1 + slope) * fan_in)),  # noqa: ARG005
            message="You have 1 + slope. It is a mean square that is kept: what does a factor do to a square?",
        ),
    ),
)

EXERCISES = (DISTANCE, COLLAPSE, SPREAD)

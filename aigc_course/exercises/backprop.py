"""Exercises on derivatives, backpropagation and its check by differences."""

from functools import partial

import torch
from torch import Tensor

from aigc_course.exercises.draws import near_float32, normal_float32
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Tape = list[list[tuple[int, float]]]


def tanh_backward(grad_a: Tensor, z: Tensor) -> Tensor:
    """dL/dz for a = tanh(z): grad_a (1 - tanh(z)^2). Both arguments and the result have one shape."""
    return grad_a * (1 - torch.tanh(z) ** 2)


def two_layer_gradients(x: Tensor, y: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> list[Tensor]:
    """Gradients of (1/2B) sum |sigmoid(x w1^T + b1) w2^T + b2 - y|^2 with respect to w1, b1, w2 and b2."""
    h = torch.sigmoid(x @ w1.T + b1)
    delta2 = (h @ w2.T + b2 - y) / len(x)
    delta1 = (delta2 @ w2) * h * (1 - h)
    return [delta1.T @ x, delta1.sum(dim=0), delta2.T @ h, delta2.sum(dim=0)]


def accumulate(tape: Tape) -> list[float]:
    """d(last node)/d(node) for each node; tape[i] lists (j, d node_i / d node_j) with j < i."""
    derivatives = [0.0] * len(tape)
    derivatives[-1] = 1.0
    for i in reversed(range(len(tape))):
        for j, local in tape[i]:
            derivatives[j] += derivatives[i] * local
    return derivatives


def best_central_step(epsilon: float, f: float, third_derivative: float) -> float:
    """(3 epsilon f / f''')^(1/3): least bound h^2 f''' / 6 + epsilon f / h. All arguments > 0."""
    return (3 * epsilon * f / third_derivative) ** (1 / 3)


def _tanh_inputs(rng: Rng) -> tuple[Tensor, Tensor]:
    return normal_float32(rng, 3, 4), normal_float32(rng, 3, 4)


def _tanh_like_autograd(answer: Answer, rng: Rng) -> bool:
    grad_a, z = _tanh_inputs(rng)
    z.requires_grad_()
    return near_float32(answer(grad_a, z.detach()), torch.autograd.grad((torch.tanh(z) * grad_a).sum(), z)[0])


def _tanh_is_odd_sloped(answer: Answer, rng: Rng) -> bool:
    grad_a, _ = _tanh_inputs(rng)
    return near_float32(answer(grad_a, torch.zeros(3, 4)), grad_a) and near_float32(
        answer(grad_a, torch.full((3, 4), 9.0)), 0 * grad_a
    )


TANH = Exercise(
    id="01.2",
    title="Backward through tanh",
    inputs=_tanh_inputs,
    reference=tanh_backward,
    extremes=((torch.ones(3), torch.tensor([-1000.0, 0.0, 1000.0])),),
    absolute_tolerance=1e-5,
    minutes=6,
    hints=(
        "Chain rule: dL/dz = dL/da · da/dz, entry by entry.",
        "tanh = sinh/cosh. The quotient rule and cosh² - sinh² = 1 give its derivative 1/cosh²(z).",
        "Which is 1 - tanh²(z), here with z the pre-activation.",
    ),
    properties=(
        Property(statement="the result is autograd's", holds=_tanh_like_autograd),
        Property(statement="at z = 0 the gradient passes unchanged, at z = 9 hardly at all", holds=_tanh_is_odd_sloped),
    ),
    misconceptions=(
        Misconception(
            name="derivative at the activation",
            wrong=lambda grad_a, z: tanh_backward(grad_a, torch.tanh(z)),
            message="Your derivative is taken at a = tanh(z) instead of z: tanh was applied twice.",
        ),
        Misconception(
            name="pre-activation in the activation's place",
            wrong=lambda grad_a, z: grad_a * (1 - z**2),
            message="You have 1 - z². The formula 1 - a² wants the activation a, but z is the pre-activation.",
        ),
        Misconception(
            name="activation derivative missing",
            wrong=lambda grad_a, z: grad_a.clone(),  # noqa: ARG005
            message="You passed the gradient on as it came: the derivative of tanh is missing.",
        ),
        Misconception(
            name="upstream gradient missing",
            wrong=lambda grad_a, z: 1 - torch.tanh(z) ** 2,  # noqa: ARG005
            message="You gave da/dz. The chain rule multiplies it by what comes from above.",
        ),
    ),
)


def _network(rng: Rng, d: int = 3, k: int = 3, hidden: int = 3, batch: int = 5) -> tuple[Tensor, ...]:
    shapes = (batch, d), (batch, k), (hidden, d), (hidden,), (k, hidden), (k,)
    return tuple(normal_float32(rng, *shape) for shape in shapes)


def _saturated() -> tuple[Tensor, ...]:
    """One hidden neuron far on either side: exp(1000) has no place in a float."""
    one = torch.ones(1, 1)
    return torch.tensor([[1000.0], [-1000.0]]), torch.zeros(2, 1), one, torch.zeros(1), one, torch.zeros(1)


def _network_like_autograd(answer: Answer, rng: Rng) -> bool:
    x, y, *parameters = _network(rng, d=2, k=4, hidden=5, batch=6)
    w1, b1, w2, b2 = leaves = [p.clone().requires_grad_() for p in parameters]
    loss = (torch.sigmoid(x @ w1.T + b1) @ w2.T + b2 - y).square().sum() / (2 * len(x))
    return all(map(near_float32, answer(x, y, *parameters), torch.autograd.grad(loss, leaves)))


def _repeating_the_batch(answer: Answer, rng: Rng) -> bool:
    x, y, *parameters = _network(rng)
    once, twice = answer(x, y, *parameters), answer(x.repeat(2, 1), y.repeat(2, 1), *parameters)
    return len(once) == 4 and all(map(near_float32, once, twice))


def _with_mistake(
    x: Tensor, y: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, *, mistake: str
) -> list[Tensor]:
    """`two_layer_gradients` with one thing changed."""
    h = torch.sigmoid(x @ w1.T + b1)
    delta2 = h @ w2.T + b2 - y
    if mistake != "sum":
        delta2 = delta2 / len(x)
    slope = {"slope": torch.ones_like(h), "twice": torch.sigmoid(h) * (1 - torch.sigmoid(h))}.get(mistake, h * (1 - h))
    delta1 = (delta2 @ (w2.T if mistake == "back" else w2)) * slope
    grads = [delta1.T @ x, delta1.sum(dim=0), delta2.T @ h, delta2.sum(dim=0)]
    if mistake == "transposed":
        grads[0], grads[2] = grads[0].T, grads[2].T
    if mistake == "bias":
        grads[1], grads[3] = delta1, delta2
    return grads


def _network_mistake(kind: str, name: str, message: str) -> Misconception:
    return Misconception(name=name, wrong=partial(_with_mistake, mistake=kind), message=message)


TWO_LAYERS = Exercise(
    id="01.4",
    title="Backpropagation with a sigmoid",
    inputs=_network,
    reference=two_layer_gradients,
    extremes=(_saturated(),),
    absolute_tolerance=1e-5,
    stars=3,
    minutes=12,
    hints=(
        "Start at the loss: δ₂ = dL/dz₂ = (ŷ - y)/B, of shape (B, K).",
        "A layer gives three things: dW = δᵀ (its input), db = δ summed over the batch, and δ W for the layer below.",
        "δ₁ = (δ₂ W₂) ⊙ h(1 - h) with h = σ(z₁), of shape (B, H).",
    ),
    properties=(
        Property(statement="the four gradients are autograd's, whatever the widths", holds=_network_like_autograd),
        Property(statement="a batch shown twice has the gradients of the batch", holds=_repeating_the_batch),
    ),
    misconceptions=(
        _network_mistake("sum", "sum instead of mean", "Your gradients are B times too large: the loss is a mean."),
        _network_mistake("slope", "activation derivative missing", "The hidden layer's gradient lacks σ'(z₁)."),
        _network_mistake(
            "twice",
            "derivative at the activation",
            "You applied σ to h, which is already σ(z₁). Either write the derivative with h, or take σ of z₁.",
        ),
        _network_mistake(
            "transposed",
            "transposed gradient",
            "Your weight gradients are transposed. With equal widths no shape complains: a gradient has its "
            "weight's shape (out, in), so which factor's columns become its rows?",
        ),
        _network_mistake(
            "bias",
            "bias gradient not summed",
            "Your bias gradients still have one row for each example. All B examples share one bias.",
        ),
        _network_mistake(
            "back",
            "transposed weight on the way back",
            "On the way back you multiplied by W₂ᵀ. Forward it was h W₂ᵀ; compare the shapes for H ≠ K.",
        ),
    ),
)


def _tape(rng: Rng) -> tuple[Tape]:
    """Two inputs, then four nodes, each made of the last two; the first three are used more than once."""
    numbers = [float(v) for v in rng.choice([-1, 1], size=8) * rng.uniform(0.5, 1.5, size=8)]
    tape: Tape = [[], []]
    for k in range(4):
        tape.append([(k + 1, numbers[2 * k]), (k, numbers[2 * k + 1])])
    return (tape,)


def _sum_over_paths(answer: Answer, rng: Rng) -> bool:
    (tape,) = _tape(rng)

    def paths(top: int, node: int) -> float:
        return 1.0 if top == node else sum(local * paths(j, node) for j, local in tape[top])

    return near_float32(answer(tape), [paths(len(tape) - 1, node) for node in range(len(tape))])


def _used_twice(answer: Answer, rng: Rng) -> bool:
    a, b = (float(v) for v in rng.uniform(0.5, 2, size=2))
    return near_float32(answer([[], [(0, a), (0, b)], [(1, 3.0)]]), [3 * (a + b), 3.0, 1.0])


def _overwriting(tape: Tape) -> list[float]:
    derivatives = [0.0] * (len(tape) - 1) + [1.0]
    for i in reversed(range(len(tape))):
        for j, local in tape[i]:
            derivatives[j] = derivatives[i] * local
    return derivatives


def _first_to_last(tape: Tape) -> list[float]:
    derivatives = [0.0] * (len(tape) - 1) + [1.0]
    for i in range(len(tape)):
        for j, local in tape[i]:
            derivatives[j] += derivatives[i] * local
    return derivatives


def _adding_locals(tape: Tape) -> list[float]:
    derivatives = [0.0] * (len(tape) - 1) + [1.0]
    for i in reversed(range(len(tape))):
        for j, local in tape[i]:
            derivatives[j] += derivatives[i] + local
    return derivatives


ACCUMULATE = Exercise(
    id="01.5",
    title="The reverse sweep",
    inputs=_tape,
    reference=accumulate,
    stars=2,
    minutes=10,
    hints=(
        "The derivative of the last node with respect to itself is 1. Start from there and walk backwards.",
        "When node i is reached, all that uses it has been visited, so its derivative is complete. Hand it on.",
        "For each (j, local) of node i, add derivative[i] · local to derivative[j].",
    ),
    properties=(
        Property(
            statement="each derivative is the sum over all paths of the product along the path", holds=_sum_over_paths
        ),
        Property(statement="a node used twice by one operation gets both contributions", holds=_used_twice),
    ),
    misconceptions=(
        Misconception(
            name="no accumulation",
            wrong=_overwriting,
            message="A node that is used twice keeps only what arrived last. Its influence goes along every path.",
        ),
        Misconception(
            name="wrong direction",
            wrong=_first_to_last,
            message="You walk from the first node to the last. Then a node hands on its derivative before knowing it.",
        ),
        Misconception(
            name="local derivatives added",
            wrong=_adding_locals,
            message="Along a path you add where the chain rule multiplies. Only different paths are added up.",
        ),
    ),
)


def _step_inputs(rng: Rng) -> tuple[float, float, float]:
    return 10.0 ** float(rng.uniform(-8, -3)), float(rng.uniform(1.5, 9)), float(rng.uniform(0.1, 0.7))


def _is_lowest(answer: Answer, rng: Rng) -> bool:
    epsilon, f, third = _step_inputs(rng)
    h = float(answer(epsilon, f, third))

    def bound(step: float) -> float:
        return step**2 * third / 6 + epsilon * f / step

    return h > 0 and bound(h) < min(bound(0.97 * h), bound(1.03 * h))


def _cube_root(answer: Answer, rng: Rng) -> bool:
    epsilon, f, third = _step_inputs(rng)
    return near_float32(answer(epsilon / 1000, f, third) * 10 / answer(epsilon, f, third), 1.0)


BEST_STEP = Exercise(
    id="01.6",
    title="The best step of a central difference",
    inputs=_step_inputs,
    reference=best_central_step,
    absolute_tolerance=1e-12,
    stars=2,
    minutes=8,
    hints=(
        "The bound is h² f'''/6 + ε f/h. It is lowest where its derivative with respect to h is 0.",
        "Differentiated: h f'''/3 - ε f/h² = 0.",
        "Multiply by h² and solve for h³.",
    ),
    properties=(
        Property(statement="a step 3 % shorter or longer has a larger bound", holds=_is_lowest),
        Property(statement="1000 times less rounding makes the best step 10 times shorter", holds=_cube_root),
    ),
    misconceptions=(
        Misconception(
            name="the forward difference",
            wrong=lambda epsilon, f, third: 2 * (epsilon * f / third) ** 0.5,
            message="That square root is the forward difference's, whose truncation grows as h. Here it grows as h².",
        ),
        Misconception(
            name="terms set equal",
            wrong=lambda epsilon, f, third: (6 * epsilon * f / third) ** (1 / 3),
            message="You made the two terms equal. Their sum is lowest where their slopes cancel, which is elsewhere.",
        ),
        Misconception(
            name="constants dropped",
            wrong=lambda epsilon, f, third: epsilon ** (1 / 3),  # noqa: ARG005
            message="ε^(1/3) is the rule of thumb for f ≈ f''' ≈ 1. Here f and f''' are given.",
        ),
    ),
)

EXERCISES = (TANH, TWO_LAYERS, ACCUMULATE, BEST_STEP)

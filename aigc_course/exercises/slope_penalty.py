"""The exercise on the penalty that lets the game come to rest: a gradient inside a loss."""

import torch
from torch import Tensor, nn

from aigc_course.exercises.draws import near, normal, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def r1_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """The mean over real (B, D) of the squared norm of the logit's gradient: a scalar that can be differentiated."""
    real = real.detach().requires_grad_()
    logits = discriminator(real)
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return gradient.square().sum(dim=1).mean()


def _network(rng: Rng, size: int, width: int = 6) -> nn.Sequential:
    network = nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, 1)).double()
    for parameter in network.parameters():
        parameter.data = normal(rng, *parameter.shape)
    return network


def _penalty_inputs(rng: Rng) -> tuple[nn.Sequential, Tensor]:
    size = int(rng.integers(2, 5))
    return _network(rng, size), normal(rng, int(rng.integers(3, 7)), size)


def _linear(rng: Rng) -> tuple[nn.Linear, Tensor]:
    layer = nn.Linear(3, 1).double()
    layer.weight.data = normal(rng, 1, 3)
    return layer, normal(rng, 4, 3)


def _a_linear_one_costs_its_squared_weights(answer: Answer, rng: Rng) -> bool:
    layer, real = _linear(rng)
    return near(answer(layer, real), layer.weight.detach().square().sum())


def _can_be_trained(answer: Answer, rng: Rng) -> bool:
    layer, real = _linear(rng)
    (slope,) = torch.autograd.grad(answer(layer, real), layer.weight)
    return near(slope, 2 * layer.weight.detach())


def _a_batch_is_the_mean_of_its_examples(answer: Answer, rng: Rng) -> bool:
    network, real = _penalty_inputs(rng)
    alone = [tensor(answer(network, real[i : i + 1])) for i in range(len(real))]
    return near(answer(network, real), torch.stack(alone).mean())


def _gradient(discriminator: nn.Module, real: Tensor) -> Tensor:
    real = real.detach().requires_grad_()
    return torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)[0]


def _of_the_probability(discriminator: nn.Module, real: Tensor) -> Tensor:
    return r1_penalty(nn.Sequential(discriminator, nn.Sigmoid()), real)


R1_PENALTY = Exercise(
    id="04.7",
    title="A penalty on the discriminator's slope",
    stars=3,
    minutes=12,
    inputs=_penalty_inputs,
    reference=r1_penalty,
    hints=(
        "torch.autograd.grad(outputs, inputs) gives gradients; the inputs must have requires_grad_() before the "
        "discriminator sees them.",
        "Take the gradient of the sum of the logits: each example's logit depends on that example alone.",
        "The penalty is trained through: ask autograd.grad for create_graph=True, and don't detach.",
        "Square, add up over the coordinates of each example, take the mean over examples.",
    ),
    properties=(
        Property(
            statement="the logit w x + b costs the squared length of w", holds=_a_linear_one_costs_its_squared_weights
        ),
        Property(statement="the gradient reaches the weights: for w x + b it is 2 w", holds=_can_be_trained),
        Property(
            statement="the penalty of a batch is the mean of those of its examples",
            holds=_a_batch_is_the_mean_of_its_examples,
        ),
    ),
    misconceptions=(
        Misconception(
            name="not squared",
            wrong=lambda discriminator, real: _gradient(discriminator, real).norm(dim=1).mean(),
            message="You averaged the length of the gradient; R1 has its square, which is smooth at 0.",
        ),
        Misconception(
            name="the target of one",
            wrong=lambda discriminator, real: (_gradient(discriminator, real).norm(dim=1) - 1).square().mean(),
            message="This pulls the length of the gradient towards 1, as for a Wasserstein critic. R1 pulls it to 0: "
            "at the equilibrium the discriminator has nothing left to say.",
        ),
        Misconception(
            name="a mean over the coordinates",
            wrong=lambda discriminator, real: _gradient(discriminator, real).square().mean(),
            message="You averaged over the coordinates too. A squared length is a sum over coordinates; only the "
            "examples are averaged.",
        ),
        Misconception(
            name="a sum over the batch",
            wrong=lambda discriminator, real: _gradient(discriminator, real).square().sum(),
            message="You added up the whole batch: the penalty would grow with the batch size.",
        ),
        Misconception(
            name="the gradient of the mean logit",
            wrong=lambda discriminator, real: (_gradient(discriminator, real) / len(real)).square().sum(dim=1).mean(),
            message="You differentiated the mean of the logits, so that each example's gradient is divided by the "
            "batch size before it is squared.",
        ),
        Misconception(
            name="the slope of the probability",
            wrong=_of_the_probability,
            message="You penalise the slope of D, not of its logit. Where D is sure its slope is 0 anyway: the penalty "
            "would vanish just where the logit runs away.",
        ),
        Misconception(
            name="no gradient to the weights",
            wrong=lambda discriminator, real: r1_penalty(discriminator, real).detach(),
            message="The value is right, but it is a plain number: no gradient goes from it to the discriminator's "
            "weights, so it would change nothing. The first gradient has to keep its own graph.",
        ),
    ),
)

EXERCISES = (R1_PENALTY,)

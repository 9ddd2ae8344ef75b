"""Exercises on the gradients of the two losses: the squared error and cross-entropy."""

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.exercises.draws import draw_labels, near, normal, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def mse_gradient(y_hat: Tensor, y: Tensor) -> Tensor:
    """The gradient of (1/n) sum_i (y_i - y_hat_i)^2 with respect to y_hat. Shapes: (n,), (n,) -> (n,)."""
    return 2 * (y_hat - y) / len(y)


def _mse_inputs(rng: Rng) -> tuple[Tensor, Tensor]:
    n = int(rng.integers(3, 10))
    return normal(rng, n), normal(rng, n)


def _predicts_the_change_of_the_mse(answer: Answer, rng: Rng) -> bool:
    y_hat, y = _mse_inputs(rng)
    move = normal(rng, len(y))
    slope = ((y_hat + move - y).square().mean() - (y_hat - move - y).square().mean()) / 2  # exact: the MSE is quadratic
    return near((tensor(answer(y_hat, y)) * move).sum(), slope)


def _no_error_no_gradient(answer: Answer, rng: Rng) -> bool:
    y = normal(rng, 5)
    return near(answer(y.clone(), y), torch.zeros(5))


MSE_GRADIENT = Exercise(
    id="02.1",
    title="The gradient of the mean squared error",
    stars=1,
    minutes=6,
    inputs=_mse_inputs,
    reference=mse_gradient,
    hints=(
        "Only one term of the sum contains y_hat_i. What is the derivative of that term?",
        "The outer derivative of a square is 2 times its inside; the inside is y_i - y_hat_i, and its own "
        "derivative with respect to y_hat_i has a sign.",
        "The 1/n in front of the sum stays in front of every component.",
    ),
    properties=(
        Property(
            statement="moving the predictions a little changes the MSE by the gradient times the move",
            holds=_predicts_the_change_of_the_mse,
        ),
        Property(statement="where all predictions are right the gradient is zero", holds=_no_error_no_gradient),
    ),
    misconceptions=(
        Misconception(
            name="the 2 is missing",
            wrong=lambda y_hat, y: (y_hat - y) / len(y),
            message="Your gradient is half of what it should be: that of a loss with a 1/2 in front. This one has "
            "none, so what comes down from the exponent stays.",
        ),
        Misconception(
            name="sum instead of mean",
            wrong=lambda y_hat, y: 2 * (y_hat - y),
            message="That is the gradient of the sum of the squared errors. It grows with the number of samples, and "
            "so would every step that is made with it.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda y_hat, y: 2 * (y - y_hat) / len(y),
            message="Your sign is turned round: you differentiated with respect to the targets y, or left out the "
            "inner derivative. Ask: if a prediction is too high, should the loss grow or fall when it rises?",
        ),
        Misconception(
            name="length instead of squared length",
            wrong=lambda y_hat, y: (y_hat - y) / (y_hat - y).norm(),
            message="That is the gradient of the Euclidean length of the error. It has length 1 however small the "
            "error is; the squared error has no root in it.",
        ),
        Misconception(
            name="absolute errors",
            wrong=lambda y_hat, y: torch.sign(y_hat - y) / len(y),
            message="That is the gradient of the mean absolute error: it knows on which side a prediction is, but "
            "not how far off.",
        ),
        Misconception(
            name="one number for all predictions",
            wrong=lambda y_hat, y: 2 * (y_hat - y).mean(),
            message="You averaged the gradient into one number. A gradient has one component for each prediction, for "
            "each can move on its own.",
        ),
    ),
)


def cross_entropy_gradient(logits: Tensor, labels: Tensor) -> Tensor:
    """Gradient of the mean cross-entropy with respect to the logits: (softmax - onehot) / N. (N, K), (N,) -> (N, K)."""
    onehot = F.one_hot(labels, logits.shape[1])
    return (logits.softmax(dim=1) - onehot) / len(logits)


def _logit_inputs(rng: Rng) -> tuple[Tensor, Tensor]:
    samples, classes = int(rng.integers(2, 7)), int(rng.integers(3, 7))
    return normal(rng, samples, classes, scale=2.0), draw_labels(rng, samples, classes)


def _predicts_the_change_of_the_cross_entropy(answer: Answer, rng: Rng) -> bool:
    logits, labels = _logit_inputs(rng)
    move = normal(rng, *logits.shape, scale=1e-4)
    slope = (F.cross_entropy(logits + move, labels) - F.cross_entropy(logits - move, labels)) / 2
    return bool(((tensor(answer(logits, labels)) * move).sum() - slope).abs() < 1e-8)


def _rows_sum_to_zero(answer: Answer, rng: Rng) -> bool:
    logits, labels = _logit_inputs(rng)
    return near(tensor(answer(logits, labels)).sum(dim=1), torch.zeros(len(logits)))


def _sure_and_wrong_gets_the_full_push(answer: Answer, rng: Rng) -> bool:
    logits = torch.tensor([[0.0, rng.uniform(40, 60)]], dtype=torch.float64)
    return near(answer(logits, torch.tensor([0])), torch.tensor([[-1.0, 1.0]]))


CROSS_ENTROPY_GRADIENT = Exercise(
    id="02.4",
    title="The gradient of cross-entropy from logits",
    stars=2,
    minutes=10,
    inputs=_logit_inputs,
    reference=cross_entropy_gradient,
    extremes=((torch.tensor([[1000.0, 0.0, -1000.0]]), torch.tensor([1])),),
    hints=(
        "Write the loss of one sample as log_sum_exp(logits) - logits[true class] and differentiate both terms.",
        "The derivative of log_sum_exp with respect to logit k is the softmax probability of class k.",
        "F.one_hot(labels, K) is the derivative of the second term. And the loss is a mean over the samples.",
    ),
    properties=(
        Property(
            statement="moving the logits a little changes the cross-entropy by the gradient times the move",
            holds=_predicts_the_change_of_the_cross_entropy,
        ),
        Property(statement="each row sums to 0, as a constant in all logits changes nothing", holds=_rows_sum_to_zero),
        Property(
            statement="a single sample that is sure and wrong is pushed by 1", holds=_sure_and_wrong_gets_the_full_push
        ),
    ),
    misconceptions=(
        Misconception(
            name="not divided by the samples",
            wrong=lambda logits, labels: len(logits) * cross_entropy_gradient(logits, labels),
            message="That is the gradient of the sum over samples. The loss is their mean, so each row counts 1/N.",
        ),
        Misconception(
            name="divided by the classes too",
            wrong=lambda logits, labels: cross_entropy_gradient(logits, labels) / logits.shape[1],
            message="You divided by N × K. The loss sums over the classes and averages over the samples.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda logits, labels: -cross_entropy_gradient(logits, labels),
            message="Your sign is turned round: descending along it would lower the probability of the true class.",
        ),
        Misconception(
            name="logits in place of probabilities",
            wrong=lambda logits, labels: (logits - F.one_hot(labels, logits.shape[1])) / len(logits),
            message="You subtracted the one-hot target from the logits. What the target is compared with is the "
            "probability that the model gives to each class.",
        ),
        Misconception(
            name="only the true class",
            wrong=lambda logits, labels: F.one_hot(labels, logits.shape[1]) * cross_entropy_gradient(logits, labels),
            message="You changed the true class alone. The other logits stand in the denominator of the softmax: "
            "raising one of them lowers the probability of the true class too.",
        ),
        Misconception(
            name="stopped at the probabilities",
            wrong=lambda logits, labels: -F.one_hot(labels, logits.shape[1]) / logits.softmax(dim=1) / len(logits),
            message="That is the gradient with respect to the probabilities. They still depend on the logits through "
            "the softmax; the chain rule has one more factor.",
        ),
        Misconception(
            name="the factor p (1 - p)",
            wrong=lambda logits, labels: (
                logits.softmax(dim=1) * (1 - logits.softmax(dim=1)) * cross_entropy_gradient(logits, labels)
            ),
            message="A factor p (1 - p) is left in your gradient. It belongs to the squared error; in the "
            "cross-entropy the derivative of the logarithm cancels it.",
        ),
    ),
)

EXERCISES = (MSE_GRADIENT, CROSS_ENTROPY_GRADIENT)

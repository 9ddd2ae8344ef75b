"""Exercises on cross-entropy: from probabilities, and from logits of any size."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.exercises.draws import draw_labels, near, normal, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def cross_entropy(p: Tensor, labels: Tensor) -> Tensor:
    """Mean over samples of -log p[i, label_i], in nats. Shapes: (N, K), (N,) -> ()."""
    return -p[torch.arange(len(p)), labels].log().mean()


def _probability_inputs(rng: Rng) -> tuple[Tensor, Tensor]:
    samples, classes = int(rng.integers(3, 9)), int(rng.integers(3, 7))
    return normal(rng, samples, classes, scale=2.0).softmax(dim=1), draw_labels(rng, samples, classes)


def _ignorance_costs_log_k(answer: Answer, rng: Rng) -> bool:
    samples, classes = int(rng.integers(2, 9)), int(rng.integers(3, 20))
    p = torch.full((samples, classes), 1 / classes, dtype=torch.float64)
    return near(answer(p, draw_labels(rng, samples, classes)), math.log(classes))


def _one_sample_is_its_own_logarithm(answer: Answer, rng: Rng) -> bool:
    rest = rng.uniform(0.1, 0.9) * (1 - 1 / math.e)
    p = torch.tensor([[1 / math.e, rest, 1 - 1 / math.e - rest]], dtype=torch.float64)
    return near(answer(p, torch.tensor([0])), 1.0)


def _halves_average(answer: Answer, rng: Rng) -> bool:
    p, labels = normal(rng, 6, 4, scale=2.0).softmax(dim=1), draw_labels(rng, 6, 4)
    halves = (float(answer(p[:3], labels[:3])) + float(answer(p[3:], labels[3:]))) / 2
    return near(answer(p, labels), halves)


CROSS_ENTROPY = Exercise(
    id="02.2",
    title="Cross-entropy from probabilities",
    stars=1,
    minutes=6,
    inputs=_probability_inputs,
    reference=cross_entropy,
    hints=(
        "With a one-hot y the sum over the classes has a single term that is not zero. Which?",
        "p[torch.arange(len(p)), labels] picks from each row the probability of its true class.",
        "Then take minus the natural logarithm, and average over the rows.",
    ),
    properties=(
        Property(statement="a model that knows nothing, p = 1/K, has the loss log K", holds=_ignorance_costs_log_k),
        Property(
            statement="one sample whose true class has the probability 1/e costs 1 nat",
            holds=_one_sample_is_its_own_logarithm,
        ),
        Property(statement="the loss of a batch is the average of those of its halves", holds=_halves_average),
    ),
    misconceptions=(
        Misconception(
            name="averaged over the classes too",
            wrong=lambda p, labels: cross_entropy(p, labels) / p.shape[1],
            message="You took the mean over all N × K numbers of the table. The classes belong to one likelihood, so "
            "they are summed; only the samples are averaged. Divided by K as well, every gradient is K times too "
            "small.",
        ),
        Misconception(
            name="summed over the samples",
            wrong=lambda p, labels: cross_entropy(p, labels) * len(p),
            message="You added the samples up. Then the loss grows with the size of the batch, and so do the steps. "
            "The sum runs over classes; over samples the loss is a mean.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda p, labels: -cross_entropy(p, labels),
            message="Your result is negative: the logarithm of a probability is never above 0, and a loss is to be "
            "small when the probability is large.",
        ),
        Misconception(
            name="base 2",
            wrong=lambda p, labels: cross_entropy(p, labels) / math.log(2),
            message="You used the logarithm to the base 2, so your loss is in bits. Likelihoods, and torch, use the "
            "natural logarithm.",
        ),
        Misconception(
            name="logarithm of the mean",
            wrong=lambda p, labels: -p[torch.arange(len(p)), labels].mean().log(),
            message="You averaged the probabilities and took the logarithm afterwards. Independent samples multiply "
            "their probabilities, so it is the logarithms that add up.",
        ),
        Misconception(
            name="no logarithm",
            wrong=lambda p, labels: F.nll_loss(p, labels),
            message="You averaged the probabilities of the true classes, without a logarithm (F.nll_loss does so when "
            "it is given probabilities: it expects logarithms of them).",
        ),
        Misconception(
            name="a second softmax",
            wrong=lambda p, labels: F.cross_entropy(p, labels),
            message="F.cross_entropy takes logits and applies a softmax itself. These are probabilities already: the "
            "second softmax squeezes them nearly flat, and no prediction can be sure any more.",
        ),
    ),
)


def log_softmax(logits: Tensor) -> Tensor:
    """Logarithms of the softmax of each row, for logits of any size. Shapes: (N, K) -> (N, K)."""
    shifted = logits - logits.amax(dim=1, keepdim=True)
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def _extreme_logits(rng: Rng) -> tuple[Tensor]:
    """Four rows: moderate; all very large; all very small; one class far above the others."""
    logits = normal(rng, 4, int(rng.integers(3, 7)), scale=2.0)
    logits[1] += rng.uniform(1500, 2500)
    logits[2] -= rng.uniform(1500, 2500)
    logits[3, int(rng.integers(0, logits.shape[1]))] += rng.uniform(1500, 2500)
    return (logits,)


def _probabilities_sum_to_one(answer: Answer, rng: Rng) -> bool:
    logits = normal(rng, 3, 5, scale=2.0)
    return near(tensor(answer(logits)).exp().sum(dim=1), torch.ones(3))


def _a_shifted_row_changes_nothing(answer: Answer, rng: Rng) -> bool:
    logits = normal(rng, 3, 5, scale=2.0)
    shift = torch.tensor([[0.0], [rng.uniform(1500, 2500)], [-rng.uniform(1500, 2500)]], dtype=torch.float64)
    return near(answer(logits + shift), log_softmax(logits), 1e-3)


def _differences_stay(answer: Answer, rng: Rng) -> bool:
    (logits,) = _extreme_logits(rng)
    out = tensor(answer(logits))
    return near(out[:, 1:] - out[:, :1], logits[:, 1:] - logits[:, :1], 1e-2)


LOG_SOFTMAX = Exercise(
    id="02.3",
    title="Log-softmax that survives any logits",
    stars=2,
    minutes=10,
    inputs=_extreme_logits,
    reference=log_softmax,
    hints=(
        "Adding one constant to all logits of a row does not change its softmax. Choose the constant well.",
        "Subtract from each row its own largest logit; then no exponential exceeds 1.",
        "The logarithm of a fraction is a difference: never form the fraction. keepdim=True keeps the shapes fitting.",
    ),
    properties=(
        Property(statement="the exponentials of each row sum to 1", holds=_probabilities_sum_to_one),
        Property(
            statement="a constant added to a row, even 2000, changes nothing", holds=_a_shifted_row_changes_nothing
        ),
        Property(statement="two classes of a row differ by what their logits differ", holds=_differences_stay),
    ),
    misconceptions=(
        Misconception(
            name="no maximum subtracted",
            wrong=lambda logits: logits - logits.exp().sum(dim=1, keepdim=True).log(),
            message="Right on paper, but exp(2000) is infinite and exp(-2000) is 0, whose logarithm is -inf. Move each "
            "row before you take exponentials.",
        ),
        Misconception(
            name="the quotient overflows",
            wrong=lambda logits: (logits.exp() / logits.exp().sum(dim=1, keepdim=True)).log(),
            message="You computed exp over sum of exp and took the logarithm. With large logits this is inf / inf, "
            "with very negative ones 0 / 0: both nan. Move each row first, and take the logarithm of the fraction on "
            "paper.",
        ),
        Misconception(
            name="logarithm of a finished softmax",
            wrong=lambda logits: logits.softmax(dim=1).log(),
            message="Your softmax does not overflow, but where it rounds to 0 its logarithm is -inf. The true value "
            "may be -2000, a perfectly good number. Subtract logarithms instead of taking the logarithm of a quotient.",
        ),
        Misconception(
            name="one maximum for the whole batch",
            wrong=lambda logits: (logits - logits.max()) - (logits - logits.max()).exp().sum(dim=1, keepdim=True).log(),
            message="You subtracted the largest logit of the batch. In a row that lies far below it every exponential "
            "is 0. Each row needs its own maximum.",
        ),
        Misconception(
            name="the maximum is not put back",
            wrong=lambda logits: (
                logits - (logits - logits.amax(dim=1, keepdim=True)).exp().sum(dim=1, keepdim=True).log()
            ),
            message="You subtracted the maximum inside the exponentials only. What is taken out inside the sum must "
            "come back outside the logarithm (or be subtracted from the logits too).",
        ),
        Misconception(
            name="along the samples",
            wrong=lambda logits: logits.log_softmax(dim=0),
            message="You normalised along the wrong axis: here the columns sum to 1. Each row is one sample; the "
            "classes compete within it.",
        ),
        Misconception(
            name="no logarithm",
            wrong=lambda logits: logits.softmax(dim=1),
            message="You gave the probabilities themselves, not their logarithms.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda logits: -logits.log_softmax(dim=1),
            message="Your values are positive. Logarithms of probabilities are at most 0; the minus belongs to the "
            "loss.",
        ),
    ),
    absolute_tolerance=1e-3,
)


EXERCISES = (CROSS_ENTROPY, LOG_SOFTMAX)

"""The exercise on cross-entropy from logits when the targets are probabilities themselves."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.exercises.draws import draw_labels, near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

_FAR = 1500.0  # a difference of logits whose exponential no floating-point number holds


def cross_entropy_from_logits(logits: Tensor, targets: Tensor) -> Tensor:
    """-sum_k y_k log softmax(logits)_k, summed over classes and averaged over samples: (N, K), (N, K) -> (), in nats.

    targets: rows of probabilities that sum to 1, some of which may be 0.
    """
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    return -(targets * log_p).sum(dim=1).mean()


def _entropy(targets: Tensor) -> Tensor:
    """The mean entropy of the rows, in nats: ()."""
    return -torch.xlogy(targets, targets).sum(dim=1).mean()


def _smooth(rng: Rng, samples: int, classes: int) -> Tensor:
    """Targets (samples, classes) that hold no 0 and are not flat."""
    return normal(rng, samples, classes, scale=1.5).softmax(dim=1)


def _logits_and_targets(rng: Rng) -> tuple[Tensor, Tensor]:
    """Smooth targets, and in the last row a true class as one hot number."""
    samples, classes = int(rng.integers(3, 8)), int(rng.integers(3, 7))
    targets = _smooth(rng, samples, classes)
    targets[-1] = F.one_hot(draw_labels(rng, 1, classes)[0], classes)
    return normal(rng, samples, classes, scale=2.0), targets


def _ignorance_costs_log_k(answer: Answer, rng: Rng) -> bool:
    samples, classes = int(rng.integers(2, 9)), int(rng.integers(3, 20))
    logits = torch.full((samples, classes), float(rng.normal()), dtype=torch.float64)
    return near(answer(logits, _smooth(rng, samples, classes)), math.log(classes))


def _the_best_logits_leave_the_entropy(answer: Answer, rng: Rng) -> bool:
    targets = _smooth(rng, 4, 5)
    return near(answer(targets.log() + rng.normal(), targets), _entropy(targets))


def _halves_average(answer: Answer, rng: Rng) -> bool:
    logits, targets = normal(rng, 6, 4, scale=2.0), _smooth(rng, 6, 4)
    halves = (float(answer(logits[:3], targets[:3])) + float(answer(logits[3:], targets[3:]))) / 2
    return near(answer(logits, targets), halves)


def _two_logits(rng: Rng) -> tuple[Tensor, float]:
    far = _FAR + float(rng.uniform(0, 500))
    return torch.tensor([[0.0, far]], dtype=torch.float64), far


def _a_sure_mistake_costs_the_difference(answer: Answer, rng: Rng) -> bool:
    logits, far = _two_logits(rng)
    return near(answer(logits, torch.tensor([[1.0, 0.0]]).double()), far)


def _a_sure_right_answer_costs_nothing(answer: Answer, rng: Rng) -> bool:
    logits, _ = _two_logits(rng)
    return near(answer(logits, torch.tensor([[0.0, 1.0]]).double()), 0.0)


def _a_moved_row_costs_the_same(answer: Answer, rng: Rng) -> bool:
    logits, targets = normal(rng, 3, 4, scale=2.0), _smooth(rng, 3, 4)
    moved = logits + torch.tensor([[0.0], [_FAR], [-_FAR]], dtype=torch.float64)
    return near(answer(moved, targets), cross_entropy_from_logits(logits, targets))


def _by_probabilities(logits: Tensor, targets: Tensor, added: float = 0.0) -> Tensor:
    return -(targets * (logits.softmax(dim=1) + added).log()).sum(dim=1).mean()


def _by_exponentials(logits: Tensor, targets: Tensor) -> Tensor:
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    return -(targets * p.log()).sum(dim=1).mean()


CROSS_ENTROPY_FROM_LOGITS = Exercise(
    id="16.2",
    title="Cross-entropy, from logits to targets of any kind",
    stars=2,
    minutes=12,
    inputs=_logits_and_targets,
    reference=cross_entropy_from_logits,
    hints=(
        "There are two axes: the classes belong to one likelihood, the samples are independent of each other. Which is "
        "summed, which is averaged?",
        "log softmax is a difference: the logit minus the logarithm of the sum of all exponentials of its row.",
        "Subtract from each row its largest logit before you take exponentials: nothing then exceeds 1, and the "
        "logarithm is never that of 0.",
        "torch.log_softmax(logits, dim=1) does just that. Multiply by the targets, sum over dim=1, minus the mean.",
    ),
    properties=(
        Property(statement="equal logits cost log K, whatever the targets", holds=_ignorance_costs_log_k),
        Property(
            statement="where the prediction equals the targets, their entropy remains",
            holds=_the_best_logits_leave_the_entropy,
        ),
        Property(statement="the loss of a batch is the average of those of its halves", holds=_halves_average),
        Property(
            statement="a constant added to all logits of a sample, even 1500, changes nothing",
            holds=_a_moved_row_costs_the_same,
        ),
        Property(
            statement="a sure mistake costs the difference of the two logits, even 1500",
            holds=_a_sure_mistake_costs_the_difference,
        ),
        Property(statement="a sure right answer costs 0", holds=_a_sure_right_answer_costs_nothing),
    ),
    misconceptions=(
        Misconception(
            name="summed over everything",
            wrong=lambda logits, targets: cross_entropy_from_logits(logits, targets) * len(logits),
            message="You summed over the samples too, as a formula with a single sum invites to. Then the loss, and "
            "every step, grows with the size of the batch.",
        ),
        Misconception(
            name="averaged over everything",
            wrong=lambda logits, targets: cross_entropy_from_logits(logits, targets) / logits.shape[1],
            message="You averaged over the classes too. They belong to one likelihood, whose logarithm is their sum.",
        ),
        Misconception(
            name="targets and prediction exchanged",
            wrong=lambda logits, targets: -(logits.softmax(dim=1) * targets.log()).sum(dim=1).mean(),
            message="Your logarithm is that of the targets. It belongs to the prediction; a target of 0 is infinitely "
            "far away otherwise. Cross-entropy is not symmetric.",
        ),
        Misconception(
            name="the largest target alone",
            wrong=lambda logits, targets: F.cross_entropy(logits, targets.argmax(dim=1)),
            message="You made a class of each row of targets. What they say of the other classes is lost.",
        ),
        Misconception(
            name="the divergence",
            wrong=lambda logits, targets: cross_entropy_from_logits(logits, targets) - _entropy(targets),
            message="This is KL(y || p): the cross-entropy without the entropy of the targets. It has the same "
            "gradient, but it is another number, 0 at its best.",
        ),
        Misconception(
            name="a second softmax",
            wrong=lambda logits, targets: F.cross_entropy(logits.softmax(dim=1), targets),
            message="F.cross_entropy applies a softmax itself: give it the logits. After a second softmax no "
            "prediction can be sure.",
        ),
        Misconception(
            name="normalised over the samples",
            wrong=lambda logits, targets: -(targets * logits.log_softmax(dim=0)).sum(dim=1).mean(),
            message="You normalised along the wrong axis: in your probabilities each column sums to 1, not each row.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda logits, targets: -cross_entropy_from_logits(logits, targets),
            message="Your result is negative: the logarithm of a probability is never above 0.",
        ),
        Misconception(
            name="a small number in the logarithm",
            wrong=lambda logits, targets: _by_probabilities(logits, targets, 1e-12),
            message="You kept the logarithm finite by a small number. Then no mistake costs more than the logarithm of "
            "that number (28 nats for 1e-12), and the surest mistakes lose their gradient. Compute the logarithm from "
            "the logits instead.",
        ),
        Misconception(
            name="the logarithm of a finished softmax",
            wrong=_by_probabilities,
            message="Where a softmax rounds to 0 its logarithm is -inf, and 0 times -inf is nan: your function gives "
            "nan for a perfect prediction. Don't leave the logarithms.",
        ),
        Misconception(
            name="exponentials of bare logits",
            wrong=_by_exponentials,
            message="Right on paper, but exp(1500) is infinite, and inf / inf is nan. Move each row by its own largest "
            "logit first.",
        ),
    ),
    absolute_tolerance=1e-5,
)

EXERCISES: tuple[Exercise, ...] = (CROSS_ENTROPY_FROM_LOGITS,)

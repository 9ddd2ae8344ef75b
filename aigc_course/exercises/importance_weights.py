"""The exercise on importance weights: how many of the samples count."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near_float32
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """(sum of w)^2 / (sum of w^2) over the K samples of each image: log_weights (K, B) -> (B,), from 1 to K."""
    return (2 * log_weights.logsumexp(dim=0) - (2 * log_weights).logsumexp(dim=0)).exp()


def _log_weights(rng: Rng) -> tuple[Tensor]:
    """Of one size for all images, and not so small that their plain exponentials fail."""
    samples, images = (int(n) for n in rng.permutation(range(3, 9))[:2])
    values = rng.uniform(-8, -2) + rng.normal(size=(samples, images))
    return (torch.from_numpy(values).float(),)


def _equal_weights_all_count(answer: Answer, rng: Rng) -> bool:
    samples = int(rng.integers(2, 40))
    level = float(rng.uniform(-2000, -800))
    return near_float32(answer(torch.full((samples, 3), level)), torch.full((3,), float(samples)))


def _one_that_outweighs_all_is_one(answer: Answer, rng: Rng) -> bool:
    (log_weights,) = _log_weights(rng)
    log_weights[int(rng.integers(len(log_weights)))] += 30
    return near_float32(answer(log_weights), torch.ones(log_weights.shape[1]))


def _some_equal_ones_beside_nothing(answer: Answer, rng: Rng) -> bool:
    count, negligible = int(rng.integers(2, 9)), int(rng.integers(1, 9))
    log_weights = torch.cat([torch.zeros(count, 2), torch.full((negligible, 2), -80.0)])
    order = torch.from_numpy(rng.permutation(len(log_weights)))
    return near_float32(answer(log_weights[order]), torch.full((2,), float(count)))


def _a_common_factor_changes_nothing(answer: Answer, rng: Rng) -> bool:
    """Each image has its own: log p(x)."""
    (log_weights,) = _log_weights(rng)
    factors = torch.from_numpy(rng.uniform(-1500, 1500, size=log_weights.shape[1])).double()
    return near_float32(answer(log_weights.double() + factors), answer(log_weights))


def _twice_the_samples_twice_the_size(answer: Answer, rng: Rng) -> bool:
    (log_weights,) = _log_weights(rng)
    return near_float32(answer(torch.cat([log_weights, log_weights])), 2 * answer(log_weights))


def _one_and_three(answer: Answer, rng: Rng) -> bool:
    weights = torch.tensor([[1.0], [3.0]]).expand(2, int(rng.integers(3, 7)))
    return near_float32(answer(weights.log()), torch.full((weights.shape[1],), 1.6))


def _unshifted(log_weights: Tensor) -> Tensor:
    weights = log_weights.exp()
    return weights.sum(dim=0).square() / weights.square().sum(dim=0)


def _perplexity(log_weights: Tensor) -> Tensor:
    log_shares = log_weights.log_softmax(dim=0)
    return (-(log_shares.exp() * log_shares).sum(dim=0)).exp()


EFFECTIVE_SAMPLE_SIZE = Exercise(
    id="09.6",
    title="How many samples count",
    stars=2,
    minutes=8,
    inputs=_log_weights,
    reference=effective_sample_size,
    extremes=((torch.tensor([[-1000.0, 800.0], [-1001.0, 801.0]]),),),
    hints=(
        "A factor common to all weights of an image cancels. So you may make the weights sum to 1 first: what is the "
        "size then, from the sum of their squares alone?",
        "Shares of weights whose logarithms are given: that is what softmax computes, safely. Over which dimension?",
        "1 / (log_weights.softmax(dim=0) ** 2).sum(dim=0). Or in logarithms to the end: the square of a sum is "
        "2 logsumexp(log w), the sum of squares logsumexp(2 log w).",
    ),
    properties=(
        Property(
            statement="K samples with equal weights count as K, even at -1000 nats",
            holds=_equal_weights_all_count,
        ),
        Property(
            statement="a sample that outweighs all others counts as one",
            holds=_one_that_outweighs_all_is_one,
        ),
        Property(
            statement="samples of equal weight count as many as they are, beside others of none",
            holds=_some_equal_ones_beside_nothing,
        ),
        Property(
            statement="a factor that is common to the weights of an image changes nothing",
            holds=_a_common_factor_changes_nothing,
        ),
        Property(
            statement="giving every sample twice makes it twice as large",
            holds=_twice_the_samples_twice_the_size,
        ),
        Property(statement="weights of 1 and 3 count as 16/10 = 1.6 samples", holds=_one_and_three),
    ),
    misconceptions=(
        Misconception(
            name="exp of log-weights that may be very small",
            wrong=_unshifted,
            message="Correct on paper, and for weights of moderate size. But exp(-1000) is 0 on any computer, and 0/0 "
            "is nan. Take something off the log-weights of each image first, or stay in logarithms.",
        ),
        Misconception(
            name="over the images",
            wrong=lambda log_weights: effective_sample_size(log_weights.T),
            message="You added up over the images (the columns). The samples are the rows; each image has a size of "
            "its own.",
        ),
        Misconception(
            name="one number for all images",
            wrong=lambda log_weights: effective_sample_size(log_weights.flatten()),
            message="You put the samples of all images together. Their weights estimate different numbers, p(x) of "
            "each image; only within an image can they be compared.",
        ),
        Misconception(
            name="the weights not made to sum to 1",
            wrong=lambda log_weights: 1 / (2 * log_weights).exp().sum(dim=0),
            message="You divided 1 by the sum of the squares of the weights. That holds for weights that sum to 1; "
            "yours sum to something near K p(x).",
        ),
        Misconception(
            name="nothing squared",
            wrong=lambda log_weights: 1 / log_weights.softmax(dim=0).sum(dim=0),
            message="Your result is always 1: you divided by a sum of shares, which is 1 whatever they are. What tells "
            "even shares from uneven ones is the sum of their squares.",
        ),
        Misconception(
            name="one over the largest share",
            wrong=lambda log_weights: 1 / log_weights.softmax(dim=0).max(dim=0).values,
            message="This is 1 over the largest share. It has the same range, from 1 to K, but sees one weight alone: "
            "the others enter too, by their squares.",
        ),
        Misconception(
            name="the perplexity of the weights",
            wrong=_perplexity,
            message="This is exp of the entropy of the weights. It also runs from 1 to K, and some use it; asked for "
            "is the one with squares, which says how the variance of a mean grows.",
        ),
        Misconception(
            name="times K",
            wrong=lambda log_weights: len(log_weights) * effective_sample_size(log_weights),
            message="Your result is K times too large: it would count equal weights as K^2 samples. Did you put a mean "
            "in the place of a sum?",
        ),
        Misconception(
            name="a share of the samples",
            wrong=lambda log_weights: effective_sample_size(log_weights) / len(log_weights),
            message="You divided by K: the share of the samples that count. Asked for is their number.",
        ),
        Misconception(
            name="one over the size",
            wrong=lambda log_weights: 1 / effective_sample_size(log_weights),
            message="This is the sum of the squared shares, from 1/K to 1. Asked for is 1 over it.",
        ),
        Misconception(
            name="the logarithm of it",
            wrong=lambda log_weights: effective_sample_size(log_weights).log(),
            message="You stayed in logarithms to the very end: this is the logarithm of a number of samples. The "
            "number itself lies between 1 and K, so nothing can overflow any more.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (EFFECTIVE_SAMPLE_SIZE,)

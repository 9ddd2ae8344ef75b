"""Exercises on the minimax game: the best discriminator, the divergence it measures, the generator's two gradients."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from aigc_course.exercises.draws import near, normal, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng
from aigc_course.losses.adversarial import generator_non_saturating, generator_saturating


def optimal_discriminator(log_p: Tensor, log_q: Tensor) -> Tensor:
    """D*(x) = p / (p + q) from the logarithms of both densities: (N,), (N,) -> (N,)."""
    return torch.sigmoid(log_p - log_q)


def _log_densities(rng: Rng) -> tuple[Tensor, Tensor]:
    size = int(rng.integers(3, 8))
    return normal(rng, size, scale=2.0) - 2.0, normal(rng, size, scale=2.0) - 2.0


def _half_where_they_are_equal(answer: Answer, rng: Rng) -> bool:
    log_p, _ = _log_densities(rng)
    return near(answer(log_p, log_p.clone()), torch.full_like(log_p, 0.5))


def _odds_are_the_ratio(answer: Answer, rng: Rng) -> bool:
    log_p, log_q = _log_densities(rng)
    best = tensor(answer(log_p, log_q))
    return near(best / (1 - best), (log_p - log_q).exp(), 1e-3)


def _a_common_factor_changes_nothing(answer: Answer, rng: Rng) -> bool:
    """Also one of e^-2000: both densities are then 0 as floating-point numbers."""
    log_p, log_q = _log_densities(rng)
    return near(answer(log_p - 2000, log_q - 2000), answer(log_p, log_q))


OPTIMAL_DISCRIMINATOR = Exercise(
    id="04.1",
    title="The discriminator that cannot be beaten",
    minutes=6,
    inputs=_log_densities,
    reference=optimal_discriminator,
    hints=(
        "Where both densities are equal, nobody can tell: what must your function give there?",
        "Divide numerator and denominator of p / (p + q) by p. What remains depends on q / p alone.",
        "q / p is exp(log q - log p), and 1 / (1 + exp(-a)) has a name.",
    ),
    properties=(
        Property(statement="it is 1/2 wherever p equals q", holds=_half_where_they_are_equal),
        Property(statement="the odds D / (1 - D) are p / q", holds=_odds_are_the_ratio),
        Property(
            statement="a common factor in both densities changes nothing, not even exp(-2000)",
            holds=_a_common_factor_changes_nothing,
        ),
    ),
    extremes=((torch.tensor([-1000.0, -900.0, 800.0]), torch.tensor([-1000.0, -1100.0, 810.0])),),
    misconceptions=(
        Misconception(
            name="real and generated exchanged",
            wrong=lambda log_p, log_q: torch.sigmoid(log_q - log_p),
            message="Your function is large where the generator puts its samples. D is the probability that x is real.",
        ),
        Misconception(
            name="the densities' quotient alone",
            wrong=lambda log_p, log_q: (log_p - log_q).exp(),
            message="This is p / q, the odds; it exceeds 1 where p is larger. Which probability has these odds?",
        ),
        Misconception(
            name="the logit, not the probability",
            wrong=lambda log_p, log_q: log_p - log_q,
            message="This is the logit of the best discriminator, any real number. A last step makes a probability "
            "of it.",
        ),
        Misconception(
            name="logarithms in the place of densities",
            wrong=lambda log_p, log_q: log_p / (log_p + log_q),
            message="You put the logarithms of the densities into the formula for the densities themselves.",
        ),
        Misconception(
            name="a hard decision",
            wrong=lambda log_p, log_q: (log_p > log_q).double(),
            message="You decide for the larger density with full certainty. That classifies best, but the value of "
            "the game punishes a sure mistake without limit: how sure is one allowed to be?",
        ),
        Misconception(
            name="exponentials first",
            wrong=lambda log_p, log_q: log_p.exp() / (log_p.exp() + log_q.exp()),
            message="The formula is right, but you leave the logarithms first: where both densities underflow to 0, "
            "0 / 0 remains. Only the difference of the logarithms is needed.",
        ),
    ),
)


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """The Jensen-Shannon divergence of two tables of probabilities (K,), in nats: a scalar."""
    m = (p + q) / 2
    return 0.5 * (torch.xlogy(p, p) - torch.xlogy(p, m) + torch.xlogy(q, q) - torch.xlogy(q, m)).sum()


def _two_tables(rng: Rng) -> tuple[Tensor, Tensor]:
    """Each has an outcome of probability 0 that is possible under the other."""
    size = int(rng.integers(4, 8))
    p, q = torch.from_numpy(rng.uniform(0.2, 1.0, size=(2, size)))
    p[0] = q[1] = 0.0
    order = torch.from_numpy(rng.permutation(size))
    return (p / p.sum())[order], (q / q.sum())[order]


def _nothing_between_equals(answer: Answer, rng: Rng) -> bool:
    p, _ = _two_tables(rng)
    return near(answer(p, p.clone()), torch.tensor(0.0))


def _log_two_without_overlap(answer: Answer, rng: Rng) -> bool:
    weights = torch.from_numpy(rng.uniform(0.1, 1.0, size=3))
    p = torch.cat([weights / weights.sum(), torch.zeros(2).double()])
    q = torch.tensor([0.0, 0.0, 0.0, 0.3, 0.7], dtype=torch.float64)
    return near(answer(p, q), torch.tensor(math.log(2)))


def _the_order_does_not_matter(answer: Answer, rng: Rng) -> bool:
    p, q = _two_tables(rng)
    return near(answer(p, q), answer(q, p))


def _is_what_the_best_discriminator_gains(answer: Answer, rng: Rng) -> bool:
    p, q = _two_tables(rng)
    best = p / (p + q)
    value = (torch.xlogy(p, best) + torch.xlogy(q, 1 - best)).sum()
    return near(tensor(answer(p, q)), (value + math.log(4)) / 2)


JENSEN_SHANNON = Exercise(
    id="04.2",
    title="The divergence behind the game",
    stars=2,
    minutes=10,
    inputs=_two_tables,
    reference=jensen_shannon,
    hints=(
        "First make the mixture m, the mean of p and q, outcome by outcome.",
        "KL(p || m) is a sum over outcomes of p times log(p / m). The answer is the mean of two such divergences.",
        "An outcome with p = 0 contributes nothing, but 0 * log(0) is nan for a computer. torch.xlogy(a, b) is "
        "a * log(b), and 0 wherever a is 0.",
        "p log(p / m) = xlogy(p, p) - xlogy(p, m). Add it up, do the same for q, and take half of both.",
    ),
    properties=(
        Property(statement="it is 0 between equals", holds=_nothing_between_equals),
        Property(statement="it is log 2 where the two never overlap", holds=_log_two_without_overlap),
        Property(statement="it does not matter which of the two comes first", holds=_the_order_does_not_matter),
        Property(
            statement="the best discriminator's value is 2 JSD - log 4", holds=_is_what_the_best_discriminator_gains
        ),
    ),
    misconceptions=(
        Misconception(
            name="zero times the logarithm of zero",
            wrong=lambda p, q: 0.5 * (p * (2 * p / (p + q)).log() + q * (2 * q / (p + q)).log()).sum(),
            message="An outcome of probability 0 makes your sum nan, for 0 times log 0 is not a number. In the limit "
            "it is 0: such outcomes must contribute nothing.",
        ),
        Misconception(
            name="against the other, not against the mixture",
            wrong=lambda p, q: (
                0.5 * (torch.xlogy(p, p) - torch.xlogy(p, q) + torch.xlogy(q, q) - torch.xlogy(q, p)).sum()
            ),
            message="You compare p and q with each other. Where one of them is 0 and the other is not, that is "
            "infinite. Both are to be compared with their mixture, which is nowhere 0 where one of them is not.",
        ),
        Misconception(
            name="one side only",
            wrong=lambda p, q: (torch.xlogy(p, p) - torch.xlogy(p, (p + q) / 2)).sum(),
            message="This is KL(p || m) alone: exchange p and q and you get another number. The second "
            "divergence is missing.",
        ),
        Misconception(
            name="the half is missing",
            wrong=lambda p, q: 2 * jensen_shannon(p, q),
            message="You added the two divergences. The Jensen-Shannon divergence is their mean; it never exceeds "
            "log 2.",
        ),
        Misconception(
            name="the mixture has mass two",
            wrong=lambda p, q: jensen_shannon(p, q) - math.log(2),
            message="Your result is negative. You compared with p + q, which adds up to 2: it is no distribution.",
        ),
        Misconception(
            name="its square root",
            wrong=lambda p, q: jensen_shannon(p, q).sqrt(),
            message="This is the Jensen-Shannon distance, the root of the divergence (scipy's function of that name "
            "gives it). The value of the game has the divergence itself.",
        ),
        Misconception(
            name="bits",
            wrong=lambda p, q: jensen_shannon(p, q) / math.log(2),
            message="Your result is in bits: without overlap it gives 1. The game's value is made of natural "
            "logarithms.",
        ),
        Misconception(
            name="a mean over the outcomes",
            wrong=lambda p, q: jensen_shannon(p, q) / len(p),
            message="You averaged over the outcomes. An expectation weighs them by their probabilities, which are in "
            "the formula already; what remains is a sum.",
        ),
    ),
)


def generator_slopes(logits: Tensor) -> tuple[Tensor, Tensor]:
    """d/da log(1 - sigmoid(a)) and d/da (-log sigmoid(a)) at each logit a (N,): two tensors (N,)."""
    return -torch.sigmoid(logits), -torch.sigmoid(-logits)


def _logits(rng: Rng) -> tuple[Tensor]:
    return (normal(rng, int(rng.integers(4, 9)), scale=3.0),)


def _as_autograd_says(answer: Answer, rng: Rng) -> bool:
    (logits,) = _logits(rng)
    saturating, non_saturating = answer(logits.clone())
    at = logits.requires_grad_()
    losses = generator_saturating(logits_fake=at), generator_non_saturating(logits_fake=at)
    expected = [len(at) * torch.autograd.grad(loss, at)[0] for loss in losses]
    return near(saturating, expected[0]) and near(non_saturating, expected[1])


def _equal_where_it_cannot_tell(answer: Answer, _: Rng) -> bool:
    saturating, non_saturating = answer(torch.zeros(3).double())
    return near(saturating, torch.full((3,), -0.5)) and near(non_saturating, torch.full((3,), -0.5))


def _together_minus_one(answer: Answer, rng: Rng) -> bool:
    (logits,) = _logits(rng)
    saturating, non_saturating = (tensor(one) for one in answer(logits))
    return near(saturating + non_saturating, -torch.ones(len(logits)))


def _sure_discriminators(answer: Answer, _: Rng) -> bool:
    saturating, non_saturating = answer(torch.tensor([-2000.0, 2000.0]))
    return near(saturating, torch.tensor([0.0, -1.0])) and near(non_saturating, torch.tensor([-1.0, 0.0]))


def _by_the_probability(logits: Tensor) -> tuple[Tensor, Tensor]:
    d = torch.sigmoid(logits)
    return -1 / (1 - d), -1 / d


def _by_quotients(logits: Tensor) -> tuple[Tensor, Tensor]:
    power = logits.exp()
    return -power / (1 + power), -1 / (1 + power)


def _log_sigmoids(logits: Tensor) -> tuple[Tensor, Tensor]:
    return logsigmoid(-logits), -logsigmoid(logits)


def _only_the_sigmoid(logits: Tensor) -> tuple[Tensor, Tensor]:
    slope = torch.sigmoid(logits) * torch.sigmoid(-logits)
    return -slope, -slope


GENERATOR_SLOPES = Exercise(
    id="04.3",
    title="How hard each loss pulls at the generator",
    stars=2,
    minutes=8,
    inputs=_logits,
    reference=generator_slopes,
    hints=(
        "The derivative of sigma(a) is sigma(a) (1 - sigma(a)). Use the chain rule on log(1 - sigma(a)).",
        "One of the two factors cancels against the logarithm's derivative, in each of the losses another one.",
        "1 - sigma(a) = sigma(-a), which loses no digits. Both results are negative: a larger logit is a smaller loss.",
    ),
    properties=(
        Property(statement="autograd gives the same, through the package's losses", holds=_as_autograd_says),
        Property(statement="where D is 1/2 both pull with 1/2", holds=_equal_where_it_cannot_tell),
        Property(statement="the two add up to -1 at every logit", holds=_together_minus_one),
        Property(
            statement="at logits of -2000 and 2000 one pulls with 1 and the other not at all",
            holds=_sure_discriminators,
        ),
    ),
    extremes=((torch.tensor([-1000.0, 0.0, 1000.0]),),),
    misconceptions=(
        Misconception(
            name="the two exchanged",
            wrong=lambda logits: (-torch.sigmoid(-logits), -torch.sigmoid(logits)),
            message="You have them the wrong way round. At a very negative logit D has found the fake out: there "
            "log(1 - D) is flat, near log 1.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda logits: (torch.sigmoid(logits), torch.sigmoid(-logits)),
            message="Your slopes are positive: the loss would grow as the sample looks more real. Both losses fall.",
        ),
        Misconception(
            name="with respect to the probability",
            wrong=_by_the_probability,
            message="You differentiated by D, not by the logit a: the factor dD/da is missing. It is the one that "
            "cancels what grows without bound here.",
        ),
        Misconception(
            name="the sigmoid's slope alone",
            wrong=_only_the_sigmoid,
            message="This is the slope of D itself, for both. The logarithm outside has a derivative too.",
        ),
        Misconception(
            name="the losses, not their slopes",
            wrong=_log_sigmoids,
            message="These are the values of the losses. Their derivatives by the logit are asked for.",
        ),
        Misconception(
            name="a share of the batch's mean",
            wrong=lambda logits: tuple(slope / len(logits) for slope in generator_slopes(logits)),
            message="You divided by the number of samples: that is the gradient of the mean. Each sample's own loss "
            "is asked for.",
        ),
        Misconception(
            name="exponentials of any logit",
            wrong=_by_quotients,
            message="The formula is right, but exp(1000) is infinite, and infinity divided by infinity is no number. "
            "torch.sigmoid takes care of both ends.",
        ),
    ),
)

EXERCISES = (OPTIMAL_DISCRIMINATOR, JENSEN_SHANNON, GENERATOR_SLOPES)

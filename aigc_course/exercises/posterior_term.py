"""The exercise on a term that stands in the place of a VAE's KL divergence: what it lacks."""

import math

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from aigc_course.exercises.draws import near_float32, normal_float32, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def article_term(logvar: Tensor) -> Tensor:
    """log sigma^2 / 2 + epsilon^2 / 2 with its mean over epsilon ~ N(0, 1), per example: (B, D) -> (B,), in nats."""
    return 0.5 * (logvar + 1).sum(dim=1)


def article_gap(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, diag(exp(logvar))) || N(0, I)) - article_term(logvar) per example: mu, logvar (B, D) -> (B,), in nats.

    The term is -log q up to a constant, the KL averages log q - log p: the gap is twice the term with its sign turned,
    and the prior's (mu^2 + sigma^2) / 2.
    """
    return (0.5 * (mu.square() + logvar.exp()) - 1 - logvar).sum(dim=1)


def _gaussians(rng: Rng) -> tuple[Tensor, Tensor]:
    shape = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    return normal_float32(rng, *shape), normal_float32(rng, *shape)


def _completes_the_divergence(answer: Answer, rng: Rng) -> bool:
    mu, logvar = _gaussians(rng)
    q = Normal(mu, (0.5 * logvar).exp())
    expected = kl_divergence(q, Normal(torch.zeros_like(mu), 1.0)).sum(dim=1)
    return near_float32(tensor(answer(mu, logvar)) + article_term(logvar), expected)


def _half_a_nat_at_the_prior(answer: Answer, rng: Rng) -> bool:
    size = int(rng.integers(2, 6))
    return near_float32(answer(torch.zeros(3, size), torch.zeros(3, size)), torch.full((3,), -0.5 * size))


def _far_means_are_what_it_forgets(answer: Answer, rng: Rng) -> bool:
    mu, logvar = _gaussians(rng)
    dearer = tensor(answer(mu, logvar)) - tensor(answer(torch.zeros_like(mu), logvar))
    return near_float32(dearer, 0.5 * mu.square().sum(dim=1))


def _small_sigmas_are_what_it_rewards(answer: Answer, rng: Rng) -> bool:
    size = int(rng.integers(2, 6))
    narrow = torch.full((2, size), -20.0)
    return near_float32(answer(torch.zeros(2, size), narrow), torch.full((2,), size * (19 + 0.5 * math.exp(-20))))


def _kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return article_gap(mu, logvar) + article_term(logvar)


ARTICLE_GAP = Exercise(
    id="16.1",
    title="What the posterior loss lacks",
    stars=2,
    minutes=10,
    inputs=_gaussians,
    reference=article_gap,
    extremes=((torch.tensor([[0.0, 2.0]]), torch.tensor([[-110.0, 0.0]])),),  # exp(-110) is 0: no logarithm of it
    hints=(
        "Write the KL in one dimension, write the article's term below it, and subtract. Nothing cancels but numbers.",
        "epsilon is a standard normal number: what is its square on average?",
        "Per dimension the KL is (mu^2 + variance - 1 - log variance)/2, the term (log variance + 1)/2. How often does "
        "log variance stand in the difference?",
        "Per dimension: (mu^2 + variance)/2 - 1 - log variance. Add it up over dim=1.",
    ),
    properties=(
        Property(statement="the article's term and the gap add up to torch's own KL", holds=_completes_the_divergence),
        Property(
            statement="at the prior, where the KL is 0, it is -1/2 for each dimension", holds=_half_a_nat_at_the_prior
        ),
        Property(
            statement="moving the mean away from 0 makes it larger by half the squared length",
            holds=_far_means_are_what_it_forgets,
        ),
        Property(statement="at log variance -20 it is 19 nats a dimension", holds=_small_sigmas_are_what_it_rewards),
    ),
    misconceptions=(
        Misconception(
            name="the divergence itself",
            wrong=_kl,
            message="This is the KL. The article's term is there already: give what has to be added to it.",
        ),
        Misconception(
            name="the prior alone",
            wrong=lambda mu, logvar: 0.5 * (mu.square() + logvar.exp()).sum(dim=1),
            message="You added the prior that the article forgets. But its term is minus log q, where the KL has plus "
            "log q: the term has to go, and then come in with the other sign.",
        ),
        Misconception(
            name="the noise forgotten",
            wrong=lambda mu, logvar: _kl(mu, logvar) - 0.5 * logvar.sum(dim=1),
            message="You subtracted only the logarithm. The article's term has the square of epsilon too, which is no "
            "parameter and yet a number: 1 on average, for each dimension.",
        ),
        Misconception(
            name="subtracted the other way",
            wrong=lambda mu, logvar: -article_gap(mu, logvar),
            message="You took the article's term minus the KL. Added to the article's term it would not give the KL.",
        ),
        Misconception(
            name="log-variance taken for log sigma",
            wrong=lambda mu, logvar: article_gap(mu, 2 * logvar),
            message="You read logvar as the logarithm of sigma and doubled it. logvar is log sigma^2 already.",
        ),
        Misconception(
            name="sigma where the formula has sigma squared",
            wrong=lambda mu, logvar: (0.5 * (mu.square() + (0.5 * logvar).exp()) - 1 - logvar).sum(dim=1),
            message="You used the standard deviation where the formula has the variance.",
        ),
        Misconception(
            name="averaged over the latent dimensions",
            wrong=lambda mu, logvar: article_gap(mu, logvar) / mu.shape[1],
            message="You averaged over the latent dimensions. Both terms are sums over independent dimensions; so is "
            "their difference.",
        ),
        Misconception(
            name="one number for the whole batch",
            wrong=lambda mu, logvar: article_gap(mu, logvar).sum(),
            message="You added up the whole batch. Give one number for each example: the sum over dim=1 alone.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (ARTICLE_GAP,)

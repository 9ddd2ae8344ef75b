"""Wrong answers of notebook 09 that look right: each is refused, and where its mistake is a listed one, by name."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import expit
from torch.distributions import Bernoulli, Normal, kl_divergence

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise
from aigc_course.losses import kl_normal


def pixels_in_half_precision(logits, pixels):
    return Bernoulli(logits=logits.bfloat16()).log_prob(pixels.bfloat16()).float().sum(1)


def pixels_within_five(logits, pixels):
    """Right for logits between -5 and 5, in which the decoder is not sure."""
    return Bernoulli(logits=logits.clamp(-5, 5)).log_prob(pixels).sum(1)


def bits_without_a_sign(elbo, n_dims, is_density):
    return abs(elbo) / n_dims / math.log(2) + 8 * is_density


def bits_of_five_bit_images(elbo, n_dims, is_density):
    return -elbo / n_dims / math.log(2) + 5 * is_density


def bits_of_255_levels(elbo, n_dims, is_density):
    return -elbo / n_dims / math.log(2) + math.log2(255) * is_density


def levels_with_only_the_first_end_open(x, mean, log_scale, levels):
    centre, scale, half = x / (levels - 1), log_scale.exp(), 0.5 / (levels - 1)
    upper, lower = ((centre + shift - mean) / scale for shift in (half, -half))
    return (upper.sigmoid() - torch.where(x == 0, 0.0, lower.sigmoid())).log().sum(1)


def levels_of_a_normal(x, mean, log_scale, levels):
    edges = torch.cat([torch.tensor([-torch.inf]), (torch.arange(levels - 1) + 0.5) / (levels - 1)])
    edges = torch.cat([edges, torch.tensor([torch.inf])]).double()
    upper, lower = (
        torch.special.ndtr((edge - mean) / log_scale.exp()) for edge in (edges[x.long() + 1], edges[x.long()])
    )
    return (upper - lower).log().sum(1)


def levels_in_float32(x, mean, log_scale, levels):
    """A difference of logarithms, which keeps small masses below the mean only."""
    centre, scale, half = x.float() / (levels - 1) - mean.float(), log_scale.float().exp(), 0.5 / (levels - 1)
    upper, lower = (F.logsigmoid((centre + shift) / scale) for shift in (half, -half))
    inside = upper + torch.log(-torch.expm1(lower - upper))
    last = F.logsigmoid((half - centre) / scale)
    return torch.where(x == 0, upper, torch.where(x == levels - 1, last, inside)).sum(1)


def charged_without_a_gradient(kl, free):
    return kl.mean(0).detach().clamp(min=free).sum()


def charged_with_a_gradient_below(kl, free):
    """The value is right, but a group below the floor is pushed further down."""
    means = kl.mean(0)
    return (means + (means.clamp(min=free) - means).detach()).sum()


def charged_by_the_median(kl, free):
    return kl.median(0).values.clamp(min=free).sum()


def kl_by_the_variances(mu_q, logvar_q, mu_p, logvar_p):
    var_q, var_p = logvar_q.exp(), logvar_p.exp()
    return 0.5 * ((var_q + (mu_q - mu_p) ** 2) / var_p - 1 - (var_q / var_p).log()).sum(1)


def kl_with_one_sample(mu_q, logvar_q, mu_p, logvar_p):
    """An estimate: right on average alone."""
    q, p = Normal(mu_q, (logvar_q / 2).exp()), Normal(mu_p, (logvar_p / 2).exp())
    z = q.rsample()
    return (q.log_prob(z) - p.log_prob(z)).sum(1)


def kl_of_added_means(mu_q, logvar_q, mu_p, logvar_p):
    return kl_normal(mu_q, logvar_q, -mu_p, logvar_p)


def size_with_one_shift(log_weights):
    weights = (log_weights - log_weights.max()).exp()
    return weights.sum(0) ** 2 / (weights**2).sum(0)


def size_by_the_sample_variance(log_weights):
    shares = log_weights.softmax(dim=0) * len(log_weights)
    return len(log_weights) / (1 + shares.var(dim=0))


NOT_LISTED = [
    ("09.1", pixels_in_half_precision, "wrong value"),
    ("09.1", pixels_within_five, "wrong value"),
    ("09.2", bits_without_a_sign, "wrong value"),
    ("09.2", bits_of_five_bit_images, "wrong value"),
    ("09.2", bits_of_255_levels, "wrong value"),
    ("09.3", levels_with_only_the_first_end_open, "wrong value"),
    ("09.3", levels_of_a_normal, "wrong value"),
    ("09.3", levels_in_float32, "not finite"),
    ("09.4", charged_without_a_gradient, "gradient missing"),
    ("09.4", charged_with_a_gradient_below, "wrong gradient"),
    ("09.4", charged_by_the_median, "wrong value"),
    ("09.5", kl_by_the_variances, "not finite"),
    ("09.5", kl_with_one_sample, "wrong value"),
    ("09.5", kl_of_added_means, "wrong value"),
    ("09.6", size_with_one_shift, "not finite"),
    ("09.6", size_by_the_sample_variance, "wrong value"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "kind"), NOT_LISTED)
def test_a_mistake_that_is_not_listed_is_found(exercise_id, answer, kind):
    result = judge(exercise(exercise_id), answer, seed=0)
    assert (result.status, result.kind, result.misconception) == ("failed", kind, None), result


def pixels_by_the_cut_loss(logits, pixels):
    """torch cuts this one's logarithm at -100."""
    return -F.binary_cross_entropy(logits.sigmoid(), pixels, reduction="none").sum(1)


def pixels_with_a_limit(logits, pixels):
    return Bernoulli(logits=logits.clamp(-30, 30)).log_prob(pixels).sum(1)


def pixels_by_an_overflowing_softplus(logits, pixels):
    return (logits * pixels - (1 + logits.exp()).log()).sum(1)


def size_with_a_small_number(log_weights):
    weights = log_weights.exp()
    return weights.sum(0) ** 2 / ((weights**2).sum(0) + 1e-30)


def by_hand_with(safe):
    def answer(logits, pixels):
        p = 1 / (1 + torch.exp(-logits))
        return torch.where(pixels == 1, safe(p), safe(1 - p)).sum(-1)

    return answer


def unshifted_shares(log_weights):
    shares = log_weights.exp() / log_weights.exp().sum(0)
    return 1 / (shares**2).sum(0)


def kl_of_the_prior(mu_q, logvar_q, mu_p, logvar_p):
    q, p = (Normal(mu, (logvar / 2).exp()) for mu, logvar in ((mu_q, logvar_q), (mu_p, logvar_p)))
    return kl_divergence(p, q).sum(1)


def levels_by_scipys_sigmoid(floor):
    def answer(x, mean, log_scale, levels):
        x, mean, scale = x.numpy(), mean.numpy(), log_scale.exp().numpy()
        upper = np.where(x == levels - 1, 1, expit(((x + 0.5) / (levels - 1) - mean) / scale))
        lower = np.where(x == 0, 0, expit(((x - 0.5) / (levels - 1) - mean) / scale))
        return np.log(upper - lower + floor).sum(axis=1)

    return answer


OTHER_WORDS = [
    ("09.1", by_hand_with(torch.log), "the logarithm of a rounded sigmoid"),
    ("09.1", pixels_by_an_overflowing_softplus, "the logarithm of a rounded sigmoid"),
    ("09.1", pixels_by_the_cut_loss, "a small number inside the logarithm"),
    ("09.1", pixels_with_a_limit, "a small number inside the logarithm"),
    ("09.1", by_hand_with(lambda p: p.clamp(min=1e-7).log()), "a small number inside the logarithm"),
    ("09.1", by_hand_with(lambda p: (p + 1e-10).log()), "a small number inside the logarithm"),
    (
        "09.1",
        lambda logits, pixels: F.binary_cross_entropy_with_logits(logits, pixels).neg(),
        "averaged over images and pixels",
    ),
    ("09.2", lambda elbo, n_dims, _: -elbo / n_dims / np.log(2), "a density taken for a mass"),
    ("09.3", levels_by_scipys_sigmoid(0.0), "the logarithm of a difference that rounds to 0"),
    ("09.3", levels_by_scipys_sigmoid(1e-9), "a floor below the mass"),
    ("09.4", lambda kl, free: F.relu(kl.mean(0) - free).sum(), "the free part taken off"),
    ("09.4", lambda kl, free: torch.maximum(kl, torch.tensor(free)).sum(1).mean(), "the floor before the mean"),
    ("09.5", kl_of_the_prior, "the divergence the other way"),
    ("09.6", size_with_a_small_number, "exp of log-weights that may be very small"),
    ("09.6", unshifted_shares, "exp of log-weights that may be very small"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "name"), OTHER_WORDS)
def test_a_mistake_is_recognised_in_other_words(exercise_id, answer, name):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert (result.status, result.misconception) == ("failed", name), result

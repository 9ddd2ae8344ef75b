"""Other ways to write a right answer pass: float64, lists, loops, library functions, another order of operations."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise


def kl_by_the_library(mu, logvar):
    q = Independent(Normal(mu.double(), torch.exp(logvar.double()).sqrt()), 1)
    return kl_divergence(q, Independent(Normal(torch.zeros_like(mu).double(), 1.0), 1))


def kl_written_out(mu, logvar):
    return [
        sum(0.5 * (m * m + math.exp(s) - s - 1.0) for m, s in zip(row_m, row_s, strict=True))
        for row_m, row_s in zip(mu.tolist(), logvar.tolist(), strict=True)
    ]


def elbo_written_out(x, x_hat, kl, noise_variance):
    losses = []
    for row, row_hat, nats in zip(x.tolist(), x_hat.tolist(), kl.tolist(), strict=True):
        error = sum((a - b) ** 2 for a, b in zip(row, row_hat, strict=True))
        losses.append(error / (2 * noise_variance) + len(row) / 2 * math.log(2 * math.pi * noise_variance) + nats)
    return losses


def elbo_by_the_library(x, x_hat, kl, noise_variance):
    return kl - Normal(x_hat, math.sqrt(noise_variance)).log_prob(x).sum(1)


def score_by_autograd(values, z, mu, sigma):
    at = torch.tensor(mu, requires_grad=True)
    (gradient,) = torch.autograd.grad((values * Normal(at, sigma).log_prob(z)).mean(), at)
    return gradient


def active_by_numpy(mu):
    return np.count_nonzero(np.asarray(mu).astype(float).var(axis=0) > 0.01)


def iwae_shifted(log_weights):
    top = log_weights.double().max(dim=0, keepdim=True).values
    return (log_weights.double() - top).exp().mean(dim=0).log() + top[0]


RIGHT = [
    ("05.1", lambda x, w, v: [x * w / v / (1 + w * w / v), 1 / (1 + w**2 / v)]),
    ("05.1", lambda x, w, v: (torch.tensor(w * x / (v + w * w)), np.float64(1 - w * w / (v + w * w)))),
    ("05.2", kl_by_the_library),
    ("05.2", kl_written_out),
    ("05.2", lambda mu, logvar: -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(-1)),
    ("05.3", lambda mu, logvar, noise: torch.sqrt(torch.exp(logvar)) * noise + mu),
    ("05.3", lambda mu, logvar, noise: mu.double() + torch.exp(logvar.double() / 2) * noise),
    ("05.4", score_by_autograd),
    ("05.4", lambda values, z, mu, sigma: float(np.mean(np.asarray(values) * (np.asarray(z) - mu) / sigma / sigma))),
    ("05.5", elbo_written_out),
    ("05.5", elbo_by_the_library),
    ("05.6", lambda n_pixels, noise_variance: 0.5 / noise_variance * n_pixels),
    ("05.7", active_by_numpy),
    ("05.7", lambda mu: sum(column.var() > 0.01 for column in mu.T)),
    ("05.8", iwae_shifted),
    ("05.8", lambda log_weights: [torch.logsumexp(w - math.log(len(w)), 0) for w in log_weights.T]),
]


@pytest.mark.parametrize(("exercise_id", "answer"), RIGHT)
def test_a_right_answer_passes_however_it_is_written(exercise_id, answer):
    for seed in range(10):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result


def test_a_detached_sample_is_told_about_the_gradient():
    def detached(mu, logvar, noise):
        return mu + (0.5 * logvar).exp().detach() * noise

    result = judge(exercise("05.3"), detached, 0)
    assert result.status == "failed"
    assert result.kind == "gradient missing" and "no gradient reaches argument 2" in result.message

"""Right answers of notebook 09 in other words, and the package's own versions of what they compute."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import logsumexp
from scipy.stats import logistic
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise
from aigc_course.losses import bernoulli_nll, discretised_logistic_nll, free_bits, kl_normal
from aigc_course.metrics import bits_per_dim


def pixels_by_loops(logits, pixels):
    """A softplus whose exponential can't overflow, number by number."""

    def cost(a):
        return max(a, 0.0) + math.log1p(math.exp(-abs(a)))

    return [
        -sum(cost(-a) if white else cost(a) for a, white in zip(*rows, strict=True))
        for rows in zip(logits.tolist(), pixels.tolist(), strict=True)
    ]


def pixels_by_numpy(logits, pixels):
    a, x = logits.numpy().astype(np.float32), pixels.numpy()
    return (x * a - np.logaddexp(0, a)).sum(-1)


def pixels_by_distributions(logits, pixels):
    return Independent(Bernoulli(logits=logits), 1).log_prob(pixels)


def pixels_by_signs(logits, pixels):
    """log sigmoid of the logit of what the pixel is; a result that is float64."""
    return torch.where(pixels.bool(), logits, -logits).double().sigmoid().log().sum(-1)


def pixels_by_two_classes(logits, pixels):
    table = torch.stack([torch.zeros_like(logits), logits], dim=-1).log_softmax(dim=-1)
    return torch.stack([row.gather(-1, x.long()[:, None]).sum() for row, x in zip(table, pixels, strict=True)])


def bits_by_powers(elbo, n_dims, is_density):
    """From the mass of a single level, a geometric mean."""
    mass = math.exp(elbo / n_dims) / (256 if is_density else 1)
    return -math.log2(mass)


def bits_by_nats(elbo, n_dims, is_density):
    nats = n_dims * np.log(256.0) * is_density - elbo
    return np.float64(nats / np.log(2) / n_dims)


def bits_by_torch(elbo, n_dims, is_density):
    return torch.tensor(-elbo / n_dims - (torch.tensor(1 / 256).log().item() if is_density else 0)) / math.log(2.0)


def levels_by_logarithms(x, mean, log_scale, levels):
    """A difference of the distribution function's logarithms, which float64 keeps even far above the mean."""
    centre, half = x / (levels - 1) - mean, 0.5 / (levels - 1)
    upper, lower = (F.logsigmoid((centre + shift) / log_scale.exp()) for shift in (half, -half))
    last = F.logsigmoid((half - centre) / log_scale.exp())
    inside = upper + (lower - upper).expm1().neg().log()
    return torch.where(x == levels - 1, last, torch.where(x > 0, inside, upper)).sum(1)


def levels_by_scipy(x, mean, log_scale, levels):
    """A difference of logarithms, upwards or downwards, with edges at infinity."""
    x, mean, scale = x.numpy(), mean.numpy(), np.exp(log_scale.numpy())
    edges = np.concatenate([[-np.inf], (np.arange(levels - 1) + 0.5) / (levels - 1), [np.inf]])
    low, high = edges[x.astype(int)], edges[x.astype(int) + 1]
    below = [logistic.logcdf(edge, mean, scale) for edge in (high, low)]
    above = [logistic.logsf(edge, mean, scale) for edge in (low, high)]
    parts = [first + np.log1p(-np.exp(np.minimum(second - first, -1e-300))) for first, second in (below, above)]
    return np.where(x / (levels - 1) < mean, *parts).sum(axis=1)


def levels_by_hyperbolic_functions(x, mean, log_scale, levels):
    """sinh(w/2) / (cosh(w/2) + cosh(m)) inside, with the mean on the levels' scale; loops."""
    totals = []
    for rows in zip(x.tolist(), mean.tolist(), log_scale.tolist(), strict=True):
        total = 0.0
        for k, m, s in zip(*rows, strict=True):
            scale = math.exp(s) * (levels - 1)
            middle, half = (k - m * (levels - 1)) / scale, 0.5 / scale
            if k == 0:
                total -= np.logaddexp(0, -(middle + half))
            elif k == levels - 1:
                total -= np.logaddexp(0, middle - half)
            else:
                total += half + math.log(-math.expm1(-2 * half))
                total -= np.logaddexp.reduce([half, -half, middle, -middle])
        totals.append(total)
    return totals


def charged_by_relu(kl, free):
    return free * kl.shape[1] + F.relu(kl.mean(0) - free).sum()


def charged_by_columns(kl, free):
    return sum(torch.maximum(column.double().mean(), torch.tensor(free).double()) for column in kl.unbind(1))


def charged_by_choice(kl, free):
    means = torch.einsum("bl->l", kl) / len(kl)
    return torch.where(means > free, means, torch.full_like(means, free)).sum().reshape(())


def kl_by_distributions(mu_q, logvar_q, mu_p, logvar_p):
    q, p = (Normal(mu.double(), (logvar.double() / 2).exp()) for mu, logvar in ((mu_q, logvar_q), (mu_p, logvar_p)))
    return kl_divergence(Independent(q, 1), Independent(p, 1))


def kl_by_loops(mu_q, logvar_q, mu_p, logvar_p):
    totals = []
    for rows in zip(*(part.tolist() for part in (mu_q, logvar_q, mu_p, logvar_p)), strict=True):
        parts = (
            (b - d) ** 2 / 2 / math.exp(c) + math.expm1(a - c) / 2 - (a - c) / 2
            for b, a, d, c in zip(*rows, strict=True)
        )
        totals.append(math.fsum(parts))
    return totals


def kl_by_numpy(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = (part.numpy() for part in (mu_q, logvar_q, mu_p, logvar_p))
    second_moment = np.exp(logvar_q) + np.square(mu_q - mu_p)
    return 0.5 * (logvar_p - logvar_q - 1 + second_moment / np.exp(logvar_p)).sum(axis=-1)


def kl_in_units_of_the_prior(mu_q, logvar_q, mu_p, logvar_p):
    z, r = (mu_q - mu_p) * torch.exp(-logvar_p / 2), logvar_q - logvar_p
    return -0.5 * torch.sum(1 + r - z.pow(2) - r.exp(), dim=-1)


def size_by_softmax(log_weights):
    return 1 / log_weights.softmax(0).pow(2).sum(0)


def size_by_shifting(log_weights):
    weights = torch.exp(log_weights.double() - log_weights.max(dim=0).values)
    return [column.sum() ** 2 / column.dot(column) for column in weights.T]


def size_by_scipy(log_weights):
    shares = log_weights.numpy() - logsumexp(log_weights.numpy(), axis=0)
    return np.exp(-logsumexp(2 * shares, axis=0))


def size_by_loops(log_weights):
    sizes = []
    for column in log_weights.T.tolist():
        shares = [math.exp(value - max(column)) for value in column]
        sizes.append(1 / sum((share / sum(shares)) ** 2 for share in shares))
    return tuple(sizes)


def size_by_variance(log_weights):
    """K / (1 + squared coefficient of variation)."""
    shares = log_weights.softmax(dim=0) * len(log_weights)
    return len(log_weights) / (1 + shares.var(dim=0, correction=0))


REWRITES = [
    ("09.1", pixels_by_loops),
    ("09.1", pixels_by_numpy),
    ("09.1", pixels_by_distributions),
    ("09.1", pixels_by_signs),
    ("09.1", pixels_by_two_classes),
    ("09.2", bits_by_powers),
    ("09.2", bits_by_nats),
    ("09.2", bits_by_torch),
    ("09.3", levels_by_logarithms),
    ("09.3", levels_by_scipy),
    ("09.3", levels_by_hyperbolic_functions),
    ("09.4", charged_by_relu),
    ("09.4", charged_by_columns),
    ("09.4", charged_by_choice),
    ("09.5", kl_by_distributions),
    ("09.5", kl_by_loops),
    ("09.5", kl_by_numpy),
    ("09.5", kl_in_units_of_the_prior),
    ("09.6", size_by_softmax),
    ("09.6", size_by_shifting),
    ("09.6", size_by_scipy),
    ("09.6", size_by_loops),
    ("09.6", size_by_variance),
]


@pytest.mark.parametrize(("exercise_id", "answer"), REWRITES)
def test_a_valid_rewrite_passes(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result


def drawn(exercise_id, seed):
    """The exercise's own inputs, and what its reference gives."""
    item = exercise(exercise_id)
    given = item.inputs(np.random.default_rng(seed))
    return given, item.reference(*given)


PACKAGE = [
    ("09.1", lambda logits, pixels: -bernoulli_nll(logits, pixels)),
    ("09.3", lambda x, mean, log_scale, levels: -discretised_logistic_nll(mean, log_scale, x, levels)),
    ("09.4", lambda kl, free: torch.stack([free_bits(column, free) for column in kl.T]).sum()),
    ("09.5", kl_normal),
]


@pytest.mark.parametrize(("exercise_id", "ours"), PACKAGE, ids=[key for key, _ in PACKAGE])
def test_the_reference_gives_what_the_package_gives(exercise_id, ours):
    for seed in range(5):
        given, expected = drawn(exercise_id, seed)
        torch.testing.assert_close(ours(*given), expected, rtol=1e-5, atol=1e-5)


def test_bits_of_a_mass_are_those_of_the_package():
    assert exercise("09.2").reference(-2000.0, 784, False) == pytest.approx(bits_per_dim(2000.0, 784), rel=1e-12)


def test_a_density_in_bits_is_the_mass_of_fine_levels():
    """A logistic density of a pixel in [0, 1) beside the masses of 256 intervals, for a scale of many levels."""
    edges = np.arange(257) / 256
    masses = np.diff(logistic.cdf(edges, 0.5, 0.1))
    levels = np.array([40, 128, 200])
    density = logistic.logpdf((levels + 0.5) / 256, 0.5, 0.1).sum()
    by_mass = exercise("09.2").reference(np.log(masses[levels]).sum(), 3, False)
    assert exercise("09.2").reference(density, 3, True) == pytest.approx(by_mass, abs=1e-3)


@pytest.mark.parametrize("log_scale", [-6.0, -1.0, 2.0])
def test_all_256_masses_sum_to_one(log_scale):
    x = torch.arange(256).double()[:, None]
    mass = exercise("09.3").reference(x, torch.full_like(x, 0.37), torch.full_like(x, log_scale), 256).exp()
    assert mass.sum().item() == pytest.approx(1, abs=1e-10)

"""The linear-Gaussian model: Bayes' rule, quadrature, the gap of the bound, and the optimum of the likelihood."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from aigc_course.errors import UsageError
from aigc_course.models import LinearGaussian, probabilistic_pca

DOUBLE = torch.float64


def make_model(d=4, k=2):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(d, k, dtype=DOUBLE, generator=generator)
    bias = torch.randn(d, dtype=DOUBLE, generator=generator)
    return LinearGaussian(weight=weight, bias=bias, noise_variance=torch.tensor(0.3, dtype=DOUBLE))


def some_q(x, k, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, len(x), k, dtype=DOUBLE, generator=generator)


def test_joint_is_evidence_times_posterior_for_any_z():
    model = make_model()
    x, _ = model.sample(5)
    z = torch.randn(7, 5, 2, dtype=DOUBLE)
    expected = model.evidence().log_prob(x) + model.posterior(x).log_prob(z)
    torch.testing.assert_close(model.log_joint(x, z), expected)


def test_the_evidence_is_the_integral_over_z():
    one = torch.tensor(1.0, dtype=DOUBLE)
    model = LinearGaussian(weight=1.5 * one.view(1, 1), bias=0.4 * one.view(1), noise_variance=0.2 * one)
    x = torch.tensor([[0.7], [-2.0]], dtype=DOUBLE)
    z = torch.linspace(-12, 12, 20_001, dtype=DOUBLE).view(-1, 1, 1).expand(-1, 2, 1)
    integral = model.log_joint(x, z).exp().sum(dim=0) * 24 / 20_000
    torch.testing.assert_close(integral, model.evidence().log_prob(x).exp())


def test_the_gap_of_the_bound_is_the_divergence_from_the_posterior():
    model = make_model()
    x, _ = model.sample(6)
    mu, logvar = some_q(x, 2)
    q = MultivariateNormal(mu, torch.diag_embed(logvar.exp()))
    gap = model.evidence().log_prob(x) - model.elbo(x, mu, logvar)
    torch.testing.assert_close(gap, kl_divergence(q, model.posterior(x)), rtol=1e-9, atol=1e-9)
    assert (gap > 0).all()


def test_the_bound_is_the_mean_of_the_log_weights():
    model = make_model()
    x, _ = model.sample(3)
    mu, logvar = some_q(x, 2)
    q = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    torch.manual_seed(0)
    z = q.sample((100_000,))
    log_weights = model.log_joint(x, z) - q.log_prob(z).sum(dim=-1)
    error = log_weights.std(dim=0) / math.sqrt(100_000)
    assert ((log_weights.mean(dim=0) - model.elbo(x, mu, logvar)).abs() < 4 * error).all()


def test_samples_have_the_covariance_of_the_evidence():
    model = make_model()
    x, z = model.sample(200_000, torch.Generator().manual_seed(3))
    torch.testing.assert_close(x.T.cov(), model.evidence().covariance_matrix, rtol=0, atol=0.05)
    torch.testing.assert_close(x.mean(dim=0), model.bias, rtol=0, atol=0.02)
    torch.testing.assert_close(z.T.cov(), torch.eye(2, dtype=DOUBLE), rtol=0, atol=0.02)


def test_probabilistic_pca_finds_the_model_that_made_the_data():
    model = make_model(d=6, k=2)
    x, _ = model.sample(100_000, torch.Generator().manual_seed(4))
    fitted = probabilistic_pca(x, 2)
    torch.testing.assert_close(fitted.weight @ fitted.weight.T, model.weight @ model.weight.T, rtol=0, atol=0.06)
    assert fitted.noise_variance.item() == pytest.approx(0.3, abs=0.01)
    assert fitted.weight[:, 0].norm() > fitted.weight[:, 1].norm()


def test_no_step_away_from_probabilistic_pca_is_more_probable():
    x, _ = make_model(d=6, k=3).sample(500, torch.Generator().manual_seed(5))
    fitted = probabilistic_pca(x, 2)
    parameters = [fitted.weight, fitted.bias, fitted.noise_variance]
    leaves = [parameter.detach().clone().requires_grad_() for parameter in parameters]
    rebuilt = LinearGaussian(weight=leaves[0], bias=leaves[1], noise_variance=leaves[2])
    rebuilt.evidence().log_prob(x).mean().backward()
    for leaf in leaves:
        torch.testing.assert_close(leaf.grad, torch.zeros_like(leaf), rtol=0, atol=1e-9)
    covariance = fitted.posterior(x[:1]).covariance_matrix[0]
    torch.testing.assert_close(covariance, covariance.diag().diag(), rtol=0, atol=1e-12)


def test_bad_inputs_are_named():
    one = torch.tensor(1.0)
    with pytest.raises(UsageError, match=r"weight \(3, 2\) and bias \(2,\)"):
        LinearGaussian(weight=torch.ones(3, 2), bias=torch.ones(2), noise_variance=one)
    with pytest.raises(UsageError, match="noise_variance"):
        LinearGaussian(weight=torch.ones(3, 2), bias=torch.ones(3), noise_variance=0 * one)
    with pytest.raises(UsageError, match="latent_dim = 3"):
        probabilistic_pca(torch.randn(10, 3), 3)
    with pytest.raises(UsageError, match="shapes differ"):
        make_model().elbo(torch.zeros(1, 4, dtype=DOUBLE), torch.zeros(1, 2), torch.zeros(2))

"""KL, reparameterization and ELBO against closed forms and torch.distributions."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from aigc_course.errors import UsageError
from aigc_course.losses import free_bits, kl_normal, kl_standard_normal, negative_elbo, reparameterize


def test_kl_equals_the_closed_form_of_torch_distributions():
    torch.manual_seed(0)
    mu, logvar = torch.randn(2, 5, 3, dtype=torch.float64)
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(kl_standard_normal(mu, logvar), expected)


def test_kl_tells_its_arguments_apart():
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    assert kl_standard_normal(one, zero).item() == pytest.approx(0.5, abs=1e-6)
    assert kl_standard_normal(zero, one).item() == pytest.approx((torch.e - 2) / 2, abs=1e-6)


def test_kl_is_zero_at_the_prior_and_never_negative_beside_it():
    logvar = torch.linspace(-1e-3, 1e-3, 201).unsqueeze(1)
    kl = kl_standard_normal(torch.zeros_like(logvar), logvar)
    assert kl[100].item() == 0
    assert (kl >= 0).all()
    torch.testing.assert_close(kl, logvar.squeeze(1).square() / 4, rtol=1e-2, atol=1e-10)


def test_kl_gradients():
    torch.manual_seed(0)
    mu, logvar = torch.randn(2, 4, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(kl_standard_normal, (mu.requires_grad_(), logvar.requires_grad_()))


def test_kl_of_two_normals_equals_torch_distributions_and_tells_them_apart():
    torch.manual_seed(0)
    mu, logvar, prior_mu, prior_logvar = torch.randn(4, 5, 3, dtype=torch.float64)
    q, p = Normal(mu, (0.5 * logvar).exp()), Normal(prior_mu, (0.5 * prior_logvar).exp())
    found = kl_normal(mu, logvar, prior_mu, prior_logvar)
    torch.testing.assert_close(found, kl_divergence(q, p).sum(dim=1))
    assert (kl_normal(prior_mu, prior_logvar, mu, logvar) - found).abs().min() > 0.1
    assert kl_normal(mu, logvar, mu, logvar).tolist() == [0] * 5
    zero = torch.zeros_like(mu)
    torch.testing.assert_close(kl_normal(mu, logvar, zero, zero), kl_standard_normal(mu, logvar))


@pytest.mark.parametrize(("free", "value", "gradient"), [(0.0, 2.0, 0.25), (1.9, 2.0, 0.25), (2.1, 2.1, 0.0)])
def test_free_bits_cost_nothing_and_have_no_gradient(free, value, gradient):
    """The mean over the batch is compared, not each example: 5 is above, 0 below."""
    kl = torch.tensor([0.0, 1.0, 2.0, 5.0], requires_grad=True)
    loss = free_bits(kl, free)
    loss.backward()
    assert loss.item() == pytest.approx(value)
    assert kl.grad.tolist() == [gradient] * 4


def test_reparameterized_samples_have_the_asked_mean_and_deviation():
    torch.manual_seed(0)
    mu, logvar = torch.tensor([[2.0, -1.0]]), torch.tensor([[4.0, 0.25]]).log()
    z = reparameterize(mu.expand(200_000, 2), logvar.expand(200_000, 2), torch.randn(200_000, 2))
    torch.testing.assert_close(z.mean(dim=0), mu[0], rtol=0, atol=0.02)
    torch.testing.assert_close(z.std(dim=0), torch.tensor([2.0, 0.5]), rtol=0.01, atol=0)


def test_reparameterization_lets_the_gradient_through():
    mu, logvar = torch.zeros(1, 1, requires_grad=True), torch.zeros(1, 1, requires_grad=True)
    reparameterize(mu, logvar, torch.tensor([[3.0]])).sum().backward()
    assert mu.grad.item() == 1.0
    assert logvar.grad.item() == 1.5  # noise * sigma / 2


def test_negative_elbo_weighs_the_kl_alone():
    reconstruction, kl = torch.tensor([100.0, 90.0]), torch.tensor([10.0, 4.0])
    assert negative_elbo(reconstruction, kl).tolist() == [110.0, 94.0]
    assert negative_elbo(reconstruction, kl, beta=0.5).tolist() == [105.0, 92.0]


def test_the_negative_elbo_bounds_the_negative_log_evidence():
    """For x | z ~ N(z, 1), z ~ N(0, 1), the evidence is N(0, 2); the exact posterior N(x/2, 1/2) makes it tight."""
    x = torch.tensor(1.3, dtype=torch.float64)
    evidence = -Normal(0.0, 2**0.5).log_prob(x)

    def bound(mean: torch.Tensor, variance: float) -> torch.Tensor:
        variance = torch.tensor(variance, dtype=torch.float64)
        expected_nll = -Normal(mean, 1.0).log_prob(x) + variance / 2
        return negative_elbo(expected_nll[None], kl_standard_normal(mean.view(1, 1), variance.log().view(1, 1)))[0]

    torch.testing.assert_close(bound(x / 2, 0.5), evidence.double())
    assert bound(x / 2, 0.6) > evidence + 1e-3
    assert bound(x / 2 + 0.1, 0.5) > evidence + 1e-3


def test_shapes_must_agree():
    with pytest.raises(UsageError, match=r"mu \(2, 3\), logvar \(2, 1\)"):
        kl_standard_normal(torch.zeros(2, 3), torch.zeros(2, 1))
    with pytest.raises(UsageError, match=r"noise \(3,\)"):
        reparameterize(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(UsageError, match=r"reconstruction_nats \(\), kl_nats \(2,\)"):
        negative_elbo(torch.tensor(1.0), torch.zeros(2))

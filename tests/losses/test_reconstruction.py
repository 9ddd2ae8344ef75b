"""Reconstruction terms against torch.distributions, at extreme logits, and with swapped arguments."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Binomial, Normal

from aigc_course.errors import UsageError
from aigc_course.losses import bernoulli_nll, binomial_nll, discretised_logistic_nll, gaussian_nll, mse


def test_bernoulli_equals_the_distribution_summed_over_pixels():
    torch.manual_seed(0)
    logits = torch.randn(3, 1, 4, 5, dtype=torch.float64)
    x = torch.randint(2, logits.shape).double()
    expected = -Bernoulli(logits=logits).log_prob(x).sum(dim=(1, 2, 3))
    torch.testing.assert_close(bernoulli_nll(logits, x), expected)


def test_soft_targets_give_the_cross_entropy_with_its_least_value_at_their_entropy():
    x = torch.tensor([[0.3]], dtype=torch.float64)
    entropy = -(0.3 * torch.tensor(0.3).log() + 0.7 * torch.tensor(0.7).log()).double()
    torch.testing.assert_close(bernoulli_nll(torch.logit(x), x), entropy[None], rtol=1e-6, atol=1e-7)
    assert bernoulli_nll(torch.logit(x) + 0.1, x) > entropy + 1e-4
    assert bernoulli_nll(torch.logit(x) - 0.1, x) > entropy + 1e-4


@pytest.mark.parametrize(("logit", "x", "nats", "gradient"), [(200, 0, 200, 1), (-200, 1, 200, -1), (200, 1, 0, 0)])
def test_bernoulli_is_exact_at_extreme_logits(logit, x, nats, gradient):
    logits = torch.tensor([[float(logit)]], requires_grad=True)
    loss = bernoulli_nll(logits, torch.tensor([[float(x)]]))
    loss.sum().backward()
    assert loss.item() == pytest.approx(nats, abs=1e-6)
    assert logits.grad.item() == pytest.approx(gradient, abs=1e-6)


def test_swapped_arguments_are_refused():
    torch.manual_seed(0)
    logits, x = torch.randn(4, 10), torch.rand(4, 10)
    with pytest.raises(UsageError, match="logits first"):
        bernoulli_nll(x, logits)


def test_gaussian_equals_the_distribution_with_its_constant():
    torch.manual_seed(0)
    mean, log_variance, x = torch.randn(3, 2, 6, dtype=torch.float64)
    expected = -Normal(mean, (0.5 * log_variance).exp()).log_prob(x).sum(dim=1)
    torch.testing.assert_close(gaussian_nll(mean, log_variance, x), expected)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_gaussian_takes_one_variance_for_all(shape):
    torch.manual_seed(0)
    mean, x = torch.randn(2, 6, 7, 3, dtype=torch.float64)
    log_variance = torch.full(shape, -1.3, dtype=torch.float64)
    torch.testing.assert_close(gaussian_nll(mean, log_variance, x), gaussian_nll(mean, log_variance.expand(6, 7, 3), x))


def test_a_gaussian_mask_leaves_dimensions_out_whatever_they_hold():
    torch.manual_seed(0)
    mean, log_variance, x = torch.randn(3, 4, 5, 6, dtype=torch.float64)
    mask = torch.arange(6) < torch.tensor([1, 6, 3, 2])[:, None, None]  # (4, 1, 6)
    expected = [
        gaussian_nll(mean[i : i + 1, :, :n], log_variance[i : i + 1, :, :n], x[i : i + 1, :, :n])
        for i, n in enumerate((1, 6, 3, 2))
    ]
    torch.testing.assert_close(gaussian_nll(mean, log_variance, x, mask=mask), torch.cat(expected))
    other = torch.where(mask, x, 1e6).requires_grad_()
    torch.testing.assert_close(gaussian_nll(mean, log_variance, other, mask=mask), torch.cat(expected))
    gaussian_nll(mean, log_variance, other, mask=mask).sum().backward()
    assert (other.grad[~mask.expand_as(x)] == 0).all() and (other.grad[mask.expand_as(x)] != 0).all()


def test_the_best_single_variance_is_the_mean_squared_error():
    torch.manual_seed(0)
    mean, x = torch.zeros(5, 400, dtype=torch.float64), 0.3 * torch.randn(5, 400, dtype=torch.float64)
    log_variance = mse(mean, x).log().requires_grad_()
    gaussian_nll(mean, log_variance, x).sum().backward()
    assert log_variance.grad.item() == pytest.approx(0, abs=1e-8)


def test_mse_averages_over_everything():
    x = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    x_hat = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    assert mse(x_hat, x).item() == (1 + 4 + 9) / 4


def test_a_summed_squared_error_is_a_gaussian_likelihood_of_variance_one_half():
    torch.manual_seed(0)
    x_hat, x = torch.randn(2, 3, 8, dtype=torch.float64)
    half = torch.tensor(0.5, dtype=torch.float64).log()
    difference = gaussian_nll(x_hat, half, x) - gaussian_nll(x, half, x)
    torch.testing.assert_close(difference.sum(), mse(x_hat, x) * x.numel())


def test_shapes_are_not_broadcast():
    with pytest.raises(UsageError, match=r"x_hat \(3, 1\), x \(3,\)"):
        mse(torch.zeros(3, 1), torch.zeros(3))
    with pytest.raises(UsageError, match=r"logits \(3, 1\), x \(3,\)"):
        bernoulli_nll(torch.zeros(3, 1), torch.zeros(3))
    with pytest.raises(UsageError, match=r"log_variance \(5,\) does not broadcast to mean \(3, 4\)"):
        gaussian_nll(torch.zeros(3, 4), torch.zeros(5), torch.zeros(3, 4))


def test_bfloat16_is_summed_in_float32():
    logits, x = torch.full((1, 1000), 0.01).bfloat16(), torch.zeros(1, 1000)
    torch.testing.assert_close(bernoulli_nll(logits, x), bernoulli_nll(logits.float(), x), rtol=0, atol=0)
    assert gaussian_nll(logits, torch.zeros(1).bfloat16(), x).dtype == torch.float32
    assert mse(logits, x).dtype == torch.float32


@pytest.mark.parametrize("points", [1, 7])
def test_binomial_equals_the_distribution_summed_over_pixels(points):
    torch.manual_seed(0)
    logits = torch.randn(5, 1, 4, 4, dtype=torch.float64)
    counts = torch.randint(0, points + 1, logits.shape).double()
    expected = -Binomial(points, logits=logits).log_prob(counts).flatten(1).sum(1)
    torch.testing.assert_close(binomial_nll(logits, counts, points), expected)


def all_levels(mean, log_scale, levels=256):
    """-log P of every level of one pixel, (levels,)."""
    x = torch.arange(levels, dtype=mean.dtype)[:, None]
    return discretised_logistic_nll(mean.expand(levels, 1), log_scale.expand(levels, 1), x, levels)


@pytest.mark.parametrize("mean", [-3.0, 0.0, 0.3, 0.998, 1.7])
@pytest.mark.parametrize("log_scale", [-9.0, -5.0, -2.0, 0.0, 4.0])
def test_the_levels_of_a_discretised_logistic_sum_to_one(mean, log_scale):
    for levels in (256, 2):
        nats = all_levels(torch.tensor(mean).double(), torch.tensor(log_scale).double(), levels)
        assert nats.min() >= 0
        assert (-nats).exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_a_level_has_the_mass_of_its_bin():
    """Against the distribution function of the logistic, in units of a level."""
    mean, scale = torch.tensor(0.4).double(), torch.tensor(0.02).double()
    edges = (torch.arange(257).double() - 0.5 - 255 * mean) / (255 * scale)
    edges[0], edges[-1] = -torch.inf, torch.inf
    torch.testing.assert_close((-all_levels(mean, scale.log())).exp(), edges.sigmoid().diff())


def test_a_level_far_from_the_mean_keeps_a_finite_cost_and_a_gradient():
    mean = torch.tensor([[0.0]], requires_grad=True)
    nats = discretised_logistic_nll(mean, torch.tensor([[-7.0]]), torch.tensor([[200.0]]))
    nats.sum().backward()
    assert 200 / 255 * math.exp(7) == pytest.approx(nats.item(), rel=0.01)  # the logistic's tail is exponential
    assert mean.grad.item() == pytest.approx(-math.exp(7), rel=0.01)


def test_levels_out_of_range_are_named():
    with pytest.raises(UsageError, match=r"x must lie in \[0, 255\], but spans 256 to 256"):
        discretised_logistic_nll(torch.zeros(1, 1), torch.zeros(1, 1), torch.tensor([[256.0]]))
    with pytest.raises(UsageError, match="log_scale"):
        discretised_logistic_nll(torch.zeros(1, 2), torch.zeros(1, 1), torch.zeros(1, 2))

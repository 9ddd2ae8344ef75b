"""What both ladder VAEs obey: KL terms against Monte Carlo, the path of prior and posterior, learning, bad input."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses import bernoulli_nll
from aigc_course.models.latent_layer import LatentLayer
from tests.models.ladders import CLASSES, CONV_CLASSES, CONV_SMALL, SMALL, fresh, noise_for, shaken

both = pytest.mark.parametrize("config", [SMALL, CONV_SMALL], ids=["ladder", "conv-ladder"])
both_with_classes = pytest.mark.parametrize("config", [CLASSES, CONV_CLASSES], ids=["ladder", "conv-ladder"])


def test_log_ratio_is_prior_over_posterior():
    torch.manual_seed(0)
    mu, logvar, prior_mu, prior_logvar, z = torch.randn(5, 4, 3, dtype=torch.float64)
    q = torch.distributions.Normal(mu, (logvar / 2).exp()).log_prob(z).sum(dim=1)
    p = torch.distributions.Normal(prior_mu, (prior_logvar / 2).exp()).log_prob(z).sum(dim=1)
    torch.testing.assert_close(LatentLayer(mu, logvar, prior_mu, prior_logvar, z).log_ratio(), p - q)


@pytest.mark.parametrize(("config", "scale"), [(SMALL, 0.5), (CONV_SMALL, 1.0)], ids=["ladder", "conv-ladder"])
def test_every_kl_is_positive_and_their_sum_is_the_mean_log_ratio(config, scale):
    """E_q[log q(z | x) - log p(z)] by sampling all layers from q: within 4 standard errors, image by image."""
    model, samples = shaken(config, scale), 20_000
    x = (torch.rand(3, 1, 4, 4) < 0.5).float()
    with torch.no_grad():
        output = model(x.repeat(samples, 1, 1, 1), noise=noise_for(model, 3 * samples))
    kl = torch.stack([layer.kl() for layer in output.layers]).unflatten(1, (samples, 3))  # (L, S, 3)
    assert (kl >= 0).all() and (kl.mean(dim=1) > 0.05).all()
    difference = kl.sum(0) + torch.stack([layer.log_ratio() for layer in output.layers]).sum(0).unflatten(0, (-1, 3))
    error = difference.std(dim=0) / samples**0.5
    assert (difference.mean(dim=0).abs() < 4 * error).all()
    assert (error < 0.05).all()


@both
def test_decoding_goes_down_the_path_of_the_posterior(config):
    """Noise that puts the prior's z where the posterior's was gives the same image."""
    model, x = shaken(config), torch.rand(4, 1, 4, 4)
    output = model(x, noise=noise_for(model, 4))
    noise = [(layer.z - layer.prior_mu) * (-layer.prior_logvar / 2).exp() for layer in output.layers]
    torch.testing.assert_close(model.decode(torch.cat(noise, dim=1)), output.logits, rtol=1e-4, atol=1e-5)


@both
def test_a_layer_depends_on_the_layers_above_alone(config):
    model, x = shaken(config), torch.rand(1, 1, 4, 4)
    noise = noise_for(model, 1)
    before = model(x, noise=noise).layers
    changed = noise.clone()
    changed[:, 2:5] += 1  # of the second layer
    after = model(x, noise=changed).layers
    assert torch.equal(before[0].z, after[0].z) and torch.equal(before[1].mu, after[1].mu)
    assert not torch.allclose(before[1].z, after[1].z)
    for k in range(2, len(before)):
        assert not torch.allclose(before[k].prior_mu, after[k].prior_mu)
        assert not torch.allclose(before[k].mu, after[k].mu)


@both_with_classes
def test_the_class_reaches_prior_posterior_and_image(config):
    model, x = shaken(config), torch.rand(2, 1, 4, 4)
    noise = noise_for(model, 2)
    first, second = (model(x, torch.tensor([k, k]), noise).layers for k in (0, 1))
    assert (first[0].mu - second[0].mu).abs().max() > 1e-3
    assert (first[1].prior_mu - second[1].prior_mu).abs().max() > 1e-3
    assert (model.decode(noise, torch.tensor([0, 0])) - model.decode(noise, torch.tensor([1, 1]))).abs().max() > 1e-3


@both_with_classes
def test_a_gradient_reaches_every_weight(config):
    model, x = shaken(config), torch.rand(6, 1, 4, 4)
    output = model(x, torch.arange(6) % 3, noise_for(model, 6))
    (bernoulli_nll(output.logits, x) + sum(layer.kl() for layer in output.layers)).mean().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not (p.grad.abs() > 0).any()] == []


@both
def test_examples_are_independent_and_chance_is_in_the_noise(config):
    model, x = shaken(config), torch.rand(3, 1, 4, 4)
    noise = noise_for(model, 3)
    torch.testing.assert_close(model(x, noise=noise).logits[1:2], model(x[1:2], noise=noise[1:2]).logits)
    assert not torch.equal(model(x).logits, model(x).logits)


@pytest.mark.parametrize(("config", "steps"), [(SMALL, 200), (CONV_SMALL, 100)], ids=["ladder", "conv-ladder"])
def test_it_learns_one_batch_by_heart(config, steps):
    model = fresh(config)
    x, noise = (torch.rand(8, 1, 4, 4) < 0.5).float(), noise_for(model, 8)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        output = model(x, noise=noise)
        loss = (bernoulli_nll(output.logits, x) + sum(layer.kl() for layer in output.layers)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert 0 < loss.item() < 6  # 11 nats with no latent variable in use
    assert ((output.logits > 0) == (x > 0.5)).float().mean().item() > 0.95


@both
def test_distributions_are_float32_under_autocast(config):
    with torch.autocast("cpu", torch.bfloat16):
        output = shaken(config)(torch.rand(2, 1, 4, 4))
    assert all(tensor.dtype == torch.float32 for layer in output.layers for tensor in layer)


@both
def test_a_step_needs_no_value_on_the_host(config):
    """Tensors without values: reading one raises, as it would stop the capture of a CUDA graph."""
    model = fresh(config).to("meta")
    x, noise = torch.empty(2, 1, 4, 4, device="meta"), noise_for(model, 2).to("meta")
    output = model(x, noise=noise)
    (output.logits.sum() + sum(layer.kl() for layer in output.layers).mean()).backward()
    assert model.decode(noise).shape == (2, 1, 4, 4)


@both
def test_wrong_shapes_are_named(config):
    model = shaken(config)
    with pytest.raises(UsageError, match=r"x has the shape \(2, 1, 8, 8\); this model takes \(B, 1, 4, 4\)"):
        model(torch.rand(2, 1, 8, 8))
    takes = rf"noise has the shape \(2, 4\); this model takes \(B, {config.latent_dim}\)"
    with pytest.raises(UsageError, match=takes):
        model.decode(torch.rand(2, 4))


@both_with_classes
def test_a_missing_class_is_named(config):
    with pytest.raises(UsageError, match="conditional"):
        shaken(config)(torch.rand(2, 1, 4, 4))

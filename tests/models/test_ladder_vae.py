"""The ladder VAE: its KL terms against Monte Carlo, the path shared by prior and posterior, conditioning, bad input."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses import bernoulli_nll
from aigc_course.models import LadderVAE, LadderVAEConfig
from aigc_course.models.latent_layer import LatentLayer

SMALL = LadderVAEConfig(image_size=4, latent_dims=(2, 3, 4), width=16)
CLASSES = LadderVAEConfig(image_size=4, latent_dims=(2, 3), width=16, n_classes=3)


def make(config: LadderVAEConfig = SMALL, scale: float = 1.0) -> LadderVAE:
    """With random weights everywhere, so that no layer is at its prior."""
    torch.manual_seed(0)
    model = LadderVAE(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=scale * parameter[0].numel() ** -0.5)
    return model


def test_shapes_and_layers():
    output = LadderVAE(LadderVAEConfig(channels=3, image_size=5, outputs=2))(torch.rand(2, 3, 5, 5))
    assert output.logits.shape == (2, 6, 5, 5)
    assert [layer.z.shape for layer in output.layers] == [(2, 8), (2, 16), (2, 32)]


def test_it_starts_near_the_priors_and_near_grey():
    torch.manual_seed(0)
    x = (torch.rand(16, 1, 28, 28) < 0.2).float()
    output = LadderVAE(LadderVAEConfig())(x)
    assert all(0 <= layer.kl().mean().item() < 1 for layer in output.layers)
    assert bernoulli_nll(output.logits, x).mean().item() == pytest.approx(784 * math.log(2), rel=0.05)


def test_every_kl_is_positive_and_their_sum_is_the_mean_log_ratio():
    """E_q[log q(z | x) - log p(z)] by sampling all layers from q: within 4 standard errors, image by image."""
    model, samples = make(scale=0.5), 20_000
    x = (torch.rand(3, 1, 4, 4) < 0.5).float()
    with torch.no_grad():
        output = model(x.repeat(samples, 1, 1, 1), noise=torch.randn(3 * samples, 9))
    kl = torch.stack([layer.kl() for layer in output.layers]).unflatten(1, (samples, 3))  # (L, S, 3)
    assert (kl >= 0).all() and (kl.mean(dim=1) > 0.05).all()
    difference = kl.sum(0) + torch.stack([layer.log_ratio() for layer in output.layers]).sum(0).unflatten(0, (-1, 3))
    error = difference.std(dim=0) / samples**0.5
    assert (difference.mean(dim=0).abs() < 4 * error).all()
    assert (error < 0.05).all()


def test_log_ratio_is_prior_over_posterior():
    torch.manual_seed(0)
    mu, logvar, prior_mu, prior_logvar, z = torch.randn(5, 4, 3, dtype=torch.float64)
    q = torch.distributions.Normal(mu, (logvar / 2).exp()).log_prob(z).sum(dim=1)
    p = torch.distributions.Normal(prior_mu, (prior_logvar / 2).exp()).log_prob(z).sum(dim=1)
    torch.testing.assert_close(LatentLayer(mu, logvar, prior_mu, prior_logvar, z).log_ratio(), p - q)


def test_decoding_goes_down_the_path_of_the_posterior():
    """Noise that puts the prior's z where the posterior's was gives the same image."""
    model, x = make(), torch.rand(4, 1, 4, 4)
    output = model(x, noise=torch.randn(4, 9))
    noise = [(layer.z - layer.prior_mu) * (-layer.prior_logvar / 2).exp() for layer in output.layers]
    torch.testing.assert_close(model.decode(torch.cat(noise, dim=1)), output.logits, rtol=1e-4, atol=1e-5)


def test_a_layer_depends_on_the_layers_above_alone():
    model, x, noise = make(), torch.rand(1, 1, 4, 4), torch.randn(1, 9)
    before = model(x, noise=noise).layers
    changed = noise.clone()
    changed[:, 2:5] += 1  # of the middle layer
    after = model(x, noise=changed).layers
    assert torch.equal(before[0].z, after[0].z) and torch.equal(before[1].mu, after[1].mu)
    assert not torch.allclose(before[1].z, after[1].z)
    assert not torch.allclose(before[2].prior_mu, after[2].prior_mu)
    assert not torch.allclose(before[2].mu, after[2].mu)


def test_the_class_reaches_prior_and_posterior():
    model, x, noise = make(CLASSES), torch.rand(2, 1, 4, 4), torch.randn(2, 5)
    first, second = (model(x, torch.tensor([k, k]), noise).layers[0] for k in (0, 1))
    assert (first.prior_mu - second.prior_mu).abs().max() > 1e-3
    assert ((first.mu - first.prior_mu) - (second.mu - second.prior_mu)).abs().max() > 1e-3
    assert (model.decode(noise, torch.tensor([0, 0])) - model.decode(noise, torch.tensor([1, 1]))).abs().max() > 1e-3


def test_examples_are_independent_and_chance_is_in_the_noise():
    model, x, noise = make(), torch.rand(3, 1, 4, 4), torch.randn(3, 9)
    torch.testing.assert_close(model(x, noise=noise).logits[1:2], model(x[1:2], noise=noise[1:2]).logits)
    assert not torch.equal(model(x).logits, model(x).logits)


def test_it_learns_one_batch_by_heart():
    torch.manual_seed(0)
    model = LadderVAE(SMALL)
    x, noise = (torch.rand(8, 1, 4, 4) < 0.5).float(), torch.randn(8, 9)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        output = model(x, noise=noise)
        loss = (bernoulli_nll(output.logits, x) + sum(layer.kl() for layer in output.layers)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert 0 < loss.item() < 6  # 11 nats with no latent variable in use
    assert ((output.logits > 0) == (x > 0.5)).float().mean().item() > 0.95


def test_distributions_are_float32_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        output = make()(torch.rand(2, 1, 4, 4))
    assert all(tensor.dtype == torch.float32 for layer in output.layers for tensor in layer)


def test_wrong_inputs_are_named():
    with pytest.raises(UsageError, match=r"x has the shape \(2, 1, 8, 8\); this model takes \(B, 1, 4, 4\)"):
        make()(torch.rand(2, 1, 8, 8))
    with pytest.raises(UsageError, match=r"noise has the shape \(2, 4\); this model takes \(B, 9\)"):
        make().decode(torch.rand(2, 4))
    with pytest.raises(UsageError, match="conditional"):
        make(CLASSES)(torch.rand(2, 1, 4, 4))


@pytest.mark.parametrize(
    ("change", "text"),
    [({"latent_dims": ()}, "number of latent_dims = 0"), ({"latent_dims": (2, 0)}, r"latent_dims\[1\] = 0")],
)
def test_impossible_sizes_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        LadderVAEConfig(**change)

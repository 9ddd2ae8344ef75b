"""The convolutional ladder VAE: its KL terms by Monte Carlo, the path of prior and posterior, any size, bad input."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses import bernoulli_nll
from aigc_course.models import ConvLadderVAE, ConvLadderVAEConfig

SMALL = ConvLadderVAEConfig(image_size=4, top_dim=2, coarse_maps=(3, 1), fine_maps=(1,), width=8)
CLASSES = ConvLadderVAEConfig(image_size=4, top_dim=2, coarse_maps=(2,), fine_maps=(1,), width=8, n_classes=3)


def make(config: ConvLadderVAEConfig = SMALL, scale: float = 1.0) -> ConvLadderVAE:
    """With random weights everywhere, so that no layer is at its prior."""
    torch.manual_seed(0)
    model = ConvLadderVAE(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=scale * parameter[0].numel() ** -0.5)
    return model


@pytest.mark.parametrize("image_size", [4, 5, 6, 7, 8])
def test_shapes_and_layers_of_any_size(image_size):
    config = ConvLadderVAEConfig(channels=3, image_size=image_size, coarse_maps=(2,), fine_maps=(1,), outputs=2)
    output = ConvLadderVAE(config)(torch.rand(2, 3, image_size, image_size))
    assert output.logits.shape == (2, 6, image_size, image_size)
    quarter = math.ceil(image_size / 4)
    sizes = (16, 2 * quarter**2, 4 * quarter**2)
    assert tuple(layer.z.shape[1] for layer in output.layers) == config.latent_dims == sizes
    assert config.latent_dim == sum(sizes)


@pytest.mark.parametrize(
    ("change", "layers"), [({"coarse_maps": ()}, 3), ({"fine_maps": ()}, 4), ({"coarse_maps": (), "fine_maps": ()}, 1)]
)
def test_a_size_without_latent_maps(change, layers):
    model = ConvLadderVAE(ConvLadderVAEConfig(image_size=4, width=8, **change))
    assert len(model(torch.rand(2, 1, 4, 4)).layers) == layers
    assert model.decode(torch.randn(2, model.config.latent_dim)).shape == (2, 1, 4, 4)


def test_it_starts_at_the_priors_and_near_grey():
    torch.manual_seed(0)
    x = (torch.rand(16, 1, 28, 28) < 0.2).float()
    output = ConvLadderVAE(ConvLadderVAEConfig())(x)
    assert all((layer.kl() == 0).all() for layer in output.layers)
    assert bernoulli_nll(output.logits, x).mean().item() == pytest.approx(784 * math.log(2), rel=0.1)


def test_every_kl_is_positive_and_their_sum_is_the_mean_log_ratio():
    """E_q[log q(z | x) - log p(z)] by sampling all layers from q: within 4 standard errors, image by image."""
    model, samples = make(), 20_000
    x = (torch.rand(3, 1, 4, 4) < 0.5).float()
    with torch.no_grad():
        output = model(x.repeat(samples, 1, 1, 1), noise=torch.randn(3 * samples, 10))
    kl = torch.stack([layer.kl() for layer in output.layers]).unflatten(1, (samples, 3))  # (L, S, 3)
    assert (kl >= 0).all() and (kl.mean(dim=1) > 0.05).all()
    difference = kl.sum(0) + torch.stack([layer.log_ratio() for layer in output.layers]).sum(0).unflatten(0, (-1, 3))
    error = difference.std(dim=0) / samples**0.5
    assert (difference.mean(dim=0).abs() < 4 * error).all()
    assert (error < 0.05).all()


def test_decoding_goes_down_the_path_of_the_posterior():
    """Noise that puts the prior's z where the posterior's was gives the same image."""
    model, x = make(), torch.rand(4, 1, 4, 4)
    output = model(x, noise=torch.randn(4, 10))
    noise = [(layer.z - layer.prior_mu) * (-layer.prior_logvar / 2).exp() for layer in output.layers]
    torch.testing.assert_close(model.decode(torch.cat(noise, dim=1)), output.logits, rtol=1e-4, atol=1e-5)


def test_a_layer_depends_on_the_layers_above_alone():
    model, x, noise = make(), torch.rand(1, 1, 4, 4), torch.randn(1, 10)
    before = model(x, noise=noise).layers
    changed = noise.clone()
    changed[:, 2:5] += 1  # of the second layer
    after = model(x, noise=changed).layers
    assert torch.equal(before[0].z, after[0].z) and torch.equal(before[1].mu, after[1].mu)
    assert not torch.allclose(before[1].z, after[1].z)
    for k in (2, 3):
        assert not torch.allclose(before[k].prior_mu, after[k].prior_mu)
        assert not torch.allclose(before[k].mu, after[k].mu)


@pytest.mark.parametrize(("row", "column"), [(2, 15), (15, 2)])
def test_a_latent_variable_of_a_map_paints_where_it_stands(row, column):
    model = make(ConvLadderVAEConfig(image_size=40, top_dim=1, coarse_maps=(), fine_maps=(2,), width=4))
    noise = torch.randn(1, 801)
    changed = noise.clone()
    changed[:, 1 + 2 * (20 * row + column)] += 5
    change = (model.decode(changed) - model.decode(noise)).abs()[0, 0]
    reached = torch.zeros(40, 40, dtype=torch.bool)  # 13 pixels each way: what the convolutions see
    reached[max(0, 2 * row - 13) : 2 * row + 15, max(0, 2 * column - 13) : 2 * column + 15] = True
    assert change[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].min() > 1e-3
    assert (change[~reached] == 0).all()


def test_the_class_reaches_prior_and_posterior():
    model, x, noise = make(CLASSES), torch.rand(2, 1, 4, 4), torch.randn(2, 8)
    first, second = (model(x, torch.tensor([k, k]), noise).layers for k in (0, 1))
    assert (first[0].mu - second[0].mu).abs().max() > 1e-3
    assert (first[1].prior_mu - second[1].prior_mu).abs().max() > 1e-3
    assert (model.decode(noise, torch.tensor([0, 0])) - model.decode(noise, torch.tensor([1, 1]))).abs().max() > 1e-3


def test_examples_are_independent_and_chance_is_in_the_noise():
    model, x, noise = make(), torch.rand(3, 1, 4, 4), torch.randn(3, 10)
    torch.testing.assert_close(model(x, noise=noise).logits[1:2], model(x[1:2], noise=noise[1:2]).logits)
    assert not torch.equal(model(x).logits, model(x).logits)


def test_a_gradient_reaches_every_weight():
    model, x = make(CLASSES), torch.rand(6, 1, 4, 4)
    output = model(x, torch.arange(6) % 3, torch.randn(6, 8))
    (bernoulli_nll(output.logits, x) + sum(layer.kl() for layer in output.layers)).mean().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not (p.grad.abs() > 0).any()] == []


def test_it_learns_one_batch_by_heart():
    torch.manual_seed(0)
    model = ConvLadderVAE(SMALL)
    x, noise = (torch.rand(8, 1, 4, 4) < 0.5).float(), torch.randn(8, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(100):
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


def test_no_weights_make_a_variance_overflow():
    output = make(scale=5.0)(torch.rand(2, 1, 4, 4))
    for layer in output.layers:
        assert (layer.prior_logvar.abs() <= 8).all() and (layer.logvar.abs() <= 16).all()
        assert layer.kl().isfinite().all()
    assert max(layer.prior_logvar.abs().max().item() for layer in output.layers) > 7  # the bound was needed


def test_a_step_needs_no_value_on_the_host():
    """Tensors without values: reading one raises, as it would stop the capture of a CUDA graph."""
    model = ConvLadderVAE(SMALL).to("meta")
    x, noise = torch.empty(2, 1, 4, 4, device="meta"), torch.empty(2, 10, device="meta")
    output = model(x, noise=noise)
    (output.logits.sum() + sum(layer.kl() for layer in output.layers).mean()).backward()
    assert model.decode(noise).shape == (2, 1, 4, 4)


def test_wrong_inputs_are_named():
    with pytest.raises(UsageError, match=r"x has the shape \(2, 1, 8, 8\); this model takes \(B, 1, 4, 4\)"):
        make()(torch.rand(2, 1, 8, 8))
    with pytest.raises(UsageError, match=r"noise has the shape \(2, 4\); this model takes \(B, 10\)"):
        make().decode(torch.rand(2, 4))
    with pytest.raises(UsageError, match="conditional"):
        make(CLASSES)(torch.rand(2, 1, 4, 4))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"image_size": 3}, "image_size = 3 is too small; it must be at least 4"),
        ({"coarse_maps": (2, 0)}, r"coarse_maps\[1\] = 0"),
        ({"fine_maps": (-1,)}, r"fine_maps\[0\] = -1"),
        ({"top_dim": 0}, "top_dim = 0"),
        ({"width": 3}, "width = 3 is too small; it must be at least 4"),
        ({"blocks": 0}, "blocks = 0"),
    ],
)
def test_impossible_sizes_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        ConvLadderVAEConfig(**change)

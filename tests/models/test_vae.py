"""Image VAE: shapes, the pass against its parts, conditioning, initialisation, learning, bad input."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses import bernoulli_nll, kl_standard_normal, negative_elbo, reparameterize
from aigc_course.models import ConvVAE, VAEConfig

SMALL = VAEConfig(image_size=8, latent_dim=4, width=8)
CLASSES = VAEConfig(image_size=8, latent_dim=4, width=8, n_classes=3)


def make(config: VAEConfig = SMALL) -> ConvVAE:
    torch.manual_seed(0)
    return ConvVAE(config)


@pytest.mark.parametrize("image_size", [5, 8, 28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_follow_the_settings(image_size, channels):
    model = make(VAEConfig(image_size=image_size, channels=channels, width=4, latent_dim=6))
    output = model(torch.rand(2, channels, image_size, image_size))
    assert output.logits.shape == (2, channels, image_size, image_size)
    assert output.mu.shape == output.logvar.shape == output.z.shape == (2, 6)


def test_every_pixel_is_read_and_painted():
    """Also at sizes that are padded inside and cut at the end."""
    model = make(VAEConfig(image_size=7, width=8, latent_dim=4))
    x = torch.rand(1, 1, 7, 7, requires_grad=True)
    model.encode(x)[0].sum().backward()
    assert (x.grad != 0).all()
    z = torch.randn(32, 4)
    assert (model.decode(z).std(dim=0) > 1e-4).all()


def test_a_pass_is_encode_reparameterize_decode():
    model, x, labels, noise = make(CLASSES), torch.rand(3, 1, 8, 8), torch.tensor([2, 0, 1]), torch.randn(3, 4)
    output = model(x, labels, noise)
    mu, logvar = model.encode(x, labels)
    torch.testing.assert_close((output.mu, output.logvar), (mu, logvar))
    torch.testing.assert_close(output.z, reparameterize(mu, logvar, noise))
    torch.testing.assert_close(output.logits, model.decode(output.z, labels))


def test_chance_comes_from_the_noise_alone():
    model, x = make(), torch.rand(3, 1, 8, 8)
    noise = torch.randn(3, 4)
    torch.testing.assert_close(model(x, noise=noise).z, model(x, noise=noise).z, rtol=0, atol=0)
    assert not torch.equal(model(x).z, model(x).z)
    torch.manual_seed(7)
    drawn = model(x).z
    torch.manual_seed(7)
    torch.testing.assert_close(model(x, noise=torch.randn(3, 4)).z, drawn, rtol=0, atol=0)


def test_examples_are_independent():
    model, x, labels, noise = make(CLASSES), torch.rand(3, 1, 8, 8), torch.tensor([2, 0, 1]), torch.randn(3, 4)
    alone = model(x[1:2], labels[1:2], noise[1:2])
    torch.testing.assert_close(alone.logits, model(x, labels, noise).logits[1:2], rtol=1e-4, atol=1e-5)


def test_the_class_reaches_encoder_and_decoder():
    model, x, z = make(CLASSES), torch.rand(4, 1, 8, 8), torch.randn(4, 4)
    zeros, ones = torch.zeros(4, dtype=torch.int64), torch.ones(4, dtype=torch.int64)
    assert (model.encode(x, zeros)[0] - model.encode(x, ones)[0]).abs().max() > 1e-4
    assert (model.decode(z, zeros) - model.decode(z, ones)).abs().max() > 1e-4


def test_it_starts_near_the_prior_and_near_grey():
    model = make(VAEConfig())
    x = (torch.rand(64, 1, 28, 28) < 0.13).float()
    output = model(x)
    assert 0 < kl_standard_normal(output.mu, output.logvar).mean().item() < 2
    assert bernoulli_nll(output.logits, x).mean().item() == pytest.approx(784 * math.log(2), rel=0.03)


def test_activations_keep_their_scale_through_the_decoder():
    model = make(VAEConfig(width=32))
    x = torch.randn(64, 16)
    hidden = model.decoder.to_features(torch.relu(model.decoder.hidden(x))).unflatten(1, (64, 7, 7))
    after = model.decoder.convolutions[:2](hidden)
    assert after.square().mean().sqrt().item() == pytest.approx(hidden.square().mean().sqrt().item(), rel=0.3)


def test_it_learns_one_batch_by_heart():
    model = make()
    x, noise = (torch.rand(8, 1, 8, 8) < 0.5).float(), torch.randn(8, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    history = []
    for _ in range(150):
        output = model(x, noise=noise)
        nats = bernoulli_nll(output.logits, x)
        loss = negative_elbo(nats, kl_standard_normal(output.mu, output.logvar)).mean()
        history.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert history[0] == pytest.approx(64 * math.log(2), rel=0.05)
    assert 0 < history[-1] < 16  # eight images need not cost more than a few bits each
    assert ((output.logits > 0) == (x > 0.5)).float().mean().item() > 0.98


def test_the_latent_distribution_is_float32_under_autocast():
    model, x = make(), torch.rand(2, 1, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(x, noise=torch.zeros(2, 4))
    assert output.mu.dtype == output.logvar.dtype == output.z.dtype == torch.float32
    torch.testing.assert_close(output.logits.float(), model(x, noise=torch.zeros(2, 4)).logits, rtol=0.05, atol=0.02)


def test_labels_are_given_where_and_only_where_they_are_used():
    x, labels = torch.rand(2, 1, 8, 8), torch.tensor([0, 1])
    with pytest.raises(UsageError, match="unconditional"):
        make()(x, labels)
    with pytest.raises(UsageError, match=r"pass labels \(B,\), int64 in \[0, 3\)"):
        make(CLASSES)(x)
    with pytest.raises(UsageError, match=r"labels must lie in \[0, 2\], but spans -1 to 0"):
        make(CLASSES).decode(torch.zeros(2, 4), torch.tensor([-1, 0]))


def test_wrong_shapes_are_named():
    with pytest.raises(UsageError, match=r"x has the shape \(2, 1, 28, 28\); this model takes \(B, 1, 8, 8\)"):
        make()(torch.rand(2, 1, 28, 28))
    with pytest.raises(UsageError, match=r"z has the shape \(2, 5\); this model takes \(B, 4\)"):
        make().decode(torch.zeros(2, 5))
    with pytest.raises(UsageError, match=r"noise \(1, 4\)"):
        make()(torch.rand(2, 1, 8, 8), noise=torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("change", "text"), [({"image_size": 3}, "image_size = 3"), ({"latent_dim": 0}, "latent_dim = 0")]
)
def test_impossible_sizes_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        VAEConfig(**change)

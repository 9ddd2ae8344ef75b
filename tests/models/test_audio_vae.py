"""Spectrogram VAE: shapes, both conditions, the learned variance, learning, bad input."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses import gaussian_nll, kl_standard_normal, negative_elbo, reparameterize
from aigc_course.models import SpectrogramVAE, SpectrogramVAEConfig

SMALL = SpectrogramVAEConfig(n_bins=17, n_frames=9, latent_dim=4, width=4)
SPOKEN = SpectrogramVAEConfig(n_bins=17, n_frames=9, latent_dim=4, width=4, n_classes=10, n_speakers=2)


def make(config: SpectrogramVAEConfig = SMALL) -> SpectrogramVAE:
    torch.manual_seed(0)
    return SpectrogramVAE(config)


@pytest.mark.parametrize(("n_bins", "n_frames"), [(129, 63), (64, 32), (1, 1), (40, 100)])
def test_any_grid_goes_in_and_comes_out(n_bins, n_frames):
    model = make(SpectrogramVAEConfig(n_bins=n_bins, n_frames=n_frames, width=2, latent_dim=6))
    output = model(torch.randn(2, n_bins, n_frames))
    assert output.mean.shape == (2, n_bins, n_frames)
    assert output.mu.shape == output.logvar.shape == output.z.shape == (2, 6)


def test_every_point_is_read_and_painted():
    model = make(SpectrogramVAEConfig(n_bins=17, n_frames=9, latent_dim=4, width=16))
    x = torch.randn(1, 17, 9, requires_grad=True)
    model.encode(x)[0].sum().backward()
    assert (x.grad != 0).all()
    assert (model.decode(torch.randn(32, 4)).std(dim=0) > 1e-4).all()


def test_a_pass_is_encode_reparameterize_decode():
    model, x, noise = make(SPOKEN), torch.randn(3, 17, 9), torch.randn(3, 4)
    labels, speakers = torch.tensor([9, 0, 4]), torch.tensor([1, 0, 1])
    output = model(x, labels, noise, speakers)
    mu, logvar = model.encode(x, labels, speakers)
    torch.testing.assert_close((output.mu, output.logvar), (mu, logvar))
    torch.testing.assert_close(output.z, reparameterize(mu, logvar, noise))
    torch.testing.assert_close(output.mean, model.decode(output.z, labels, speakers))


def test_word_and_speaker_both_matter():
    model, z = make(SPOKEN), torch.randn(2, 4)
    zeros, ones = torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64)
    base = model.decode(z, zeros, zeros)
    by_word, by_speaker = model.decode(z, ones, zeros), model.decode(z, zeros, ones)
    assert (by_word - base).abs().max() > 1e-3
    assert (by_speaker - base).abs().max() > 1e-3
    assert (by_word - by_speaker).abs().max() > 1e-3


def test_it_starts_as_the_standard_normal():
    """Standardised data cost the entropy of N(0, 1) per point before any training."""
    model, x = make(), torch.randn(64, 17, 9)
    output = model(x)
    nats = gaussian_nll(output.mean, model.log_sigma2, x).mean().item() / (17 * 9)
    assert nats == pytest.approx(0.5 * math.log(2 * math.pi * math.e), rel=0.05)
    assert 0 < kl_standard_normal(output.mu, output.logvar).mean().item() < 2


def test_it_learns_one_batch_and_its_own_variance():
    model, x, noise = make(), torch.randn(4, 17, 9), torch.randn(4, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(120):
        output = model(x, noise=noise)
        nats = gaussian_nll(output.mean, model.log_sigma2, x)
        loss = negative_elbo(nats, kl_standard_normal(output.mu, output.logvar)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    squared_error = (output.mean - x).square().mean().item()
    assert squared_error < 0.25
    # sigma^2 follows the error downwards.
    assert squared_error / 2 < model.log_sigma2.exp().item() < 0.8


def test_conditions_are_given_where_and_only_where_they_are_used():
    x, zeros = torch.randn(2, 17, 9), torch.zeros(2, dtype=torch.int64)
    with pytest.raises(UsageError, match="would ignore speakers"):
        make()(x, speakers=zeros)
    with pytest.raises(UsageError, match=r"pass speakers \(B,\), int64 in \[0, 2\)"):
        make(SPOKEN)(x, labels=zeros)
    with pytest.raises(UsageError, match=r"labels must lie in \[0, 9\]"):
        make(SPOKEN)(x, labels=zeros + 10, speakers=zeros)


def test_wrong_shapes_are_named():
    with pytest.raises(UsageError, match=r"x has the shape \(2, 9, 17\); this model takes \(B, 17, 9\)"):
        make()(torch.randn(2, 9, 17))
    with pytest.raises(ValueError, match="n_frames = 0"):
        SpectrogramVAEConfig(n_bins=5, n_frames=0)

"""Spectrogram VAE: shapes, lengths, padding that nobody looks at, both conditions, learning, bad input."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses import gaussian_nll, kl_standard_normal, negative_elbo, reparameterize
from aigc_course.models import SpectrogramVAE, SpectrogramVAEConfig
from aigc_course.models.audio_vae import stretch
from aigc_course.models.lengths import length_nll, own_frames

SMALL = SpectrogramVAEConfig(n_bins=17, max_frames=19, latent_dim=4, width=16)
SPOKEN = SpectrogramVAEConfig(n_bins=17, max_frames=19, latent_dim=4, width=16, n_classes=10, n_speakers=2)


def make(config: SpectrogramVAEConfig = SMALL) -> SpectrogramVAE:
    torch.manual_seed(0)
    return SpectrogramVAE(config)


@pytest.mark.parametrize(("n_bins", "max_frames"), [(129, 63), (64, 32), (1, 2), (40, 126)])
def test_any_grid_goes_in_and_comes_out(n_bins, max_frames):
    model = make(SpectrogramVAEConfig(n_bins=n_bins, max_frames=max_frames, width=2, latent_dim=6))
    output = model(torch.randn(2, n_bins, max_frames), torch.tensor([1, max_frames]))
    assert output.mean.shape == (2, n_bins, max_frames) and output.mean.isfinite().all()
    assert output.mu.shape == output.logvar.shape == output.z.shape == (2, 6)
    assert output.length.shape == (2, 2)


@pytest.mark.parametrize("n_frames", [1, 5, 12, 19])
def test_every_own_point_is_read_and_no_other(n_frames):
    model = make(SpectrogramVAEConfig(n_bins=17, max_frames=19, latent_dim=4, width=64))
    x = torch.randn(1, 17, 19, requires_grad=True)
    model.encode(x, torch.tensor([n_frames]))[0].sum().backward()
    assert (x.grad[..., :n_frames] != 0).all()
    assert (x.grad[..., n_frames:] == 0).all()


def test_what_is_after_a_sound_changes_nothing():
    model, n_frames, noise = make(), torch.tensor([7, 19, 1]), torch.randn(3, 4)
    x = torch.randn(3, 17, 19)
    own = own_frames(n_frames, 19)[:, None]
    first, second = (model(torch.where(own, x, other), n_frames, noise=noise) for other in (0.0, 1e3))
    assert torch.equal(first.mu, second.mu) and torch.equal(first.mean, second.mean)
    assert torch.equal(first.length, second.length)


def test_every_point_is_painted():
    model = make(SpectrogramVAEConfig(n_bins=17, max_frames=19, latent_dim=4, width=64))
    torch.nn.init.normal_(model.decoder.to_mean.weight)
    painted = model.decode(torch.randn(32, 4), torch.full((32,), 19))
    assert (painted.std(dim=0) > 1e-3).all()


def test_a_longer_sound_is_the_same_one_stretched():
    model = make(SpectrogramVAEConfig(n_bins=5, max_frames=64, latent_dim=4, width=32))
    torch.nn.init.normal_(model.decoder.to_mean.weight)
    z = torch.randn(32, 4)
    long, short = (model.decode(z, torch.full((32,), n)) for n in (64, 32))  # (32, 5, 64)

    def course(painted: torch.Tensor) -> torch.Tensor:
        """Each frequency's eight parts, less their mean."""
        parts = painted.unflatten(2, (8, painted.shape[2] // 8)).mean(3)
        return (parts - parts.mean(2, keepdim=True)).flatten()

    alike, unlike = (
        torch.corrcoef(torch.stack([course(short[..., :32]), course(long[..., :end])]))[0, 1].item() for end in (64, 32)
    )
    assert alike > 0.5 and unlike < 0.2, (alike, unlike)


def test_stretch_interpolates_between_columns():
    x = torch.tensor([[[0.0, 10.0, 40.0]]])
    places = torch.tensor([[-1.0, 0.0, 0.25, 1.5, 2.0, 9.0]])
    torch.testing.assert_close(stretch(x, places), torch.tensor([[[0.0, 0.0, 2.5, 25.0, 40.0, 40.0]]]))


def test_a_pass_is_encode_reparameterize_decode():
    model, x, noise = make(SPOKEN), torch.randn(3, 17, 19), torch.randn(3, 4)
    labels, speakers, n_frames = torch.tensor([9, 0, 4]), torch.tensor([1, 0, 1]), torch.tensor([19, 4, 11])
    output = model(x, n_frames, labels, noise, speakers)
    mu, logvar = model.encode(x, n_frames, labels, speakers)
    torch.testing.assert_close((output.mu, output.logvar), (mu, logvar))
    torch.testing.assert_close(output.z, reparameterize(mu, logvar, noise))
    torch.testing.assert_close(output.mean, model.decode(output.z, n_frames, labels, speakers))
    torch.testing.assert_close(output.length, model.lengths(output.z, labels, speakers))


def test_word_speaker_and_length_all_matter():
    model, z = make(SPOKEN), torch.randn(2, 4)
    zeros, ones, n_frames = torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64), torch.full((2,), 19)
    base = model.decode(z, n_frames, zeros, zeros)
    others = [
        model.decode(z, n_frames, ones, zeros),
        model.decode(z, n_frames, zeros, ones),
        model.decode(z, n_frames - 9, zeros, zeros),
    ]
    for i, other in enumerate(others):
        assert (other - base)[..., :10].abs().max() > 1e-3
        assert (other - others[i - 1])[..., :10].abs().max() > 1e-3
    of_length = model.lengths(z, zeros, zeros)
    assert (model.lengths(z, ones, zeros) - of_length).abs().max() > 1e-4
    assert (model.lengths(z, zeros, ones) - of_length).abs().max() > 1e-4


def test_it_starts_as_the_standard_normal():
    """Standardised data cost the entropy of N(0, 1) per point before any training."""
    model, x, n_frames = make(), torch.randn(64, 17, 19), torch.full((64,), 19)
    output = model(x, n_frames)
    nats = gaussian_nll(output.mean, model.log_sigma2, x).mean().item() / (17 * 19)
    assert nats == pytest.approx(0.5 * math.log(2 * math.pi * math.e), rel=0.05)
    assert 0 < kl_standard_normal(output.mu, output.logvar).mean().item() < 2


def test_it_learns_one_batch_its_own_variance_and_the_lengths():
    model, x, noise = make(), torch.randn(4, 17, 19), torch.randn(4, 4)
    n_frames = torch.tensor([5, 9, 14, 19])
    own = own_frames(n_frames, 19)[:, None]
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    before = length_nll(model(x, n_frames, noise=noise).length, n_frames, 19).mean().item()
    for _ in range(200):
        output = model(x, n_frames, noise=noise)
        nats = gaussian_nll(output.mean, model.log_sigma2, x, mask=own)
        lengths = length_nll(output.length, n_frames, 19)
        loss = negative_elbo(nats + lengths, kl_standard_normal(output.mu, output.logvar)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    squared_error = (output.mean - x).square()[own.expand_as(x)].mean().item()
    assert squared_error < 0.25
    assert squared_error / 2 < model.log_sigma2.exp().item() < 0.8  # sigma^2 follows the error downwards
    assert lengths.mean().item() < before - 1


def test_conditions_are_given_where_and_only_where_they_are_used():
    x, zeros, n_frames = torch.randn(2, 17, 19), torch.zeros(2, dtype=torch.int64), torch.full((2,), 19)
    with pytest.raises(UsageError, match="would ignore speakers"):
        make()(x, n_frames, speakers=zeros)
    with pytest.raises(UsageError, match=r"pass speakers \(B,\), int64 in \[0, 2\)"):
        make(SPOKEN)(x, n_frames, labels=zeros)
    with pytest.raises(UsageError, match=r"labels must lie in \[0, 9\]"):
        make(SPOKEN)(x, n_frames, labels=zeros + 10, speakers=zeros)


def test_wrong_shapes_and_lengths_are_named():
    with pytest.raises(UsageError, match=r"x has the shape \(2, 19, 17\); this model takes \(B, 17, 19\)"):
        make()(torch.randn(2, 19, 17), torch.full((2,), 19))
    with pytest.raises(UsageError, match=r"n_frames must lie in \[1, 19\]"):
        make()(torch.randn(2, 17, 19), torch.tensor([19, 0]))
    with pytest.raises(UsageError, match=r"n_frames has the shape \(1,\); a batch of 2"):
        make()(torch.randn(2, 17, 19), torch.tensor([19]))
    with pytest.raises(ValueError, match="max_frames = 1"):
        SpectrogramVAEConfig(n_bins=5, max_frames=1)

"""The waveform VAE: lengths of any kind, conditions, its start, and that it learns."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses.reconstruction import gaussian_nll
from aigc_course.losses.variational import kl_standard_normal
from aigc_course.models.waveform_vae import WaveformVAE, WaveformVAEConfig


def model(n_samples: int = 700, **changes: int) -> WaveformVAE:
    torch.manual_seed(0)
    return WaveformVAE(WaveformVAEConfig(n_samples=n_samples, **{"latent_dim": 3, "width": 2, "depth": 3, **changes}))


@pytest.mark.parametrize("n_samples", [1, 63, 64, 65, 700])
def test_any_length_goes_in_and_comes_out(n_samples: int) -> None:
    output = model(n_samples)(torch.randn(2, n_samples))
    assert output.mean.shape == (2, n_samples)
    assert output.mu.shape == output.logvar.shape == output.z.shape == (2, 3)


def test_every_sample_is_read_and_painted() -> None:
    network = model()
    x = torch.randn(2, 700, requires_grad=True)
    mu, logvar = network.encode(x)
    (mu.sum() + logvar.sum()).backward()
    assert x.grad is not None and x.grad.ne(0).float().mean() > 0.95  # a ReLU may be off
    z = torch.randn(5, 3)
    assert network.decode(z).std(dim=0).gt(0).all()


def test_a_pass_is_encode_reparameterize_decode() -> None:
    network, x, noise = model(n_classes=4), torch.randn(2, 700), torch.randn(2, 3)
    labels = torch.tensor([1, 3])
    output = network(x, labels, noise)
    mu, logvar = network.encode(x, labels)
    torch.testing.assert_close(output.z, mu + (0.5 * logvar).exp() * noise)
    torch.testing.assert_close(output.mean, network.decode(output.z, labels))


def test_word_and_speaker_both_matter() -> None:
    network, z = model(n_classes=3, n_speakers=2), torch.zeros(1, 3)
    said = [network.decode(z, torch.tensor([c]), torch.tensor([s])) for c, s in ((0, 0), (1, 0), (0, 1))]
    assert not torch.allclose(said[0], said[1]) and not torch.allclose(said[0], said[2])


def test_it_starts_near_silence_and_the_standard_normal() -> None:
    output = model()(torch.randn(4, 700))
    assert output.mean.abs().max() < 0.5
    assert kl_standard_normal(output.mu, output.logvar).max() < 0.5
    assert output.log_sigma2.item() == 0


def test_it_learns_one_batch_and_its_own_variance() -> None:
    network = model(256, width=8, latent_dim=8)
    x = 0.5 * torch.sin(torch.arange(256) * torch.tensor([[0.1], [0.17], [0.23], [0.31]]))
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(150):
        output = network(x, noise=torch.zeros(4, 8))
        loss = gaussian_nll(output.mean, output.log_sigma2, x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    error = (network(x, noise=torch.zeros(4, 8)).mean - x).square().mean().item()
    assert error < 0.02
    assert -6 < output.log_sigma2.item() < -0.5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: model(depth=0), ValueError, "depth = 0 is too small"),
        (lambda: model(n_classes=1), ValueError, "n_classes = 1 is not allowed"),
        (lambda: model().encode(torch.zeros(1, 699)), UsageError, r"x has the shape \(1, 699\); this model takes"),
        (lambda: model().decode(torch.zeros(1, 4)), UsageError, r"z has the shape \(1, 4\); this model takes \(B, 3\)"),
        (lambda: model(n_classes=2).decode(torch.zeros(1, 3)), UsageError, "this model is conditional: pass labels"),
        (lambda: model().decode(torch.zeros(1, 3), torch.zeros(1)), UsageError, "unconditional"),
    ],
)
def test_what_is_not_allowed_is_named(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()

"""The VAE of linear layers: sizes, the pass against its parts, where it starts, bad input."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses import bernoulli_nll, reparameterize
from aigc_course.models import MLPVAE, MLPVAEConfig

CLASSES = MLPVAEConfig(channels=3, image_size=5, latent_dim=4, hidden=(12, 8), n_classes=3, outputs=2)


def test_sizes_follow_the_settings():
    model = MLPVAE(CLASSES)
    assert [tuple(p.shape) for p in model.parameters() if p.ndim == 2] == [
        (12, 78),
        (8, 12),
        (8, 8),  # mu and logvar
        (8, 7),
        (12, 8),
        (150, 12),
    ]
    output = model(torch.rand(2, 3, 5, 5), torch.tensor([0, 2]))
    assert output.logits.shape == (2, 6, 5, 5) and output.z.shape == (2, 4)


def test_a_pass_is_encode_reparameterize_decode():
    torch.manual_seed(0)
    model, x, labels, noise = MLPVAE(CLASSES), torch.rand(3, 3, 5, 5), torch.tensor([2, 0, 1]), torch.randn(3, 4)
    output = model(x, labels, noise)
    mu, logvar = model.encode(x, labels)
    torch.testing.assert_close(output.z, reparameterize(mu, logvar, noise))
    torch.testing.assert_close(output.logits, model.decode(output.z, labels))
    (layer,) = output.layers
    assert torch.equal(layer.z, output.z) and not layer.prior_mu.any() and not layer.prior_logvar.any()
    assert not torch.allclose(model.encode(x, labels.roll(1))[0], mu)


def test_it_starts_near_the_prior_and_near_grey():
    torch.manual_seed(0)
    x = (torch.rand(64, 1, 28, 28) < 0.13).float()
    output = MLPVAE(MLPVAEConfig())(x)
    assert 0 < output.layers[0].kl().mean().item() < 2
    assert bernoulli_nll(output.logits, x).mean().item() == pytest.approx(784 * math.log(2), rel=0.05)


def test_wrong_inputs_and_sizes_are_named():
    with pytest.raises(UsageError, match=r"x has the shape \(2, 1, 8, 8\); this model takes \(B, 1, 28, 28\)"):
        MLPVAE(MLPVAEConfig())(torch.rand(2, 1, 8, 8))
    with pytest.raises(ValueError, match=r"hidden\[1\] = 0"):
        MLPVAEConfig(hidden=(5, 0))

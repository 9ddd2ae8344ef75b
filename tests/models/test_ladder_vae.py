"""The ladder VAE of matrices: its layers, how it begins, bad sizes. What both ladders obey is in `test_ladders.py`."""

import math

import pytest
import torch

from aigc_course.losses import bernoulli_nll
from aigc_course.models import LadderVAE, LadderVAEConfig
from tests.models.ladders import CLASSES, noise_for, shaken


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


def test_the_class_reaches_the_prior_of_the_top_layer_and_what_the_posterior_adds():
    model, x = shaken(CLASSES), torch.rand(2, 1, 4, 4)
    noise = noise_for(model, 2)
    first, second = (model(x, torch.tensor([k, k]), noise).layers[0] for k in (0, 1))
    assert (first.prior_mu - second.prior_mu).abs().max() > 1e-3
    assert ((first.mu - first.prior_mu) - (second.mu - second.prior_mu)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("change", "text"),
    [({"latent_dims": ()}, "number of latent_dims = 0"), ({"latent_dims": (2, 0)}, r"latent_dims\[1\] = 0")],
)
def test_impossible_sizes_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        LadderVAEConfig(**change)

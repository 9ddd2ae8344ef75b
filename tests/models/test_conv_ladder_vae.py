"""The convolutional ladder VAE: any size, its maps, how it begins. What both ladders obey is in `test_ladders.py`."""

import math

import pytest
import torch

from aigc_course.losses import bernoulli_nll
from aigc_course.models import ConvLadderVAE, ConvLadderVAEConfig
from tests.models.ladders import CONV_SMALL, shaken


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


@pytest.mark.parametrize(("row", "column"), [(2, 15), (15, 2)])
def test_a_latent_variable_of_a_map_paints_where_it_stands(row, column):
    model = shaken(ConvLadderVAEConfig(image_size=40, top_dim=1, coarse_maps=(), fine_maps=(2,), width=4))
    noise = torch.randn(1, 801)
    changed = noise.clone()
    changed[:, 1 + 2 * (20 * row + column)] += 5
    change = (model.decode(changed) - model.decode(noise)).abs()[0, 0]
    reached = torch.zeros(40, 40, dtype=torch.bool)  # 13 pixels each way: what the convolutions see
    reached[max(0, 2 * row - 13) : 2 * row + 15, max(0, 2 * column - 13) : 2 * column + 15] = True
    assert change[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].min() > 1e-3
    assert (change[~reached] == 0).all()


def test_no_weights_make_a_variance_overflow():
    output = shaken(CONV_SMALL, scale=5.0)(torch.rand(2, 1, 4, 4))
    for layer in output.layers:
        assert (layer.prior_logvar.abs() <= 8).all() and (layer.logvar.abs() <= 16).all()
        assert layer.kl().isfinite().all()
    assert max(layer.prior_logvar.abs().max().item() for layer in output.layers) > 7  # the bound was needed


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

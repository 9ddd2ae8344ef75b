"""Dense autoencoder: its size by hand, shapes, order of pixels, output range, learning, bad input."""

import dataclasses

import pytest
import torch

from aigc_course.config import from_dict, to_dict
from aigc_course.errors import UsageError
from aigc_course.losses import mse
from aigc_course.models import PCA, Autoencoder, AutoencoderConfig

SMALL = AutoencoderConfig(image_size=4, encoder_widths=(12,), code_dim=3, decoder_widths=(10, 7))


def make(config: AutoencoderConfig = SMALL) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(config)


def test_the_defaults_are_784_128_64_784():
    by_hand = (784 * 128 + 128) + (128 * 64 + 64) + (64 * 784 + 784)
    assert sum(p.numel() for p in make(AutoencoderConfig()).parameters()) == by_hand == 159_696


def test_shapes_follow_the_settings():
    model = make()
    x = torch.rand(5, 1, 4, 4)
    assert model.encode(x).shape == (5, 3)
    assert model.decode(torch.randn(5, 3)).shape == (5, 1, 4, 4)
    torch.testing.assert_close(model(x), model.decode(model.encode(x)), rtol=0, atol=0)


def test_it_computes_what_its_layers_say():
    """Against the formula written out: relu after hidden layers, nothing after the code, a sigmoid at the end."""
    model, x = make(), torch.rand(5, 1, 4, 4)
    w = [p for _, p in model.named_parameters()]
    code = (x.reshape(5, 16) @ w[0].T + w[1]).relu() @ w[2].T + w[3]
    hidden = ((code @ w[4].T + w[5]).relu() @ w[6].T + w[7]).relu()
    pixels = 1 / (1 + (-(hidden @ w[8].T + w[9])).exp())
    torch.testing.assert_close(model.encode(x), code)
    torch.testing.assert_close(model(x), pixels.reshape(5, 1, 4, 4))
    assert code.min() < 0 < code.max()


def test_without_activations_it_is_affine():
    config = dataclasses.replace(SMALL, activation="identity", output="identity")
    model = make(config)
    a, b = torch.randn(2, 7, 1, 4, 4)
    torch.testing.assert_close(model(0.3 * a + 0.7 * b), 0.3 * model(a) + 0.7 * model(b))
    bent = make(dataclasses.replace(SMALL, output="identity"))
    assert not torch.allclose(bent(0.3 * a + 0.7 * b), 0.3 * bent(a) + 0.7 * bent(b), atol=1e-3)


def test_signals_keep_their_size_through_the_layers():
    config = AutoencoderConfig(image_size=16, encoder_widths=(256, 256), code_dim=256, output="identity")
    x = torch.randn(200, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    size = make(config).encode(x).square().mean().item()
    assert 0.7 < size < 1.4


@pytest.mark.parametrize("output", ["sigmoid", "identity"])
def test_centred_it_starts_from_the_mean_image(output):
    mean = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05
    model, plain = (make(dataclasses.replace(SMALL, output=output, decoder_widths=())) for _ in range(2))
    model.centre_on(mean)
    torch.testing.assert_close(model.decode(torch.zeros(1, 3))[0], mean)
    torch.testing.assert_close(model.encode(mean[None]), torch.zeros(1, 3), rtol=0, atol=1e-5)
    x = torch.rand(5, 1, 4, 4)
    torch.testing.assert_close(model.encode(x), plain.encode(x - mean))
    assert not torch.allclose(model(x), plain(x), atol=1e-3)


def test_pixels_that_are_always_black_stay_finite():
    model = make()
    model.centre_on(torch.zeros(1, 4, 4))
    assert 0 < model.decode(torch.zeros(1, 3)).max() < 0.5
    assert all(parameter.isfinite().all() and parameter.requires_grad for parameter in model.parameters())


def test_it_learns_and_a_linear_decoder_never_beats_pca():
    x = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    model = make(dataclasses.replace(SMALL, decoder_widths=(), output="identity", encoder_widths=(64,)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    first = mse(model(x), x).item()
    for _ in range(400):
        loss = mse(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    best = PCA.fit(x.flatten(1), 3).discarded_variance / 16
    assert best <= loss.item() < 1.2 * best < first


def test_settings_survive_json():
    assert from_dict(AutoencoderConfig, to_dict(SMALL)) == SMALL


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"code_dim": 0}, "code_dim = 0"),
        ({"image_size": 0}, "image_size = 0"),
        ({"encoder_widths": (8, 0)}, r"encoder_widths\[1\] = 0"),
        ({"decoder_widths": (-1,)}, r"decoder_widths\[0\] = -1"),
        ({"activation": "tanh"}, "activation = 'tanh'"),
        ({"output": "softmax"}, "output = 'softmax'"),
    ],
)
def test_settings_out_of_range_are_named(change, named):
    with pytest.raises(ValueError, match=named):
        dataclasses.replace(SMALL, **change)


def test_wrong_shapes_are_named():
    model = make()
    with pytest.raises(UsageError, match=r"\(2, 16\); this model takes \(B, 1, 4, 4\)"):
        model(torch.rand(2, 16))
    with pytest.raises(UsageError, match=r"codes has the shape \(2, 4\)"):
        model.decode(torch.rand(2, 4))
    with pytest.raises(UsageError, match="mean_image"):
        model.centre_on(torch.rand(4, 4))

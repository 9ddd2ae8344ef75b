"""The likelihoods of pixels: what they observe of an image, against torch.distributions, and what they sum to."""

import math

import pytest
import torch
from torch.distributions import Normal

from aigc_course.losses import bernoulli_nll, discretised_logistic_nll
from aigc_course.models.likelihoods import Binomial, DiscretisedLogistic, Gaussian, binarised, likelihood

NAMES = ("bernoulli-dynamic", "bernoulli-fixed", "binomial", "gaussian", "logistic")


def levels(*values: int) -> torch.Tensor:
    """One image of one pixel for each level, as the model gets it."""
    return torch.tensor(values, dtype=torch.uint8).float().view(-1, 1, 1, 1) / 255


def test_names_and_what_they_are_of():
    assert likelihood("bernoulli-dynamic", 1) == likelihood("bernoulli-fixed", 1) == likelihood("binomial", 1)
    of_8_bit = [likelihood(name, 4).of_8_bit for name in NAMES]
    assert of_8_bit == [False, False, False, True, True]
    assert Binomial(255).of_8_bit
    assert [likelihood(name, 4).outputs for name in NAMES] == [1, 1, 1, 2, 2]


@pytest.mark.parametrize("name", NAMES)
def test_the_encoder_is_shown_brightness(name):
    """On average over the thresholds, up to the half level that the Gaussian's noise adds."""
    images = levels(0, 76, 255).expand(3, 1, 100, 200)
    chosen = likelihood(name, 4)
    torch.manual_seed(0)
    shown = chosen.shown(chosen.observe(images, torch.rand(images.shape)))
    assert shown.min() >= 0 and shown.max() <= 1
    torch.testing.assert_close(shown.mean(dim=(1, 2, 3)), torch.tensor([0, 76 / 255, 1]), atol=0.01, rtol=0)


def test_binarised_images_are_black_or_white_and_bernoulli():
    images = levels(0, 76, 255).expand(3, 1, 10, 10)
    thresholds = torch.rand(images.shape)
    x = Binomial(1).observe(images, thresholds)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(x, (thresholds >= 1 - images).float())
    logits = torch.randn(x.shape)
    torch.testing.assert_close(Binomial(1).nll(logits, x), bernoulli_nll(logits, x), rtol=0, atol=0)


def test_a_fixed_binarisation_is_one_draw_that_observing_leaves_alone():
    images = torch.tensor([0, 76, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 1, 100, 200)
    fixed = binarised(images, torch.Generator().manual_seed(0))
    assert fixed.dtype == torch.uint8 and set(fixed.unique().tolist()) == {0, 255}
    means = fixed.float().mean(dim=(1, 2, 3)) / 255
    assert means[0] == 0 and means[2] == 1 and means[1].item() == pytest.approx(76 / 255, abs=0.01)
    assert torch.equal(fixed, binarised(images, torch.Generator().manual_seed(0)))
    assert not torch.equal(fixed, binarised(images, torch.Generator().manual_seed(1)))
    for _ in range(2):
        observed = Binomial(1).observe(fixed.float() / 255, torch.rand(fixed.shape))
        assert torch.equal(observed, fixed.float() / 255)


@pytest.mark.parametrize("chosen", [DiscretisedLogistic(), Binomial(255)])
def test_8_bit_levels_are_observed_exactly_and_their_probabilities_sum_to_one(chosen):
    images = levels(*range(256))
    x = chosen.observe(images, torch.rand(images.shape))
    assert x.flatten().tolist() == list(range(256))
    torch.manual_seed(1)
    parameters = torch.randn(1, chosen.outputs, 1, 1, dtype=torch.float64).expand(256, -1, -1, -1)
    assert (-chosen.nll(parameters, x.double())).exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_gaussian_with_learned_deviation_is_torchs_normal_per_level():
    torch.manual_seed(0)
    x, parameters = torch.rand(3, 2, 4, 4, dtype=torch.float64), torch.randn(3, 4, 4, 4, dtype=torch.float64)
    normal = Normal(parameters[:, :2].sigmoid(), parameters[:, 2:].exp())
    expected = -normal.log_prob(x).sum(dim=(1, 2, 3)) + 32 * math.log(256)
    torch.testing.assert_close(Gaussian().nll(parameters, x), expected)


def test_the_gaussians_density_per_level_integrates_to_one_and_bounds_the_levels_probability():
    parameters = torch.tensor([[0.2, -3.0]], dtype=torch.float64).view(1, 2, 1, 1)
    thresholds = (torch.arange(100).double() + 0.5) / 100
    # -100 to 400: levels beyond the image's own too, where a normal variable has mass
    x = (torch.arange(-100, 401).double()[:, None] + thresholds) / 256
    nats = Gaussian().nll(parameters.expand(x.numel(), -1, -1, -1), x.reshape(-1, 1, 1, 1)).view(x.shape)
    assert (-nats).exp().mean(dim=1).sum().item() == pytest.approx(1, abs=1e-6)
    assert (nats.mean(dim=1) >= -(-nats).exp().mean(dim=1).log() - 1e-12).all()  # Jensen, at each level


def test_a_black_pixel_cannot_make_the_gaussian_loss_fall_for_ever():
    images = levels(0).expand(1, 1, 100, 100)
    x = Gaussian().observe(images, torch.rand(images.shape, generator=torch.Generator().manual_seed(0)))
    found = [
        Gaussian().nll(torch.tensor([-6.236, s]).view(1, 2, 1, 1).expand(1, 2, 100, 100), x).item() / 10_000
        for s in torch.tensor([-30.0, -12.0, *torch.linspace(-8, -4, 81)])
    ]
    assert min(found) > 0  # no fewer than 0 nats for the one level there is
    assert min(found) == pytest.approx(0.5 * math.log(2 * math.pi * math.e / 12), abs=0.02)


def test_logistic_takes_mean_and_scale_from_the_maps():
    torch.manual_seed(0)
    x, parameters = torch.randint(256, (3, 3, 2, 2)).double(), torch.randn(3, 6, 2, 2, dtype=torch.float64)
    expected = discretised_logistic_nll(parameters[:, :3].sigmoid(), parameters[:, 3:], x)
    torch.testing.assert_close(DiscretisedLogistic().nll(parameters, x), expected)

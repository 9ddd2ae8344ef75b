"""Scans: areas and variances in closed form, what is drawn where, and that each scan follows from its seed."""

import math

import numpy as np
import pytest
import torch

from aigc_course.applications import scans
from aigc_course.applications.scans import brightest_patch, lesion_mask, make_scans, organ_mask, smooth, to_levels
from aigc_course.errors import UsageError
from aigc_course.metrics import roc_area


@pytest.fixture(scope="module")
def with_lesion():
    return make_scans(200, lesion=True, seed=0)


def test_the_areas_are_those_of_an_ellipse_and_of_a_disc_with_a_soft_edge(with_lesion):
    factors = with_lesion[1]
    organ = organ_mask(factors).sum(axis=(1, 2))
    np.testing.assert_allclose(organ, math.pi * factors.half_width * factors.half_height, rtol=0.02)
    lesion = lesion_mask(factors).sum(axis=(1, 2))
    np.testing.assert_allclose(lesion, math.pi * (factors.lesion_radius**2 + scans.EDGE_WIDTH**2 / 12), rtol=0.06)
    assert abs(lesion / (math.pi * factors.lesion_radius**2) - 1).max() < 0.12


def test_every_lesion_lies_in_its_organ_and_where_the_factors_say(with_lesion):
    factors = with_lesion[1]
    organ, lesion = organ_mask(factors), lesion_mask(factors)
    assert organ[lesion > 0.5].min() > 0.5
    grid = np.arange(32) - 15.5
    weight = lesion / lesion.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose((weight.sum(axis=1) * grid).sum(axis=1), factors.lesion_x, atol=0.1)
    np.testing.assert_allclose((weight.sum(axis=2) * grid).sum(axis=1), factors.lesion_y, atol=0.1)


def test_an_organ_is_turned_clockwise_on_the_screen_where_y_points_down():
    *_, factors = make_scans(200, lesion=False, seed=1)
    organ, grid = organ_mask(factors), np.arange(32) - 15.5
    weight = organ / organ.sum(axis=(1, 2), keepdims=True)
    x, y = grid[None, None, :] - factors.centre_x[:, None, None], grid[None, :, None] - factors.centre_y[:, None, None]
    together = (weight * x * y).sum(axis=(1, 2))
    a2, b2 = factors.half_width**2 / 4, factors.half_height**2 / 4  # variances of a uniform ellipse along its axes
    np.testing.assert_allclose(together, (a2 - b2) * np.sin(2 * factors.angle) / 2, atol=0.35)
    assert abs(together).max() > 3


def test_healthy_scans_have_no_lesion_and_share_nothing_with_the_others():
    (with_, _), (without, factors) = make_scans(5, lesion=True, seed=3), make_scans(5, lesion=False, seed=3)
    assert not factors.lesion_radius.any() and not lesion_mask(factors).any()
    assert with_.shape == without.shape == (5, 1, 32, 32) and with_.dtype == torch.uint8
    correlation = np.corrcoef(with_.flatten(), without.flatten())[0, 1]
    other = np.corrcoef(with_.flatten(), make_scans(5, lesion=False, seed=4)[0].flatten())[0, 1]
    assert correlation == pytest.approx(other, abs=0.1)


def test_scans_follow_from_their_seed():
    first, again, other = (make_scans(3, lesion=True, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_radii_fill_the_range_that_was_asked_for():
    radius = make_scans(500, lesion=True, seed=0, radius_range=(1.0, 1.5))[1].lesion_radius
    assert 1.0 <= radius.min() < 1.02 and 1.48 < radius.max() <= 1.5
    assert radius.mean() == pytest.approx(1.25, abs=0.02)


def test_the_texture_has_variance_one_and_the_stated_correlation():
    texture = smooth(np.random.default_rng(0).standard_normal((800, 32, 32)))
    assert texture.mean() == pytest.approx(0, abs=0.02)
    assert texture.var() == pytest.approx(1, abs=0.02)
    for distance in (1, 2, 4):
        expected = math.exp(-(distance**2) / (4 * scans.TEXTURE_LENGTH**2))
        inner = texture[:, 8:24, 8:24]
        assert (inner * texture[:, 8:24, 8 + distance : 24 + distance]).mean() == pytest.approx(expected, abs=0.03)
        assert (inner * texture[:, 8 + distance : 24 + distance, 8:24]).mean() == pytest.approx(expected, abs=0.03)


def test_grey_levels_are_those_of_the_formula():
    organ, lesion = np.array([0.0, 1.0, 1.0, 0.5, 1.0]), np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    texture, noise = np.array([9.0, 0.0, 0.0, 0.0, 2.0]), np.array([0.0, 0.0, 0.0, 0.0, 100.0])
    levels = to_levels(organ, lesion, texture, noise)
    expected = [scans.BACKGROUND, 0.5, 0.5 + scans.LESION, scans.BACKGROUND + scans.ORGAN / 2, 1.0]
    assert levels.tolist() == [round(255 * level) for level in expected]


def test_the_brightest_patch_finds_a_patch_anywhere_and_most_lesions():
    image = torch.zeros(2, 1, 32, 32)
    image[0, 0, 27:32, 0:5] = 0.5
    image[1, 0, 3:6, 3:6] = 1.0
    torch.testing.assert_close(brightest_patch(image), torch.tensor([0.5, 9 / 25]))
    found = [brightest_patch(make_scans(400, lesion=lesion, seed=5)[0].float()) for lesion in (True, False)]
    assert 0.8 < roc_area(*found).value < 0.97


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_scans": -1}, "num_scans must be an integer >= 0, but is -1"),
        ({"num_scans": 2.0}, "num_scans .* 2.0"),
        ({"seed": True}, "seed must be an integer"),
        ({"radius_range": (0.0, 2.0)}, r"radius_range = \(0.0, 2.0\)"),
        ({"radius_range": (3.0, 2.0)}, "0 < low <= high <= 4.0"),
        ({"radius_range": (2.0, 5.0)}, "radius_range"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        make_scans(**{"num_scans": 2, "lesion": True, "seed": 0} | options)

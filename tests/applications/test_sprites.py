"""Sprites: opacities against those that the images were rendered with, outlines that stay sharp, sheets in order."""

import numpy as np
import pytest
import torch

from aigc_course.applications.sprites import enlarged, laid_over, on_checkers, opacity, sprite_sheet
from aigc_course.data.shape_renderer import render, render_masks, sample_factors
from aigc_course.errors import UsageError


def test_the_key_finds_the_opacity_that_was_rendered():
    factors = sample_factors(200, np.random.default_rng(0))
    rendered = render_masks(factors.label, factors.centre_x, factors.centre_y, factors.size)
    found = opacity(torch.from_numpy(render(factors)))[:, 0].numpy()
    # grey levels are whole numbers, and a shape's colour lies 150 of them or more from its background
    assert np.abs(found - rendered).max() < 0.01


def test_key_and_laying_over_undo_each_other():
    images = torch.from_numpy(render(sample_factors(20, np.random.default_rng(1))))
    back = laid_over(opacity(images), [tuple(image[:, 16, 16].tolist()) for image in images], (0, 0, 0))
    assert back.shape == images.shape and back.dtype == torch.uint8
    ground = images[0, :, 0, 0].tolist()
    shape = images[0].flatten(1)[:, (images[0].flatten(1).float().T - torch.tensor(ground)).norm(dim=1).argmax()]
    again = laid_over(opacity(images[:1]), tuple(shape.tolist()), tuple(ground))
    assert (again.int() - images[:1].int()).abs().max() <= 2


def test_an_image_of_one_colour_is_transparent():
    flat = torch.full((1, 3, 8, 8), 200, dtype=torch.uint8)
    assert opacity(flat).max() == 0
    flat[0, :, 4, 4] += 4  # a faint speck is no shape either
    assert opacity(flat).max() == 0
    flat[0, :, 4, 4] += 40
    assert opacity(flat)[0, 0, 4, 4] == 1


@pytest.mark.parametrize("images", [torch.zeros(1, 3, 8, 8), torch.zeros(3, 8, 8, dtype=torch.uint8)])
def test_other_images_are_refused(images):
    with pytest.raises(UsageError, match="uint8"):
        opacity(images)


def test_an_outline_stays_where_it_was_and_as_many_pixels_wide():
    ramp = ((torch.arange(32) - 15.5) / 1.5 + 0.5).clamp(0, 1).expand(1, 1, 32, 32)  # an edge 1.5 pixels wide
    large = enlarged(ramp, 256)[0, 0, 128]
    crossing = (large >= 0.5).nonzero()[0].item()
    assert crossing == pytest.approx(128, abs=1)  # 15.5 of 0 to 31 is the middle
    assert ((large > 0.02) & (large < 0.98)).sum() <= 3
    assert torch.equal(enlarged(ramp, 32), ramp)


def test_laid_over_mixes_by_opacity():
    alpha = torch.tensor([0.0, 0.5, 1.0]).reshape(3, 1, 1, 1)
    assert laid_over(alpha, (200, 0, 100), (0, 100, 100)).flatten(1).tolist() == [
        [0, 100, 100],
        [100, 50, 100],
        [200, 0, 100],
    ]
    assert laid_over(alpha[1:], [(10, 10, 10), (20, 20, 20)], (0, 0, 0)).flatten(1)[:, 0].tolist() == [5, 20]


def test_a_sheet_keeps_order_colour_and_opacity():
    alpha = torch.tensor([1.0, 0.5, 0.0, 1.0, 0.0, 0.5]).reshape(6, 1, 1, 1).expand(-1, -1, 4, 4)
    colours = [(i, 2 * i, 3 * i) for i in range(6)]
    sheet = sprite_sheet(alpha, colours, 3, side=4)
    assert sheet.mode == "RGBA" and sheet.size == (12, 8)
    middles = [sheet.getpixel((4 * (i % 3) + 2, 4 * (i // 3) + 2)) for i in range(6)]
    assert middles == [(*colour, opaque) for colour, opaque in zip(colours, (255, 128, 0, 255, 0, 128), strict=True)]


def test_a_sheet_without_gaps_needs_full_rows():
    for colours, columns in (([(0, 0, 0)] * 5, 3), ([(0, 0, 0)] * 6, 4), ([(0, 0, 0)] * 6, 0)):
        with pytest.raises(UsageError, match="fills all rows"):
            sprite_sheet(torch.zeros(6, 1, 4, 4), colours, columns)


def test_checkers_show_through_what_is_transparent_alone():
    alpha = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1).expand(-1, -1, 16, 16)
    shown = on_checkers(sprite_sheet(alpha, [(9, 9, 9)] * 2, 2, side=16))
    assert shown.mode == "RGB"
    assert shown.getpixel((0, 0)) == (255, 255, 255) and shown.getpixel((8, 0)) == (204, 204, 204)
    assert shown.getpixel((20, 4)) == (9, 9, 9)

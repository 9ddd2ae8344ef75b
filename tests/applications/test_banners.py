"""Banners: ink inside its half and off the picture, whatever the headline; contrast by published values."""

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_course.applications.banners import Box, banner, contrast_ratio, fit, in_rows
from aigc_course.errors import UsageError

INK, PAPER, RED, GROUND = (20, 20, 20), (250, 245, 230), (230, 50, 60), (16, 18, 28)
SHAPES = torch.ones(1, 1, 8, 8)
LONG = "just visited the old harbor in lisbon over the weekend and the street food there is really lovely"


def made(headline=LONG, shapes=SHAPES, **changes):
    colours = [RED] * len(shapes)
    return banner(headline, shapes, **{"ink": INK, "paper": PAPER, "colours": colours, "ground": GROUND} | changes)


def ink_of(image):
    """The box of the pixels left of the picture that are not paper: (left, top, right, bottom)."""
    pixels = np.asarray(image)[:, : image.width - image.height]
    rows, columns = np.nonzero((pixels != PAPER).any(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("headline", ["so good", LONG, "a " * 40, "extraordinarily overwhelming"])
def test_the_ink_stays_inside_and_off_the_picture(headline):
    found = made(headline)
    left, top, right, bottom = ink_of(found.image)
    assert found.image.size == (560, 200)
    assert left >= 15 and top >= 5 and bottom <= 195 and right < found.picture.left
    assert not found.text.overlaps(found.picture)
    assert abs(found.text.left - left) <= 2 and abs(found.text.bottom - bottom) <= 2  # the box is the ink's


def test_a_short_headline_is_set_larger_than_a_long_one():
    (_, large), (lines, small) = fit("so good", 300, 160), fit(LONG, 300, 160)
    assert large.size > small.size
    assert " ".join(lines) == LONG


def test_the_type_is_the_largest_that_fits():
    lines, font = fit(LONG, 300, 160)
    next_size = font.font_variant(size=font.size + 1)
    too_wide = max(map(next_size.getlength, lines)) > 300
    too_high = 1.25 * next_size.size * len(lines) > 160
    assert too_wide or too_high


@pytest.mark.parametrize("count", [1, 4, 9])
def test_the_picture_shows_each_shape_in_its_colour_in_reading_order(count):
    colours = [(20 * i, 200 - 20 * i, 90) for i in range(count)]
    found = made("so good", SHAPES.expand(count, -1, -1, -1), colours=colours)
    per_row = round(count**0.5)
    tile = (found.picture.right - found.picture.left) / per_row
    for i, colour in enumerate(colours):
        x, y = found.picture.left + (i % per_row + 0.5) * tile, found.picture.top + (i // per_row + 0.5) * tile
        assert found.image.getpixel((int(x), int(y))) == colour


def test_transparency_shows_the_ground():
    found = made(shapes=torch.zeros(1, 1, 8, 8))
    assert found.image.getpixel((int(found.picture.left) + 5, int(found.picture.top) + 5)) == GROUND


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"headline": "  "}, "headline is empty"),
        ({"headline": "so good 🔥"}, "no form for '🔥'"),
        ({"headline": LONG * 9}, "does not fit"),
        ({"headline": "x" * 200}, "does not fit"),
        ({"ink": (200, 200, 200)}, "people need 4.5"),
        ({"shapes": SHAPES.expand(3, -1, -1, -1)}, "3 shapes in 3 colours"),
        ({"shapes": SHAPES[:0]}, "0 shapes"),
        ({"colours": [RED, RED]}, "1 shapes in 2 colours"),
    ],
)
def test_what_is_not_allowed_is_named(changes, message):
    with pytest.raises(UsageError, match=message):
        made(**changes)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ((0, 0, 0), (255, 255, 255), 21.0),
        ((118, 118, 118), (255, 255, 255), 4.54),  # #767676, the lightest grey that passes on white
        ((119, 119, 119), (255, 255, 255), 4.48),  # #777777, which does not
        ((255, 0, 0), (255, 255, 255), 4.0),
        ((7, 7, 7), (7, 7, 7), 1.0),
    ],
)
def test_contrast_is_that_of_wcag(one, other, ratio):
    assert contrast_ratio(one, other) == pytest.approx(ratio, abs=0.005)
    assert contrast_ratio(other, one) == contrast_ratio(one, other)


def test_boxes_that_touch_do_not_overlap():
    box = Box(0, 0, 10, 10)
    assert not box.overlaps(Box(10, 0, 20, 10)) and not box.overlaps(Box(0, 10, 10, 20))
    assert box.overlaps(Box(9, 9, 20, 20)) and Box(9, 9, 20, 20).overlaps(box)


def test_a_sheet_has_each_picture_at_its_place():
    images = [Image.new("RGB", (30, 20), (i, 0, 0)) for i in range(5)]
    sheet = in_rows(images, 2, gap=4)
    assert sheet.size == (2 * 34 + 4, 3 * 24 + 4)
    assert [sheet.getpixel((4 + i % 2 * 34, 4 + i // 2 * 24)) for i in range(5)] == [(i, 0, 0) for i in range(5)]
    assert sheet.getpixel((60, 60)) == (255, 255, 255)
    for wrong in ([], [*images, Image.new("RGB", (31, 20))]):
        with pytest.raises(UsageError, match="images of one size"):
            in_rows(wrong, 2)

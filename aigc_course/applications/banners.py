"""Banners: a headline in type beside a generated picture, laid out so that nothing overlaps and all can be read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from torch import Tensor

from aigc_course.applications.sprites import RGB, enlarged, laid_over
from aigc_course.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

MIN_CONTRAST = 4.5  # of text and its background: WCAG 2.2, success criterion 1.4.3
_LARGEST, _SMALLEST = 44, 16  # pixels, of the type
_LINE_HEIGHT = 1.25  # of the type's size


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; right and bottom lie just outside of it."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        """Whether the two share a pixel."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True)
class Banner:
    """A finished banner, and where its two parts are."""

    image: "Image"
    text: Box  # around the ink of the headline
    picture: Box


def banner(
    headline: str,
    shapes: Tensor,
    *,
    ink: RGB,
    paper: RGB,
    colours: Sequence[RGB],
    ground: RGB,
    width: int = 560,
    height: int = 200,
) -> Banner:
    """Set a headline beside a square picture at the right.

    The type is as large as fits, in as many lines as it takes, and breaks between words only.

    Args:
        shapes: (K, 1, H, W) opacities in [0, 1], K a square number: so many tiles make the picture.
        ink, paper: colours of the headline and of what it stands on, 0..255.
        colours: one for each shape. ground: behind the shapes.
    Raises: UsageError for a headline that is empty, does not fit, or has signs that the type lacks; ink that can't be
        read on the paper; shapes or colours that don't fit.
    """
    from PIL import Image, ImageDraw

    per_row = math.isqrt(len(shapes))
    if per_row < 1 or per_row**2 != len(shapes) or len(colours) != len(shapes):
        raise UsageError(f"{len(shapes)} shapes in {len(colours)} colours; give 1, 4 or 9 shapes and a colour for each")
    if contrast_ratio(ink, paper) < MIN_CONTRAST:
        raise UsageError(
            f"ink {ink} on paper {paper} has a contrast of {contrast_ratio(ink, paper):.2g}, but people need "
            f"{MIN_CONTRAST}; choose colours that differ more in lightness"
        )
    margin = height // 10
    tile = (height - 2 * margin) // per_row
    picture = Box(width - margin - tile * per_row, margin, width - margin, margin + tile * per_row)
    lines, font = fit(headline, picture.left - 2 * margin, height - 2 * margin)
    image = Image.new("RGB", (width, height), paper)
    for number, (shape, colour) in enumerate(zip(shapes, colours, strict=True)):
        painted = laid_over(enlarged(shape[None], tile), colour, ground)
        place = (int(picture.left) + number % per_row * tile, margin + number // per_row * tile)
        image.paste(Image.fromarray(painted[0].permute(1, 2, 0).numpy()), place)
    draw = ImageDraw.Draw(image)
    text, spacing = "\n".join(lines), (_LINE_HEIGHT - 1) * font.size
    draw.multiline_text((margin, height / 2), text, fill=ink, font=font, anchor="lm", spacing=spacing)
    ink_box = draw.multiline_textbbox((margin, height / 2), text, font=font, anchor="lm", spacing=spacing)
    return Banner(image, Box(*ink_box), picture)


def fit(headline: str, width: float, height: float) -> tuple[list[str], "FreeTypeFont"]:
    """The lines of a headline and the largest type in which they stay within a width and a height, in pixels.

    Raises: UsageError for a headline that is empty, does not fit in the smallest type, or has signs without a form.
    """
    words = headline.split()
    if not words:
        raise UsageError("the headline is empty; give at least one word")
    missing = sorted({sign for sign in "".join(words) if not _has_form(sign)})
    if missing:
        raise UsageError(f"the type has no form for {', '.join(map(repr, missing))}; leave it out of the headline")
    for size in range(_LARGEST, _SMALLEST - 1, -1):
        font = _font(size)
        lines = _broken(words, font, width)
        if max(map(font.getlength, lines)) <= width and _LINE_HEIGHT * size * len(lines) <= height:
            return lines, font
    raise UsageError(
        f"the headline {headline!r} does not fit into {width:.0f} x {height:.0f} pixels at {_SMALLEST} pixels of type; "
        "shorten it, or make the banner larger"
    )


def contrast_ratio(one: RGB, other: RGB) -> float:
    """The contrast of two colours (0..255) to the eye, 1 (equal) to 21 (black and white), whatever their order.

    Source: WCAG 2.2, "contrast ratio" and "relative luminance".
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def in_rows(images: Sequence["Image"], columns: int, gap: int = 10) -> "Image":
    """Pictures of one size on one white sheet, row by row, for an editor to compare."""
    from PIL import Image

    if not images or len({image.size for image in images}) > 1 or columns < 1:
        raise UsageError(f"{len(images)} images in {columns} columns; give images of one size and 1 column or more")
    width, height = images[0].size
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + gap) + gap), "white")
    for number, image in enumerate(images):
        sheet.paste(image, (gap + number % columns * (width + gap), gap + number // columns * (height + gap)))
    return sheet


def _broken(words: Sequence[str], font: "FreeTypeFont", width: float) -> list[str]:
    """The words in lines: each takes as many as fit, and at least one."""
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]} {word}"
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _luminance(colour: RGB) -> float:
    shares = [level / 255 for level in colour]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _font_path() -> str:
    """DejaVu Sans Bold, which comes with matplotlib: the same type on every machine."""
    from matplotlib import get_data_path

    return f"{get_data_path()}/fonts/ttf/DejaVuSans-Bold.ttf"


@lru_cache(maxsize=_LARGEST)
def _font(size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.truetype(_font_path(), size)


@lru_cache(maxsize=1)
def _forms() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(_font_path()).get_charmap())


def _has_form(sign: str) -> bool:
    return ord(sign) in _forms()

"""Whether two pictures show the same. Both are made so small that fonts, antialiasing and last digits vanish.

What is compared are 64 pixels from left to right, in grey: that there is something where the other has something
(contrast, square by square), that both are about as bright, and that light and dark lie alike. A curve that another
processor bends a little passes, as does another font; what is blank, cut off or another picture doesn't.
"""

import io

import numpy as np
from PIL import Image

WIDTH = 64
SQUARE = 8  # pixels of the small picture along the sides of a square
INK = 0.02  # contrast (standard deviation of grey in [0, 1]) from which on a square holds something
# The limits lie between what changed when the notebooks were rewritten and run anew (a tenth of the squares, a
# correlation of 0.49, brightness by 0.11), and pictures with one half blank (three tenths of the squares).
MOST_EMPTIED = 0.15
LEAST_CORRELATION = 0.35
MOST_DIFFERENCE = 0.2
MOST_STRETCHED = 1.25


def small(picture: bytes, height: int | None = None) -> np.ndarray:
    """A PNG file as (height, 64) grey in [0, 1]; the height keeps the picture's shape, or is the one given."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").convert("L")
    height = height or max(1, round(image.height * WIDTH / image.width))
    return np.asarray(image.resize((WIDTH, height), Image.Resampling.BOX), dtype=float) / 255


def difference(seen: bytes, reference: bytes) -> str:
    """What tells a picture from the reference, both PNG files; "" when nothing does."""
    shapes = [Image.open(io.BytesIO(picture)).size for picture in (seen, reference)]
    ratio = (shapes[0][0] / shapes[0][1]) / (shapes[1][0] / shapes[1][1])
    if not 1 / MOST_STRETCHED < ratio < MOST_STRETCHED:
        return f"another shape: {shapes[0]} in the place of {shapes[1]}"
    expected = small(reference)
    found = small(seen, len(expected))
    if found.std() < INK <= expected.std():
        return "blank"
    emptied = _emptied(found, expected)
    if emptied > MOST_EMPTIED:
        return f"{100 * emptied:.0f} % of what held something is blank"
    distance = float(np.abs(found - expected).mean())
    if distance > MOST_DIFFERENCE:
        return f"another brightness: {distance:.2f} apart"
    if expected.std() < INK:
        return ""
    correlation = float(np.corrcoef(found.ravel(), expected.ravel())[0, 1])
    return "" if correlation > LEAST_CORRELATION else f"another picture: the correlation is {correlation:.2f}"


def _emptied(found: np.ndarray, expected: np.ndarray) -> float:
    """The share of the squares with something in `expected` that have next to nothing of it in `found`."""
    before, now = _contrasts(expected), _contrasts(found)
    held = before > INK
    return float((held & (now < before / 4)).sum() / max(1, held.sum()))


def _contrasts(picture: np.ndarray) -> np.ndarray:
    """The standard deviation in each square."""
    rows, columns = (-(-side // SQUARE) for side in picture.shape)
    padding = [(0, rows * SQUARE - picture.shape[0]), (0, columns * SQUARE - picture.shape[1])]
    squares = np.pad(picture, padding, mode="edge").reshape(rows, SQUARE, columns, SQUARE)
    return squares.std(axis=(1, 3))

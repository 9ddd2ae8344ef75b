"""Factors of a toy shape and the anti-aliased renderer that turns them into 32 x 32 RGB images.

A shape is a signed distance function: negative inside, positive outside, in pixels. Its opacity falls from 1 to 0
over `EDGE_WIDTH` at the outline, so a pixel is `background + opacity * (colour - background)`. Only +, *, max and sqrt
are used in float64 and the result is rounded to uint8, so every machine renders the same bytes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IMAGE_SIZE = 32  # pixels
CLASS_NAMES = ("circle", "square", "triangle", "diamond", "plus", "cross", "ring", "star", "heart", "crescent")
# No two colours are nearer to each other than 155 grey levels, no two backgrounds nearer than 75.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (230, 50, 60),
    "yellow": (250, 225, 70),
    "green": (60, 200, 80),
    "blue": (70, 110, 245),
    "magenta": (220, 80, 220),
    "white": (242, 242, 242),
}
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "night": (16, 18, 28),
    "indigo": (44, 44, 100),
    "umber": (92, 56, 44),
}
CENTRE_RANGE = (-2.0, 2.0)  # pixels right of (below) the middle of the image
SIZE_RANGE = (8.5, 11.0)  # pixels from the shape's centre to its farthest reach, about
EDGE_WIDTH = 1.5  # pixels over which the opacity falls from 1 to 0
STEPS_PER_PIXEL = 8  # centres and sizes are whole multiples of 1/8 pixel: exact in binary, so factors can be pinned

Array = NDArray[np.float64]
_SQRT_HALF = math.sqrt(0.5)
_RENDER_CHUNK = 512  # images; bounds the memory at some 30 MB


@dataclass(frozen=True, kw_only=True)
class ShapeFactors:
    """What is drawn in N images. All arrays are (N,); positions in pixels from the middle, x right, y down."""

    label: NDArray[np.int64]  # index into CLASS_NAMES
    colour: NDArray[np.int64]  # index into COLOURS
    background: NDArray[np.int64]  # index into BACKGROUNDS
    centre_x: Array  # pixels, CENTRE_RANGE
    centre_y: Array  # pixels, CENTRE_RANGE
    size: Array  # pixels, SIZE_RANGE

    def __len__(self) -> int:
        return len(self.label)


def sample_factors(num_images: int, rng: np.random.Generator) -> ShapeFactors:
    """Draw the factors of `num_images` images: classes as equally frequent as can be, the rest uniform."""

    def on_grid(low: float, high: float) -> Array:
        steps = rng.integers(int(low * STEPS_PER_PIXEL), int(high * STEPS_PER_PIXEL) + 1, num_images)
        return steps / STEPS_PER_PIXEL

    return ShapeFactors(
        label=rng.permutation(np.arange(num_images, dtype=np.int64) % len(CLASS_NAMES)),
        colour=rng.integers(0, len(COLOURS), num_images),
        background=rng.integers(0, len(BACKGROUNDS), num_images),
        centre_x=on_grid(*CENTRE_RANGE),
        centre_y=on_grid(*CENTRE_RANGE),
        size=on_grid(*SIZE_RANGE),
    )


def render(factors: ShapeFactors) -> NDArray[np.uint8]:
    """Draw `factors` as uint8 images (N, 3, 32, 32), channels red, green, blue."""
    colours = np.array(list(COLOURS.values()), dtype=np.float64)[factors.colour]  # (N, 3)
    backgrounds = np.array(list(BACKGROUNDS.values()), dtype=np.float64)[factors.background]
    images = np.empty((len(factors), 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    for start in range(0, len(factors), _RENDER_CHUNK):
        part = slice(start, start + _RENDER_CHUNK)
        mask = render_masks(factors.label[part], factors.centre_x[part], factors.centre_y[part], factors.size[part])
        base, top = (c[part][:, :, None, None] for c in (backgrounds, colours))
        images[part] = np.rint(base + mask[:, None] * (top - base))
    return images


def render_masks(label: NDArray[np.int64], centre_x: Array, centre_y: Array, size: Array) -> Array:
    """The opacity of each shape, (N, 32, 32) in [0, 1], from factors of shape (N,)."""
    grid = np.arange(IMAGE_SIZE) - (IMAGE_SIZE - 1) / 2  # pixel centres, -15.5 .. 15.5
    masks = np.empty((len(label), IMAGE_SIZE, IMAGE_SIZE))
    for index, name in enumerate(CLASS_NAMES):
        chosen = np.flatnonzero(label == index)
        if len(chosen):
            x = grid[None, None, :] - centre_x[chosen, None, None]  # (n, 1, 32)
            y = grid[None, :, None] - centre_y[chosen, None, None]  # (n, 32, 1)
            distance = _DISTANCES[name](x, y, size[chosen, None, None])
            masks[chosen] = np.clip(0.5 - distance / EDGE_WIDTH, 0, 1)
    return masks


def _circle(x: Array, y: Array, size: Array) -> Array:
    return np.sqrt(x * x + y * y) - 0.95 * size


def _square(x: Array, y: Array, size: Array) -> Array:
    return np.maximum(abs(x), abs(y)) - 0.82 * size


def _triangle(x: Array, y: Array, size: Array) -> Array:
    """Upright and equilateral; its centre is where the three heights meet, moved up to the middle of its box."""
    y = y - 0.25 * size
    sides = (abs(x) * math.sqrt(3) - y) / 2
    return np.maximum(sides, y) - 0.62 * size


def _diamond(x: Array, y: Array, size: Array) -> Array:
    return (abs(x) + abs(y) - 1.1 * size) * _SQRT_HALF


def _plus(x: Array, y: Array, size: Array) -> Array:
    long, short = size, 0.33 * size
    x, y = abs(x), abs(y)
    return np.minimum(np.maximum(x - long, y - short), np.maximum(x - short, y - long))


def _cross(x: Array, y: Array, size: Array) -> Array:
    return _plus((x + y) * _SQRT_HALF, (x - y) * _SQRT_HALF, 1.1 * size)


def _ring(x: Array, y: Array, size: Array) -> Array:
    return abs(np.sqrt(x * x + y * y) - 0.75 * size) - 0.23 * size


def _star(x: Array, y: Array, size: Array) -> Array:
    """Five points, one up. Mirrored into one half-point, whose outline is a straight line from tip to notch."""
    outer, inner = 1.05 * size, 0.5 * size
    x, y = abs(x), 0.05 * size - y  # y now points up
    for angle in (math.radians(72), math.radians(36)):
        # The mirror line leaves the centre at `angle` from the vertical; points beyond it are folded back.
        normal_x, normal_y = math.cos(angle), -math.sin(angle)
        beyond = np.maximum(x * normal_x + y * normal_y, 0)
        x, y = abs(x - 2 * beyond * normal_x), y - 2 * beyond * normal_y
    notch_x, notch_y = inner * math.sin(math.pi / 5), inner * math.cos(math.pi / 5)
    edge_x, edge_y = notch_x, notch_y - outer
    length = np.sqrt(edge_x * edge_x + edge_y * edge_y)
    return (x * -edge_y + (y - outer) * edge_x) / length


def _heart(x: Array, y: Array, size: Array) -> Array:
    """A square on its corner with a half disc on each of its two upper sides."""
    half = 0.57 * size  # half a side of the square, and the radius of the discs
    x, y = abs(x), y - 0.17 * size
    square = np.maximum(x + y, abs(x - y)) * _SQRT_HALF - half
    square = np.maximum(square, -(x + y) * _SQRT_HALF - half)
    dx, dy = x - half * _SQRT_HALF, y + half * _SQRT_HALF
    return np.minimum(square, np.sqrt(dx * dx + dy * dy) - half)


def _crescent(x: Array, y: Array, size: Array) -> Array:
    """A disc with a smaller disc taken out at its right."""
    outer = np.sqrt(x * x + y * y) - size
    dx = x - 0.55 * size
    return np.maximum(outer, 0.7 * size - np.sqrt(dx * dx + y * y))


_DISTANCES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "diamond": _diamond,
    "plus": _plus,
    "cross": _cross,
    "ring": _ring,
    "star": _star,
    "heart": _heart,
    "crescent": _crescent,
}

"""How the limits of the toy-shapes decoder were chosen: images that must pass and images that must not.

    python -m aigc_course.data.shape_controls

prints for each kind of image the share that `decode` calls valid. The kinds marked `accept` are real images with the
flaws of a good generator: a person names their shape without hesitation. Those marked `reject` show no shape, half a
shape, two, or one whose colours the renderer never uses. `MAX_ERROR` lies in the gap between the two groups.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from aigc_course.data.shape_renderer import (
    BACKGROUNDS,
    CLASS_NAMES,
    COLOURS,
    IMAGE_SIZE,
    Array,
    ShapeFactors,
    render,
    render_masks,
    sample_factors,
)
from aigc_course.data.toy_shapes import decode

Images = NDArray[np.uint8]
NEIGHBOURS = (
    ("circle", "diamond"),
    ("circle", "square"),
    ("plus", "diamond"),
    ("cross", "square"),
    ("heart", "circle"),
)
Control = Callable[[int, np.random.Generator], Images]


def calibration_table(num_images: int = 1000, seed: int = 0) -> list[tuple[str, str, float, float]]:
    """Rows of (`accept` or `reject`, kind of image, share called valid, median error)."""
    rows = []
    for wanted, controls in (("accept", ACCEPT), ("reject", REJECT)):
        for name, make in controls.items():
            decoded = decode(make(num_images, np.random.default_rng(seed)))
            rows.append((wanted, name, decoded.valid.float().mean().item(), decoded.error.median().item()))
    return rows


def _real(num_images: int, rng: np.random.Generator) -> Images:
    return render(sample_factors(num_images, rng))


def _to_uint8(images: Array) -> Images:
    return np.rint(images).clip(0, 255).astype(np.uint8)


def _noisy(sigma: float) -> Control:
    def make(num_images: int, rng: np.random.Generator) -> Images:
        real = _real(num_images, rng)
        return _to_uint8(real + rng.normal(0, sigma, real.shape))

    return make


def _blurred(sigma: float) -> Control:
    """A Gaussian blur of `sigma` pixels; the image's edge is repeated outwards."""
    offsets = np.arange(-12, 13)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    sources = (np.arange(IMAGE_SIZE)[:, None] + offsets).clip(0, IMAGE_SIZE - 1)
    matrix = np.zeros((IMAGE_SIZE, IMAGE_SIZE))
    np.add.at(matrix, (np.arange(IMAGE_SIZE)[:, None], sources), kernel)  # rows: output pixels

    def make(num_images: int, rng: np.random.Generator) -> Images:
        return _to_uint8(matrix @ _real(num_images, rng) @ matrix.T)

    return make


def _off_colour(num_images: int, rng: np.random.Generator) -> Images:
    """Every image as a whole is tinted by up to 12 grey levels per channel."""
    return _to_uint8(_real(num_images, rng) + rng.uniform(-12, 12, (num_images, 3, 1, 1)))


def _mottled(num_images: int, rng: np.random.Generator) -> Images:
    """Patches of 4 x 4 pixels that are lighter or darker by 12 grey levels: a generator's uneven paint."""
    patches = rng.normal(0, 12, (num_images, 3, IMAGE_SIZE // 4, IMAGE_SIZE // 4))
    return _to_uint8(_real(num_images, rng) + patches.repeat(4, axis=2).repeat(4, axis=3))


def _chipped(num_images: int, rng: np.random.Generator) -> Images:
    """A square of 3 x 3 pixels near the middle is painted over with the background."""
    images = _real(num_images, rng)
    for image, (top, left) in zip(images, rng.integers(11, 19, (num_images, 2)), strict=True):
        image[:, top : top + 3, left : left + 3] = image[:, :1, :1]
    return images


def _noise(num_images: int, rng: np.random.Generator) -> Images:
    return rng.integers(0, 256, (num_images, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)


def _flat(num_images: int, rng: np.random.Generator) -> Images:
    palette = np.array([*COLOURS.values(), *BACKGROUNDS.values()])
    colours = palette[rng.integers(0, len(palette), num_images)]
    return _to_uint8(np.broadcast_to(colours[:, :, None, None], (num_images, 3, IMAGE_SIZE, IMAGE_SIZE)))


def _blobs(num_images: int, rng: np.random.Generator) -> Images:
    """Smooth random patches in a palette colour on a palette background: right colours, no shape."""
    factors = sample_factors(num_images, rng)
    fields = rng.normal(size=(num_images, IMAGE_SIZE + 12, IMAGE_SIZE + 12)).cumsum(1).cumsum(2)
    boxes = fields[:, 12:, 12:] - fields[:, :-12, 12:] - fields[:, 12:, :-12] + fields[:, :-12, :-12]
    return _paint(factors, np.clip(0.5 + boxes / 4, 0, 1))


def _blend(num_images: int, rng: np.random.Generator) -> Images:
    """Two images of different classes laid over each other at half opacity."""
    first = sample_factors(num_images, rng)
    second = _other_class(sample_factors(num_images, rng), first, rng)
    return _to_uint8((render(first).astype(float) + render(second)) / 2)


def _two_shapes(num_images: int, rng: np.random.Generator) -> Images:
    """Two shapes of one colour, side by side: left and right of the middle."""
    factors = sample_factors(num_images, rng)
    aside, size = np.full(num_images, 7.5), np.full(num_images, 7.0)
    left = render_masks(factors.label, -aside, factors.centre_y, size)
    right = render_masks(rng.permutation(factors.label), aside, factors.centre_y, size)
    return _paint(factors, np.maximum(left, right))


def _between_classes(num_images: int, rng: np.random.Generator) -> Images:
    """Halfway between two neighbouring classes in one place, as when a generator can't decide."""
    pairs = np.array([[CLASS_NAMES.index(name) for name in pair] for pair in NEIGHBOURS])
    factors = sample_factors(num_images, rng)
    chosen = pairs[rng.integers(0, len(pairs), num_images)]
    both = [render_masks(c, factors.centre_x, factors.centre_y, factors.size) for c in chosen.T]
    return _paint(factors, (both[0] + both[1]) / 2)


def _half_erased(num_images: int, rng: np.random.Generator) -> Images:
    """The left, right, upper or lower half of the shape, through its centre, is painted over."""
    factors = sample_factors(num_images, rng)
    masks = render_masks(factors.label, factors.centre_x, factors.centre_y, factors.size)
    middle = (IMAGE_SIZE - 1) / 2
    pixels = np.arange(IMAGE_SIZE)
    columns = pixels[None, None, :] < (middle + factors.centre_x)[:, None, None]
    rows = pixels[None, :, None] < (middle + factors.centre_y)[:, None, None]
    side = rng.integers(0, 4, num_images)[:, None, None]
    erased = np.where(side < 2, columns, rows) ^ (side % 2 == 1)
    return _paint(factors, np.where(erased, 0, masks))


def _wrong_background(num_images: int, rng: np.random.Generator) -> Images:
    """A right shape on a background in one of the colours of shapes."""
    factors = sample_factors(num_images, rng)
    palette = np.array(list(COLOURS.values()), dtype=np.float64)
    others = (factors.colour + rng.integers(1, len(COLOURS), num_images)) % len(COLOURS)
    masks = render_masks(factors.label, factors.centre_x, factors.centre_y, factors.size)[:, None]
    base, top = palette[others][:, :, None, None], palette[factors.colour][:, :, None, None]
    return _to_uint8(base + masks * (top - base))


def _inverted(num_images: int, rng: np.random.Generator) -> Images:
    """Shape and background change colours: a dark shape on a bright ground."""
    factors = sample_factors(num_images, rng)
    return _paint(factors, 1 - render_masks(factors.label, factors.centre_x, factors.centre_y, factors.size))


def _faint(num_images: int, rng: np.random.Generator) -> Images:
    """The shape is there, but at a quarter of its opacity."""
    factors = sample_factors(num_images, rng)
    return _paint(factors, render_masks(factors.label, factors.centre_x, factors.centre_y, factors.size) / 4)


def _tiny(num_images: int, rng: np.random.Generator) -> Images:
    """A dot of 2 to 3 pixels radius."""
    factors = sample_factors(num_images, rng)
    return _paint(factors, render_masks(factors.label, factors.centre_x, factors.centre_y, factors.size / 3.5))


def _paint(factors: ShapeFactors, masks: Array) -> Images:
    """`masks` (N, 32, 32) in [0, 1] in the colours of `factors`."""
    top = np.array(list(COLOURS.values()), dtype=np.float64)[factors.colour][:, :, None, None]
    base = np.array(list(BACKGROUNDS.values()), dtype=np.float64)[factors.background][:, :, None, None]
    return _to_uint8(base + masks[:, None] * (top - base))


def _other_class(factors: ShapeFactors, first: ShapeFactors, rng: np.random.Generator) -> ShapeFactors:
    shift = rng.integers(1, 10, len(first))
    return ShapeFactors(
        label=(first.label + shift) % 10,
        colour=factors.colour,
        background=first.background,
        centre_x=factors.centre_x,
        centre_y=factors.centre_y,
        size=factors.size,
    )


ACCEPT: dict[str, Control] = {
    "real": _real,
    "noise, sigma 10": _noisy(10),
    "noise, sigma 20": _noisy(20),
    "blur, sigma 0.7 px": _blurred(0.7),
    "blur, sigma 1 px": _blurred(1.0),
    "tint up to 12": _off_colour,
    "uneven paint, sigma 12": _mottled,
    "3 x 3 hole": _chipped,
}
REJECT: dict[str, Control] = {
    "uniform noise": _noise,
    "flat colour": _flat,
    "random blobs": _blobs,
    "blend of two images": _blend,
    "two shapes": _two_shapes,
    "between two classes": _between_classes,
    "half erased": _half_erased,
    "blur, sigma 4 px": _blurred(4.0),
    "shape colour as background": _wrong_background,
    "colours exchanged": _inverted,
    "faint, a quarter opaque": _faint,
    "tiny dot": _tiny,
}

if __name__ == "__main__":
    print(f"{'wanted':8}{'images':30}{'valid':>8}{'error':>8}")
    for wanted, name, valid, error in calibration_table():
        print(f"{wanted:8}{name:30}{valid:8.1%}{error:8.3f}")

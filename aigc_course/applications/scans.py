"""Synthetic scans: 32 x 32 grey images of an organ, with or without a lesion, made from a seed by a stated process.

They are drawings, not medical data. The organ is an ellipse with a smooth random texture, the lesion a brighter disc in
it, the scanner adds noise. What is drawn is known for each scan, and as many new scans as one likes can be had: that is
what makes a question about a classifier answerable here.

    level = BACKGROUND + organ * (ORGAN + TEXTURE * t + LESION * lesion) + NOISE * e, cut to [0, 1], in 255 steps

organ and lesion are the opacities of the two shapes, in [0, 1]; t is a smooth, e a white Gaussian field of variance 1.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from aigc_course.errors import UsageError

IMAGE_SIZE = 32  # pixels
BACKGROUND, ORGAN, LESION = 0.15, 0.35, 0.22  # brightness, of 1; the last two are added
TEXTURE, NOISE = 0.07, 0.05  # standard deviations of the texture and of the scanner's noise
TEXTURE_LENGTH = 1.2  # pixels: two of its points d apart are correlated by exp(-d² / (4 l²))
EDGE_WIDTH = 1.5  # pixels over which an opacity falls from 1 to 0
CENTRE_RANGE = (-2.0, 2.0)  # pixels right of (below) the middle of the image
HALF_WIDTH_RANGE, HALF_HEIGHT_RANGE = (11.0, 13.0), (9.0, 11.0)  # pixels, half the axes of the organ
ANGLE_RANGE = (-0.4, 0.4)  # radians by which the organ is turned
RADIUS_RANGE = (2.0, 4.0)  # pixels, of a lesion
REACH = 0.55  # a lesion's centre lies within the organ shrunk to this share, so that the whole lesion is in the organ

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScanFactors:
    """What is drawn in N scans. All arrays are (N,); positions in pixels from the middle, x right, y down."""

    centre_x: Array  # of the organ, CENTRE_RANGE
    centre_y: Array
    half_width: Array  # pixels, before it is turned
    half_height: Array
    angle: Array  # radians, ANGLE_RANGE
    lesion_x: Array  # pixels from the middle of the image
    lesion_y: Array
    lesion_radius: Array  # pixels; 0: there is none

    def __len__(self) -> int:
        return len(self.centre_x)


def make_scans(
    num_scans: int, *, lesion: bool, seed: int, radius_range: tuple[float, float] = RADIUS_RANGE
) -> tuple[Tensor, ScanFactors]:
    """Draw scans: uint8 images (N, 1, 32, 32), and what is in them.

    Healthy scans and scans with a lesion have random streams of their own: those of one seed share nothing.
    Args: radius_range: of the lesions, in pixels, uniform; within 0 and 4, so that a lesion fits into the organ.
    Raises: UsageError for a number, a seed or a range that is not allowed.
    """
    for name, value in {"num_scans": num_scans, "seed": seed}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"{name} must be an integer >= 0, but is {value!r}")
    low, high = radius_range
    if not 0 < low <= high <= RADIUS_RANGE[1]:
        raise UsageError(f"radius_range = {radius_range} is not allowed; give 0 < low <= high <= {RADIUS_RANGE[1]}")
    rng = np.random.default_rng([seed, int(lesion)])
    factors = sample_factors(num_scans, rng, radius_range if lesion else None)
    return torch.from_numpy(render(factors, rng)), factors


def sample_factors(num_scans: int, rng: np.random.Generator, radius_range: tuple[float, float] | None) -> ScanFactors:
    """Draw what is in the scans, all uniform. radius_range: of the lesions in pixels; None: there are none."""
    x, y, half_width, half_height, angle = (
        rng.uniform(*ends, num_scans)
        for ends in (CENTRE_RANGE, CENTRE_RANGE, HALF_WIDTH_RANGE, HALF_HEIGHT_RANGE, ANGLE_RANGE)
    )
    distance, direction = REACH * np.sqrt(rng.uniform(size=num_scans)), rng.uniform(0, 2 * np.pi, num_scans)
    along, across = half_width * distance * np.cos(direction), half_height * distance * np.sin(direction)
    return ScanFactors(
        centre_x=x,
        centre_y=y,
        half_width=half_width,
        half_height=half_height,
        angle=angle,
        lesion_x=x + along * np.cos(angle) - across * np.sin(angle),
        lesion_y=y + along * np.sin(angle) + across * np.cos(angle),
        lesion_radius=rng.uniform(*radius_range, num_scans) if radius_range else np.zeros(num_scans),
    )


def render(factors: ScanFactors, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw the scans, (N, 1, 32, 32), with texture and noise from `rng`."""
    shape = (len(factors), IMAGE_SIZE, IMAGE_SIZE)
    texture, noise = smooth(rng.standard_normal(shape)), rng.standard_normal(shape)
    return to_levels(organ_mask(factors), lesion_mask(factors), texture, noise)[:, None]


def to_levels(organ: Array, lesion: Array, texture: Array, noise: Array) -> NDArray[np.uint8]:
    """The grey levels of the formula above, uint8, from its four fields of one shape."""
    level = BACKGROUND + organ * (ORGAN + TEXTURE * texture + LESION * lesion) + NOISE * noise
    return np.rint(255 * np.clip(level, 0, 1)).astype(np.uint8)


def organ_mask(factors: ScanFactors) -> Array:
    """The opacity of each organ, (N, 32, 32) in [0, 1]; its area is about pi half_width half_height pixels."""
    x, y = _offsets(factors.centre_x, factors.centre_y)
    cos, sin = (turn(factors.angle)[:, None, None] for turn in (np.cos, np.sin))
    a, b = factors.half_width[:, None, None], factors.half_height[:, None, None]
    along, across = (x * cos + y * sin) / a, (y * cos - x * sin) / b
    return _opacity((np.sqrt(along**2 + across**2) - 1) * np.sqrt(a * b))


def lesion_mask(factors: ScanFactors) -> Array:
    """The opacity of each lesion, (N, 32, 32) in [0, 1]; its area is pi (r² + EDGE_WIDTH² / 12) pixels, or 0."""
    x, y = _offsets(factors.lesion_x, factors.lesion_y)
    radius = factors.lesion_radius[:, None, None]
    return np.where(radius > 0, _opacity(np.sqrt(x**2 + y**2) - radius), 0.0)


def smooth(white: Array) -> Array:
    """White noise (N, 32, 32) of variance 1, smoothed by a Gaussian kernel to TEXTURE_LENGTH, of variance 1 again."""
    place = np.arange(IMAGE_SIZE)
    kernel = np.exp(-((place[:, None] - place) ** 2) / (2 * TEXTURE_LENGTH**2))
    kernel /= np.sqrt((kernel**2).sum(axis=1, keepdims=True))  # each row of length 1 keeps the variance
    return kernel @ white @ kernel.T


def _offsets(centre_x: Array, centre_y: Array) -> tuple[Array, Array]:
    """How far each pixel's centre lies right of and below (N,) points: (N, 1, 32) and (N, 32, 1)."""
    grid = np.arange(IMAGE_SIZE) - (IMAGE_SIZE - 1) / 2  # -15.5 .. 15.5
    return grid[None, None, :] - centre_x[:, None, None], grid[None, :, None] - centre_y[:, None, None]


def _opacity(distance: Array) -> Array:
    """1 inside, 0 outside, from the signed distance to the outline in pixels, negative inside."""
    return np.clip(0.5 - distance / EDGE_WIDTH, 0, 1)


def brightest_patch(images: Tensor, side: int = 5) -> Tensor:
    """The highest mean of any `side` x `side` pixels: what somebody looks for who knows what a lesion looks like.

    Args: images: (N, 1, H, W) float. side: about that of a lesion.
    Returns: (N,), in the units of the images.
    """
    return F.avg_pool2d(images, side, stride=1).amax(dim=(1, 2, 3))

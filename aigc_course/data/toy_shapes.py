"""toy-shapes: 32 x 32 RGB images of one coloured shape each, made from a seed, and the decoder that reads them back.

The decoder works by analysis by synthesis. It compares an image with every template of class x position x size and
takes the one that explains most of the image's variance in the two colours that fit best. What is left unexplained
tells whether the image shows one of our shapes at all: see `Decoded.valid`.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_course.data.sets import ImageSet
from aigc_course.data.shape_renderer import (
    BACKGROUNDS,
    CENTRE_RANGE,
    CLASS_NAMES,
    COLOURS,
    IMAGE_SIZE,
    SIZE_RANGE,
    render,
    render_masks,
    sample_factors,
)
from aigc_course.errors import UsageError

NAME = "toy-shapes"

# An image is valid when all four hold. `python -m aigc_course.data.shape_controls` shows what they let through.
# Half a shape starts at an error of 0.13; a hole of 3 x 3 pixels or noise that leaves the shape plain stays below.
MAX_ERROR = 0.12  # share of the image's variance that the best template in two flat colours leaves unexplained
MIN_MARGIN = 0.02  # how much more of it the best template of every other class leaves unexplained
MAX_COLOUR_DISTANCE = 60.0  # RGB (0-255) from the shape's colour to the nearest of COLOURS, which stand 155 apart
MAX_BACKGROUND_DISTANCE = 35.0  # the same for the background and BACKGROUNDS, which stand 75 apart

_GRID_STEP = 0.5  # pixels between neighbouring templates, in position and in size
_CHUNK = 256  # images compared with all templates at once
_MIN_VARIANCE = 1.0  # grey levels squared per pixel and channel; a flatter image shows nothing


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """What the decoder reads in N images: the factors of the best template, and how good it is. All are (N,)."""

    label: Tensor  # int64, index into CLASS_NAMES
    colour: Tensor  # int64, index of the nearest of COLOURS
    background: Tensor  # int64, index of the nearest of BACKGROUNDS
    centre_x: Tensor  # float32, pixels right of the middle
    centre_y: Tensor  # float32, pixels below the middle
    size: Tensor  # float32, pixels
    error: Tensor  # float32, unexplained share of the variance: 0 for a perfect shape, near 1 for noise
    margin: Tensor  # float32, error of the best template of another class minus `error`, >= 0
    colour_distance: Tensor  # float32, RGB distance (0-255) from the nearest of COLOURS
    background_distance: Tensor  # float32, RGB distance (0-255) from the nearest of BACKGROUNDS
    valid: Tensor  # bool: error, margin and both colour distances within their limits


def make_toy_shapes(
    num_train: int = 8000, num_validation: int = 2000, num_test: int = 2000, *, seed: int = 0
) -> ImageSet:
    """Render the set: uint8 images (N, 3, 32, 32), labels (N,), classes equally frequent in every split.

    Each split has its own random stream, so its images don't depend on the sizes of the other splits.
    Raises: UsageError for a negative or non-integer count or seed.
    """
    counts = {"train": num_train, "validation": num_validation, "test": num_test}
    for name, value in {**{f"num_{split}": count for split, count in counts.items()}, "seed": seed}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"{name} must be an integer >= 0, but is {value!r}")
    images, labels = {}, {}
    for stream, (split, count) in enumerate(counts.items()):
        factors = sample_factors(count, np.random.default_rng([seed, stream]))
        images[split] = torch.from_numpy(render(factors))
        labels[split] = torch.from_numpy(factors.label)
    return ImageSet(name=NAME, images=images, labels=labels, class_names=CLASS_NAMES)


@torch.no_grad()
def decode(images: Tensor | NDArray[np.uint8]) -> Decoded:
    """Read class, colours, position and size of each image and judge whether it shows a shape.

    Args: images: (N, 3, 32, 32), uint8 in 0..255 or floating point in [-1, 1] (values outside are clipped).
    Returns: `Decoded` on the CPU; a NaN or infinite pixel makes an image invalid with error 1.
    Raises: UsageError for another shape or dtype.
    """
    pixels = _to_grey_levels(images)
    parts = [_decode_chunk(chunk) for chunk in pixels.split(_CHUNK)]
    names = [field.name for field in fields(Decoded)]
    return Decoded(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


def grade(images: Tensor, labels: Tensor | None = None) -> dict[str, float | int | dict[str, float]]:
    """Summarise what a generator drew.

    Args: images: as for `decode`. labels: (N,) classes that were asked for, or None.
    Returns: `valid_rate`; `classes_hit` of 10, `largest_class_share` and `class_shares` among the valid images;
        with labels `label_accuracy`: the share of all images that are valid and of the class asked for.
    Raises: UsageError when labels aren't one per image, or there is no image.
    """
    decoded = decode(images)
    if len(decoded.label) == 0:
        raise UsageError("grade needs at least one image, but got none")
    counts = torch.bincount(decoded.label[decoded.valid], minlength=len(CLASS_NAMES))
    shares = (counts / max(1, int(counts.sum()))).tolist()
    result: dict[str, float | int | dict[str, float]] = {
        "valid_rate": decoded.valid.float().mean().item(),
        "classes_hit": int((counts > 0).sum()),
        "largest_class_share": max(shares),
        "class_shares": dict(zip(CLASS_NAMES, shares, strict=True)),
    }
    if labels is not None:
        labels = torch.as_tensor(labels).cpu()
        if labels.shape != decoded.label.shape:
            raise UsageError(f"labels must be one per image, shape ({len(decoded.label)},), not {tuple(labels.shape)}")
        result["label_accuracy"] = ((decoded.label == labels) & decoded.valid).float().mean().item()
    return result


@dataclass(frozen=True, kw_only=True, eq=False)
class _Templates:
    """Every mask that the decoder compares an image with: T templates of P = 1,024 pixels."""

    label: Tensor  # (T,) int64
    centre_x: Tensor  # (T,) float32
    centre_y: Tensor  # (T,) float32
    size: Tensor  # (T,) float32
    mean: Tensor  # (T,) mean opacity
    norm: Tensor  # (T,) length of the mask after its mean is taken off
    unit: Tensor  # (T, P) masks of mean 0 and length 1


@lru_cache(maxsize=1)
def _templates() -> _Templates:
    """Positions and sizes reach half a pixel beyond the renderer's: generators overshoot a little."""
    centres = np.arange(CENTRE_RANGE[0] - 0.5, CENTRE_RANGE[1] + 0.75, _GRID_STEP)
    sizes = np.arange(SIZE_RANGE[0] - 0.5, SIZE_RANGE[1] + 0.75, _GRID_STEP)
    grid = np.meshgrid(np.arange(len(CLASS_NAMES)), centres, centres, sizes, indexing="ij")
    label, centre_x, centre_y, size = (axis.reshape(-1) for axis in grid)
    masks = np.empty((len(label), IMAGE_SIZE * IMAGE_SIZE), dtype=np.float32)
    for start in range(0, len(label), 1024):
        part = slice(start, start + 1024)
        drawn = render_masks(label[part], centre_x[part], centre_y[part], size[part])
        masks[part] = _smooth(torch.from_numpy(drawn).float()[:, None]).flatten(1).numpy()
    mean = masks.mean(1)
    masks -= mean[:, None]
    norm = np.sqrt(np.einsum("tp,tp->t", masks, masks))
    masks /= norm[:, None]
    to_float = [torch.from_numpy(a.astype(np.float32)) for a in (centre_x, centre_y, size, mean, norm)]
    x, y, s, m, n = to_float
    return _Templates(
        label=torch.from_numpy(label), centre_x=x, centre_y=y, size=s, mean=m, norm=n, unit=torch.from_numpy(masks)
    )


def _to_grey_levels(images: Tensor | NDArray[np.uint8]) -> Tensor:
    """Images of either convention as float32 (N, 3, 32, 32) in 0..255 on the CPU."""
    images = torch.as_tensor(images).detach().cpu()
    if images.ndim != 4 or tuple(images.shape[1:]) != (3, IMAGE_SIZE, IMAGE_SIZE):
        raise UsageError(f"images must have the shape (N, 3, 32, 32), but have {tuple(images.shape)}")
    if images.dtype == torch.uint8:
        return images.float()
    if not images.is_floating_point():
        raise UsageError(f"images must be uint8 (0..255) or floating point ([-1, 1]), but are {images.dtype}")
    grey_levels = (images.float().clamp(-1, 1) + 1) * 127.5
    return grey_levels.masked_fill(~images.isfinite(), torch.nan)  # clamp would make infinity look right


def _smooth(images: Tensor) -> Tensor:
    """(N, C, 32, 32) weighted with (1, 2, 1) / 4 down and across: what is left of pixel noise has 1/7 of its power."""
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), mode="replicate")
    rows = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 16


def _decode_chunk(images: Tensor) -> Decoded:
    """Least squares over colours and templates at once; images: (N, 3, 32, 32) in 0..255.

    For a template of unit length u, the best two colours leave |d|^2 - |d u|^2 of the centred image d (3, P), so the
    best template has the largest |d u|^2. Nearly all of d lies along one line in RGB (shape minus background), so
    d is first projected on its main axis: one product with all templates instead of three.
    """
    bank = _templates()
    finite = images.flatten(1).isfinite().all(1)
    pixels = _smooth(torch.where(finite[:, None, None, None], images, 0.0)).flatten(2)  # (N, 3, P)
    image_mean = pixels.mean(-1)  # (N, 3)
    d = pixels - image_mean[:, :, None]  # (N, 3, P)
    _, axes = torch.linalg.eigh(d @ d.mT)  # ascending: the last column is the main axis
    along = torch.einsum("ncp,nc->np", d, axes[:, :, -1])
    scores = (along @ bank.unit.T).square_()  # (N, T)
    best = scores.argmax(1)  # (N,)
    by_class = scores.unflatten(1, (len(CLASS_NAMES), len(bank.label) // len(CLASS_NAMES)))  # T is sorted by class
    top_two = by_class.amax(-1).topk(2).values  # (N, 2), of different classes
    strength = torch.einsum("ncp,np->nc", d, bank.unit[best])  # (N, 3)
    difference = strength / bank.norm[best, None]  # shape colour minus background, RGB
    background = image_mean - bank.mean[best, None] * difference
    colour_distance, colour = _nearest(background + difference, COLOURS)
    background_distance, background_index = _nearest(background, BACKGROUNDS)
    total = d.square().sum((1, 2))
    visible = d.square().mean((1, 2)) > _MIN_VARIANCE
    error = torch.where(visible, 1 - strength.square().sum(1) / total.clamp_min(1e-6), 1.0).clamp(0, 1)
    margin = torch.where(visible, (top_two[:, 0] - top_two[:, 1]) / total.clamp_min(1e-6), 0.0)
    close = (colour_distance <= MAX_COLOUR_DISTANCE) & (background_distance <= MAX_BACKGROUND_DISTANCE)
    return Decoded(
        label=bank.label[best],
        colour=colour,
        background=background_index,
        centre_x=bank.centre_x[best],
        centre_y=bank.centre_y[best],
        size=bank.size[best],
        error=error,
        margin=margin,
        colour_distance=colour_distance,
        background_distance=background_distance,
        valid=(error <= MAX_ERROR) & (margin >= MIN_MARGIN) & close & finite,
    )


def _nearest(colours: Tensor, palette: dict[str, tuple[int, int, int]]) -> tuple[Tensor, Tensor]:
    """Distance to and index of the palette colour nearest to each of `colours` (N, 3)."""
    distances = torch.cdist(colours, torch.tensor(list(palette.values()), dtype=torch.float32))
    nearest = distances.min(1)
    return nearest.values, nearest.indices

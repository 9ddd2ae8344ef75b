"""Images side by side, every pixel a sharp square."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.plots.axes import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP = 255  # white between the images of a grid
_TILE_INCHES = 0.9


def plot_images(
    images: Tensor,
    titles: Sequence[object] | None = None,
    columns: int = 10,
    ax: "Axes | None" = None,
    title: str = "",
) -> "Axes":
    """Draw a batch of images as one grid, row by row, every pixel a sharp square.

    Args:
        images: (N, C, H, W), C = 1 (grey) or 3 (red, green, blue). uint8: 0 to 255. Float: [-1, 1] if any value of
            the batch is negative, else [0, 1].
        titles: one short text above each image.
    Raises: UsageError if the shape, type, range or number of titles is wrong.
    """
    images = _as_uint8(images)
    if columns < 1:
        raise UsageError(f"columns = {columns} is not allowed; it must be at least 1")
    if titles is not None and len(titles) != len(images):
        raise UsageError(f"{len(titles)} titles for {len(images)} images; give one for each image, or None")
    n_columns = min(columns, len(images))
    n_rows = math.ceil(len(images) / n_columns)
    height, width = images.shape[2:]
    gap = max(1, round(0.04 * width))
    above = gap if titles is None else max(gap, math.ceil(0.25 * height))
    grid = torch.full((n_rows * (height + above) + gap, n_columns * (width + gap) + gap, 3), _GAP, dtype=torch.uint8)
    corners = [
        (above + (i // n_columns) * (height + above), gap + (i % n_columns) * (width + gap)) for i in range(len(images))
    ]
    for image, (top, left) in zip(images, corners, strict=True):
        grid[top : top + height, left : left + width] = image.permute(1, 2, 0)  # (H, W, C), grey is spread over RGB
    if ax is None:
        inches_wide = max(2.5, n_columns * _TILE_INCHES)
        ax = new_axes(inches_wide, inches_wide * grid.shape[0] / grid.shape[1] + (0.4 if title else 0.1))
    ax.imshow(grid.numpy(), interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title, wrap=True)
    if titles is not None:
        _write_titles(ax, [str(text) for text in titles], corners, width, grid.shape[1])
    return ax


def _as_uint8(images: Tensor) -> Tensor:
    """`images` (see plot_images) as uint8 on the CPU."""
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.numel() == 0:
        raise UsageError(f"images are {tuple(images.shape)}; they must be (N, C, H, W) with N >= 1 and C = 1 or 3")
    images = images.detach().cpu()
    if images.dtype == torch.uint8:
        return images
    if not images.is_floating_point():
        raise UsageError(f"images are {images.dtype}; give uint8 in 0 to 255, or float in [0, 1] or [-1, 1]")
    images = images.float()
    low, high = images.min().item(), images.max().item()
    if not (low >= -1.001 and high <= 1.001):  # also false for nan
        raise UsageError(f"images range from {low:.4g} to {high:.4g}; floats must be finite, in [0, 1] or [-1, 1]")
    unit = (images + 1) / 2 if low < 0 else images
    return (255 * unit).round().clamp(0, 255).to(torch.uint8)


def _write_titles(
    ax: "Axes", titles: list[str], corners: list[tuple[int, int]], tile_width: int, grid_width: int
) -> None:
    """Write each title above its image, small enough to stay within the image's width."""
    points_per_pixel = ax.get_window_extent().width * 72 / ax.figure.dpi / grid_width
    longest = max(1, *map(len, titles))
    size = max(4.0, min(9.0, tile_width * points_per_pixel / (0.62 * longest)))
    for text, (top, left) in zip(titles, corners, strict=True):
        ax.text(left + (tile_width - 1) / 2, top - 1, text, ha="center", va="bottom", fontsize=size)

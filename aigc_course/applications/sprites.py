"""Sprites: shapes with an opacity in the place of a background, so that a game can lay them over anything."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

RGB = tuple[int, int, int]

_FAINT = 8.0  # grey levels of 255 between background and shape; an image with less shows nothing
_CHECKER = ((255, 255, 255), (204, 204, 204))  # what picture editors show behind what is transparent


def opacity(images: Tensor) -> Tensor:
    """Cut a shape out of its plain background: how much of each pixel is the shape (a chroma key).

    The background is the median of the image's border, the shape's colour that of the pixel farthest from it in RGB.
    Every other pixel is placed on the straight line between the two. Right for images in two flat colours that are
    mixed along the outline; shading inside the shape comes out as transparency.

    Args: images: (N, 3, H, W) uint8, background at the border.
    Returns: (N, 1, H, W) float32 in [0, 1]; 0 everywhere for an image of one colour.
    Raises: UsageError for another shape or type.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8:
        raise UsageError(f"images are {images.dtype} {tuple(images.shape)}; give colour images (N, 3, H, W) in uint8")
    pixels = images.float()
    border = torch.cat([pixels[..., 0, :], pixels[..., -1, :], pixels[..., :, 0], pixels[..., :, -1]], dim=2)
    away = pixels.flatten(2) - border.median(dim=2, keepdim=True).values  # (N, 3, H * W)
    farthest = away.norm(dim=1).argmax(dim=1)  # (N,)
    shape = away[torch.arange(len(away)), :, farthest]  # (N, 3)
    squared = shape.square().sum(dim=1)  # (N,)
    along = torch.einsum("ncp,nc->np", away, shape) / squared.clamp(min=_FAINT**2)[:, None]
    along[squared < _FAINT**2] = 0
    return along.clamp(0, 1).reshape(len(images), 1, *images.shape[2:])


def laid_over(alpha: Tensor, colours: RGB | Sequence[RGB], ground: RGB | Sequence[RGB]) -> Tensor:
    """Shapes of one colour each over a plain ground: alpha (N, 1, H, W) in [0, 1] -> uint8 images (N, 3, H, W).

    Args: colours, ground: one colour for all, or one for each, 0..255.
    """
    over, under = (torch.tensor(each, dtype=torch.float32).reshape(-1, 3, 1, 1) for each in (colours, ground))
    return (under + alpha * (over - under)).round().to(torch.uint8)


def enlarged(alpha: Tensor, side: int) -> Tensor:
    """Square opacities (N, 1, S, S) in [0, 1] at another size, with outlines as sharp as before: (N, 1, side, side).

    Between pixels the opacity is interpolated; where it passes 1/2 lies the outline, which stays as many pixels wide.
    """
    scale = max(1.0, side / alpha.shape[-1])
    smooth = F.interpolate(alpha, size=(side, side), mode="bicubic", align_corners=False)
    return (0.5 + (smooth - 0.5) * scale).clamp(0, 1)


def sprite_sheet(alpha: Tensor, colours: Sequence[RGB], columns: int, *, side: int = 64) -> "Image":
    """All sprites in one RGBA picture, row by row without gaps, as game engines read them.

    Args: alpha: (N, 1, S, S) in [0, 1]. colours: one for each. columns: of the sheet. side: pixels of each sprite.
    Raises: UsageError when the numbers don't fit.
    """
    from PIL import Image

    if len(colours) != len(alpha) or columns < 1 or len(alpha) % columns:
        raise UsageError(
            f"{len(alpha)} sprites in {len(colours)} colours and {columns} columns; give a colour for each, and a "
            "number of sprites that fills all rows"
        )
    opaque = (255 * enlarged(alpha, side)).round().to(torch.uint8)  # (N, 1, side, side)
    paint = torch.tensor(colours, dtype=torch.uint8)[:, :, None, None].expand(-1, -1, side, side)
    tiles = torch.cat([paint, opaque], dim=1)  # (N, 4, side, side)
    rows = len(alpha) // columns
    sheet = tiles.reshape(rows, columns, 4, side, side).permute(0, 3, 1, 4, 2).reshape(rows * side, columns * side, 4)
    return Image.fromarray(sheet.numpy(), "RGBA")


def on_checkers(image: "Image", field: int = 8) -> "Image":
    """A picture with transparency as editors show it: over grey and white fields of so many pixels."""
    from PIL import Image

    row, column = torch.arange(image.height)[:, None] // field, torch.arange(image.width) // field
    ground = torch.tensor(_CHECKER, dtype=torch.uint8)[(row + column) % 2]  # (H, W, 3)
    under = Image.fromarray(ground.numpy()).convert("RGBA")
    return Image.alpha_composite(under, image).convert("RGB")

"""Small grey images made large, and large ones small: 8 x 8 digits in the format of MNIST."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course.errors import UsageError

SIZE, MARGIN = 28, 4  # pixels; MNIST's digits fill 20 x 20 pixels amid 28 x 28 (LeCun et al. 1998)


def enlarge(images: Tensor, size: int = SIZE, margin: int = MARGIN, contrast: float = 2.0) -> Tensor:
    """Images painted larger, on a black frame, with sharper strokes.

    Bicubic interpolation, then grey values stretched about mid-grey and cut off at black and white. The cut is what
    makes the images more than a linear map of the small ones.

    Args:
        images: (N, C, H, W) uint8. size: side of the result in pixels, more than 2 margin. margin: width of the frame.
        contrast: factor of the stretch, at least 1; 1 leaves the interpolated values.
    Returns: (N, C, size, size) uint8.
    Raises: UsageError for another dtype or shape, or a size, margin or contrast that isn't allowed.
    """
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise UsageError(f"images are {images.dtype} {tuple(images.shape)}; they must be uint8 (N, C, H, W)")
    _require_frame(size, margin)
    if not contrast >= 1:
        raise UsageError(f"contrast = {contrast} is not allowed; it must be at least 1")
    inner = size - 2 * margin
    grey = F.interpolate(images.float(), size=(inner, inner), mode="bicubic", align_corners=False)
    stretched = ((grey - 127.5) * contrast + 127.5).clamp(0, 255).round()
    return F.pad(stretched.to(torch.uint8), (margin, margin, margin, margin))


def shrink(images: Tensor, size: int = 8, margin: int = MARGIN) -> Tensor:
    """The frame cut off, and the rest averaged over size x size equal areas: about what `enlarge` began with.

    Args: images: (N, C, H, W), uint8 or float. size: side of the result. margin: width of the frame.
    Returns: (N, C, size, size) of the same dtype; uint8 is rounded.
    Raises: UsageError for another shape, or a frame that leaves nothing.
    """
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise UsageError(f"images are {tuple(images.shape)}; they must be square, (N, C, H, H)")
    _require_frame(images.shape[2], margin)
    inner = images[:, :, margin : images.shape[2] - margin, margin : images.shape[3] - margin]
    common = math.gcd(inner.shape[2], size)
    finer = inner.float().repeat_interleave(size // common, dim=2).repeat_interleave(size // common, dim=3)
    means = F.avg_pool2d(finer, inner.shape[2] // common)  # each area is a whole number of the finer pixels
    return means.round().to(torch.uint8) if images.dtype == torch.uint8 else means.to(images.dtype)


def _require_frame(size: int, margin: int) -> None:
    if margin < 0 or size <= 2 * margin:
        raise UsageError(f"a frame of {margin} pixels leaves nothing of {size}; give 0 <= margin < {(size + 1) // 2}")

"""Differentiable augmentation (Zhao et al. 2020, arXiv:2006.10738): the discriminator sees changed images alone.

Real and generated images are changed by the same kinds of random changes, drawn anew for every image, and the
gradient goes through them to the generator. So a small data set is harder to learn by heart, and the generator is
not taught the changes. Random numbers come from torch's global generator, which a checkpoint restores.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.models.settings import require_choice

_MOST_SHIFT = 1 / 8  # of the side
_CUT_SIDE = 1 / 2  # of the side


def augment(images: Tensor, policy: Sequence[str]) -> Tensor:
    """The images after each change of the policy in turn; the images themselves when it is empty.

    Args: images: (B, C, H, W) float in [-1, 1]. policy: names of `CHANGES`.
    Returns: (B, C, H, W); colours may leave [-1, 1].
    Raises: ValueError for a name that does not exist.
    """
    require_policy(policy)
    for name in policy:
        images = CHANGES[name](images)
    return images


def require_policy(policy: Sequence[str]) -> None:
    """Raise ValueError naming the first entry that is no name of `CHANGES`."""
    for name in policy:
        require_choice(CHANGES, augment=name)


def brightness(images: Tensor) -> Tensor:
    """Add a number from U[-0.5, 0.5) to each image."""
    return images + (_uniform(images) - 0.5)


def saturation(images: Tensor) -> Tensor:
    """Multiply each pixel's distance from its grey, the mean of its channels, by a number from U[0, 2) per image."""
    grey = images.mean(dim=1, keepdim=True)
    return grey + (images - grey) * (2 * _uniform(images))


def contrast(images: Tensor) -> Tensor:
    """Multiply the distance from each image's mean by a number from U[0.5, 1.5)."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * (_uniform(images) + 0.5)


def translation(images: Tensor) -> Tensor:
    """Move each image by whole pixels, up to an eighth of its side each way; what comes in is 0, a mid grey."""
    count, _, height, width = images.shape
    down, right = (_shift(images, side) for side in (height, width))  # (B,) pixels
    theta = torch.zeros(count, 2, 3, device=images.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1
    theta[:, 0, 2], theta[:, 1, 2] = -2 * right / width, -2 * down / height  # in units of half a side
    places = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, places.to(images.dtype), mode="nearest", padding_mode="zeros", align_corners=False)


def cutout(images: Tensor) -> Tensor:
    """Set a square of half the side to 0 in each image; its centre is anywhere, so it may lie partly outside."""
    hidden = _cut_span(images, images.shape[2])[:, :, None] & _cut_span(images, images.shape[3])[:, None, :]
    return images * ~hidden[:, None]


CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "brightness": brightness,
    "saturation": saturation,
    "contrast": contrast,
    "translation": translation,
    "cutout": cutout,
}
"""The changes by name, in the order in which the paper applies them."""


def _uniform(images: Tensor) -> Tensor:
    """(B, 1, 1, 1) float32 from U[0, 1)."""
    return torch.rand(len(images), 1, 1, 1, device=images.device)


def _shift(images: Tensor, side: int) -> Tensor:
    """(B,) whole numbers of pixels, each way up to the largest shift."""
    most = int(side * _MOST_SHIFT + 0.5)
    return torch.randint(-most, most + 1, (len(images),), device=images.device)


def _cut_span(images: Tensor, side: int) -> Tensor:
    """(B, side) bool: the rows (or columns) that a square with a random centre covers."""
    length = int(side * _CUT_SIDE + 0.5)
    begin = torch.randint(0, side + 1 - length % 2, (len(images), 1), device=images.device) - length // 2
    place = torch.arange(side, device=images.device)
    return (place >= begin) & (place < begin + length)

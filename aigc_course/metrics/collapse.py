"""Mode collapse, seen in one batch: generated images that are too near to each other."""

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.metrics.features import squared_distances, to_float64

_SIDE = 8  # pixels at which images are compared: cheap, and noise does not pass for variety


def relative_distance(*, real: Tensor, fake: Tensor) -> Tensor:
    """How far a generated image is from its nearest neighbour in the batch, over the same for real images.

    The mean distance to the nearest other image, between images shrunk to 8 x 8, generated over real. About 1 where
    the generated images are as unlike each other as the real ones, 0 where each has a copy: with fewer modes than
    images, some mode is drawn twice. It is blind to modes that are missing while the rest is varied.

    Args: real, fake: (B, C, H, W) float, the same B >= 2 for both: the nearest of more is nearer.
    Returns: a scalar >= 0, float32; 1 by convention where each real image has its copy, as where a set has fewer images
        than a batch.
    """
    far_real, far_fake = _nearest(real), _nearest(fake)
    return torch.where(far_real > 0, far_fake / far_real, torch.ones_like(far_real))


@torch.no_grad()
def _nearest(images: Tensor) -> Tensor:
    """The mean over the images (B, C, H, W) of the distance to the nearest other one."""
    small = to_float64(F.adaptive_avg_pool2d(images.detach().float(), _SIDE).flatten(1))
    distances = squared_distances(small, small).sqrt()  # (B, B), exactly 0 between copies
    return distances.fill_diagonal_(torch.inf).amin(dim=1).mean().float()

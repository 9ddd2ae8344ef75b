"""What `image-gan` does in a step of each player: the loss that it goes down, and what the history is told."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn

from aigc_course.losses.adversarial import (
    discriminator_bce,
    discriminator_hinge,
    discriminator_relativistic,
    discriminator_wasserstein,
    generator_hinge,
    generator_non_saturating,
    generator_relativistic,
    gradient_penalty,
)
from aigc_course.metrics.collapse import relative_distance
from aigc_course.models.augmentation import augment

Step = tuple[torch.Tensor, dict[str, torch.Tensor]]

_OF_DISCRIMINATORS: dict[str, Callable[..., torch.Tensor]] = {
    "non-saturating": discriminator_bce,
    "relativistic": discriminator_relativistic,
    "hinge": discriminator_hinge,
    "wasserstein": discriminator_wasserstein,
}
_OF_GENERATORS: dict[str, Callable[..., torch.Tensor]] = {
    "non-saturating": generator_non_saturating,
    "relativistic": generator_relativistic,
    "hinge": generator_hinge,
    "wasserstein": generator_hinge,
}
_COMPARED = 64  # images of a batch that are searched for copies; more would cost more and tell little
_COLLAPSED = 0.25  # relative distance; on toy-shapes 0.10 to 0.15 where dcgan draws one image a class, else 0.86 to 1.5


def draw(generator: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Images (B, C, H, W) in [-1, 1] for the batch's z (B, latent_dim) from N(0, I) and, if it has them, its labels."""
    return generator(batch["z"], batch.get("labels"))


def discriminator_step(
    discriminator: nn.Module,
    batch: dict[str, torch.Tensor],
    fakes: torch.Tensor,
    *,
    loss: str = "non-saturating",
    gamma: float = 0.0,
    penalised: str = "both",
    penalty_share: float = 1.0,
    policy: Sequence[str] = (),
) -> Step:
    """Tell real images from generated ones, which have the same labels and no graph behind them.

    The batch holds images (B, C, H, W) in [-1, 1] and, where the models are conditional, labels (B,); the fakes are
    like the images. All go through the augmentation `policy` first. `gamma` weighs R1 + R2 (or the `penalised` one),
    gamma / 2 times the mean penalties of the first `penalty_share` of the images: as large on average, for less work.
    """
    real, labels = batch["images"].contiguous(memory_format=torch.channels_last), batch.get("labels")
    fakes = fakes.float()
    metrics = _variety(real, fakes)
    real, fakes = augment(real, policy), augment(fakes, policy)
    logits_real = discriminator(real, labels).float()
    logits_fake = discriminator(fakes, labels).float()
    total = _OF_DISCRIMINATORS[loss](logits_real=logits_real, logits_fake=logits_fake)
    metrics |= _balance(logits_real.detach(), logits_fake.detach())
    if gamma > 0:
        few = math.ceil(penalty_share * len(real))
        chosen = {"both": [real[:few], fakes[:few]], "real": [real[:few]], "fake": [fakes[:few]]}[penalised]
        images = torch.cat(chosen).requires_grad_()
        repeated = None if labels is None else labels[:few].repeat(len(chosen))
        penalties = gradient_penalty(logits=discriminator(images, repeated).float(), images=images)
        total = total + gamma / 2 * len(chosen) * penalties.mean()  # the sum of the means over real and over fake
    return total, metrics


def generator_step(
    discriminator: nn.Module,
    batch: dict[str, torch.Tensor],
    fakes: torch.Tensor,
    *,
    loss: str = "non-saturating",
    policy: Sequence[str] = (),
) -> Step:
    """The loss is how surely the discriminator takes the generated images for fakes."""
    labels, judge = batch.get("labels"), _OF_GENERATORS[loss]
    logits_fake = discriminator(augment(fakes, policy), labels)
    if loss != "relativistic":
        return judge(logits_fake=logits_fake), {}
    with torch.no_grad():
        logits_real = discriminator(augment(batch["images"], policy), labels)
    return judge(logits_real=logits_real, logits_fake=logits_fake), {}


def _balance(logits_real: torch.Tensor, logits_fake: torch.Tensor) -> dict[str, torch.Tensor]:
    """Who is ahead. `real_above_fake` is 1/2 where the discriminator can't tell, 1 where it always can.

    Unlike the two others it does not depend on where the logits' zero is, which a relativistic or a Wasserstein loss
    leaves open.
    """
    return {
        "real_judged_real": (logits_real > 0).float().mean(),
        "fake_judged_real": (logits_fake > 0).float().mean(),
        "real_above_fake": (logits_real > logits_fake).float().mean(),
    }


def _variety(real: torch.Tensor, fakes: torch.Tensor) -> dict[str, torch.Tensor]:
    """How unlike each other the generated images are, and 1 where that is the alarm of a collapse, else 0."""
    if len(real) < 2:
        return {}
    distance = relative_distance(real=real[:_COMPARED], fake=fakes[:_COMPARED])
    return {"relative_distance": distance, "collapsed": (distance < _COLLAPSED).float()}

"""What a pixel is taken to be, given z: the likelihoods that a VAE's decoder gives the parameters of.

Each says how many numbers the decoder gives for a pixel, what of an image is modelled, and how improbable that is. The
sigmoid of the first number is always the mean. Whatever is random about an image is in the thresholds.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from aigc_course.losses.reconstruction import binomial_nll, discretised_logistic_nll, gaussian_nll
from aigc_course.losses.tensors import at_least_float32

LikelihoodName = Literal["bernoulli-dynamic", "bernoulli-fixed", "binomial", "gaussian", "logistic"]

_LOWEST_LOG_SCALE = -7.0  # e^-7 of the range is a quarter of a grey level: nothing finer is in 8-bit images
_HIGHEST_LOG_SCALE = 7.0


class Likelihood(Protocol):
    """p(x | z), each pixel independent given z."""

    @property
    def outputs(self) -> int:
        """Numbers that the decoder gives for each pixel and channel."""

    @property
    def of_8_bit(self) -> bool:
        """Whether its nats are those of 8-bit images, so that bits per dimension can be compared."""

    def observe(self, images: Tensor, thresholds: Tensor) -> Tensor:
        """What is modelled of images (B, C, H, W) in [0, 1] (levels of 1/255), given uniform thresholds in [0, 1)."""

    def shown(self, x: Tensor) -> Tensor:
        """x as the encoder gets it, in [0, 1]."""

    def nll(self, parameters: Tensor, x: Tensor) -> Tensor:
        """-log p(x | z) per example, in nats, (B,). parameters: (B, outputs * C, H, W)."""


@dataclass(frozen=True)
class Binomial:
    """A pixel is the number of white points among n, to which its brightness is rounded up or down at random.

    n = 1 is the Bernoulli likelihood of binarised images; with images that are black and white already it is that of
    a fixed binarisation. With n = 255 the counts are the 8-bit levels themselves.
    """

    points: int

    @property
    def outputs(self) -> int:
        """The logit of a white point."""
        return 1

    @property
    def of_8_bit(self) -> bool:
        """Only with 255 points."""
        return self.points == 255

    def observe(self, images: Tensor, thresholds: Tensor) -> Tensor:
        """Counts: whole numbers in [0, n]. Their mean over the thresholds is n times the brightness."""
        if self.of_8_bit:
            return (self.points * images).round()
        return (self.points * images + thresholds).floor().clamp(max=self.points)

    def shown(self, x: Tensor) -> Tensor:
        """The share of white points."""
        return x / self.points

    def nll(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Binomial, with the number of arrangements."""
        return binomial_nll(parameters, x, self.points)


@dataclass(frozen=True)
class Gaussian:
    """A pixel is its level plus uniform noise of one level's width, a normal variable with a learned deviation.

    -log of the density per level bounds -log P(level) from above (Theis et al. 2016, arXiv:1511.01844, Sec. 3.1).
    Without the noise the density of a pixel that is always black has no bound, and the loss falls for ever.
    """

    outputs: int = 2  # logit of the mean, log of the standard deviation
    of_8_bit: bool = True

    def observe(self, images: Tensor, thresholds: Tensor) -> Tensor:
        """Brightness in [0, 1): (level + noise) / 256."""
        return (255 * images + thresholds) / 256

    def shown(self, x: Tensor) -> Tensor:
        """As it is."""
        return x

    def nll(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Normal density, counted per level of 1/256."""
        mean, log_deviation = _mean_and_log_scale(parameters)
        return gaussian_nll(mean, 2 * log_deviation, x) + x[0].numel() * math.log(256)


@dataclass(frozen=True)
class DiscretisedLogistic:
    """A pixel is one of 256 levels: a logistic variable, cut into as many bins."""

    outputs: int = 2  # logit of the mean, log of the scale
    of_8_bit: bool = True

    def observe(self, images: Tensor, thresholds: Tensor) -> Tensor:  # noqa: ARG002
        """Levels, whole numbers in [0, 255]; nothing is random about them."""
        return (255 * images).round()

    def shown(self, x: Tensor) -> Tensor:
        """Brightness."""
        return x / 255

    def nll(self, parameters: Tensor, x: Tensor) -> Tensor:
        """The mass of the level's bin."""
        return discretised_logistic_nll(*_mean_and_log_scale(parameters), x)


def likelihood(name: LikelihoodName, points: int) -> Likelihood:
    """The likelihood of that name. points: of the binomial one."""
    if name in ("bernoulli-dynamic", "bernoulli-fixed"):
        return Binomial(1)
    if name == "binomial":
        return Binomial(points)
    return Gaussian() if name == "gaussian" else DiscretisedLogistic()


def binarised(images: Tensor, generator: torch.Generator) -> Tensor:
    """uint8 images whose pixels are 0 or 255, white with the probability of their brightness: a fixed binarisation."""
    # Some thousands of images at a time, so that the draws don't take four times the memory of the set.
    parts = [
        (torch.rand(part.shape, generator=generator) * 255 < part).to(torch.uint8) * 255 for part in images.split(4096)
    ]
    return torch.cat(parts)


def _mean_and_log_scale(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 2 C, H, W) -> mean in (0, 1) and log scale, each (B, C, H, W)."""
    raw_mean, log_scale = at_least_float32(parameters).chunk(2, dim=1)
    return raw_mean.sigmoid(), log_scale.clamp(_LOWEST_LOG_SCALE, _HIGHEST_LOG_SCALE)

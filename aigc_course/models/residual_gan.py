"""A residual generator and discriminator, from SNGAN to R3GAN by settings.

The blocks are those of SNGAN (Miyato et al. 2018, arXiv:1802.05957, App. B.4): activation before each of two 3 x 3
convolutions, the side changed inside the block. Departures: feature maps double as the resolution halves, and the
discriminator goes down to 4 pixels. Without normalisation, weights start as in R3GAN (Huang et al. 2024,
arXiv:2501.05441, after Fixup, arXiv:1901.09321). The class enters the discriminator by projection (Miyato & Koyama
2018, arXiv:1802.05637) or by maps beside the image.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.models.conditioning import beside_class, one_hot, require_shape, with_projection
from aigc_course.models.gan import NearestConv2d
from aigc_course.models.settings import require_at_least, require_choice, require_class_count, require_power_of_two
from aigc_course.models.spectral import normalise_spectra

_SMALLEST = 4  # side of the image before the generator's first and after the discriminator's last change of it

Resample = Literal["up", "keep", "down"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidualGANConfig:
    """The size of a residual generator and of its discriminator, and what tells one paper's from another's."""

    channels: int = 3  # of the images: 1 grey, 3 colour
    image_size: int = 32  # side of the square images in pixels, a power of two, at least 8
    latent_dim: int = 64  # length of z
    width: int = 32  # feature maps at the images' own resolution; they double as the resolution halves
    blocks: int = 1  # residual blocks each time that the resolution changes; the first one changes it
    stem_stride: int = 1  # 2: blocks work at half of the images' side at most; one convolution each does the rest
    n_classes: int = 0  # 0: unconditional
    conditioning: Literal["projection", "concatenation"] = "projection"  # how the class enters the discriminator
    generator_norm: Literal["batch", "none"] = "none"  # SNGAN's generator, or R3GAN's
    spectral_norm: bool = False  # divide each weight of the discriminator by its largest singular value
    activation: Literal["relu", "leaky_relu"] = "leaky_relu"  # SNGAN's, or R3GAN's with the slope 0.2 below 0

    def __post_init__(self) -> None:
        require_choice(("projection", "concatenation"), conditioning=self.conditioning)
        require_choice(("batch", "none"), generator_norm=self.generator_norm)
        require_choice(("relu", "leaky_relu"), activation=self.activation)
        require_choice((1, 2), stem_stride=self.stem_stride)
        require_at_least(1, channels=self.channels, latent_dim=self.latent_dim, width=self.width, blocks=self.blocks)
        require_class_count(n_classes=self.n_classes)
        require_power_of_two(8 * self.stem_stride, image_size=self.image_size)

    @property
    def feature_maps(self) -> list[int]:
        """Feature maps at each resolution, from image_size / stem_stride down to 4 pixels."""
        levels = (self.image_size // _SMALLEST).bit_length()
        return [self.width * 2**level for level in range(self.stem_stride - 1, levels)]


class ResidualGenerator(nn.Module):
    """z (and a class) to an image: project, reshape, then residual blocks that double the side."""

    def __init__(self, config: ResidualGANConfig) -> None:
        super().__init__()
        self.config = config
        self.label_embedding = nn.Embedding(config.n_classes, config.latent_dim) if config.n_classes else None
        maps = config.feature_maps[::-1]
        inputs = config.latent_dim * (2 if config.n_classes else 1)
        self.project = nn.Linear(inputs, maps[0] * _SMALLEST**2)
        batch_norm = config.generator_norm == "batch"
        self.upsample = _stack(config, maps, "up", batch_norm=batch_norm)
        self.norm = nn.BatchNorm2d(maps[-1]) if batch_norm else nn.Identity()
        self.activation = _activation(config)
        self.to_image = _to_image(config, maps[-1])
        _initialise(self, config, zero_last=not batch_norm)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images for latent vectors.

        Args: z: (B, latent_dim) float, from N(0, I). labels: (B,) int64 in [0, n_classes), where n_classes > 0.
        Returns: (B, channels, image_size, image_size) in [-1, 1].
        Raises: UsageError if a shape is wrong, or labels are missing or out of place.
        """
        require_shape("z", z, self.config.latent_dim)
        z = beside_class(z, labels, self.label_embedding)
        x = self.project(z).unflatten(1, (-1, _SMALLEST, _SMALLEST))  # (B, maps, 4, 4)
        x = self.upsample(x)  # (B, maps, image_size / stem_stride, image_size / stem_stride)
        return self.to_image(self.activation(self.norm(x))).tanh()


class ResidualDiscriminator(nn.Module):
    """An image (and a class) to the logit of "real": residual blocks that halve the side, then a weighted sum."""

    def __init__(self, config: ResidualGANConfig) -> None:
        super().__init__()
        self.config = config
        maps = config.feature_maps
        projects = config.n_classes > 0 and config.conditioning == "projection"
        self.class_maps = 0 if projects else config.n_classes
        kernel_size = 3 if config.stem_stride == 1 else 4
        inputs = config.channels + self.class_maps
        self.from_image = nn.Conv2d(inputs, maps[0], kernel_size, stride=config.stem_stride, padding=1)
        self.downsample = _stack(config, maps, "down", batch_norm=False)
        self.activation = _activation(config)
        self.to_logit = nn.Linear(maps[-1], 1)
        self.class_weights = nn.Embedding(config.n_classes, maps[-1]) if projects else None
        _initialise(self, config, zero_last=not config.spectral_norm)
        if config.spectral_norm:
            normalise_spectra(self)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """How real images look: positive is real.

        Args: images: (B, channels, image_size, image_size) in [-1, 1]. labels: (B,) int64, where n_classes > 0.
        Returns: logits (B,).
        Raises: UsageError if a shape is wrong, or labels are missing or out of place.
        """
        config = self.config
        require_shape("images", images, config.channels, config.image_size, config.image_size)
        if self.class_maps:
            classes = one_hot(labels, self.class_maps, images)[:, :, None, None]
            images = torch.cat([images, classes.expand(-1, -1, config.image_size, config.image_size)], dim=1)
            labels = None
        features = self.activation(self.downsample(self.from_image(images)))  # (B, maps, 4, 4)
        logits = self.to_logit(features.sum(dim=(2, 3))).squeeze(1)  # (B,)
        return with_projection(logits, features, labels, self.class_weights)


class ResidualBlock(nn.Module):
    """x + a branch of two 3 x 3 convolutions, each after its activation; the side doubles, stays or halves.

    Where the side or the number of maps changes, x goes through the same change and a 1 x 1 convolution, in the
    order that takes the fewest products: they commute.
    """

    def __init__(self, config: ResidualGANConfig, inputs: int, outputs: int, resample: Resample, batch_norm: bool):
        super().__init__()
        self.resample = resample
        hidden = min(inputs, outputs)
        self.norm1 = nn.BatchNorm2d(inputs) if batch_norm else nn.Identity()
        self.norm2 = nn.BatchNorm2d(hidden) if batch_norm else nn.Identity()
        self.activation = _activation(config)
        if resample == "up":
            self.conv1: nn.Conv2d = NearestConv2d(inputs, hidden)
        else:
            self.conv1 = nn.Conv2d(inputs, hidden, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(hidden, outputs, kernel_size=3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, kernel_size=1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H', W'), H' = 2 H, H or H / 2."""
        branch = self.conv1(self.activation(self.norm1(x)))
        branch = self.conv2(self.activation(self.norm2(branch)))
        if self.resample == "up":
            return F.interpolate(self.skip(x), scale_factor=2) + branch
        if self.resample == "down":
            return self.skip(F.avg_pool2d(x, 2)) + F.avg_pool2d(branch, 2)
        return self.skip(x) + branch


def _stack(config: ResidualGANConfig, maps: list[int], resample: Resample, *, batch_norm: bool) -> nn.Sequential:
    """The blocks between the resolutions that have `maps` feature maps."""
    blocks: list[nn.Module] = []
    for inputs, outputs in pairwise(maps):
        blocks.append(ResidualBlock(config, inputs, outputs, resample, batch_norm))
        blocks += [ResidualBlock(config, outputs, outputs, "keep", batch_norm) for _ in range(config.blocks - 1)]
    return nn.Sequential(*blocks)


def _to_image(config: ResidualGANConfig, maps: int) -> nn.Module:
    """The generator's end: feature maps to the channels of an image, before tanh, and the rest of the side."""
    if config.stem_stride == 1:
        return nn.Conv2d(maps, config.channels, kernel_size=3, padding=1)
    few = max(1, maps // 2)
    return nn.Sequential(
        NearestConv2d(maps, few), _activation(config), nn.Conv2d(few, config.channels, kernel_size=3, padding=1)
    )


def _activation(config: ResidualGANConfig) -> nn.Module:
    return nn.ReLU() if config.activation == "relu" else nn.LeakyReLU(0.2)


def _initialise(network: nn.Module, config: ResidualGANConfig, *, zero_last: bool) -> None:
    """He-normal weights (He et al. 2015, arXiv:1502.01852), with the activation's gain inside the branches alone.

    With `zero_last`, each branch starts at zero by its second convolution, and its first one is scaled by one over
    the square root of the number of branches (Fixup, Sec. 4; R3GAN does so). Logits are weighed sums over the image,
    so that their weights start by as much smaller. A label embedding is an input beside z: it starts as z, N(0, 1).
    """
    slope = 0.0 if config.activation == "relu" else 0.2
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # all of ours have one
        if name in ("to_logit", "class_weights"):
            nn.init.normal_(module.weight, std=module.weight.shape[1] ** -0.5 / _SMALLEST**2)
    branches = [module for module in network.modules() if isinstance(module, ResidualBlock)]
    for block in branches:
        for conv in (block.conv1, block.conv2):
            nn.init.kaiming_normal_(conv.weight, slope)
        if zero_last:
            with torch.no_grad():
                block.conv1.weight.mul_(len(branches) ** -0.5)
            nn.init.zeros_(block.conv2.weight)

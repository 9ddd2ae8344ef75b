"""DCGAN (Radford et al. 2016, arXiv:1511.06434), unconditional or conditional on a class.

The generator is told the class by a label embedding beside z (Mirza & Osindero 2014, arXiv:1411.1784), the
discriminator by projection (Miyato & Koyama 2018, arXiv:1802.05637).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from aigc_course.models.conditioning import beside_class, require_shape, with_projection
from aigc_course.models.settings import require_at_least, require_choice, require_class_count, require_power_of_two
from aigc_course.models.spectral import normalise_spectra

_SMALLEST = 4  # side of the image before the first transposed and after the last strided convolution


@dataclass(frozen=True, kw_only=True, slots=True)
class GANConfig:
    """The size of a generator and of its discriminator."""

    channels: int = 3  # of the images: 1 grey, 3 colour
    image_size: int = 32  # side of the square images in pixels, a power of two, at least 8
    latent_dim: int = 64  # length of z
    width: int = 64  # feature maps at the largest resolution; they double as the resolution halves
    discriminator_width: int = 0  # the same for the discriminator alone; 0: width
    n_classes: int = 0  # 0: unconditional
    upsample: Literal["transposed", "nearest"] = "transposed"  # DCGAN's way, or copied pixels and a convolution
    discriminator_norm: Literal["batch", "none"] = "batch"  # "none" where a gradient penalty keeps D smooth
    spectral_norm: bool = False  # divide each weight of the discriminator by its largest singular value
    hidden: int = 0  # units of one more layer after the generator's z and before the discriminator's logit; 0: none

    def __post_init__(self) -> None:
        require_choice(("transposed", "nearest"), upsample=self.upsample)
        require_choice(("batch", "none"), discriminator_norm=self.discriminator_norm)
        require_at_least(1, channels=self.channels, latent_dim=self.latent_dim, width=self.width)
        require_at_least(0, discriminator_width=self.discriminator_width, hidden=self.hidden)
        require_class_count(n_classes=self.n_classes)
        require_power_of_two(8, image_size=self.image_size)

    @property
    def feature_maps(self) -> list[int]:
        """Feature maps at each resolution inside the generator, from image_size / 2 down to 4 pixels."""
        return self._doubled(self.width)

    @property
    def discriminator_maps(self) -> list[int]:
        """The same inside the discriminator."""
        return self._doubled(self.discriminator_width or self.width)

    def _doubled(self, width: int) -> list[int]:
        levels = (self.image_size // _SMALLEST).bit_length() - 1
        return [width * 2**level for level in range(levels)]


class Generator(nn.Module):
    """z (and a class) to an image: project, reshape, then double the side by transposed convolutions."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.config = config
        self.label_embedding = nn.Embedding(config.n_classes, config.latent_dim) if config.n_classes else None
        maps = config.feature_maps[::-1]
        inputs = config.latent_dim * (2 if config.n_classes else 1)
        self.mapping = _hidden(inputs, config.hidden)
        self.project = nn.Linear(config.hidden or inputs, maps[0] * _SMALLEST**2, bias=False)
        self.project_norm = nn.Sequential(nn.BatchNorm2d(maps[0]), nn.ReLU(inplace=True))
        self.upsample = nn.Sequential(*(_up(a, b, config.upsample) for a, b in pairwise(maps)))
        if config.upsample == "transposed":
            self.to_image: nn.Module = nn.ConvTranspose2d(maps[-1], config.channels, kernel_size=4, stride=2, padding=1)
        else:
            few = max(1, maps[-1] // 2)  # maps halve once more at the full resolution
            to_channels = nn.Conv2d(few, config.channels, kernel_size=3, padding=1)
            self.to_image = nn.Sequential(_up(maps[-1], few, config.upsample), to_channels)
        self.initialise()

    def initialise(self) -> None:
        """Draw the weights as DCGAN does, or by fan-in where pixels are copied."""
        _initialise(self, he=self.config.upsample == "nearest")

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images for latent vectors.

        Args: z: (B, latent_dim) float, from N(0, I). labels: (B,) int64 in [0, n_classes), where n_classes > 0.
        Returns: (B, channels, image_size, image_size) in [-1, 1].
        Raises: UsageError if a shape is wrong, or labels are missing or out of place.
        """
        require_shape("z", z, self.config.latent_dim)
        z = beside_class(z, labels, self.label_embedding)  # (B, 2 latent_dim)
        x = self.project(self.mapping(z)).unflatten(1, (-1, _SMALLEST, _SMALLEST))  # (B, maps, 4, 4)
        x = x.contiguous(memory_format=torch.channels_last)  # the fastest order for what follows
        x = self.upsample(self.project_norm(x))  # (B, width, image_size / 2, image_size / 2)
        return self.to_image(x).tanh()


class Discriminator(nn.Module):
    """An image (and a class) to the logit of "real": halve the side by strided convolutions, then weigh all."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.config = config
        maps = config.discriminator_maps
        self.from_image = nn.Sequential(
            nn.Conv2d(config.channels, maps[0], kernel_size=4, stride=2, padding=1), nn.LeakyReLU(0.2)
        )
        self.downsample = nn.Sequential(*(_down(a, b, config.discriminator_norm) for a, b in pairwise(maps)))
        inputs = maps[-1] * _SMALLEST**2
        self.hidden = _hidden(inputs, config.hidden)
        self.to_logit = nn.Linear(config.hidden or inputs, 1)
        self.class_weights = nn.Embedding(config.n_classes, config.hidden or maps[-1]) if config.n_classes else None
        self.initialise()
        if config.spectral_norm:
            normalise_spectra(self)

    def initialise(self) -> None:
        """Draw the weights as DCGAN does, or by fan-in where no batch norm sets the scale."""
        _initialise(self, he=self.config.discriminator_norm == "none")

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """How real images look: positive is real.

        Args: images: (B, channels, image_size, image_size) in [-1, 1]. labels: (B,) int64, where n_classes > 0.
        Returns: logits (B,).
        Raises: UsageError if a shape is wrong, or labels are missing or out of place.
        """
        config = self.config
        require_shape("images", images, config.channels, config.image_size, config.image_size)
        features = self.downsample(self.from_image(images))  # (B, maps, 4, 4)
        if config.hidden:
            features = self.hidden(features.permute(0, 2, 3, 1).flatten(1))[:, :, None, None]  # (B, hidden, 1, 1)
        return with_projection(self._weigh(features), features, labels, self.class_weights)

    def _weigh(self, features: Tensor) -> Tensor:
        """`to_logit` of features (B, maps, H, W): (B,). Channels come last, as in memory, so that nothing is copied."""
        weight = self.to_logit.weight.unflatten(1, features.shape[1:]).permute(0, 2, 3, 1).flatten(1)
        return nn.functional.linear(features.permute(0, 2, 3, 1).flatten(1), weight, self.to_logit.bias).squeeze(1)


class NearestConv2d(nn.Conv2d):
    """Copy each pixel to 2 x 2, then a 3 x 3 convolution; computed as the one transposed convolution that it equals.

    Along one axis, the output pixels 2q - 1 .. 2q + 2 get k_2, k_1 + k_2, k_0 + k_1, k_0 of the input pixel q. The
    enlarged image, with four times the pixels, is never made, and 16 products replace 36.
    """

    reach: Tensor  # (9, 16): from each number of a kernel to those of the transposed one that it adds to

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1, bias=bias)
        axis = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
        self.register_buffer("reach", torch.kron(axis, axis).T, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, 2 H, 2 W)."""
        weight = self.weight.flatten(2) @ self.reach  # (outputs, inputs, 16)
        weight = weight.unflatten(2, (4, 4)).transpose(0, 1).contiguous(memory_format=torch.channels_last)
        return nn.functional.conv_transpose2d(x, weight, self.bias, stride=2, padding=1)


def _up(inputs: int, outputs: int, upsample: str) -> nn.Sequential:
    """A generator block: twice the side. How it grows is decided here and at `to_image`."""
    if upsample == "transposed":
        grow: list[nn.Module] = [nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=False)]
    else:
        grow = [NearestConv2d(inputs, outputs, bias=False)]
    return nn.Sequential(*grow, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _down(inputs: int, outputs: int, norm: str) -> nn.Sequential:
    """A discriminator block: half the side. How the discriminator is normalised is decided here alone."""
    convolution = nn.Conv2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=norm == "none")
    norms = [nn.BatchNorm2d(outputs)] if norm == "batch" else []
    return nn.Sequential(convolution, *norms, nn.LeakyReLU(0.2))


def _hidden(inputs: int, units: int) -> nn.Sequential:
    """A layer of so many units and its activation; nothing for 0 units."""
    return nn.Sequential(*([nn.Linear(inputs, units), nn.LeakyReLU(0.2)] if units else []))


def _initialise(network: nn.Module, *, he: bool) -> None:
    """N(0, 0.02) for convolutions, projections and class weights, N(1, 0.02) for batch norm's scale, zero biases.

    With `he`, convolutions and hidden layers get He-normal weights for LeakyReLU 0.2 (He et al. 2015) instead. A
    generator's label embedding is an input beside z, so it starts with z's scale: N(0, 1).
    """
    for name, module in network.named_modules():
        if he and (isinstance(module, nn.Conv2d) or name in ("mapping.0", "hidden.0")):
            nn.init.kaiming_normal_(module.weight, 0.2)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=1.0 if name == "label_embedding" else 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, mean=1.0, std=0.02)
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

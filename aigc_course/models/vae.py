"""Convolutional variational autoencoders (Kingma & Welling 2014, arXiv:1312.6114), plain or conditional.

A conditional model (Sohn et al. 2015) gives encoder and decoder the class as a one-hot vector.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.losses.tensors import at_least_float32
from aigc_course.losses.variational import reparameterize
from aigc_course.models.conditioning import one_hot, require_shape
from aigc_course.models.latent_layer import LatentLayer
from aigc_course.models.settings import require_at_least, require_class_count


@dataclass(frozen=True, kw_only=True, slots=True)
class VAEConfig:
    """The size of an image VAE."""

    channels: int = 1  # of the images: 1 grey, 3 colour
    image_size: int = 28  # side of the square images in pixels, at least 4
    latent_dim: int = 16  # length of z
    width: int = 32  # feature maps after the first convolution; they double as the resolution halves
    n_classes: int = 0  # 0: unconditional
    outputs: int = 1  # numbers that the decoder gives for each pixel and channel; the likelihood says how many

    def __post_init__(self) -> None:
        require_at_least(1, channels=self.channels, latent_dim=self.latent_dim, width=self.width, outputs=self.outputs)
        require_at_least(4, image_size=self.image_size)
        require_class_count(n_classes=self.n_classes)


class VAEOutput(NamedTuple):
    """What one pass through an image VAE gives."""

    logits: Tensor  # (B, outputs * C, H, W): with one output, of each pixel being 1
    mu: Tensor  # (B, latent_dim)
    logvar: Tensor  # (B, latent_dim)
    z: Tensor  # (B, latent_dim)

    @property
    def layers(self) -> tuple[LatentLayer, ...]:
        """The one layer of z, with N(0, I) as its prior."""
        standard = torch.zeros_like(self.mu)
        return (LatentLayer(self.mu, self.logvar, standard, standard, self.z),)


class ConvShape(NamedTuple):
    """The grid that encoder and decoder agree on."""

    channels: int  # of the data
    height: int
    width: int
    maps: tuple[int, ...]  # feature maps after each halving of the sides

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width, rounded up so that they can be halved len(maps) times."""
        step = 2 ** len(self.maps)
        return math.ceil(self.height / step) * step, math.ceil(self.width / step) * step

    @property
    def smallest(self) -> tuple[int, int, int]:
        """(maps, height, width) where encoder ends and decoder begins."""
        step = 2 ** len(self.maps)
        return self.maps[-1], self.padded[0] // step, self.padded[1] // step


class GaussianEncoder(nn.Module):
    """Data and condition to the mean and log-variance of q(z | x, condition)."""

    def __init__(self, shape: ConvShape, latent_dim: int, n_conditions: int, hidden: int) -> None:
        super().__init__()
        self.shape = shape
        layers: list[nn.Module] = []
        for inputs, outputs in zip((shape.channels, *shape.maps[:-1]), shape.maps, strict=True):
            layers += [nn.Conv2d(inputs, outputs, kernel_size=4, stride=2, padding=1), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        self.hidden = nn.Linear(math.prod(shape.smallest) + n_conditions, hidden)
        self.to_mu_logvar = nn.Linear(hidden, 2 * latent_dim)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, C, H, W), condition (B, n_conditions) -> mu, logvar (B, latent_dim), in float32 at least."""
        height, width = self.shape.padded
        x = F.pad(x, (0, width - self.shape.width, 0, height - self.shape.height))  # zeros at right and bottom
        features = self.convolutions(x).flatten(1)  # (B, prod(smallest))
        hidden = F.relu(self.hidden(torch.cat([features, condition.to(features.dtype)], dim=1)))
        mu, logvar = at_least_float32(self.to_mu_logvar(hidden)).chunk(2, dim=1)
        return mu, logvar


class Decoder(nn.Module):
    """z and condition to one number per point of the data: its mean, or the logit of its mean."""

    def __init__(self, shape: ConvShape, latent_dim: int, n_conditions: int, hidden: int) -> None:
        super().__init__()
        self.shape = shape
        self.hidden = nn.Linear(latent_dim + n_conditions, hidden)
        self.to_features = nn.Linear(hidden, math.prod(shape.smallest))
        layers: list[nn.Module] = []
        for inputs, outputs in zip(shape.maps[::-1], (*shape.maps[-2::-1], shape.channels), strict=True):
            layers += [nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1)]
        self.convolutions = nn.Sequential(*layers)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (B, latent_dim), condition (B, n_conditions) -> (B, C, H, W)."""
        hidden = F.relu(self.hidden(torch.cat([z, condition.to(z.dtype)], dim=1)))
        features = self.to_features(hidden).unflatten(1, self.shape.smallest)
        return self.convolutions(features)[:, :, : self.shape.height, : self.shape.width]


def sample_latent(mu: Tensor, logvar: Tensor, noise: Tensor | None) -> Tensor:
    """z from q(z | x) with the given noise (B, latent_dim), else with noise drawn from N(0, I)."""
    return reparameterize(mu, logvar, torch.randn_like(mu) if noise is None else noise)


def initialise_relu_network(network: nn.Module) -> None:
    """He-normal weights (He et al. 2015) and zero biases for every convolution and linear layer.

    A transposed convolution with kernel 4 and stride 2 meets half of its kernel at each output, in each direction.
    """
    direct, transposed = nn.Conv1d | nn.Conv2d | nn.Linear, nn.ConvTranspose1d | nn.ConvTranspose2d
    for module in network.modules():
        if isinstance(module, direct):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, transposed):
            reached = module.in_channels * module.weight[0, 0].numel() / math.prod(module.stride)
            nn.init.normal_(module.weight, std=math.sqrt(2 / reached))
        if isinstance(module, direct | transposed) and module.bias is not None:
            nn.init.zeros_(module.bias)


def initialise_small(*layers: nn.Module) -> None:
    """N(0, 0.02) weights for the layers that give distributions their parameters."""
    for layer in layers:
        nn.init.normal_(layer.get_parameter("weight"), std=0.02)


class ImageVAEConfig(Protocol):
    """What `VectorVAE` asks of its settings."""

    @property
    def channels(self) -> int: ...
    @property
    def image_size(self) -> int: ...
    @property
    def latent_dim(self) -> int: ...
    @property
    def n_classes(self) -> int: ...


class VectorVAE(nn.Module):
    """A VAE with one latent vector z ~ N(0, I) for each image; encoder and decoder are given.

    Args: config: what the methods check their arguments against. encoder: x, condition -> mu, logvar.
        decoder: z, condition -> the parameters of p(x | z).
    """

    def __init__(self, config: ImageVAEConfig, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x).

        Args: x: (B, C, H, W) in [0, 1]. labels: (B,) int64 in [0, n_classes), where n_classes > 0.
        Returns: mu, logvar, each (B, latent_dim).
        Raises: UsageError if a shape is wrong, or labels are missing or out of place.
        """
        require_shape("x", x, self.config.channels, self.config.image_size, self.config.image_size)
        return self.encoder(x, one_hot(labels, self.config.n_classes, like=x))

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """The parameters of p(x | z); with one output for a pixel, the logits of p(x = 1 | z).

        Args: z: (B, latent_dim) float. labels: as for encode.
        Returns: (B, outputs * C, H, W); the sigmoid of the first C is the mean image, in [0, 1].
        Raises: as encode.
        """
        require_shape("z", z, self.config.latent_dim)
        return self.decoder(z, one_hot(labels, self.config.n_classes, like=z))

    def forward(self, x: Tensor, labels: Tensor | None = None, noise: Tensor | None = None) -> VAEOutput:
        """Encode, sample z, decode.

        Args: x, labels: as for encode. noise: (B, latent_dim); None draws it from N(0, I).
        """
        mu, logvar = self.encode(x, labels)
        z = sample_latent(mu, logvar, noise)
        return VAEOutput(logits=self.decode(z, labels), mu=mu, logvar=logvar, z=z)


class ConvVAE(VectorVAE):
    """A VAE of images by convolutions; by default each pixel is a Bernoulli variable (losses.bernoulli_nll)."""

    def __init__(self, config: VAEConfig) -> None:
        maps = (config.width, 2 * config.width)
        shape = ConvShape(config.channels, config.image_size, config.image_size, maps)
        painted = shape._replace(channels=config.outputs * config.channels)
        encoder = GaussianEncoder(shape, config.latent_dim, config.n_classes, hidden=8 * config.width)
        decoder = Decoder(painted, config.latent_dim, config.n_classes, hidden=8 * config.width)
        super().__init__(config, encoder, decoder)
        # He-normal weights; q(z | x) and the pixels start near N(0, I) and 1/2: their last layers are small.
        initialise_relu_network(self)
        initialise_small(encoder.to_mu_logvar, decoder.convolutions[-1])

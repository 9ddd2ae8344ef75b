"""A VAE of linear layers alone: the network of the papers' likelihoods on MNIST (Kingma & Welling 2014, App. C.2)."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from aigc_course.losses.tensors import at_least_float32
from aigc_course.models.settings import require_at_least, require_class_count
from aigc_course.models.vae import VectorVAE, initialise_relu_network, initialise_small


@dataclass(frozen=True, kw_only=True, slots=True)
class MLPVAEConfig:
    """The size of a VAE of linear layers."""

    channels: int = 1  # of the images: 1 grey, 3 colour
    image_size: int = 28  # side of the square images in pixels
    latent_dim: int = 40  # length of z
    hidden: tuple[int, ...] = (512, 512)  # features after each layer of the encoder; the decoder has them backwards
    n_classes: int = 0  # 0: unconditional
    outputs: int = 1  # numbers that the decoder gives for each pixel and channel; the likelihood says how many

    def __post_init__(self) -> None:
        require_at_least(1, channels=self.channels, image_size=self.image_size, latent_dim=self.latent_dim)
        require_at_least(1, outputs=self.outputs, **{f"hidden[{k}]": size for k, size in enumerate(self.hidden)})
        require_class_count(n_classes=self.n_classes)

    @property
    def dimensions(self) -> int:
        """Numbers in an image."""
        return self.channels * self.image_size**2


class MLPEncoder(nn.Module):
    """An image and a condition to the mean and log-variance of q(z | x, condition)."""

    def __init__(self, config: MLPVAEConfig) -> None:
        super().__init__()
        sizes = (config.dimensions + config.n_classes, *config.hidden, 2 * config.latent_dim)
        self.layers = linear_layers(sizes)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, C, H, W), condition (B, n_classes) -> mu, logvar (B, latent_dim), in float32 at least."""
        mu, logvar = at_least_float32(self.layers(torch.cat([x.flatten(1), condition], dim=1))).chunk(2, dim=1)
        return mu, logvar


class MLPDecoder(nn.Module):
    """z and a condition to the parameters of p(x | z, condition)."""

    def __init__(self, config: MLPVAEConfig) -> None:
        super().__init__()
        sizes = (config.latent_dim + config.n_classes, *config.hidden[::-1], config.outputs * config.dimensions)
        self.layers = linear_layers(sizes)
        self.shape = (config.outputs * config.channels, config.image_size, config.image_size)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (B, latent_dim), condition (B, n_classes) -> (B, outputs * C, H, W)."""
        return self.layers(torch.cat([z, condition], dim=1)).unflatten(1, self.shape)


class MLPVAE(VectorVAE):
    """A VAE of linear layers with ReLU between them."""

    def __init__(self, config: MLPVAEConfig) -> None:
        encoder, decoder = MLPEncoder(config), MLPDecoder(config)
        super().__init__(config, encoder, decoder)
        initialise_relu_network(self)
        initialise_small(encoder.layers[-1], decoder.layers[-1])


def linear_layers(sizes: Iterable[int]) -> nn.Sequential:
    """Linear layers from each size to the next, with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])

"""A dense autoencoder: an image squeezed into a short code and painted again from it (Hinton & Salakhutdinov 2006).

It restores images. It says nothing about how probable a code is, so it is no generative model by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from aigc_course.models.conditioning import require_shape
from aigc_course.models.settings import require_at_least

_DARKEST = 0.01  # of a pixel's mean: the logit of 0 is infinite


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoencoderConfig:
    """The size of a dense autoencoder. The defaults are a 784-128-64-784 network."""

    image_size: int = 28  # side of the square grey images in pixels
    encoder_widths: tuple[int, ...] = (128,)  # hidden units from the image to the code
    code_dim: int = 64  # length of the code
    decoder_widths: tuple[int, ...] = ()  # hidden units from the code to the image
    activation: Literal["relu", "identity"] = (
        "relu"  # after each hidden layer; "identity" makes encoder and decoder affine
    )
    output: Literal["sigmoid", "identity"] = "sigmoid"  # "sigmoid" keeps the pixels in (0, 1)

    def __post_init__(self) -> None:
        require_at_least(1, image_size=self.image_size, code_dim=self.code_dim)
        for name in ("encoder_widths", "decoder_widths"):
            require_at_least(1, **{f"{name}[{i}]": width for i, width in enumerate(getattr(self, name))})
        for name, allowed in (("activation", ("relu", "identity")), ("output", ("sigmoid", "identity"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} = {getattr(self, name)!r} is not allowed; it must be one of {allowed}")

    @property
    def n_pixels(self) -> int:
        """Numbers in one image."""
        return self.image_size**2


class Autoencoder(nn.Module):
    """x -> code -> x_hat. The code itself passes through no activation: each of its numbers may be any real number."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _dense((config.n_pixels, *config.encoder_widths, config.code_dim), config.activation)
        self.decoder = _dense((config.code_dim, *config.decoder_widths, config.n_pixels), config.activation)
        self.squash = nn.Sigmoid() if config.output == "sigmoid" else nn.Identity()
        nn.init.normal_(_linears(self.decoder)[-1].weight, std=0.02)  # the first images hardly depend on the code

    @torch.no_grad()
    def centre_on(self, mean_image: Tensor) -> None:
        """Set the first and the last bias so that training starts from the mean image instead of mid-grey.

        The first layer then sees x - mean_image, and a code of 0 is painted as the mean image. Otherwise the first
        steps move all pixels at once towards black, and many ReLUs never fire again. The network's form stays the same.

        Args: mean_image: (1, H, W) in [0, 1], of the training images.
        Raises: UsageError if the shape is wrong.
        """
        require_shape("mean_image", mean_image[None], 1, self.config.image_size, self.config.image_size)
        mean = mean_image.flatten()
        first, last = _linears(self.encoder)[0], _linears(self.decoder)[-1]
        first.bias.copy_(-first.weight @ mean)
        within = mean.clamp(_DARKEST, 1 - _DARKEST)
        last.bias.copy_(within.logit() if self.config.output == "sigmoid" else mean)

    def encode(self, x: Tensor) -> Tensor:
        """Codes of images: (B, 1, H, W) in [0, 1] -> (B, code_dim). Raises: UsageError if the shape is wrong."""
        require_shape("x", x, 1, self.config.image_size, self.config.image_size)
        return self.encoder(x.flatten(1))

    def decode(self, codes: Tensor) -> Tensor:
        """Images of codes: (B, code_dim) -> (B, 1, H, W). Raises: UsageError if the shape is wrong."""
        require_shape("codes", codes, self.config.code_dim)
        pixels = self.squash(self.decoder(codes))  # (B, H * W)
        return pixels.unflatten(1, (1, self.config.image_size, self.config.image_size))

    def forward(self, x: Tensor) -> Tensor:
        """The images restored: (B, 1, H, W) -> (B, 1, H, W)."""
        return self.decode(self.encode(x))


def _linears(network: nn.Sequential) -> list[nn.Linear]:
    return [layer for layer in network if isinstance(layer, nn.Linear)]


def _dense(widths: Sequence[int], activation: str) -> nn.Sequential:
    """Linear layers from each width to the next, with the activation between them; He-normal weights, zero biases."""
    layers: list[nn.Module] = []
    for place, (inputs, outputs) in enumerate(pairwise(widths)):
        linear = nn.Linear(inputs, outputs)
        rectified = activation == "relu" and place + 2 < len(widths)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu" if rectified else "linear")
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()] if rectified else [linear]
    return nn.Sequential(*layers)

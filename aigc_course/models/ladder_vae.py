"""A hierarchical VAE in small: several layers of latent variables on one path from the top down.

q(z | x) and p(z) share that path, as in the ladder VAE (Sønderby et al. 2016, arXiv:1602.02282) and its deep
successors (Child 2021, arXiv:2011.10650): a state goes down from a learned vector, each layer reads its prior from the
state, and adds its z to it; the posterior of a layer sees the state and what the encoder says of x at that height.
"""

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.losses.tensors import at_least_float32
from aigc_course.losses.variational import reparameterize
from aigc_course.models.conditioning import one_hot, require_shape
from aigc_course.models.latent_layer import LatentLayer
from aigc_course.models.settings import require_at_least, require_class_count


@dataclass(frozen=True, kw_only=True, slots=True)
class LadderVAEConfig:
    """The size of a ladder VAE."""

    channels: int = 1  # of the images: 1 grey, 3 colour
    image_size: int = 28  # side of the square images in pixels
    latent_dims: tuple[int, ...] = (8, 16, 32)  # length of each layer's z, top first
    width: int = 512  # features of the state; blocks have half as many inside
    n_classes: int = 0  # 0: unconditional
    outputs: int = 1  # numbers that the decoder gives for each pixel and channel; the likelihood says how many

    def __post_init__(self) -> None:
        require_at_least(1, channels=self.channels, image_size=self.image_size, outputs=self.outputs)
        require_at_least(1, **{"the number of latent_dims": len(self.latent_dims)})
        require_at_least(1, **{f"latent_dims[{k}]": size for k, size in enumerate(self.latent_dims)})
        require_at_least(2, width=self.width)
        require_class_count(n_classes=self.n_classes)

    @property
    def latent_dim(self) -> int:
        """Latent variables of all layers together."""
        return sum(self.latent_dims)

    @property
    def dimensions(self) -> int:
        """Numbers in an image."""
        return self.channels * self.image_size**2


class LadderVAEOutput(NamedTuple):
    """What one pass through a ladder VAE gives."""

    logits: Tensor  # (B, outputs * C, H, W): with one output, of each pixel being 1
    layers: tuple[LatentLayer, ...]  # top first


class ResidualBlock(nn.Module):
    """Two linear layers beside the identity; it starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width // 2), nn.Linear(width // 2, width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, width) -> (B, width)."""
        return x + self.outer(F.silu(self.inner(F.silu(x))))


class LadderStep(nn.Module):
    """One layer of latent variables on the way down.

    The posterior's mean and log-variance are differences to the prior's: with nothing learned yet, both are equal.
    """

    def __init__(self, width: int, latent_dim: int) -> None:
        super().__init__()
        self.to_prior = nn.Linear(width, 2 * latent_dim)
        self.posterior_hidden = nn.Linear(2 * width, width // 2)
        self.to_difference = nn.Linear(width // 2, 2 * latent_dim)
        self.from_z = nn.Linear(latent_dim, width)
        self.block = ResidualBlock(width)
        for layer in (self.to_prior, self.to_difference):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def prior(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """State (B, width) -> mean and log-variance of p(z | above), (B, latent_dim), in float32 at least."""
        mu, logvar = at_least_float32(self.to_prior(F.silu(state))).chunk(2, dim=1)
        return mu, logvar

    def infer(self, state: Tensor, features: Tensor, noise: Tensor) -> LatentLayer:
        """Prior and posterior of z given the state and the encoder's features (B, width), and z from the posterior."""
        prior_mu, prior_logvar = self.prior(state)
        hidden = F.silu(self.posterior_hidden(torch.cat([F.silu(state), F.silu(features)], dim=1)))
        d_mu, d_logvar = at_least_float32(self.to_difference(hidden)).chunk(2, dim=1)
        mu, logvar = prior_mu + d_mu, prior_logvar + d_logvar
        return LatentLayer(mu, logvar, prior_mu, prior_logvar, reparameterize(mu, logvar, noise))

    def forward(self, state: Tensor, z: Tensor) -> Tensor:
        """The state (B, width) for the layer below."""
        return self.block(state + self.from_z(z))


class LadderVAE(nn.Module):
    """A VAE of images with latent variables in several layers, of linear layers with residual blocks."""

    def __init__(self, config: LadderVAEConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.read = nn.Linear(config.dimensions + config.n_classes, width)
        self.up = nn.ModuleList(ResidualBlock(width) for _ in config.latent_dims)  # from the image up
        self.start = nn.Linear(1 + config.n_classes, width, bias=False)  # of the constant 1 and the class
        self.steps = nn.ModuleList(LadderStep(width, size) for size in config.latent_dims)  # from the top down
        self.last = ResidualBlock(width)
        self.paint = nn.Linear(width, config.outputs * config.dimensions)
        nn.init.normal_(self.paint.weight, std=0.02)
        nn.init.zeros_(self.paint.bias)

    def forward(self, x: Tensor, labels: Tensor | None = None, noise: Tensor | None = None) -> LadderVAEOutput:
        """Up through the encoder, then down, sampling each z from its posterior.

        Args: x: (B, C, H, W) in [0, 1]. labels: (B,) int64 in [0, n_classes), where n_classes > 0. noise: (B,
            latent_dim), the layers' side by side, top first; None draws it from N(0, I).
        Raises: UsageError if a shape is wrong, or labels are missing or out of place.
        """
        require_shape("x", x, self.config.channels, self.config.image_size, self.config.image_size)
        condition = one_hot(labels, self.config.n_classes, like=x)
        noise = x.new_empty(len(x), self.config.latent_dim).normal_() if noise is None else noise
        require_shape("noise", noise, self.config.latent_dim)
        features = self.read(torch.cat([x.flatten(1), condition], dim=1))
        heights = []
        for block in self.up:
            features = block(features)
            heights.append(features)
        state, layers = self._top(condition), []
        for step, at_height, part in zip(self._steps, reversed(heights), self._parts(noise), strict=True):
            layers.append(step.infer(state, at_height, part))
            state = step(state, layers[-1].z)
        return LadderVAEOutput(self._painted(state), tuple(layers))

    def decode(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Down without an image: each z is drawn from its prior.

        Args: noise: (B, latent_dim) from N(0, I), as for forward: each layer's prior scales and moves its part.
        Returns: (B, outputs * C, H, W); the sigmoid of the first C is the mean image, in [0, 1].
        """
        require_shape("noise", noise, self.config.latent_dim)
        state = self._top(one_hot(labels, self.config.n_classes, like=noise))
        for step, part in zip(self._steps, self._parts(noise), strict=True):
            prior_mu, prior_logvar = step.prior(state)
            state = step(state, reparameterize(prior_mu, prior_logvar, part))
        return self._painted(state)

    @property
    def _steps(self) -> list[LadderStep]:
        return cast(list[LadderStep], list(self.steps))

    def _parts(self, noise: Tensor) -> tuple[Tensor, ...]:
        """Each layer's part of the noise, (B, its latent_dim)."""
        return noise.split(list(self.config.latent_dims), dim=1)

    def _top(self, condition: Tensor) -> Tensor:
        """(B, width): where the way down begins."""
        return self.start(torch.cat([condition.new_ones(condition.shape[0], 1), condition], dim=1))

    def _painted(self, state: Tensor) -> Tensor:
        shape = (self.config.outputs * self.config.channels, self.config.image_size, self.config.image_size)
        return self.paint(F.silu(self.last(state))).unflatten(1, shape)

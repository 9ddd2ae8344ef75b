"""A hierarchical VAE of convolutions: a latent vector at the top, latent feature maps below it, at two sizes.

q(z | x) and p(z) share the path from the top down, as in `ladder_vae`. From NVAE (Vahdat & Kautz 2020,
arXiv:2007.03898, Sec. 3.2): a posterior is a difference to its prior, in units of the prior's standard deviation. From
VDVAE (Child 2021, arXiv:2011.10650): nothing is normalised, and residual blocks start near the identity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.losses.tensors import at_least_float32
from aigc_course.losses.variational import reparameterize
from aigc_course.models.conditioning import one_hot, require_shape
from aigc_course.models.ladder_vae import LadderVAEOutput
from aigc_course.models.latent_layer import LatentLayer
from aigc_course.models.settings import require_at_least, require_class_count
from aigc_course.models.vae import initialise_relu_network, initialise_small

_LOGVAR_BOUND = 8.0  # of a prior's log-variance, and of the posterior's difference to it


@dataclass(frozen=True, kw_only=True, slots=True)
class ConvLadderVAEConfig:
    """The size of a convolutional ladder VAE."""

    channels: int = 1  # of the images: 1 grey, 3 colour
    image_size: int = 28  # side of the square images in pixels, at least 4
    top_dim: int = 16  # length of the top layer's z
    coarse_maps: tuple[int, ...] = (4, 4, 4)  # z's feature maps at a quarter of the side, for each layer, top first
    fine_maps: tuple[int, ...] = (1, 1)  # the same at half the side, below them
    width: int = 24  # feature maps of the state at half the side; twice as many at a quarter, half as many at the whole
    blocks: int = 1  # residual blocks at each of the two sizes on the way up
    n_classes: int = 0  # 0: unconditional
    outputs: int = 1  # numbers that the decoder gives for each pixel and channel; the likelihood says how many

    def __post_init__(self) -> None:
        require_at_least(1, channels=self.channels, top_dim=self.top_dim, blocks=self.blocks, outputs=self.outputs)
        for name, counts in (("coarse_maps", self.coarse_maps), ("fine_maps", self.fine_maps)):
            require_at_least(1, **{f"{name}[{k}]": maps for k, maps in enumerate(counts)})
        require_at_least(4, image_size=self.image_size, width=self.width)
        require_class_count(n_classes=self.n_classes)

    @property
    def sides(self) -> tuple[int, int]:
        """A half and a quarter of the image's side, which is first rounded up to a multiple of 4."""
        quarter = -(-self.image_size // 4)
        return 2 * quarter, quarter

    @property
    def latent_dims(self) -> tuple[int, ...]:
        """Latent variables of each layer, top first."""
        half, quarter = self.sides
        coarse, fine = (maps * quarter**2 for maps in self.coarse_maps), (maps * half**2 for maps in self.fine_maps)
        return (self.top_dim, *coarse, *fine)

    @property
    def latent_dim(self) -> int:
        """Latent variables of all layers together."""
        return sum(self.latent_dims)


class ConvBlock(nn.Module):
    """Two convolutions beside the identity; it starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(width, width // 2, kernel_size=3, padding=1)
        self.outer = nn.Conv2d(width // 2, width, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, width, H, W) -> the same shape."""
        return x + self.outer(F.silu(self.inner(F.silu(x))))


class ConvLadderStep(nn.Module):
    """One layer of latent feature maps on the way down."""

    def __init__(self, width: int, maps: int) -> None:
        super().__init__()
        self.to_prior = nn.Conv2d(width, 2 * maps, kernel_size=3, padding=1)
        self.posterior_hidden = nn.Conv2d(2 * width, width // 4, kernel_size=3, padding=1)
        self.to_difference = nn.Conv2d(width // 4, 2 * maps, kernel_size=3, padding=1)
        self.from_z = nn.Conv2d(maps, width, kernel_size=3, padding=1)
        self.block = ConvBlock(width)

    def prior(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """State (B, width, H, W) -> mean and log-variance of p(z | above), (B, H * W * maps), in float32 at least."""
        return _mu_logvar(self.to_prior(F.silu(state)))

    def infer(self, state: Tensor, features: Tensor, noise: Tensor) -> LatentLayer:
        """Prior and posterior of z given the state and the encoder's features, and z from the posterior."""
        prior = self.prior(state)
        hidden = F.silu(self.posterior_hidden(torch.cat([F.silu(state), features], dim=1)))
        return _posterior(*prior, self.to_difference(hidden), noise)

    def forward(self, state: Tensor, z: Tensor) -> Tensor:
        """State (B, width, H, W) and z (B, H * W * maps) -> the state for the layer below."""
        return self.block(state + self.from_z(_maps(z, state.shape[2])))


class ConvLadderVAE(nn.Module):
    """A VAE of images with latent variables in several layers, of convolutions."""

    def __init__(self, config: ConvLadderVAEConfig) -> None:
        super().__init__()
        self.config = config
        width, (_, quarter), n_classes = config.width, config.sides, config.n_classes
        top = 2 * width * quarter**2
        # From the image up: at half of the side, then at a quarter.
        self.read = nn.Conv2d(config.channels + n_classes, width, kernel_size=4, stride=2, padding=1)
        self.up_fine = nn.Sequential(*(ConvBlock(width) for _ in range(config.blocks)))
        self.shrink = nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1)
        self.up_coarse = nn.Sequential(*(ConvBlock(2 * width) for _ in range(config.blocks)))
        self.to_top = nn.Linear(top, 2 * config.top_dim)
        # From the top down.
        self.start = nn.Linear(config.top_dim + n_classes, top)
        self.first = ConvBlock(2 * width)
        self.coarse_steps = nn.ModuleList(ConvLadderStep(2 * width, maps) for maps in config.coarse_maps)
        self.enlarge = nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1)
        self.fine_steps = nn.ModuleList(ConvLadderStep(width, maps) for maps in config.fine_maps)
        self.draw = nn.ConvTranspose2d(width, width // 2, kernel_size=4, stride=2, padding=1)
        self.last = ConvBlock(width // 2)
        self.paint = nn.Conv2d(width // 2, config.outputs * config.channels, kernel_size=3, padding=1)
        self._initialise()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, labels: Tensor | None = None, noise: Tensor | None = None) -> LadderVAEOutput:
        """Up through the encoder, then down, sampling each z from its posterior.

        Args: x: (B, C, H, W) in [0, 1]. labels: (B,) int64 in [0, n_classes), where n_classes > 0. noise: (B,
            latent_dim), the layers' side by side, top first; of a layer of maps row by row, the maps of a point side
            by side. None draws it from N(0, I).
        Raises: UsageError if a shape is wrong, or labels are missing or out of place.
        """
        require_shape("x", x, self.config.channels, self.config.image_size, self.config.image_size)
        condition = one_hot(labels, self.config.n_classes, like=x)
        noise = x.new_empty(len(x), self.config.latent_dim).normal_() if noise is None else noise
        require_shape("noise", noise, self.config.latent_dim)
        fine, coarse = self._features(x, condition)
        top_part, coarse_parts, fine_parts = self._parts(noise)
        standard = torch.zeros_like(at_least_float32(top_part))
        layers = [_posterior(standard, standard, _maps(self.to_top(_flat(coarse)), 1), top_part)]
        state = self._top(layers[0].z, condition)
        for step, part in zip(self._coarse_steps, coarse_parts, strict=True):
            layers.append(step.infer(state, coarse, part))
            state = step(state, layers[-1].z)
        state = self.enlarge(F.silu(state))
        for step, part in zip(self._fine_steps, fine_parts, strict=True):
            layers.append(step.infer(state, fine, part))
            state = step(state, layers[-1].z)
        return LadderVAEOutput(self._painted(state), tuple(layers))

    def decode(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Down without an image: each z is drawn from its prior.

        Args: noise: (B, latent_dim) from N(0, I), as for forward: each layer's prior scales and moves its part.
        Returns: (B, outputs * C, H, W); the sigmoid of the first C is the mean image, in [0, 1].
        """
        require_shape("noise", noise, self.config.latent_dim)
        top_part, coarse_parts, fine_parts = self._parts(noise)
        state = self._top(top_part, one_hot(labels, self.config.n_classes, like=noise))
        for step, part in zip(self._coarse_steps, coarse_parts, strict=True):
            state = step(state, reparameterize(*step.prior(state), part))
        state = self.enlarge(F.silu(state))
        for step, part in zip(self._fine_steps, fine_parts, strict=True):
            state = step(state, reparameterize(*step.prior(state), part))
        return self._painted(state)

    @property
    def _coarse_steps(self) -> list[ConvLadderStep]:
        return cast(list[ConvLadderStep], list(self.coarse_steps))

    @property
    def _fine_steps(self) -> list[ConvLadderStep]:
        return cast(list[ConvLadderStep], list(self.fine_steps))

    def _parts(self, noise: Tensor) -> tuple[Tensor, Sequence[Tensor], Sequence[Tensor]]:
        """The noise of the top layer, of each at a quarter of the side, and of each at a half."""
        parts = noise.split(list(self.config.latent_dims), dim=1)
        fine_from = 1 + len(self.config.coarse_maps)
        return parts[0], parts[1:fine_from], parts[fine_from:]

    def _features(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder says of the image at a half and at a quarter of its side."""
        missing = 2 * self.config.sides[0] - self.config.image_size
        everywhere = condition[:, :, None, None].expand(-1, -1, *x.shape[2:])
        x = F.pad(torch.cat([x, everywhere], dim=1), (0, missing, 0, missing))  # zeros at right and bottom
        fine = F.silu(self.up_fine(self.read(x)))
        return fine, F.silu(self.up_coarse(self.shrink(fine)))

    def _top(self, z: Tensor, condition: Tensor) -> Tensor:
        """The top layer's z (B, top_dim) and the class -> the state (B, 2 * width, H / 4, W / 4)."""
        return self.first(_maps(self.start(torch.cat([z, condition], dim=1)), self.config.sides[1]))

    def _painted(self, state: Tensor) -> Tensor:
        image = self.paint(F.silu(self.last(self.draw(F.silu(state)))))
        return image[:, :, : self.config.image_size, : self.config.image_size]

    def _initialise(self) -> None:
        """Residual blocks start as the identity, posteriors as their priors, those near N(0, I), pixels near 1/2."""
        initialise_relu_network(self)
        initialise_small(self.paint)
        nn.init.zeros_(self.to_top.weight)
        for module in self.modules():
            if isinstance(module, ConvBlock):
                nn.init.zeros_(module.outer.weight)
        for step in chain(self._coarse_steps, self._fine_steps):
            # Until its posterior learns, z is noise: a layer whose noise is loud would be shut out.
            initialise_small(step.to_prior, step.from_z)
            nn.init.zeros_(step.to_difference.weight)


def _flat(maps: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H * W * C): no copy where the channels lie side by side in memory."""
    return maps.permute(0, 2, 3, 1).flatten(1)


def _maps(flat: Tensor, side: int) -> Tensor:
    """(B, side * side * C) -> (B, C, side, side): undoes `_flat`."""
    return flat.unflatten(1, (side, side, -1)).permute(0, 3, 1, 2)


def _mu_logvar(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 2 C, H, W) -> a mean and a bounded log-variance, each (B, H * W * C), in float32 at least."""
    mu, logvar = at_least_float32(maps).chunk(2, dim=1)
    return _flat(mu), _LOGVAR_BOUND * torch.tanh(_flat(logvar) / _LOGVAR_BOUND)


def _posterior(prior_mu: Tensor, prior_logvar: Tensor, difference: Tensor, noise: Tensor) -> LatentLayer:
    """q(z | x) by its difference (B, 2 C, H, W) to the prior, in units of the prior's deviation, and z from it."""
    d_mu, d_logvar = _mu_logvar(difference)
    mu, logvar = prior_mu + (0.5 * prior_logvar).exp() * d_mu, prior_logvar + d_logvar
    return LatentLayer(mu, logvar, prior_mu, prior_logvar, reparameterize(mu, logvar, noise))

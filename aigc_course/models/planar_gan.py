"""A GAN in the plane: mixtures whose modes can be counted, two small networks, one training step.

Small enough to train a thousand steps in seconds on a laptop and to draw whole: the logit at every point, every
generated sample. Mode collapse is made, measured (`PlanarMixture.modes_hit`) and cured here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from aigc_course.errors import UsageError, unknown
from aigc_course.losses.adversarial import (
    discriminator_bce,
    discriminator_relativistic,
    discriminator_wasserstein,
    generator_hinge,
    generator_non_saturating,
    generator_relativistic,
    generator_saturating,
    gradient_penalty,
)
from aigc_course.models.settings import require_at_least

PlanarLoss = Literal["saturating", "non-saturating", "relativistic", "Wasserstein"]
_REACH_STDS = 3.0  # a sample belongs to a mode within three standard deviations (Metz et al. 2017, arXiv:1611.02163)
_LEAST_SHARE = 0.1  # a mode is hit by a tenth of the samples that it would get if all got the same


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanarMixture:
    """Equally likely round Gaussians in the plane."""

    centres: tuple[tuple[float, float], ...]
    std: float  # standard deviation of each Gaussian in each direction

    def __post_init__(self) -> None:
        if not self.centres or self.std <= 0:
            raise ValueError("a mixture needs at least one centre and std > 0")

    @property
    def n_modes(self) -> int:
        """How many Gaussians there are."""
        return len(self.centres)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n points (n, 2)."""
        which = torch.randint(self.n_modes, (n,), generator=generator)
        return torch.tensor(self.centres)[which] + self.std * torch.randn(n, 2, generator=generator)

    def log_density(self, points: Tensor) -> Tensor:
        """Natural logarithm of the mixture's density at points (N, 2): (N,)."""
        squares = self._distances(points).square()  # (N, modes)
        normaliser = math.log(2 * math.pi * self.std**2) + math.log(self.n_modes)
        return (-0.5 * squares / self.std**2).logsumexp(dim=1) - normaliser

    def shares(self, samples: Tensor) -> Tensor:
        """The share of samples (N, 2) within three standard deviations of each centre: (modes,).

        A sample counts for its nearest centre only, so the shares sum to `good_share`. Real samples reach 0.989.
        """
        distance, nearest = self._distances(samples).min(dim=1)
        near = nearest[distance <= _REACH_STDS * self.std]
        return torch.bincount(near, minlength=self.n_modes) / max(1, len(samples))

    def modes_hit(self, samples: Tensor) -> int:
        """How many modes get at least a tenth of an equal share of the samples (N, 2); at most N can be hit."""
        return int((self.shares(samples) >= _LEAST_SHARE / self.n_modes).sum())

    def good_share(self, samples: Tensor) -> float:
        """The share of samples (N, 2) within three standard deviations of any centre, in [0, 1]."""
        return float(self.shares(samples).sum())

    def _distances(self, points: Tensor) -> Tensor:
        if points.ndim != 2 or points.shape[1] != 2:
            raise UsageError(f"points are {tuple(points.shape)}; they must be (N, 2): one point of the plane a row")
        return (points[:, None] - torch.tensor(self.centres, dtype=points.dtype)).square().sum(dim=2).sqrt()


def ring(n_modes: int = 8, radius: float = 2.0, std: float = 0.1) -> PlanarMixture:
    """Gaussians on a circle about the origin, the first on the positive x axis."""
    angles = [2 * math.pi * k / n_modes for k in range(n_modes)]
    return PlanarMixture(centres=tuple((radius * math.cos(a), radius * math.sin(a)) for a in angles), std=std)


def grid(side: int = 5, spacing: float = 1.0, std: float = 0.1) -> PlanarMixture:
    """side × side Gaussians about the origin."""
    places = [spacing * (k - (side - 1) / 2) for k in range(side)]
    return PlanarMixture(centres=tuple((x, y) for x in places for y in places), std=std)


def line(n_modes: int = 5, spacing: float = 1.0, std: float = 0.1) -> PlanarMixture:
    """Gaussians on the x axis, centred on the origin."""
    places = [spacing * (k - (n_modes - 1) / 2) for k in range(n_modes)]
    return PlanarMixture(centres=tuple((x, 0.0) for x in places), std=std)


MIXTURES: dict[str, Callable[[], PlanarMixture]] = {"ring": ring, "grid": grid, "line": line}


def planar_mixture(name: str) -> PlanarMixture:
    """The mixture of MIXTURES called `name`. Raises: UsageError for another name."""
    if name not in MIXTURES:
        raise unknown("mixture", name, MIXTURES)
    return MIXTURES[name]()


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanarGANSettings:
    """What a training step of a planar GAN depends on; all but the sizes and the seed may change between steps."""

    loss: PlanarLoss = "non-saturating"
    penalty: float = 0.0  # weight of the gradient penalty, see PlanarGAN
    noise: float = 0.0  # standard deviation of the noise on every point that the discriminator sees in training
    pack: int = 1  # points that the discriminator judges together; divides the batch
    learning_rate: float = 1e-3  # of the generator
    rate_ratio: float = 1.0  # the discriminator's learning rate over the generator's
    batch_size: int = 256  # real samples a step, and as many generated ones for each player
    width: int = 64  # units in each of the two hidden layers of both networks
    latent_dim: int = 2  # length of z ~ N(0, I)
    seed: int = 0  # of the weights, z and the real samples

    def __post_init__(self) -> None:
        if self.loss not in get_args(PlanarLoss):
            raise unknown("loss", self.loss, get_args(PlanarLoss))
        require_at_least(1, batch_size=self.batch_size, width=self.width, latent_dim=self.latent_dim, pack=self.pack)
        if self.batch_size % self.pack:
            raise ValueError(
                f"batch_size = {self.batch_size} is not allowed; it must be a multiple of pack = {self.pack}"
            )
        for name in ("penalty", "noise", "learning_rate", "rate_ratio"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} = {getattr(self, name)} is not allowed; it must be finite and at least 0")


class PlanarGAN:
    """Two multilayer perceptrons and their game over a mixture.

    Each step is one Adam step (beta_1 = 0.5, beta_2 = 0.9) of the discriminator, then one of the generator, on new
    samples. `penalty` weighs, in the discriminator's loss, R1 + R2: half the mean squared norm of the logit's gradient
    at real and at generated points (Mescheder et al. 2018, arXiv:1801.04406); for the Wasserstein loss
    the mean of (norm - 1)^2 between real and generated points (Gulrajani et al. 2017, arXiv:1704.00028). `noise` blurs
    both distributions until they overlap (Arjovsky & Bottou 2017, arXiv:1701.04862). With `pack` the
    discriminator sees that many points of one kind at once, so that a lack of variety gives the generator away (PacGAN,
    Lin et al. 2018, arXiv:1712.04086); penalties then count each point's own gradient.
    """

    generator: nn.Module  # (B, latent_dim) -> (B, 2)
    discriminator: nn.Module  # (B, 2) -> (B / pack, 1)

    def __init__(self, mixture: PlanarMixture, settings: PlanarGANSettings) -> None:
        self.mixture = mixture
        self.settings = settings
        self.steps_done = 0
        self.copies = 1
        self._begin()
        self._adam_g, self._adam_d = (
            torch.optim.Adam(network.parameters(), betas=(0.5, 0.9), fused=True)
            for network in (self.generator, self.discriminator)
        )

    def _begin(self) -> None:
        """Make the source of random numbers and both networks."""
        self._random = torch.Generator().manual_seed(self.settings.seed)
        self.generator, self.discriminator = planar_networks(self.settings, self.settings.seed)

    def step(self) -> dict[str, float]:
        """Train both players once. Returns: `discriminator_loss` (with its penalty) and `generator_loss`."""
        s = self.settings
        self._adam_g.param_groups[0]["lr"] = s.learning_rate
        self._adam_d.param_groups[0]["lr"] = s.learning_rate * s.rate_ratio
        real = self._real(s.batch_size)
        with torch.no_grad():
            fake = self.generator(self._latent(s.batch_size))
        loss_d = self.discriminator_loss(self._noisy(real), self._noisy(fake))
        self._adam_d.zero_grad()
        loss_d.backward()
        self._adam_d.step()

        self.discriminator.requires_grad_(False)
        loss_g = self.generator_loss(self._noisy(real), self._noisy(self.generator(self._latent(s.batch_size))))
        self._adam_g.zero_grad()
        loss_g.backward()
        self._adam_g.step()
        self.discriminator.requires_grad_(True)
        self.steps_done += 1
        return {"discriminator_loss": loss_d.item(), "generator_loss": loss_g.item()}

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """n generated points (n, 2) from latents that depend on `seed` alone: later calls show how they moved."""
        z = torch.randn(n, self.settings.latent_dim, generator=torch.Generator().manual_seed(seed))
        return self._asked(self.generator, z)

    @torch.no_grad()
    def logits(self, points: Tensor) -> Tensor:
        """What the discriminator says of points (N, 2): (N,), positive for "real"; of a pack of equal points each."""
        return self._asked(self.discriminator, points.repeat_interleave(self.settings.pack, dim=0))[..., 0]

    def _asked(self, network: nn.Module, rows: Tensor) -> Tensor:
        return network(rows)

    def _real(self, n: int) -> Tensor:
        return self.mixture.sample(n, self._random)

    def _latent(self, n: int) -> Tensor:
        return self._normal(n, self.settings.latent_dim)

    def _noisy(self, points: Tensor) -> Tensor:
        noise = self.settings.noise
        return points + noise * self._normal(len(points) // self.copies, 2) if noise > 0 else points

    def _normal(self, n: int, columns: int) -> Tensor:
        return torch.randn(n, columns, generator=self._random)

    def _uniform(self, n: int) -> Tensor:
        return torch.rand(n, 1, generator=self._random)

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """The loss of the discriminator on real and generated points (B, 2), a scalar."""
        s = self.settings
        squares = s.penalty > 0 and s.loss != "Wasserstein"
        points = torch.cat([real, fake]).requires_grad_(squares)
        logits = self.discriminator(points)[:, 0]
        logits_real, logits_fake = logits.chunk(2)
        if s.loss == "Wasserstein":
            loss = discriminator_wasserstein(logits_real=logits_real, logits_fake=logits_fake)
        elif s.loss == "relativistic":
            loss = discriminator_relativistic(logits_real=logits_real, logits_fake=logits_fake)
        else:
            loss = discriminator_bce(logits_real=logits_real, logits_fake=logits_fake)
        if squares:
            # The mean over both halves is half of R1 + R2, and gamma / 2 is asked of their sum.
            return loss + s.penalty * gradient_penalty(logits=logits, images=points).mean()
        return loss + s.penalty * self._lipschitz_penalty(real, fake) if s.penalty > 0 else loss

    def _lipschitz_penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """E (|gradient| - 1)^2 at random points on the lines from real to generated points."""
        between = torch.lerp(real, fake, self._uniform(len(real))).requires_grad_()
        squares = gradient_penalty(logits=self.discriminator(between)[:, 0], images=between)
        return ((squares + 1e-12).sqrt() - 1).square().mean()

    def generator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """The loss of the generator for its points `fake` (B, 2), a scalar."""
        logits_fake = self.discriminator(fake)[:, 0]
        if self.settings.loss == "relativistic":
            return generator_relativistic(logits_real=self.discriminator(real)[:, 0].detach(), logits_fake=logits_fake)
        if self.settings.loss == "Wasserstein":
            return generator_hinge(logits_fake=logits_fake)  # the critic's score is raised, without a logarithm
        loss = generator_saturating if self.settings.loss == "saturating" else generator_non_saturating
        return loss(logits_fake=logits_fake)


def planar_networks(settings: PlanarGANSettings, seed: int) -> tuple[nn.Sequential, nn.Sequential]:
    """The generator and the discriminator that PlanarGAN begins with; torch's global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = planar_network(settings.latent_dim, settings.width, 2)
        discriminator = planar_network(2 * settings.pack, settings.width, 1)
    return generator, discriminator if settings.pack == 1 else nn.Sequential(Pack(settings.pack), *discriminator)


class Pack(nn.Module):
    """Puts `size` consecutive rows side by side: (B, D) -> (B / size, size D)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, self.size * x.shape[1])


def planar_network(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two hidden layers of `width` units: (B, inputs) -> (B, outputs). He-normal weights, zero biases."""
    network = nn.Sequential(
        nn.Linear(inputs, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, outputs),
    )
    for module in network:
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, 0.2)
            nn.init.zeros_(module.bias)
    return network

"""A variational autoencoder of log-magnitude spectrograms: what the image VAE is, with a Gaussian decoder."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from aigc_course.models.conditioning import one_hot, require_shape
from aigc_course.models.settings import require_at_least, require_class_count
from aigc_course.models.vae import (
    ConvShape,
    Decoder,
    GaussianEncoder,
    initialise_relu_network,
    initialise_small,
    sample_latent,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpectrogramVAEConfig:
    """The size of a spectrogram VAE."""

    n_bins: int  # frequencies
    n_frames: int  # points in time
    latent_dim: int = 16  # length of z
    width: int = 16  # feature maps after the first convolution; they double, three times, as the resolution halves
    n_classes: int = 0  # 0: not conditional on what is said
    n_speakers: int = 0  # 0: not conditional on who says it

    def __post_init__(self) -> None:
        require_at_least(1, n_bins=self.n_bins, n_frames=self.n_frames, latent_dim=self.latent_dim, width=self.width)
        require_class_count(n_classes=self.n_classes, n_speakers=self.n_speakers)


class SpectrogramVAEOutput(NamedTuple):
    """What one pass through a spectrogram VAE gives."""

    mean: Tensor  # (B, n_bins, n_frames): of p(x | z)
    log_sigma2: Tensor  # (1,): log-variance of p(x | z), the same everywhere
    mu: Tensor  # (B, latent_dim)
    logvar: Tensor  # (B, latent_dim)
    z: Tensor  # (B, latent_dim)


class SpectrogramVAE(nn.Module):
    """A VAE of standardised spectrograms with p(x | z) = N(mean(z), exp(log_sigma2) I).

    losses.gaussian_nll(mean, log_sigma2, x) is its reconstruction term: a log-likelihood, in nats. The one
    learned variance finds the balance between reconstruction and KL by itself (Rybkin et al. 2021, arXiv:2006.13202).
    """

    def __init__(self, config: SpectrogramVAEConfig) -> None:
        super().__init__()
        self.config = config
        maps = tuple(config.width * 2**level for level in range(4))
        shape = ConvShape(1, config.n_bins, config.n_frames, maps)
        n_conditions = config.n_classes + config.n_speakers
        self.encoder = GaussianEncoder(shape, config.latent_dim, n_conditions, hidden=16 * config.width)
        self.decoder = Decoder(shape, config.latent_dim, n_conditions, hidden=16 * config.width)
        self.log_sigma2 = nn.Parameter(torch.empty(1))
        self.initialise()

    def initialise(self) -> None:
        """He-normal weights; q(z | x) and p(x | z) start near N(0, I), which is right for standardised data."""
        initialise_relu_network(self)
        initialise_small(self.encoder.to_mu_logvar, self.decoder.convolutions[-1])
        nn.init.zeros_(self.log_sigma2)

    def encode(self, x: Tensor, labels: Tensor | None = None, speakers: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x).

        Args: x: (B, n_bins, n_frames), standardised. labels: (B,) int64 in [0, n_classes), where n_classes > 0.
            speakers: (B,) int64 in [0, n_speakers), where n_speakers > 0.
        Returns: mu, logvar, each (B, latent_dim).
        Raises: UsageError if a shape is wrong, or labels or speakers are missing or out of place.
        """
        require_shape("x", x, self.config.n_bins, self.config.n_frames)
        return self.encoder(x.unsqueeze(1), self._condition(labels, speakers, like=x))

    def decode(self, z: Tensor, labels: Tensor | None = None, speakers: Tensor | None = None) -> Tensor:
        """The mean of p(x | z).

        Args: z: (B, latent_dim) float. labels, speakers: as for encode.
        Returns: (B, n_bins, n_frames), standardised as the training data were.
        Raises: as encode.
        """
        require_shape("z", z, self.config.latent_dim)
        return self.decoder(z, self._condition(labels, speakers, like=z)).squeeze(1)

    def forward(
        self,
        x: Tensor,
        labels: Tensor | None = None,
        noise: Tensor | None = None,
        speakers: Tensor | None = None,
    ) -> SpectrogramVAEOutput:
        """Encode, sample z, decode.

        Args: x, labels, speakers: as for encode. noise: (B, latent_dim); None draws it from N(0, I).
        """
        mu, logvar = self.encode(x, labels, speakers)
        z = sample_latent(mu, logvar, noise)
        mean = self.decode(z, labels, speakers)
        # A copy: where several machines share the parameters (FSDP), the whole one exists only in this method.
        return SpectrogramVAEOutput(mean=mean, log_sigma2=self.log_sigma2.clone(), mu=mu, logvar=logvar, z=z)

    def _condition(self, labels: Tensor | None, speakers: Tensor | None, like: Tensor) -> Tensor:
        """(B, n_classes + n_speakers): both one-hot vectors side by side."""
        said = one_hot(labels, self.config.n_classes, like=like)
        by_whom = one_hot(speakers, self.config.n_speakers, like=like, name="speakers")
        return torch.cat([said, by_whom], dim=1)

"""A variational autoencoder of the waveform itself: no spectrogram, and no phases to be found afterwards.

Strided convolutions turn all of a sound into one vector z, and transposed ones turn z, the class and the speaker into
the mean of each sample.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.losses.tensors import at_least_float32
from aigc_course.models.conditioning import require_shape, word_and_voice
from aigc_course.models.settings import require_at_least, require_class_count
from aigc_course.models.vae import initialise_relu_network, initialise_small, sample_latent

_STRIDE, _KERNEL, _PADDING = 4, 16, 6  # of each convolution, which makes lengths exactly a quarter, or fourfold


@dataclass(frozen=True, kw_only=True, slots=True)
class WaveformVAEConfig:
    """The size of a waveform VAE."""

    n_samples: int  # of every sound
    latent_dim: int = 16  # length of z
    width: int = 8  # feature maps at a quarter of the sample rate; they double with each convolution
    depth: int = 5  # convolutions, each of which makes the sound four times as short
    n_classes: int = 0  # 0: not conditional on what is said
    n_speakers: int = 0  # 0: not conditional on who says it

    def __post_init__(self) -> None:
        require_at_least(1, n_samples=self.n_samples, latent_dim=self.latent_dim, width=self.width, depth=self.depth)
        require_class_count(n_classes=self.n_classes, n_speakers=self.n_speakers)

    @property
    def n_places(self) -> int:
        """Of the shortest feature maps."""
        return math.ceil(self.n_samples / _STRIDE**self.depth)


class WaveformVAEOutput(NamedTuple):
    """What one pass through a waveform VAE gives."""

    mean: Tensor  # (B, n_samples): of p(x | z)
    log_sigma2: Tensor  # (1,): log-variance of p(x | z), the same everywhere
    mu: Tensor  # (B, latent_dim)
    logvar: Tensor  # (B, latent_dim)
    z: Tensor  # (B, latent_dim)


class WaveformVAE(nn.Module):
    """A VAE of waveforms of one length with p(x | z) = N(mean(z), exp(log_sigma2) I): see the module's text."""

    def __init__(self, config: WaveformVAEConfig) -> None:
        super().__init__()
        self.config = config
        maps = [config.width * 2**level for level in range(config.depth)]
        n_conditions, hidden = config.n_classes + config.n_speakers, maps[-1]
        self.down = nn.ModuleList(
            nn.Conv1d(inputs, outputs, _KERNEL, _STRIDE, _PADDING)
            for inputs, outputs in zip([1, *maps[:-1]], maps, strict=True)
        )
        self.hidden = nn.Linear(hidden * config.n_places + n_conditions, hidden)
        self.to_mu_logvar = nn.Linear(hidden, 2 * config.latent_dim)
        self.from_z = nn.Linear(config.latent_dim + n_conditions, hidden)
        self.to_places = nn.Linear(hidden, hidden * config.n_places)
        self.up = nn.ModuleList(
            nn.ConvTranspose1d(inputs, outputs, _KERNEL, _STRIDE, _PADDING)
            for inputs, outputs in zip(maps[::-1], [*maps[-2::-1], 1], strict=True)
        )
        self.log_sigma2 = nn.Parameter(torch.empty(1))
        self.initialise()

    def initialise(self) -> None:
        """He-normal weights; q(z | x) starts near N(0, I) and the mean near silence."""
        initialise_relu_network(self)
        initialise_small(self.to_mu_logvar, self.up[-1])
        nn.init.zeros_(self.log_sigma2)

    def encode(self, x: Tensor, labels: Tensor | None = None, speakers: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x).

        Args: x: (B, n_samples). labels: (B,) int64 in [0, n_classes), where n_classes > 0.
            speakers: (B,) int64 in [0, n_speakers), where n_speakers > 0.
        Returns: mu, logvar, each (B, latent_dim).
        Raises: UsageError if a shape is wrong, or labels or speakers are missing or out of place.
        """
        require_shape("x", x, self.config.n_samples)
        whole = self.config.n_places * _STRIDE**self.config.depth
        y = F.pad(x, (0, whole - self.config.n_samples)).unsqueeze(1)
        for convolution in self.down:
            y = F.relu(convolution(y))
        seen = torch.cat([y.flatten(1), self._condition(labels, speakers, like=y)], dim=1)
        mu, logvar = at_least_float32(self.to_mu_logvar(F.relu(self.hidden(seen)))).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor, labels: Tensor | None = None, speakers: Tensor | None = None) -> Tensor:
        """The mean of p(x | z): (B, n_samples).

        Args: z: (B, latent_dim) float. labels, speakers: as for encode.  Raises: as encode.
        """
        require_shape("z", z, self.config.latent_dim)
        hidden = F.relu(self.from_z(torch.cat([z, self._condition(labels, speakers, like=z)], dim=1)))
        y = self.to_places(hidden).unflatten(1, (-1, self.config.n_places))
        for convolution in self.up:
            y = convolution(F.relu(y))
        return y[:, 0, : self.config.n_samples]

    def forward(
        self, x: Tensor, labels: Tensor | None = None, noise: Tensor | None = None, speakers: Tensor | None = None
    ) -> WaveformVAEOutput:
        """Encode, sample z, decode.

        Args: x, labels, speakers: as for encode. noise: (B, latent_dim); None draws it from N(0, I).
        """
        mu, logvar = self.encode(x, labels, speakers)
        z = sample_latent(mu, logvar, noise)
        mean = self.decode(z, labels, speakers)
        # A copy: where several machines share the parameters (FSDP), the whole one exists only in this method.
        return WaveformVAEOutput(mean=mean, log_sigma2=self.log_sigma2.clone(), mu=mu, logvar=logvar, z=z)

    def _condition(self, labels: Tensor | None, speakers: Tensor | None, like: Tensor) -> Tensor:
        return word_and_voice(labels, speakers, self.config.n_classes, self.config.n_speakers, like=like)

"""A variational autoencoder of spectrograms and their lengths, conditional on what is said and by whom.

p(x, n, z | c) = p(z) p(n | z, c) p(x | n, z, c): z ~ N(0, I); n, the number of frames, has a discretised log-logistic
distribution (`lengths.py`); each point of the n frames is Gaussian. The convolutions go along time, with the
frequencies as channels, for what is at one frequency means another thing at the next.

A word said slowly is the same word: encoder and decoder see relative time, from a sound's beginning to its end, which
`stretch` maps to its frames. So z need not tell how fast it goes, and no padding is ever looked at.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.errors import UsageError
from aigc_course.losses.tensors import at_least_float32, require_range
from aigc_course.models.conditioning import require_shape, word_and_voice
from aigc_course.models.lengths import own_frames
from aigc_course.models.settings import require_at_least, require_class_count
from aigc_course.models.vae import initialise_relu_network, initialise_small, sample_latent
from aigc_course.models.vocoder import Vocoder

_HALVINGS = 2  # of the frames, between the spectrogram and relative time
_PLACES = 16  # of relative time, about as many as a spoken digit has frames after the halvings


@dataclass(frozen=True, kw_only=True, slots=True)
class SpectrogramVAEConfig:
    """The size of a spectrogram VAE."""

    n_bins: int  # numbers per frame: frequencies, or real and imaginary parts
    max_frames: int  # of the longest sound, at least 2
    latent_dim: int = 8  # length of z
    width: int = 64  # feature maps of the convolutions
    n_classes: int = 0  # 0: not conditional on what is said
    n_speakers: int = 0  # 0: not conditional on who says it

    def __post_init__(self) -> None:
        require_at_least(1, n_bins=self.n_bins, latent_dim=self.latent_dim, width=self.width)
        require_at_least(2, max_frames=self.max_frames)
        require_class_count(n_classes=self.n_classes, n_speakers=self.n_speakers)


class SpectrogramVAEOutput(NamedTuple):
    """What one pass through a spectrogram VAE gives."""

    mean: Tensor  # (B, n_bins, max_frames): of p(x | n, z); what is after a sound's own frames means nothing
    log_sigma2: Tensor  # (1,): log-variance of p(x | n, z), the same everywhere
    length: Tensor  # (B, 2): the parameters of p(n | z), for length_nll
    mu: Tensor  # (B, latent_dim)
    logvar: Tensor  # (B, latent_dim)
    z: Tensor  # (B, latent_dim)


class SpectrogramVAE(nn.Module):
    """A VAE of standardised spectrograms and their lengths: see the module's text.

    losses.gaussian_nll(mean, log_sigma2, x, mask) over a sound's own frames and length_nll are its reconstruction
    terms: log-likelihoods, in nats. The one learned variance finds the balance between reconstruction and KL by itself
    (Rybkin et al. 2021, arXiv:2006.13202).

    Args: vocoder: a trained one, that its spectrograms are made sound with. It is no part of the density and doesn't
        learn, but is kept with the weights, so that they are enough to make sound.
    """

    def __init__(self, config: SpectrogramVAEConfig, vocoder: Vocoder | None = None) -> None:
        super().__init__()
        self.config = config
        n_conditions = config.n_classes + config.n_speakers
        self.encoder = _Encoder(config, n_conditions)
        self.length_hidden = nn.Linear(config.latent_dim + n_conditions, config.width)
        self.to_length = nn.Linear(config.width, 2)
        self.decoder = _Decoder(config, n_conditions)
        self.log_sigma2 = nn.Parameter(torch.empty(1))
        self.initialise()
        self.vocoder = None if vocoder is None else vocoder.eval().requires_grad_(False)

    def initialise(self) -> None:
        """He-normal weights; q(z | x, n) and p(x | n, z) start near N(0, I), which is right for standardised data."""
        initialise_relu_network(self)
        decoder = self.decoder
        initialise_small(self.encoder.to_mu_logvar, decoder.to_mean, self.to_length, *decoder.to_scale_shift)
        half = math.log(self.config.max_frames / 2)
        self.to_length.bias.data.copy_(torch.tensor([half, -1.0]))  # twice as long or half as long are likely too
        nn.init.zeros_(self.log_sigma2)

    def encode(
        self, x: Tensor, n_frames: Tensor, labels: Tensor | None = None, speakers: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x, n).

        Args:
            x: (B, n_bins, max_frames), standardised; what is after a sound's own frames is not looked at.
            n_frames: (B,) int64 in [1, max_frames], frames of each sound.
            labels: (B,) int64 in [0, n_classes), where n_classes > 0.
            speakers: (B,) int64 in [0, n_speakers), where n_speakers > 0.
        Returns: mu, logvar, each (B, latent_dim).
        Raises: UsageError if a shape is wrong, or lengths, labels or speakers are missing or out of place.
        """
        require_shape("x", x, self.config.n_bins, self.config.max_frames)
        self._require_lengths(n_frames, x)
        return self.encoder(x, n_frames, self._condition(labels, speakers, like=x))

    def lengths(self, z: Tensor, labels: Tensor | None = None, speakers: Tensor | None = None) -> Tensor:
        """The parameters (B, 2) of p(n | z), for `length_nll` and `draw_lengths`. Args: as for decode."""
        require_shape("z", z, self.config.latent_dim)
        hidden = self.length_hidden(torch.cat([z, self._condition(labels, speakers, like=z)], dim=1))
        return at_least_float32(self.to_length(F.relu(hidden)))

    def decode(
        self, z: Tensor, n_frames: Tensor, labels: Tensor | None = None, speakers: Tensor | None = None
    ) -> Tensor:
        """The mean of p(x | n, z).

        Args: z: (B, latent_dim) float. n_frames, labels, speakers: as for encode.
        Returns: (B, n_bins, max_frames), standardised as the training data were; what is after a sound's own frames
            means nothing.
        Raises: as encode.
        """
        require_shape("z", z, self.config.latent_dim)
        self._require_lengths(n_frames, z)
        return self.decoder(z, n_frames, self._condition(labels, speakers, like=z))

    def forward(
        self,
        x: Tensor,
        n_frames: Tensor,
        labels: Tensor | None = None,
        noise: Tensor | None = None,
        speakers: Tensor | None = None,
    ) -> SpectrogramVAEOutput:
        """Encode, sample z, decode it to a length's distribution and, for the true length, to a spectrogram's.

        Args: x, n_frames, labels, speakers: as for encode. noise: (B, latent_dim); None draws it from N(0, I).
        """
        mu, logvar = self.encode(x, n_frames, labels, speakers)
        z = sample_latent(mu, logvar, noise)
        return SpectrogramVAEOutput(
            mean=self.decode(z, n_frames, labels, speakers),
            # A copy: where several machines share the parameters (FSDP), the whole one exists only in this method.
            log_sigma2=self.log_sigma2.clone(),
            length=self.lengths(z, labels, speakers),
            mu=mu,
            logvar=logvar,
            z=z,
        )

    def _condition(self, labels: Tensor | None, speakers: Tensor | None, like: Tensor) -> Tensor:
        return word_and_voice(labels, speakers, self.config.n_classes, self.config.n_speakers, like=like)

    def _require_lengths(self, n_frames: Tensor, like: Tensor) -> None:
        if tuple(n_frames.shape) != (len(like),):
            raise UsageError(f"n_frames has the shape {tuple(n_frames.shape)}; a batch of {len(like)} needs one each")
        require_range("n_frames", n_frames, 1, self.config.max_frames, "a sound has at least one frame")


class _Encoder(nn.Module):
    """A spectrogram, its length and the condition to mean and log-variance of z."""

    def __init__(self, config: SpectrogramVAEConfig, n_conditions: int) -> None:
        super().__init__()
        width = config.width
        self.halvings = nn.ModuleList(
            nn.Conv1d(inputs, width, kernel_size=4, stride=2, padding=1)
            for inputs in (config.n_bins, *[width] * (_HALVINGS - 1))
        )
        self.relative = nn.Conv1d(width, width, kernel_size=3, padding=1)
        self.hidden = nn.Linear(width * _PLACES + n_conditions, 2 * width)
        self.to_mu_logvar = nn.Linear(2 * width, 2 * config.latent_dim)

    def forward(self, x: Tensor, n_frames: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, n_bins, T), n_frames (B,), condition (B, n_conditions) -> mu, logvar (B, latent_dim), float32."""
        x = torch.where(own_frames(n_frames, x.shape[2])[:, None], x, 0)
        x = F.pad(x, (0, -x.shape[2] % 2**_HALVINGS))
        for convolution in self.halvings:
            x = F.relu(convolution(x))
        relative = stretch(x, n_frames[:, None] / 2**_HALVINGS * _middles(_PLACES, x) - 0.5)  # (B, width, _PLACES)
        features = F.relu(self.relative(relative)).flatten(1)
        hidden = F.relu(self.hidden(torch.cat([features, condition.to(features.dtype)], dim=1)))
        mu, logvar = at_least_float32(self.to_mu_logvar(hidden)).chunk(2, dim=1)
        return mu, logvar


class _Decoder(nn.Module):
    """z, a length and the condition to the mean of each point of a spectrogram.

    z and the condition scale and shift the feature maps of every layer (FiLM, Perez et al. 2018, arXiv:1709.07871).
    """

    def __init__(self, config: SpectrogramVAEConfig, n_conditions: int) -> None:
        super().__init__()
        width = config.width
        self.width, self.max_frames = width, config.max_frames
        self.hidden = nn.Linear(config.latent_dim + n_conditions, 2 * width)
        self.to_features = nn.Linear(2 * width, width * _PLACES)
        self.relative = nn.Conv1d(width, width, kernel_size=3, padding=1)
        self.doublings = nn.ModuleList(
            nn.ConvTranspose1d(width, width, kernel_size=4, stride=2, padding=1) for _ in range(_HALVINGS)
        )
        self.to_scale_shift = nn.ModuleList(nn.Linear(2 * width, 2 * width) for _ in range(1 + _HALVINGS))
        self.to_mean = nn.Conv1d(width, config.n_bins, kernel_size=3, padding=1)

    def forward(self, z: Tensor, n_frames: Tensor, condition: Tensor) -> Tensor:
        """z (B, latent_dim), n_frames (B,), condition (B, n_conditions) -> (B, n_bins, max_frames)."""
        hidden = F.relu(self.hidden(torch.cat([z, condition.to(z.dtype)], dim=1)))
        x = F.relu(self.to_features(hidden)).unflatten(1, (self.width, _PLACES))
        x = self._modulated(self.relative(x), hidden, 0)
        shortest = -(-self.max_frames // 2**_HALVINGS)
        frames = torch.arange(shortest, device=z.device) + 0.5
        x = stretch(x, frames * (2**_HALVINGS * _PLACES) / n_frames[:, None] - 0.5)  # (B, width, shortest)
        for level, convolution in enumerate(self.doublings, start=1):
            x = self._modulated(convolution(x), hidden, level)
        return self.to_mean(x)[:, :, : self.max_frames]

    def _modulated(self, x: Tensor, hidden: Tensor, level: int) -> Tensor:
        scale, shift = self.to_scale_shift[level](hidden)[:, :, None].chunk(2, dim=1)
        return F.relu(x * (1 + scale) + shift)


def stretch(x: Tensor, places: Tensor) -> Tensor:
    """Values (B, C, T) at `places` (B, P) between their columns, linearly interpolated; beyond an end, its value.

    Returns: (B, C, P).
    """
    columns = torch.arange(x.shape[2], device=x.device)
    places = places.clamp(0, x.shape[2] - 1)
    weights = (1 - (places[:, None, :] - columns[:, None]).abs()).clamp(min=0)  # (B, T, P), columns that sum to 1
    return x @ weights.to(x.dtype)


def _middles(count: int, like: Tensor) -> Tensor:
    """The middles of `count` equal parts of [0, 1]."""
    return (torch.arange(count, device=like.device) + 0.5) / count

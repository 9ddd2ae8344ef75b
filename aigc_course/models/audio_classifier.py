"""A small residual classifier of sounds of any length, from their spectrograms.

Convolutions over time and frequency as in the classifier of images (`models/image_classifier.py`). Two things differ.
Frequencies are not averaged away at the end, because a tone an octave higher is another tone. And sounds are of
different lengths: what lies beyond a sound's last frame is set to zero after every layer and left out of the mean, so
a sound's result is the same whatever it is padded to, and whatever stands beside it in the batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aigc_course.errors import UsageError
from aigc_course.models.conditioning import require_shape
from aigc_course.models.image_classifier import ConvNormReLU, Residual
from aigc_course.models.settings import require_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioClassifierConfig:
    """The size of an audio classifier."""

    n_bins: int = 40  # frequencies of the spectrograms
    n_classes: int = 10
    width: int = 16  # feature maps of the first stage; they double from stage to stage
    feature_dim: int = 64  # length of the features
    stages: int = 3  # each halves frequency and time
    depth: int = 1  # residual units in each stage

    def __post_init__(self) -> None:
        require_at_least(1, width=self.width, feature_dim=self.feature_dim, stages=self.stages, depth=self.depth)
        require_at_least(2, n_classes=self.n_classes)
        if self.n_bins < 2**self.stages:
            raise ValueError(
                f"n_bins = {self.n_bins} is too small for stages = {self.stages}, each of which halves it; "
                f"it must be at least {2**self.stages}"
            )

    @property
    def fewest_frames(self) -> int:
        """What shorter sounds are filled up to with silence, so that a frame is left after the last stage."""
        return 2**self.stages


class AudioClassifier(nn.Module):
    """Spectrograms to one logit per class: stages that halve both axes, all frequencies joined, a mean over time."""

    def __init__(self, config: AudioClassifierConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * 2**stage for stage in range(config.stages)]
        self.from_spectrogram = ConvNormReLU(1, widths[0])
        self.stages = nn.ModuleList(
            Stage(before, after, config.depth) for before, after in zip([widths[0], *widths[:-1]], widths, strict=True)
        )
        self.join = nn.Conv2d(widths[-1], config.feature_dim, (config.n_bins // 2**config.stages, 1), bias=False)
        self.norm = nn.BatchNorm2d(config.feature_dim)
        self.head = nn.Linear(config.feature_dim, config.n_classes)
        self.initialise()

    def initialise(self) -> None:
        """He-normal convolutions (He et al. 2015, arXiv:1502.01852); a head that keeps the features' scale."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.kaiming_normal_(self.head.weight, nonlinearity="linear")
        nn.init.zeros_(self.head.bias)

    def forward(self, spectrograms: Tensor, n_frames: Tensor) -> Tensor:
        """Logits (B, n_classes): the head on `features`, which says what is taken."""
        return self.head(self.features(spectrograms, n_frames))

    def features(self, spectrograms: Tensor, n_frames: Tensor) -> Tensor:
        """What the head sees, the mean over the frames that belong to the sound.

        Args:
            spectrograms: (B, n_bins, T) float, 0 for silence.
            n_frames: (B,) int64 in [1, T]: how many frames belong to each sound; the others are not read.
        Returns: (B, feature_dim), >= 0.
        Raises: UsageError if a shape is wrong or a number of frames out of range.
        """
        longest = _longest(spectrograms, n_frames)
        require_shape("spectrograms", spectrograms, self.config.n_bins, longest)
        missing = max(0, self.config.fewest_frames - longest)
        x = nn.functional.pad(spectrograms, (0, missing)).unsqueeze(1)  # (B, 1, n_bins, T)
        x = x * _valid(n_frames, x)
        n_frames = n_frames.clamp(min=self.config.fewest_frames)  # filled up with silence
        x = self.from_spectrogram(x) * _valid(n_frames, x)
        for stage in self.stages:
            n_frames = n_frames // 2
            x = stage(x, n_frames)  # (B, C, n_bins / 2, T / 2), rounded down
        x = self.norm(self.join(x)).relu() * _valid(n_frames, x)  # (B, feature_dim, 1, T')
        return x.sum(dim=(2, 3)) / n_frames[:, None]


class Stage(nn.Module):
    """Half of both axes with other feature maps, then residual units, with silence after each sound's end."""

    def __init__(self, inputs: int, outputs: int, depth: int) -> None:
        super().__init__()
        self.halve = ConvNormReLU(inputs, outputs, halve=True)
        self.units = nn.Sequential(*(Residual(outputs) for _ in range(depth)))

    def forward(self, x: Tensor, n_frames: Tensor) -> Tensor:
        """(B, inputs, F, T) -> (B, outputs, F / 2, T / 2), rounded down; 0 from each sound's `n_frames` (B,) on."""
        x = self.halve(x)
        mask = _valid(n_frames, x)
        x = x * mask
        for unit in self.units:
            x = unit(x) * mask
        return x


def _longest(spectrograms: Tensor, n_frames: Tensor) -> int:
    """T of the spectrograms. Raises: UsageError where n_frames doesn't fit them."""
    longest = spectrograms.shape[-1]
    if n_frames.shape != (len(spectrograms),) or n_frames.is_floating_point():
        raise UsageError(
            f"n_frames must be one whole number per spectrogram, shape ({len(spectrograms)},), but is "
            f"{n_frames.dtype} {tuple(n_frames.shape)}"
        )
    if len(n_frames) and not (n_frames.min() >= 1 and n_frames.max() <= longest):
        raise UsageError(f"n_frames must be in [1, {longest}], but go from {n_frames.min()} to {n_frames.max()}")
    return longest


def _valid(n_frames: Tensor, x: Tensor) -> Tensor:
    """(B, 1, 1, T) of the type of `x` (B, C, F, T): 1 where a frame belongs to its sound, else 0."""
    frames = torch.arange(x.shape[-1], device=x.device)
    return (frames < n_frames[:, None])[:, None, None].to(x.dtype)

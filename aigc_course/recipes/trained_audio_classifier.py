"""A trained classifier of sounds for use: features to measure sets of sounds by, and probabilities of classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aigc_course.audio import SpectrogramConfig
from aigc_course.config import from_dict
from aigc_course.errors import UsageError
from aigc_course.models.audio_classifier import AudioClassifier, AudioClassifierConfig
from aigc_course.recipes.log_mel import log_mel
from aigc_course.recipes.recipe import weights_of
from aigc_course.recipes.runs import Run, checkpoint_of
from aigc_course.recipes.trained_classifier import exact_convolutions, require_batch_size
from aigc_course.training import checkpoint

NAME = "audio-classifier"


class TrainedAudioClassifier:
    """A classifier in evaluation mode, in float32, on one device; results come back on the CPU.

    Waveforms are (N, T) floating point; `lengths` (N,) says how many samples belong to each sound, and the others are
    not read. Loudness and a constant offset change nothing. Each sound's result depends on that sound alone, up to
    float32 rounding; `batch_size` bounds the memory and decides nothing else.
    """

    def __init__(
        self,
        model: nn.Module,
        config: AudioClassifierConfig,
        spectrogram: SpectrogramConfig,
        class_names: tuple[str, ...] = (),
        data_name: str = "",
    ) -> None:
        self.model = model
        self.config = config
        self.spectrogram = spectrogram
        self.class_names = class_names
        self.data_name = data_name  # the set that it was trained on; "" where nobody knows
        self.device = next(model.parameters()).device

    @property
    def sample_rate_hz(self) -> int:
        """Of the sounds that it takes."""
        return self.spectrogram.sample_rate_hz

    @property
    def feature_dim(self) -> int:
        """D, the length of a sound's features."""
        return self.config.feature_dim

    def features(self, waveforms: Tensor, lengths: Tensor, sample_rate_hz: int, batch_size: int = 100) -> Tensor:
        """(N, D) float32, >= 0: what the last layer sees. Raises: UsageError for sounds that it doesn't take."""
        return self._apply(self.model.features, waveforms, lengths, sample_rate_hz, batch_size)  # type: ignore[arg-type]

    def logits(self, waveforms: Tensor, lengths: Tensor, sample_rate_hz: int, batch_size: int = 100) -> Tensor:
        """(N, K) float32. Raises: UsageError for sounds that it doesn't take."""
        return self._apply(self.model, waveforms, lengths, sample_rate_hz, batch_size)

    def probabilities(self, waveforms: Tensor, lengths: Tensor, sample_rate_hz: int, batch_size: int = 100) -> Tensor:
        """(N, K) float32, rows that sum to 1. Raises: UsageError for sounds that it doesn't take."""
        return self.logits(waveforms, lengths, sample_rate_hz, batch_size).softmax(dim=1)

    @torch.no_grad()
    def classes_of(self, features: Tensor) -> Tensor:
        """(N,) int64: the likeliest class of `features` (N, D)."""
        head: nn.Linear = self.model.head  # type: ignore[assignment]
        return head(features.to(self.device)).argmax(dim=1).cpu()

    @torch.no_grad()
    def _apply(
        self,
        function: Callable[[Tensor, Tensor], Tensor],
        waveforms: Tensor,
        lengths: Tensor,
        sample_rate_hz: int,
        batch_size: int,
    ) -> Tensor:
        self._require_sounds(waveforms, lengths, sample_rate_hz)
        require_batch_size(batch_size)
        results = []
        with exact_convolutions():
            for part, of_part in zip(waveforms.split(batch_size), lengths.split(batch_size), strict=True):
                seen = log_mel(
                    part[:, : int(of_part.max())].to(self.device).float(), of_part.to(self.device), self.spectrogram
                )
                results.append(function(*seen).float().cpu())
        return torch.cat(results)

    def _require_sounds(self, waveforms: Tensor, lengths: Tensor, sample_rate_hz: int) -> None:
        """Raise UsageError unless these are sounds that the classifier takes."""
        if sample_rate_hz != self.sample_rate_hz:
            raise UsageError(
                f"the sounds have {sample_rate_hz:,} samples a second, but this classifier was trained at "
                f"{self.sample_rate_hz:,}: pass audio.resample(waveforms, {sample_rate_hz}, {self.sample_rate_hz}) "
                "and lengths in those samples"
            )
        if waveforms.ndim != 2 or not waveforms.is_floating_point():
            raise UsageError(
                f"waveforms must be floating point (N, T), but are {waveforms.dtype} {tuple(waveforms.shape)}"
            )
        if waveforms.numel() == 0:
            raise UsageError(f"there are no sounds: the shape is {tuple(waveforms.shape)}")
        if lengths.shape != waveforms.shape[:1] or lengths.dtype != torch.int64:
            raise UsageError(
                f"lengths must be int64, one per sound, shape ({len(waveforms)},), but are {lengths.dtype} "
                f"{tuple(lengths.shape)}"
            )
        if not (lengths.min() >= 1 and lengths.max() <= waveforms.shape[1]):
            raise UsageError(
                f"lengths must be in [1, {waveforms.shape[1]}], but go from {lengths.min()} to {lengths.max()}"
            )
        if not waveforms.isfinite().all():
            raise UsageError("waveforms hold NaN or infinity, as of a model that diverged; look where they come from")


def load_audio_classifier(run: Run | str | Path, device: torch.device | str = "cpu") -> TrainedAudioClassifier:
    """The classifier in a run of `audio-classifier`: a `Run`, its directory, or a checkpoint file; used on `device`.

    Raises: CheckpointError when there is none, it is damaged, or the run is of another recipe.
    """
    return from_tree(*checkpoint_of(NAME, run), device)


def from_tree(tree: dict[str, Any], where: str, device: torch.device | str = "cpu") -> TrainedAudioClassifier:
    """The classifier in a loaded checkpoint. Raises: CheckpointError when the weights don't fit."""
    config = from_dict(AudioClassifierConfig, tree["config"]["model"])
    model = AudioClassifier(config)
    checkpoint.load_weights(model, weights_of(tree), where)
    model = model.to(device).eval().requires_grad_(False)
    data = tree["config"]["data"]
    spectrogram = from_dict(SpectrogramConfig, data["spectrogram"])
    return TrainedAudioClassifier(model, config, spectrogram, tuple(data["class_names"]), data["name"])

"""A trained vocoder for use: log-spectrograms to waveforms, as `audio.invert` does it without learning."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aigc_course.audio import SpectrogramConfig, band_filters
from aigc_course.config import from_dict
from aigc_course.errors import UsageError
from aigc_course.models.vocoder import Vocoder, VocoderConfig
from aigc_course.recipes.recipe import weights_of
from aigc_course.recipes.runs import Run, checkpoint_of
from aigc_course.recipes.trained_classifier import exact_convolutions
from aigc_course.training import checkpoint

NAME = "vocoder"


class TrainedVocoder:
    """A vocoder in evaluation mode, in float32, on one device; results come back on the CPU."""

    def __init__(self, model: Vocoder, spectrogram: SpectrogramConfig) -> None:
        self.model, self.spectrogram = model, spectrogram

    @torch.no_grad()
    def waveforms(self, log_spec: Tensor, *, length: int | None = None) -> Tensor:
        """Waveforms whose log_spectrogram is close to `log_spec`, the same ones for the same batch.

        Whatever is at or below floor_db is silence. Silent frames behind a sound's own, and what else stands in the
        batch, are no input to it; but a rounding error may bring another sound as near to the spectrogram.

        Args: log_spec: (B, n_bins, n_frames) in dB, as `audio.log_spectrogram` gives it with `spectrogram`. length:
            samples to return, the end cut or filled with zeros; None: (n_frames - 1) * hop_length.
        Returns: (B, T) float32, finite; may exceed [-1, 1] (`audio.normalise_peak`).
        Raises: UsageError if the shape is wrong or a value is not finite.
        """
        if not log_spec.isfinite().all():
            raise UsageError("log_spec has values that are not finite; look where they became inf or nan")
        device = self.model.bands.device
        with exact_convolutions():
            waveforms = self.model.waveforms(log_spec.to(device).float()).cpu()
        return waveforms if length is None else torch.nn.functional.pad(waveforms, (0, length - waveforms.shape[1]))


def load_vocoder(run: Run | str | Path, device: torch.device | str = "cpu") -> TrainedVocoder:
    """The vocoder in a run of `vocoder`: a `Run`, its directory, or a checkpoint file; used on `device`.

    Raises: CheckpointError when there is none, it is damaged, or the run is of another recipe.
    """
    return from_tree(*checkpoint_of(NAME, run), device)


def from_tree(tree: dict[str, Any], where: str, device: torch.device | str = "cpu") -> TrainedVocoder:
    """The vocoder in a loaded checkpoint. Raises: CheckpointError when the weights don't fit."""
    spectrogram = from_dict(SpectrogramConfig, tree["config"]["data"]["spectrogram"])
    model = untrained(from_dict(VocoderConfig, tree["config"]["model"]), spectrogram)
    checkpoint.load_weights(model, weights_of(tree), where)
    return TrainedVocoder(model.to(device).eval().requires_grad_(False), spectrogram)


def untrained(config: VocoderConfig, spectrogram: SpectrogramConfig) -> Vocoder:
    """A vocoder of these spectrograms with fresh weights."""
    return Vocoder(config, band_filters(spectrogram))


def require_same_spectrogram(vocoder: SpectrogramConfig, needed: SpectrogramConfig) -> None:
    """Raise UsageError, which names what differs, unless a vocoder takes the spectrograms that are made."""
    theirs, ours = asdict(vocoder), asdict(needed)
    differ = [f"{name} {theirs[name]} in the place of {ours[name]}" for name in ours if theirs[name] != ours[name]]
    if differ:
        raise UsageError(
            f"the vocoder takes other spectrograms: {', '.join(differ)}; train one on these "
            f"(aigc-course train {NAME} with the same spectrogram settings), or leave the vocoder out"
        )

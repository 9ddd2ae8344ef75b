"""The model of `audio-vae`: fitted to its data, with the vocoder that was asked for, and rebuilt from a checkpoint."""

import dataclasses
from typing import Any

from aigc_course import config
from aigc_course.data.sets import AudioSet
from aigc_course.models.audio_vae import SpectrogramVAE, SpectrogramVAEConfig
from aigc_course.models.vocoder import Vocoder, VocoderConfig
from aigc_course.recipes.audio_vae_settings import AudioVAESettings
from aigc_course.recipes.sound_vae import several
from aigc_course.recipes.spectrogram_scale import Scale
from aigc_course.recipes.trained_vocoder import load_vocoder, require_same_spectrogram, untrained


def fitting_model(settings: AudioVAESettings, dataset: AudioSet, scale: Scale) -> SpectrogramVAEConfig:
    """The settings' model with the spectrogram's size and the data's numbers of classes and speakers."""
    return dataclasses.replace(
        settings.model,
        n_bins=scale.n_rows,
        max_frames=scale.max_frames,
        n_classes=several(dataset.class_names),
        n_speakers=several(dataset.speaker_names),
    )


def trained_vocoder(settings: AudioVAESettings, scale: Scale) -> Vocoder | None:
    """The vocoder of `settings.vocoder`, if any. Raises: CheckpointError when there is none such, UsageError when it
    takes other spectrograms."""
    if not settings.vocoder:
        return None
    found = load_vocoder(settings.vocoder)
    require_same_spectrogram(found.spectrogram, scale.spectrogram)
    return found.model


def rebuild(tree: dict[str, Any]) -> SpectrogramVAE:
    """The model of a loaded checkpoint, without its weights."""
    model_config, data = config.from_dict(SpectrogramVAEConfig, tree["config"]["model"]), tree["config"]["data"]
    if not data.get("vocoder"):
        return SpectrogramVAE(model_config)
    spectrogram = config.from_dict(Scale, data["scale"]).spectrogram
    return SpectrogramVAE(model_config, untrained(config.from_dict(VocoderConfig, data["vocoder"]), spectrogram))

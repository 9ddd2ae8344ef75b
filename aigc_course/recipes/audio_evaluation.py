"""What generated sounds are worth beside held-out real ones, by a classifier that was trained on real ones."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course.audio import log_spectrogram, normalise_peak
from aigc_course.data.batches import generator
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError
from aigc_course.metrics import log_spectral_distance, mean_and_standard_error
from aigc_course.recipes.classification import require_same_data
from aigc_course.recipes.image_evaluation import frechet_scores
from aigc_course.recipes.runs import Run
from aigc_course.recipes.spectrogram_scale import Scale, Sounds
from aigc_course.recipes.trained_audio_classifier import NAME, TrainedAudioClassifier, load_audio_classifier

GivenAudioClassifier = TrainedAudioClassifier | Run | str | Path


def speech_quality(
    waveforms: Tensor,
    lengths: Tensor,
    labels: Tensor,
    dataset: AudioSet,
    classifier: TrainedAudioClassifier,
    *,
    seed: int = 0,
) -> dict[str, float]:
    """How often generated sounds are named as what was asked for, and how far their features are from real ones'.

    The Fréchet distance is that of n generated sounds and n of the test split, and its floor that of n and n of the
    test split: n = min(N, half of the test split). Silence before and after a sound is not heard, so `lengths` may be
    those of the window that a model fills.

    Args:
        waveforms: (N, T) floating point, at the data's sample rate. lengths: (N,) samples of each sound.
        labels: (N,) int64, the classes that were asked for.
        dataset: what the generator and the classifier learned from.  seed: chooses which sounds are compared.
    Returns:
        `class_accuracy` of the N sounds, and its standard error; `real_class_accuracy` of the test split, and its own;
        `n`; `feature_dim`; `frechet_distance`, `frechet_floor`, `frechet_floor_deviation` and `frechet_over_floor`, as
        in `image_evaluation.image_quality`, left out unless n > feature_dim.
    Raises: UsageError where sounds, labels, data and classifier don't belong together, or there are fewer than two.
    """
    require_fitting(dataset, classifier)
    if labels.shape != (len(waveforms),) or len(labels) < 2:
        raise UsageError(
            f"labels must be one per sound, and of two sounds or more, but there are {len(waveforms)} sounds and "
            f"labels {tuple(labels.shape)}"
        )
    real_waveforms, real_lengths, real_labels = dataset.split("test")
    fake = classifier.features(waveforms, lengths, dataset.sample_rate_hz)
    real = classifier.features(real_waveforms, real_lengths, dataset.sample_rate_hz)
    result = _accuracy("class_accuracy", classifier.classes_of(fake), labels.cpu())
    result |= _accuracy("real_class_accuracy", classifier.classes_of(real), real_labels)
    n = min(len(fake), len(real) // 2)
    result |= {"n": n, "feature_dim": classifier.feature_dim}
    if n > classifier.feature_dim:
        source = generator(seed, "speech quality", 0)
        chosen = torch.randperm(len(fake), generator=source)[:n]
        held_out = torch.randperm(len(real), generator=source)[: 2 * n]
        result |= frechet_scores(real[held_out], fake[chosen], source)
    return result


def inversion_ceiling(dataset: AudioSet, scale: Scale, classifier: TrainedAudioClassifier) -> dict[str, float]:
    """What is left of real test sounds after their own way to a spectrogram and back to sound.

    No model of these spectrograms can be expected to do better.

    Args: scale: the way, at the data's sample rate.
    Returns: `inversion_accuracy` and its standard error; `log_spectral_distance_db`: the mean distance between the
        sounds' log_spectrogram, in mel bands where the scale's has them, before and after.
    Raises: UsageError where data and classifier don't belong together.
    """
    require_fitting(dataset, classifier)
    waveforms, lengths, labels = dataset.split("test")
    again = scale.there_and_back(Sounds(waveforms, lengths), seed=0)
    width = max(2 * scale.spectrogram.n_fft, waveforms.shape[1], again.waveforms.shape[1])
    before, after = (
        log_spectrogram(F.pad(sounds, (0, width - sounds.shape[1])), scale.spectrogram)
        for sounds in (normalise_peak(waveforms), again.waveforms)
    )
    distance = log_spectral_distance(before, after, 1 + again.lengths // scale.spectrogram.hop_length)
    named = classifier.logits(*again, dataset.sample_rate_hz).argmax(dim=1)
    return _accuracy("inversion_accuracy", named, labels) | {"log_spectral_distance_db": distance.mean().item()}


def speech_report(
    sounds: Sounds, labels: Tensor, dataset: AudioSet, scale: Scale, classifier: TrainedAudioClassifier
) -> dict[str, float]:
    """`speech_quality` of generated sounds, the `inversion_ceiling` of their scale, and their ratio.

    `accuracy_over_ceiling` is class_accuracy / inversion_accuracy, left out where the ceiling is 0.
    """
    result = speech_quality(*sounds, labels, dataset, classifier) | inversion_ceiling(dataset, scale, classifier)
    if result["inversion_accuracy"] > 0:
        result["accuracy_over_ceiling"] = result["class_accuracy"] / result["inversion_accuracy"]
    return result


def audio_classifier_of(dataset: AudioSet, given: GivenAudioClassifier, device: torch.device) -> TrainedAudioClassifier:
    """The classifier that was given, loaded onto `device` where it is a run's. Raises: as `require_fitting`."""
    classifier = given if isinstance(given, TrainedAudioClassifier) else load_audio_classifier(given, device)
    require_fitting(dataset, classifier)
    return classifier


def require_fitting(dataset: AudioSet, classifier: TrainedAudioClassifier) -> None:
    """Raise UsageError unless the classifier was trained on sounds like those of `dataset`, with the same classes."""
    train_one = f"train one on the same data: aigc-course train {NAME} --data {dataset.name}"
    if classifier.sample_rate_hz != dataset.sample_rate_hz:
        raise UsageError(
            f"the classifier takes {classifier.sample_rate_hz:,} samples a second, but {dataset.name} has "
            f"{dataset.sample_rate_hz:,}; {train_one}"
        )
    require_same_data(dataset, classifier, train_one)


def _accuracy(name: str, named: Tensor, labels: Tensor) -> dict[str, float]:
    accuracy, standard_error = mean_and_standard_error((named == labels).double())
    return {name: accuracy, f"{name}_standard_error": standard_error}

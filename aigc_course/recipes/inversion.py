"""What ways from a spectrogram back to sound are worth, on real sounds, whose spectrograms are known."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course.audio import SpectrogramConfig, log_spectrogram, normalise_peak
from aigc_course.data import dtmf_digits
from aigc_course.data.sets import AudioSet
from aigc_course.losses.spectral import multi_resolution_stft_loss
from aigc_course.metrics import log_spectral_distance, mean_and_standard_error
from aigc_course.recipes.audio_evaluation import require_fitting
from aigc_course.recipes.trained_audio_classifier import TrainedAudioClassifier

_AT_ONCE = 50  # sounds, inverted together

Way = Callable[[Tensor], Tensor]
"""log_spectrogram (B, n_bins, n_frames) in dB -> waveforms (B, (n_frames - 1) * hop_length)."""


@torch.no_grad()
def compare_inversions(
    dataset: AudioSet,
    spectrogram: SpectrogramConfig,
    ways: Mapping[str, Way],
    classifier: TrainedAudioClassifier | None = None,
) -> dict[str, float]:
    """What is left of real test sounds, scaled to peak 0.95, after their way to a spectrogram and back.

    Args: spectrogram: at the data's sample rate.  ways: by name.
    Returns: for each way
        `…_log_spectral_distance_db`: between the spectrograms before and after, the mean of all sounds;
        `…_linear_distance_db`: the same of spectrograms without bands, which show what bands hide (harmonics);
        `…_stft_loss`: `multi_resolution_stft_loss` by windows half as long, as long, and twice as long as the
        spectrogram's, as vocoders are often measured;
        `…_times_real_time`: seconds of sound made in a second, padding included, on this machine;
        with a classifier `…_accuracy`, its standard error, and `…_divergence_nats`: the mean Kullback-Leibler
        divergence from its probabilities for the sounds before, which tells ways apart where all sounds are
        understood; and `real_accuracy` of the sounds before;
        on dtmf-digits `…_label_accuracy`: how often the exchange decodes the right digit; and `real_label_accuracy`.
    Raises: UsageError where data and classifier don't belong together.
    """
    if classifier is not None:
        require_fitting(dataset, classifier)
    waveforms, lengths, labels = dataset.split("test")
    waveforms = normalise_peak(waveforms)
    result = _understood("real", waveforms, waveforms, lengths, labels, dataset, classifier)
    for name, way in ways.items():
        again, measured = _there_and_back(way, waveforms, lengths, spectrogram)
        result |= {f"{name}_{what}": value for what, value in measured.items()}
        result |= _understood(name, again, waveforms, lengths, labels, dataset, classifier)
    return result


def _there_and_back(
    way: Way, waveforms: Tensor, lengths: Tensor, spectrogram: SpectrogramConfig
) -> tuple[Tensor, dict[str, float]]:
    """What a way makes of waveforms (N, T), silent after their ends, and how near and how fast that is."""
    again, seconds, made = torch.zeros_like(waveforms), 0.0, 0
    distances: dict[str, list[Tensor]] = {"log_spectral_distance_db": [], "linear_distance_db": []}
    n_fft, hop = spectrogram.n_fft, spectrogram.hop_length
    resolutions = [(n_fft // 2, max(1, hop // 2)), (n_fft, hop), (2 * n_fft, 2 * hop)]
    losses = []
    for rows in torch.arange(len(waveforms)).split(_AT_ONCE):
        ends = lengths[rows]
        width = max(int(ends.max()), 2 * n_fft)
        before = F.pad(waveforms[rows], (0, width))[:, :width]
        seen = log_spectrogram(before, spectrogram)
        begin = time.perf_counter()
        sounds = way(seen)
        seconds += time.perf_counter() - begin
        made += sounds.numel()
        sounds = F.pad(sounds, (0, width - sounds.shape[1]))
        sounds = torch.where(torch.arange(width) < ends[:, None], sounds, 0)
        linear = dataclasses.replace(spectrogram, n_mels=0)
        for of_one, config in zip(distances.values(), (spectrogram, linear), strict=True):
            real, fake = log_spectrogram(before, config), log_spectrogram(sounds, config)
            of_one.append(log_spectral_distance(real, fake, 1 + ends // config.hop_length))
        losses.append(multi_resolution_stft_loss(sounds, before, resolutions, spectrogram.floor_db))
        kept = min(width, waveforms.shape[1])
        again[rows, :kept] = sounds[:, :kept]
    result = {name: torch.cat(of_one).mean().item() for name, of_one in distances.items()}
    result["stft_loss"] = torch.cat(losses).mean().item()
    return again, result | {"times_real_time": made / spectrogram.sample_rate_hz / seconds}


def _understood(
    name: str,
    sounds: Tensor,
    before: Tensor,
    lengths: Tensor,
    labels: Tensor,
    dataset: AudioSet,
    classifier: TrainedAudioClassifier | None,
) -> dict[str, float]:
    """How often sounds are taken for what they are, and how far that is from what the sounds before are taken for."""
    result = {}
    if dataset.name == dtmf_digits.NAME:
        decoded = dtmf_digits.grade(sounds, labels)["label_accuracy"]
        result[f"{name}_label_accuracy"] = cast(float, decoded)
    if classifier is not None:
        logits, reference = (
            classifier.logits(sound, lengths, dataset.sample_rate_hz).double().log_softmax(dim=1)
            for sound in (sounds, before)
        )
        accuracy, standard_error = mean_and_standard_error((logits.argmax(dim=1) == labels).double())
        result |= {f"{name}_accuracy": accuracy, f"{name}_accuracy_standard_error": standard_error}
        if sounds is not before:
            divergence = (reference.exp() * (reference - logits)).sum(dim=1)
            result[f"{name}_divergence_nats"] = divergence.mean().item()
    return result

"""Ways from a spectrogram back to sound: a perfect one has no distance, a worse one more."""

from functools import partial

import pytest
import torch

from aigc_course.audio import SpectrogramConfig, invert, normalise_peak
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError
from aigc_course.models.audio_classifier import AudioClassifier, AudioClassifierConfig
from aigc_course.recipes.inversion import compare_inversions
from aigc_course.recipes.trained_audio_classifier import TrainedAudioClassifier

SPECTROGRAM = SpectrogramConfig(n_mels=40)


def tones(count: int = 6, name: str = "tones") -> AudioSet:
    """Two tones in noise, of different lengths."""
    source = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    lengths = torch.randint(1200, 1601, (count,), generator=source)
    hz = torch.tensor([440.0, 1210.0])[labels]
    sound = 0.3 * torch.sin(2 * torch.pi * hz[:, None] * torch.arange(1600) / 8000)
    sound = sound + 0.01 * torch.randn(count, 1600, generator=source)
    return AudioSet(
        name=name,
        sample_rate_hz=8000,
        waveforms={"test": torch.where(torch.arange(1600) < lengths[:, None], sound, 0)},
        lengths={"test": lengths},
        labels={"test": labels},
        class_names=("low", "high"),
    )


def classifier(data_name: str = "tones") -> TrainedAudioClassifier:
    torch.manual_seed(0)
    config = AudioClassifierConfig(n_classes=2, width=2, feature_dim=4)
    spectrogram = SpectrogramConfig(hop_length=80, n_mels=40, floor_db=-60.0)
    return TrainedAudioClassifier(AudioClassifier(config).eval(), config, spectrogram, ("low", "high"), data_name)


def the_sounds_themselves(dataset: AudioSet) -> torch.Tensor:
    return normalise_peak(dataset.split("test")[0])[:, : 1600 // 64 * 64]


def test_a_perfect_way_leaves_everything() -> None:
    dataset = tones()
    result = compare_inversions(dataset, SPECTROGRAM, {"kept": lambda _: the_sounds_themselves(dataset)}, classifier())
    assert result["kept_log_spectral_distance_db"] == pytest.approx(0, abs=0.01)
    assert result["kept_linear_distance_db"] == pytest.approx(0, abs=0.01)
    assert result["kept_stft_loss"] == pytest.approx(0, abs=0.01)
    assert result["kept_divergence_nats"] == pytest.approx(0, abs=1e-6)
    assert result["kept_accuracy"] == result["real_accuracy"]
    assert result["kept_times_real_time"] > 0
    assert not any("label" in name for name in result)


def test_a_louder_sound_is_so_many_db_away() -> None:
    dataset = tones()
    loud = SpectrogramConfig(n_mels=40, floor_db=-200.0)
    result = compare_inversions(dataset, loud, {"half": lambda _: the_sounds_themselves(dataset) / 2})
    # the noise behind a sound's end is no part of it: its last frames reach beyond
    assert result["half_log_spectral_distance_db"] == pytest.approx(6.02, abs=0.1)
    assert result["half_linear_distance_db"] == pytest.approx(6.02, abs=0.1)
    assert "real_accuracy" not in result


def test_more_rounds_of_griffin_lim_are_nearer_and_slower() -> None:
    ways = {f"gl{n}": partial(invert, config=SPECTROGRAM, n_iterations=n) for n in (1, 32)}
    result = compare_inversions(tones(), SPECTROGRAM, ways, classifier())
    for name in ("log_spectral_distance_db", "linear_distance_db", "stft_loss", "times_real_time"):
        assert result[f"gl1_{name}"] > result[f"gl32_{name}"] > 0, name


def test_what_is_after_a_sounds_end_is_not_measured() -> None:
    dataset = tones()
    sounds = the_sounds_themselves(dataset)
    hissing = torch.where(torch.arange(1600) < dataset.lengths["test"][:, None], sounds, 0.5)
    result = compare_inversions(dataset, SPECTROGRAM, {"hissing": lambda _: hissing})
    assert result["hissing_log_spectral_distance_db"] == pytest.approx(0, abs=0.01)


def test_the_exchange_decodes_its_own_set(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = tones(name="dtmf-digits")
    monkeypatch.setattr("aigc_course.data.dtmf_digits.grade", lambda sounds, _: {"label_accuracy": len(sounds)})
    result = compare_inversions(dataset, SPECTROGRAM, {"kept": lambda _: the_sounds_themselves(dataset)})
    assert result["kept_label_accuracy"] == result["real_label_accuracy"] == 6


def test_a_classifier_of_other_sounds_is_refused() -> None:
    with pytest.raises(UsageError, match="trained on words, not on tones"):
        compare_inversions(tones(), SPECTROGRAM, {}, classifier("words"))

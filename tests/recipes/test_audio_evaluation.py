"""What generated sounds are worth: real ones score as real ones, wrong ones worse; the ceiling of an inversion."""

import dataclasses

import pytest
import torch

from aigc_course import recipes
from aigc_course.audio import SpectrogramConfig
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError
from aigc_course.recipes import audio_classifier, held_out_speakers
from aigc_course.recipes.audio_evaluation import inversion_ceiling, speech_quality, speech_report
from aigc_course.recipes.held_out_speakers import speaker_held_out_accuracy
from aigc_course.recipes.spectrogram_scale import Representation, Scale, Sounds
from aigc_course.recipes.trained_audio_classifier import TrainedAudioClassifier, load_audio_classifier

RATE = 8000


def tones(counts: dict[str, int], seed: int = 0) -> AudioSet:
    """Three words, each a tone of its own a little off in height, in noise, of different lengths; by two speakers."""
    source = torch.Generator().manual_seed(seed)
    splits: dict[str, dict[str, torch.Tensor]] = {name: {} for name in ("waveforms", "lengths", "labels", "speakers")}
    for split, n in counts.items():
        labels = torch.arange(n) % 3
        lengths = torch.randint(1200, 1600, (n,), generator=source)
        hz = torch.tensor([400.0, 1000.0, 2200.0])[labels] * (1 + 0.05 * torch.randn(n, generator=source))
        waveforms = 0.5 * torch.sin(2 * torch.pi * hz[:, None] * torch.arange(1600) / RATE)
        waveforms = (waveforms + 0.02 * torch.randn(n, 1600, generator=source)).clamp(-1, 1)
        splits["waveforms"][split] = torch.where(torch.arange(1600) < lengths[:, None], waveforms, 0)
        splits["lengths"][split], splits["labels"][split] = lengths, labels
        splits["speakers"][split] = torch.arange(n) // 3 % 2
    return AudioSet(
        name="tones",
        sample_rate_hz=RATE,
        class_names=("low", "middle", "high"),
        speaker_names=("ann", "ben"),
        **splits,
    )


DATASET = tones({"train": 96, "validation": 12, "test": 60})


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> TrainedAudioClassifier:
    """Trained until it knows the three tones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audio_classifier, "load_set", lambda *_: DATASET)
        overrides = ["loop.steps=40", "loop.batch_size=24", "loop.warmup_steps=10", "changes.moved_bins=0"]
        run = recipes.train(
            "audio-classifier",
            profile="smoke",
            run_dir=tmp_path_factory.mktemp("run") / "run",
            overrides=[*overrides, "changes.masked_bins=0", "model.width=4"],
        )
    return load_audio_classifier(run)


def test_real_sounds_score_as_real_ones(classifier: TrainedAudioClassifier) -> None:
    other = tones({"test": 60}, seed=1).split("test")
    result = speech_quality(*other, DATASET, classifier)
    assert result["class_accuracy"] == result["real_class_accuracy"] == 1.0
    assert result["class_accuracy_standard_error"] == 0.0
    assert result["n"] == 30 and result["feature_dim"] == 8
    assert 0 < result["frechet_over_floor"] < 3
    assert result["frechet_floor_deviation"] > 0


def test_wrong_words_and_noise_score_worse(classifier: TrainedAudioClassifier) -> None:
    waveforms, lengths, labels = tones({"test": 60}, seed=1).split("test")
    swapped = torch.where(labels == 0, 1, labels)
    result = speech_quality(waveforms, lengths, swapped, DATASET, classifier)
    assert result["class_accuracy"] == pytest.approx(2 / 3)
    assert result["class_accuracy_standard_error"] == pytest.approx((2 / 9 / 59) ** 0.5)
    noise = 0.3 * torch.randn(waveforms.shape, generator=torch.Generator().manual_seed(0))
    result = speech_quality(noise, lengths, labels, DATASET, classifier)
    assert result["class_accuracy"] < 0.7 and result["real_class_accuracy"] == 1.0
    assert result["frechet_over_floor"] > 10


def test_the_seed_chooses_which_are_compared(classifier: TrainedAudioClassifier) -> None:
    other = tones({"test": 60}, seed=1).split("test")
    first, again, seeded = (speech_quality(*other, DATASET, classifier, seed=s) for s in (0, 0, 1))
    assert first == again and first["frechet_distance"] != seeded["frechet_distance"]


def test_too_few_sounds_for_a_distance_leave_it_out(classifier: TrainedAudioClassifier) -> None:
    waveforms, lengths, labels = DATASET.split("test")
    result = speech_quality(waveforms[:8], lengths[:8], labels[:8], DATASET, classifier)
    assert result["n"] == 8 and "frechet_distance" not in result
    with pytest.raises(UsageError, match=r"8 sounds and labels \(7,\)"):
        speech_quality(waveforms[:8], lengths[:8], labels[:7], DATASET, classifier)


def scale_of(
    spectrogram: SpectrogramConfig, representation: Representation = "magnitude", iterations: int = 16
) -> Scale:
    scale = Scale.measure(Sounds(*DATASET.split("train")[:2]), spectrogram, 26, representation)
    return dataclasses.replace(scale, iterations=16)


@pytest.mark.parametrize("n_mels", [0, 40])
def test_the_way_to_a_spectrogram_and_back_keeps_tones(classifier: TrainedAudioClassifier, n_mels: int) -> None:
    scale = scale_of(SpectrogramConfig(n_mels=n_mels))
    result = inversion_ceiling(DATASET, scale, classifier)
    assert result["inversion_accuracy"] == 1.0
    assert 0.1 < result["log_spectral_distance_db"] < 12
    assert result == inversion_ceiling(DATASET, scale, classifier)
    worse = inversion_ceiling(DATASET, dataclasses.replace(scale, iterations=1), classifier)
    assert worse["log_spectral_distance_db"] > result["log_spectral_distance_db"]


def test_with_the_phases_nothing_is_lost(classifier: TrainedAudioClassifier) -> None:
    levels, phases = (
        inversion_ceiling(DATASET, scale_of(SpectrogramConfig(), what), classifier) for what in ("magnitude", "complex")
    )
    assert phases["inversion_accuracy"] == 1.0
    assert phases["log_spectral_distance_db"] < 0.8 * levels["log_spectral_distance_db"]


def test_a_spectrogram_that_keeps_nothing_has_a_low_ceiling(classifier: TrainedAudioClassifier) -> None:
    deaf = dataclasses.replace(scale_of(SpectrogramConfig(n_fft=16, hop_length=8, n_mels=1)), max_frames=201)
    assert inversion_ceiling(DATASET, deaf, classifier)["inversion_accuracy"] < 0.8


def test_a_report_sets_the_accuracy_beside_its_ceiling(classifier: TrainedAudioClassifier) -> None:
    sounds, labels = Sounds(*tones({"test": 60}, seed=1).split("test")[:2]), DATASET.labels["test"]
    scale = scale_of(SpectrogramConfig())
    report = speech_report(sounds, labels.roll(1), DATASET, scale, classifier)
    assert report["class_accuracy"] == report["accuracy_over_ceiling"] == 0.0 and report["inversion_accuracy"] == 1.0
    deaf = dataclasses.replace(scale, mean=-1000.0)  # all that it gives back is silence
    report = speech_report(sounds, labels, DATASET, deaf, classifier)
    assert report["class_accuracy"] == 1.0
    assert report["accuracy_over_ceiling"] == pytest.approx(1 / report["inversion_accuracy"])


def test_a_classifier_of_other_sounds_is_refused(classifier: TrainedAudioClassifier) -> None:
    sounds = DATASET.split("test")
    for change, message in (
        ({"sample_rate_hz": 16000}, r"takes 8,000 samples a second, but tones has 16,000; train one on the same data"),
        ({"name": "others"}, "trained on tones, not on others"),
        ({"class_names": ("a", "b", "c")}, "knows the classes low, middle, high, but those of tones are a, b, c"),
    ):
        other = dataclasses.replace(DATASET, **change)
        with pytest.raises(UsageError, match=message):
            speech_quality(*sounds, other, classifier)
        with pytest.raises(UsageError, match=message):
            inversion_ceiling(other, scale_of(SpectrogramConfig()), classifier)


def test_every_speaker_is_held_out_once(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    for module in (audio_classifier, held_out_speakers):
        monkeypatch.setattr(module, "load_set", lambda *_: DATASET)
    result = speaker_held_out_accuracy(tmp_path, profile="smoke", overrides=["loop.steps=2"])
    accuracies = [result["accuracy_ann"], result["accuracy_ben"]]
    assert result["speaker_held_out_accuracy"] == pytest.approx(sum(accuracies) / 2)
    assert result["speaker_held_out_accuracy_standard_error"] == pytest.approx(abs(accuracies[0] - accuracies[1]) / 2)
    assert accuracies[1] == recipes.evaluate(tmp_path / "ben")["test_accuracy"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ann", "ben"]


def test_nobody_to_hold_out_is_said(tmp_path) -> None:
    with pytest.raises(UsageError, match="dtmf-digits names 0 speakers; to hold one out there must be two or more"):
        speaker_held_out_accuracy(tmp_path, profile="smoke")

"""audio-classifier: its loss, its batches, a run from start to card, and the classifier that the metrics use."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import aigc_course as aigc
from aigc_course import recipes
from aigc_course.data.dtmf_digits import make_dtmf_digits
from aigc_course.data.sets import AudioSet
from aigc_course.errors import CheckpointError, UsageError
from aigc_course.files import sha256
from aigc_course.recipes import audio_classifier
from aigc_course.recipes.trained_audio_classifier import TrainedAudioClassifier, load_audio_classifier
from aigc_course.training import LoopSettings, Runtime, checkpoint

RATE = 8000
Sounds = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module", autouse=True)
def made_once() -> Iterator[AudioSet]:
    """The embedded set, which takes a second or two to make."""
    dataset = make_dtmf_digits()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audio_classifier, "load_set", lambda *_: dataset)
        yield dataset


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    return recipes.train("audio-classifier", profile="smoke", run_dir=tmp_path_factory.mktemp("run") / "smoke")


@pytest.fixture(scope="module")
def classifier(run: recipes.Run) -> TrainedAudioClassifier:
    return load_audio_classifier(run)


@pytest.fixture
def sounds(made_once: AudioSet) -> Sounds:
    """Waveforms (5, 2400) and lengths."""
    waveforms, _, _ = made_once.split("test")
    lengths = torch.tensor([2400, 1000, 40, 1700, 2399])
    return torch.where(torch.arange(2400) < lengths[:, None], waveforms[:5, :2400], 0), lengths


def speakers_set(count: int = 20) -> AudioSet:
    """Two words, a low and a high tone, by two speakers."""
    splits = {"train": count, "validation": 4, "test": 4}
    times = torch.arange(1600) / RATE
    labels = {split: torch.arange(n) % 2 for split, n in splits.items()}
    return AudioSet(
        name="mine",
        sample_rate_hz=RATE,
        waveforms={s: 0.5 * torch.sin(6.28 * (500 + 1500 * y[:, None]) * times) for s, y in labels.items()},
        lengths={split: torch.full((n,), 1600) for split, n in splits.items()},
        labels=labels,
        class_names=("low", "high"),
        speakers={split: torch.arange(n) // 2 % 2 for split, n in splits.items()},
        speaker_names=("ann", "ben"),
    )


def test_the_loss_is_torchs_smoothed_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(4, 3), torch.tensor([2, 0, 1, 1])

    class Given(torch.nn.Module):
        def forward(self, spectrograms: torch.Tensor, n_frames: torch.Tensor) -> torch.Tensor:
            return spectrograms * n_frames

    batch = {"spectrograms": logits, "n_frames": torch.tensor(1), "labels": labels}
    loss, metrics = audio_classifier.classifier_step(Given(), batch, label_smoothing=0.3)
    torch.testing.assert_close(loss, F.cross_entropy(logits, labels, label_smoothing=0.3))
    assert metrics["accuracy"] == (logits.argmax(dim=1) == labels).float().mean()


def test_smoke_run_and_evaluation(run: recipes.Run, classifier: TrainedAudioClassifier, made_once: AudioSet) -> None:
    assert {"loss", "accuracy", "learning_rate"} <= run.history.rows[0].keys()
    assert {"validation_loss", "validation_accuracy"} <= run.metrics.keys()
    result = recipes.evaluate(run)
    assert result == recipes.evaluate(run.directory)
    waveforms, lengths, labels = made_once.split("test")
    probabilities = classifier.probabilities(waveforms, lengths, RATE)
    assert result["test_accuracy"] == pytest.approx((probabilities.argmax(1) == labels).double().mean().item())
    assert result["test_loss"] == pytest.approx(F.nll_loss(probabilities.log(), labels).item(), rel=1e-4)
    p = result["test_accuracy"]
    assert result["test_accuracy_standard_error"] == pytest.approx((p * (1 - p) / 499) ** 0.5, rel=1e-6)


def test_the_card_says_what_the_checkpoint_is(run: recipes.Run) -> None:
    card = json.loads((run.directory / "card.json").read_text(encoding="utf-8"))
    assert card["sha256"] == sha256(run.directory / card["checkpoint"])
    assert card["test_metrics"] == recipes.evaluate(run)
    assert card["recipe"] == "audio-classifier" and card["data"]["name"] == "dtmf-digits"
    assert card["class_names"] == list("0123456789")


def test_resumed_run_is_the_straight_run(run: recipes.Run, tmp_path: Path) -> None:
    straight = checkpoint.load(run.directory / "last.safetensors")

    def stop(history: Any) -> None:
        if history.rows[-1]["step"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recipes.train(
            "audio-classifier", profile="smoke", run_dir=tmp_path, overrides=["loop.checkpoint_every=3"], on_log=stop
        )
    assert not (tmp_path / "card.json").exists()
    recipes.train("audio-classifier", run_dir=tmp_path, resume=True)
    resumed = checkpoint.load(tmp_path / "last.safetensors")
    for part in ("model", "ema"):
        for name, weight in straight[part]["model"].items():
            assert torch.equal(weight, resumed[part]["model"][name]), name


def test_results_depend_on_each_sound_alone(classifier: TrainedAudioClassifier, sounds: Sounds) -> None:
    waveforms, lengths = sounds
    features = classifier.features(waveforms, lengths, RATE)
    assert features.shape == (5, classifier.feature_dim) and features.dtype == torch.float32
    assert features.std(dim=0).max() > 0.01
    for batch_size in (1, 2, 5):
        again = classifier.features(waveforms, lengths, RATE, batch_size)
        torch.testing.assert_close(again, features, atol=1e-5, rtol=1e-4)
    noisy = torch.where(torch.arange(2400) < lengths[:, None], waveforms, 0.7)
    padded = F.pad(noisy, (0, 3000), value=-0.3)
    torch.testing.assert_close(classifier.features(padded, lengths, RATE), features, atol=1e-5, rtol=1e-4)
    backward = classifier.features(waveforms.flip(0), lengths.flip(0), RATE).flip(0)
    torch.testing.assert_close(backward, features, atol=1e-5, rtol=1e-4)


def test_neither_loudness_nor_offset_changes_a_result(classifier: TrainedAudioClassifier, sounds: Sounds) -> None:
    waveforms, lengths = sounds
    logits = classifier.logits(waveforms, lengths, RATE)
    for changed in (0.01 * waveforms, 5 * waveforms, -waveforms, waveforms + 0.2, waveforms.double() - 0.5):
        torch.testing.assert_close(classifier.logits(changed, lengths, RATE), logits, atol=2e-3, rtol=1e-3)


def test_features_feed_probabilities_and_classes(classifier: TrainedAudioClassifier, sounds: Sounds) -> None:
    waveforms, lengths = sounds
    probabilities = classifier.probabilities(waveforms, lengths, RATE)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(5))
    features = classifier.features(waveforms, lengths, RATE)
    assert torch.equal(classifier.classes_of(features), probabilities.argmax(dim=1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 16000}, r"16,000 samples a second, .* at 8,000: pass audio.resample\(waveforms, 16000, 8000\)"),
        ({"waveforms": torch.zeros(5)}, r"floating point \(N, T\), but are torch.float32 \(5,\)"),
        ({"waveforms": torch.zeros(5, 2400, dtype=torch.int16)}, "but are torch.int16"),
        ({"waveforms": torch.zeros(0, 2400)}, "no sounds"),
        ({"lengths": torch.tensor([2400])}, r"one per sound, shape \(5,\), but are torch.int64 \(1,\)"),
        ({"lengths": torch.full((5,), 2401)}, r"in \[1, 2400\], but go from 2401 to 2401"),
        ({"lengths": torch.zeros(5, dtype=torch.int64)}, r"in \[1, 2400\], but go from 0 to 0"),
        ({"waveforms": torch.full((5, 2400), torch.nan)}, "NaN or infinity"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
    ],
)
def test_sounds_that_do_not_fit_are_refused(
    classifier: TrainedAudioClassifier, sounds: Sounds, change: dict[str, Any], message: str
) -> None:
    waveforms, lengths = sounds
    given: dict[str, Any] = {"waveforms": waveforms, "lengths": lengths, "rate": RATE, "batch_size": 100} | change
    with pytest.raises(UsageError, match=message):
        classifier.features(*given.values())


def test_long_sounds_are_cut_in_training(made_once: AudioSet) -> None:
    settings = audio_classifier.profile("smoke")
    runtime = Runtime(LoopSettings(device="cpu"))
    short = dataclasses.replace(settings, max_seconds=0.1, changes=audio_classifier.SoundChanges())
    batch = audio_classifier.training_batches(short, made_once, settings.spectrogram, runtime)[0]
    assert batch["n_frames"].max() == 11 and batch["spectrograms"].shape[2] == 11


def test_a_speaker_can_be_held_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dataset = speakers_set()
    monkeypatch.setattr(audio_classifier, "load_set", lambda *_: dataset)
    held_out = audio_classifier.sounds_of(audio_classifier.AudioClassifierSettings(held_out_speaker="ben"))
    assert {split: len(labels) for split, labels in held_out.labels.items()} == {
        "train": 10,
        "validation": 2,
        "test": 14,
    }
    run = recipes.train("audio-classifier", profile="smoke", run_dir=tmp_path, overrides=["held_out_speaker=ben"])
    p, n = recipes.evaluate(run)["test_accuracy"], 14
    assert 14 * p == pytest.approx(round(14 * p))
    assert recipes.evaluate(run)["test_accuracy_standard_error"] == pytest.approx((p * (1 - p) / (n - 1)) ** 0.5)
    with pytest.raises(UsageError, match=r"unknown speaker 'bem'; did you mean 'ben'"):
        recipes.train("audio-classifier", profile="smoke", overrides=["held_out_speaker=bem"])


@pytest.mark.parametrize(
    "setting",
    ["learning_rate=0", "momentum=1.0", "weight_decay=-1", "label_smoothing=1.0", "max_seconds=0", "changes.noise=-1"],
)
def test_settings_out_of_range(setting: str) -> None:
    with pytest.raises(UsageError, match=setting.partition("=")[0].removeprefix("changes.")):
        recipes.train("audio-classifier", profile="smoke", overrides=[setting])


def test_it_generates_nothing_and_other_runs_hold_no_classifier(run: recipes.Run, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="'audio-classifier', which generates nothing"):
        aigc.load_generator(run)
    other = recipes.train("audio-vae", profile="smoke", run_dir=tmp_path / "run")
    with pytest.raises(CheckpointError, match="made by 'audio-vae', not by 'audio-classifier'"):
        load_audio_classifier(other)

"""vocoder: its pieces, its loss, a run from start to evaluation, and the vocoder for use."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from aigc_course import generators, recipes
from aigc_course.audio import SpectrogramConfig, log_spectrogram
from aigc_course.data.sets import AudioSet
from aigc_course.errors import CheckpointError, DataError, UsageError
from aigc_course.losses.spectral import stft_magnitudes
from aigc_course.recipes import vocoder
from aigc_course.recipes.sound_segments import SoundSegments, cut, segment_length
from aigc_course.recipes.trained_vocoder import TrainedVocoder, load_vocoder, require_same_spectrogram
from aigc_course.training import Runtime, checkpoint

SETTINGS = vocoder.profile("smoke")
OVERRIDES = ["spectrogram.n_mels=40"]


def tones(count: int = 12) -> AudioSet:
    """Tones of different heights, lengths and levels; every sound rises sample by sample, so that places show."""
    source = torch.Generator().manual_seed(0)
    splits = ("train", "validation", "test")
    lengths = torch.randint(1000, 3001, (count,), generator=source)
    hz = 300 + 2000 * torch.rand(count, generator=source)
    sound = 0.1 * torch.sin(2 * math.pi * hz[:, None] * torch.arange(3000) / 8000)
    sound = torch.where(torch.arange(3000) < lengths[:, None], sound, 0)
    return AudioSet(
        name="tones",
        sample_rate_hz=8000,
        waveforms=dict.fromkeys(splits, sound),
        lengths=dict.fromkeys(splits, lengths),
        labels=dict.fromkeys(splits, torch.arange(count) % 2),
        class_names=("a", "b"),
    )


DATASET = tones()


@pytest.fixture(scope="module", autouse=True)
def own_sounds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocoder, "load_set", lambda *_: DATASET)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    run_dir = tmp_path_factory.mktemp("run") / "smoke"
    return recipes.train("vocoder", profile="smoke", run_dir=run_dir, overrides=OVERRIDES)


@pytest.fixture(scope="module")
def trained(run: recipes.Run) -> TrainedVocoder:
    return load_vocoder(run)


def test_pieces_are_from_anywhere_in_a_sound() -> None:
    waveforms = torch.arange(1.0, 11.0).repeat(4, 1)
    lengths = torch.tensor([10, 10, 10, 2])
    waveforms[3, 2:] = 0
    pieces = cut(waveforms, lengths, torch.tensor([0.0, 0.5, 0.999, 0.999]), 4)
    assert pieces.tolist() == [[1, 2, 3, 4], [4, 5, 6, 7], [7, 8, 9, 10], [1, 2, 0, 0]]


def test_a_piece_is_whole_hops_and_at_least_four_windows() -> None:
    spectrogram = SpectrogramConfig(n_fft=256, hop_length=64)
    assert segment_length(0.5, spectrogram) == 3968
    assert segment_length(0.01, spectrogram) == 1024
    assert segment_length(0.25, SpectrogramConfig(n_fft=256, hop_length=100)) == 2000


def test_batches_are_pieces_at_random_levels_with_their_spectrograms() -> None:
    spectrogram = SpectrogramConfig(n_mels=40)
    runtime = Runtime(SETTINGS.loop)
    stream = SoundSegments(DATASET, spectrogram, SETTINGS.loop, runtime, seconds=0.25, quietest_db=30.0)
    batch, again = stream[3], stream[3]
    assert batch["waveforms"].shape == (8, 1984) and batch["spectrograms"].shape == (8, 40, 32)
    torch.testing.assert_close(batch["waveforms"], again["waveforms"], rtol=0, atol=0)
    torch.testing.assert_close(batch["spectrograms"], log_spectrogram(batch["waveforms"], spectrogram))
    peaks_db = 20 * (batch["waveforms"].abs().amax(dim=1) / 0.95).log10()
    assert -30.1 < peaks_db.min() < peaks_db.max() < 0.01 and peaks_db.std() > 3
    assert not torch.equal(stream[4]["waveforms"], batch["waveforms"])


def test_the_loss_compares_magnitudes() -> None:
    real = DATASET.waveforms["train"][:3, :1984]
    spectrogram = SpectrogramConfig(n_mels=40, floor_db=-150.0)
    batch = {"waveforms": real, "spectrograms": log_spectrogram(real, spectrogram)}
    magnitudes = stft_magnitudes(real, 256, 64)
    for gain in (1.0, 2.0):
        loss, terms = vocoder.vocoder_step(lambda _, g=gain: g * magnitudes, batch, spectrogram=spectrogram)  # type: ignore[arg-type]
        assert terms["convergence"].item() == pytest.approx(gain - 1, abs=1e-4)
        assert terms["distance_db"].item() == pytest.approx(20 * math.log10(gain), rel=0.1, abs=1e-4)
        torch.testing.assert_close(loss, terms["convergence"] + terms["distance_db"] * math.log(10) / 20)


def test_smoke_run_and_evaluation(run: recipes.Run) -> None:
    assert {"loss", "convergence", "distance_db"} <= run.history.rows[0].keys()
    assert {"validation_loss", "validation_distance_db"} <= run.metrics.keys()
    result = recipes.evaluate(run)
    for way in ("learned", "griffin_lim"):
        assert 0 < result[f"{way}_log_spectral_distance_db"] < 40
        assert 0 < result[f"{way}_linear_distance_db"] < 40
        assert result[f"{way}_times_real_time"] > 0
    assert len(result) == 8


def test_resumed_run_is_the_straight_run(run: recipes.Run, tmp_path: Path) -> None:
    straight = checkpoint.load(run.directory / "last.safetensors")

    def stop(history: Any) -> None:
        if history.rows[-1]["step"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recipes.train(
            "vocoder",
            profile="smoke",
            run_dir=tmp_path,
            overrides=[*OVERRIDES, "loop.checkpoint_every=3"],
            on_log=stop,
        )
    assert checkpoint.load(tmp_path / "last.safetensors")["step"] == 3
    recipes.train("vocoder", run_dir=tmp_path, resume=True)
    resumed = checkpoint.load(tmp_path / "last.safetensors")
    for part in ("model", "ema"):
        for name, tensor in straight[part]["model"].items():
            torch.testing.assert_close(resumed[part]["model"][name], tensor, rtol=0, atol=0)


def test_the_vocoder_for_use(trained: TrainedVocoder) -> None:
    db = log_spectrogram(DATASET.waveforms["test"][:2], trained.spectrogram)
    sounds = trained.waveforms(db)
    assert sounds.shape == (2, 46 * 64) and sounds.dtype == torch.float32 and not sounds.requires_grad
    assert sounds.abs().max() > 0.01
    longer = trained.waveforms(db, length=4000)
    torch.testing.assert_close(longer[:, : 46 * 64], sounds)
    assert longer[:, 46 * 64 :].eq(0).all()
    assert trained.waveforms(db, length=100).shape == (2, 100)
    torch.testing.assert_close(trained.waveforms(db.double()), sounds)


def test_what_it_does_not_take_is_named(trained: TrainedVocoder) -> None:
    db = torch.zeros(1, 40, 9)
    db[0, 0, 0] = math.nan
    with pytest.raises(UsageError, match="not finite"):
        trained.waveforms(db)
    with pytest.raises(UsageError, match=r"\(1, 39, 9\); it must be \(B, 40"):
        trained.waveforms(torch.zeros(1, 39, 9))


def test_another_spectrogram_is_refused(trained: TrainedVocoder) -> None:
    require_same_spectrogram(trained.spectrogram, trained.spectrogram)
    other = dataclasses.replace(trained.spectrogram, n_mels=64, hop_length=32)
    with pytest.raises(UsageError, match="hop_length 64 in the place of 32, n_mels 40 in the place of 64; train one"):
        require_same_spectrogram(trained.spectrogram, other)


def test_a_run_of_another_recipe_is_refused(run: recipes.Run, tmp_path: Path) -> None:
    tree = checkpoint.load(run.directory / "best.safetensors")
    tree["config"]["recipe"] = "audio-vae"
    checkpoint.save(tmp_path / "other.safetensors", tree)
    with pytest.raises(CheckpointError, match="made by 'audio-vae', not by 'vocoder'; give a run of vocoder"):
        load_vocoder(tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="'vocoder', which generates nothing"):
        generators.load_generator(run)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segment_seconds": 0.0}, "segment_seconds is 0.0, but must be above 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0, but must be above 0"),
        ({"spectrogram": SpectrogramConfig()}, "spectrogram.n_mels is 0, but a spectrogram without mel bands hides"),
        ({"quietest_db": math.nan}, "quietest_db is nan, but must be at least 0"),
        ({"validation_sounds": 0}, "validation_sounds is 0, but must be at least 1"),
    ],
)
def test_settings_that_are_not_allowed_are_named(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SETTINGS, **change)


def test_a_set_without_validation_sounds_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = dataclasses.replace(
        DATASET,
        **{
            name: {"train": getattr(DATASET, name)["train"], "test": getattr(DATASET, name)["test"]}
            for name in ("waveforms", "lengths", "labels")
        },
    )
    monkeypatch.setattr(vocoder, "load_set", lambda *_: empty)
    with pytest.raises(DataError, match="vocoder needs at least so many recordings: 1 in train, 1 in validation"):
        recipes.train("vocoder", profile="smoke", run_dir=tmp_path / "run")

"""audio-vae with a trained vocoder: kept with the weights, left as it is, and refused where it doesn't fit."""

from pathlib import Path
from typing import Any

import pytest
import torch

from aigc_course import generators, recipes
from aigc_course.audio import log_spectrogram
from aigc_course.errors import CheckpointError, UsageError
from aigc_course.metrics import log_spectral_distance
from aigc_course.recipes import audio_vae
from aigc_course.recipes.audio_samples import sample_sounds
from aigc_course.recipes.recipe import weights_of
from aigc_course.recipes.spectrogram_scale import Scale, Sounds, VocodedScale
from aigc_course.recipes.trained_vocoder import TrainedVocoder, load_vocoder
from aigc_course.recipes.trained_voice import load_voice
from aigc_course.training import checkpoint


@pytest.fixture(scope="module")
def vocoder_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recipes.train("vocoder", profile="smoke", run_dir=tmp_path_factory.mktemp("vocoder") / "run").directory


@pytest.fixture(scope="module")
def vocoder(vocoder_run: Path) -> TrainedVocoder:
    return load_vocoder(vocoder_run)


@pytest.fixture(scope="module")
def run(vocoder_run: Path, vocoder: TrainedVocoder, tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    """A run whose vocoder is gone afterwards."""
    overrides = [f"vocoder={vocoder_run}", "spectrogram.n_mels=64"]
    made = recipes.train(
        "audio-vae", profile="smoke", overrides=overrides, run_dir=tmp_path_factory.mktemp("run") / "run"
    )
    vocoder_run.rename(vocoder_run.with_name("gone"))
    return made


def scale_of(tree: dict[str, Any]) -> Scale:
    return audio_vae.config.from_dict(Scale, tree["config"]["data"]["scale"])


def test_the_checkpoint_alone_makes_sound_by_its_vocoder(run: recipes.Run, vocoder: TrainedVocoder) -> None:
    tree = checkpoint.load(run.directory / "best.safetensors")
    model = audio_vae.rebuild(tree)
    model.load_state_dict(weights_of(tree))
    sounds = sample_sounds(model.eval(), tree["config"]["data"], torch.arange(3), seed=5)
    model.vocoder = vocoder.model
    again = sample_sounds(model, tree["config"]["data"], torch.arange(3), seed=5)
    torch.testing.assert_close(sounds.waveforms, again.waveforms, rtol=0, atol=0)
    model.vocoder = None
    by_griffin_lim = sample_sounds(model, tree["config"]["data"], torch.arange(3), seed=5)
    assert torch.equal(by_griffin_lim.lengths, sounds.lengths)
    assert not torch.allclose(by_griffin_lim.waveforms, sounds.waveforms, atol=0.05)
    assert generators.load_generator(run).generate_audio(4000, seed=1).waveform.abs().max() > 0.1


def test_training_leaves_the_vocoder_as_it_was(run: recipes.Run, vocoder: TrainedVocoder) -> None:
    tree = checkpoint.load(run.directory / "last.safetensors")
    for name, tensor in vocoder.model.state_dict().items():
        for part in ("model", "ema"):
            torch.testing.assert_close(tree[part]["model"][f"vocoder.{name}"], tensor, rtol=0, atol=0)


def test_a_voice_speaks_by_its_vocoder(run: recipes.Run) -> None:
    voice, _ = load_voice(run)
    assert isinstance(voice.scale, VocodedScale)
    assert voice.decode(torch.zeros(voice.latent_dim), label=3).abs().max() > 0.1


def test_the_evaluation_goes_the_vocoders_way(run: recipes.Run) -> None:
    result = recipes.evaluate(run)
    assert {"negative_elbo_nats", "ceiling_accuracy"} <= result.keys()


def test_padding_changes_nothing_on_the_vocoders_way(run: recipes.Run, vocoder: TrainedVocoder) -> None:
    scale = scale_of(checkpoint.load(run.directory / "best.safetensors")).with_vocoder(vocoder.model)
    assert isinstance(scale, VocodedScale)
    noise = 0.1 * torch.randn(2, 3000, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([3000, 1000])
    both = scale.there_and_back(Sounds(torch.where(torch.arange(3000) < lengths[:, None], noise, 0), lengths), seed=0)
    alone = scale.there_and_back(Sounds(noise[1:, :1000], lengths[1:]), seed=7)
    assert torch.equal(both.lengths[1:], alone.lengths) and both.waveforms[1, 960:].eq(0).all()
    spectra = (log_spectrogram(sounds, scale.spectrogram) for sounds in (both.waveforms[1:], alone.waveforms))
    # Not sample by sample: where two waves cancel, a phase hangs on the last digits of float32.
    assert log_spectral_distance(*spectra, torch.tensor([14])).item() < 1
    assert scale.with_vocoder(None) is scale


def test_a_vocoder_that_does_not_fit_is_refused_before_training(
    run: recipes.Run, vocoder_run: Path, tmp_path: Path
) -> None:
    gone = vocoder_run.with_name("gone")
    for change, message in (
        ("spectrogram.n_mels=40", "takes other spectrograms: n_mels 64 in the place of 40; train one on these"),
        ("spectrogram.floor_db=-80", "n_mels 64 in the place of 0, floor_db -60.0 in the place of -80.0"),
    ):
        with pytest.raises(UsageError, match=message):
            recipes.train("audio-vae", profile="smoke", run_dir=tmp_path / "a", overrides=[f"vocoder={gone}", change])
    with pytest.raises(CheckpointError, match="made by 'audio-vae', not by 'vocoder'"):
        recipes.train("audio-vae", profile="smoke", run_dir=tmp_path / "a", overrides=[f"vocoder={run.directory}"])
    with pytest.raises(CheckpointError, match="no run or checkpoint at /nowhere"):
        recipes.train("audio-vae", profile="smoke", run_dir=tmp_path / "a", overrides=["vocoder=/nowhere"])
    with pytest.raises(UsageError, match="representation=complex has its phases and needs none"):
        recipes.train(
            "audio-vae", profile="smoke", preset="complex", run_dir=tmp_path / "a", overrides=[f"vocoder={gone}"]
        )
    assert not (tmp_path / "a").exists()

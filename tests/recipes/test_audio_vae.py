"""audio-vae: from waveforms to spectrograms and back, and a run from start to evaluation."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from aigc_course import config, recipes
from aigc_course.audio import SpectrogramConfig, log_spectrogram
from aigc_course.data.dtmf_digits import make_dtmf_digits
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError
from aigc_course.models.audio_vae import SpectrogramVAE
from aigc_course.recipes import audio_vae
from aigc_course.recipes.recipe import weights_of
from aigc_course.training import LoopSettings, Runtime, checkpoint

SETTINGS = audio_vae.profile("smoke")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    return recipes.train("audio-vae", profile="smoke", run_dir=tmp_path_factory.mktemp("run") / "smoke")


@pytest.fixture(scope="module")
def tree(run: recipes.Run) -> dict[str, Any]:
    return checkpoint.load(run.directory / "best.safetensors")


@pytest.fixture(scope="module")
def model(tree: dict[str, Any]) -> SpectrogramVAE:
    rebuilt = audio_vae.rebuild(tree)
    rebuilt.load_state_dict(weights_of(tree))
    return rebuilt.eval()


def spoken(n_samples: int = 1500, rate: int = 4000) -> AudioSet:
    """Noise by two speakers, with two words."""
    splits = ("train", "validation", "test")
    sound = torch.rand((4, n_samples), generator=torch.Generator().manual_seed(0)) - 0.5
    return AudioSet(
        name="mine",
        sample_rate_hz=rate,
        waveforms=dict.fromkeys(splits, sound),
        lengths=dict.fromkeys(splits, torch.full((4,), n_samples)),
        labels=dict.fromkeys(splits, torch.tensor([0, 1, 0, 1])),
        class_names=("no", "yes"),
        speakers=dict.fromkeys(splits, torch.tensor([0, 0, 1, 1])),
        speaker_names=("ann", "bob"),
    )


def test_loss_is_the_sum_of_its_terms(model: SpectrogramVAE) -> None:
    shape = (3, model.config.n_bins, model.config.n_frames)
    batch = {"spectrograms": torch.randn(shape), "labels": torch.arange(3), "noise": torch.randn(3, 4)}
    loss, metrics = audio_vae.elbo_step(model, batch, beta=3.0)
    torch.testing.assert_close(loss, metrics["reconstruction_nats"] + 3 * metrics["kl_nats"])
    mean, sigma = (
        model(*(batch[name] for name in ("spectrograms", "labels", "noise"))).mean,
        model.log_sigma2.exp() ** 0.5,
    )
    expected = -torch.distributions.Normal(mean, sigma).log_prob(batch["spectrograms"]).flatten(1).sum(1).mean()
    torch.testing.assert_close(metrics["reconstruction_nats"], expected)


def test_scale_standardises_the_training_sounds() -> None:
    dataset = spoken()
    scale = audio_vae.measure_scale(SETTINGS, dataset, 1500)
    assert scale.spectrogram.sample_rate_hz == 4000
    seen = scale.spectrograms(dataset.waveforms["train"])
    assert abs(seen.mean()) < 1e-4
    assert abs(seen.std(correction=0) - 1) < 1e-4


def test_silence_has_no_scale() -> None:
    splits = {"train": torch.zeros(2, 1000)}
    silent = AudioSet(
        name="mine",
        sample_rate_hz=8000,
        waveforms=splits,
        lengths={"train": torch.full((2,), 1000)},
        labels={"train": torch.zeros(2, dtype=torch.int64)},
        class_names=("a",),
    )
    with pytest.raises(UsageError, match="silent"):
        audio_vae.measure_scale(SETTINGS, silent, 1000)


def test_there_and_back_keeps_a_tone() -> None:
    scale = audio_vae.Scale(spectrogram=SpectrogramConfig(), mean_db=-50.0, std_db=12.0)
    tone = 0.5 * torch.sin(2 * math.pi * 1000 / 8000 * torch.arange(4000))[None]
    back = scale.waveforms(scale.spectrograms(tone), 4000, seed=0)
    assert back.shape == (1, 4000)
    assert back.abs().max().item() == pytest.approx(0.95, abs=1e-4)
    spectrum = log_spectrogram(back, scale.spectrogram)[0, :, 10:-10].mean(1)
    assert spectrum.argmax() == 32  # 1000 Hz / (8000 Hz / 256)
    assert spectrum[32] - spectrum[64] > 30


def test_there_and_back_keeps_silence() -> None:
    scale = audio_vae.Scale(spectrogram=SpectrogramConfig(), mean_db=-50.0, std_db=12.0)
    sound = 0.5 * torch.sin(2 * math.pi * 1000 / 8000 * torch.arange(4000))[None]
    sound[:, 2000:] = 0
    back = scale.waveforms(scale.spectrograms(sound), 4000, seed=0)
    assert back[:, 300:1700].square().mean() > 0.1
    assert back[:, 2300:3700].square().mean() < 1e-5


def test_window_is_the_longest_sound_or_max_seconds() -> None:
    assert audio_vae.window_length(SETTINGS, spoken(1500)) == 1500
    assert audio_vae.window_length(SETTINGS, spoken(9000)) == 4000
    assert audio_vae.window_length(SETTINGS, spoken(100)) == 512
    padded = audio_vae.fixed_window(spoken(100), "train", 512)["waveforms"]
    assert padded.shape == (4, 512) and padded[:, 100:].eq(0).all() and padded[:, :100].ne(0).any()


def test_smoke_run_and_evaluation(run: recipes.Run) -> None:
    assert {"loss", "reconstruction_nats", "kl_nats"} <= run.history.rows[0].keys()
    metrics = run.metrics
    terms = metrics["validation_reconstruction_nats"] + metrics["validation_kl_nats"]
    assert metrics["validation_loss"] == pytest.approx(terms, rel=1e-5)
    result = recipes.evaluate(run)
    assert set(result) == {
        "test_loss",
        "reconstruction_nats",
        "kl_nats",
        "label_accuracy",
        "decoded_rate",
        "ceiling_accuracy",
    }
    assert result["ceiling_accuracy"] >= 0.9
    assert result == recipes.evaluate(run.directory)


def test_resumed_run_is_the_straight_run(run: recipes.Run, tmp_path: Path) -> None:
    straight = checkpoint.load(run.directory / "last.safetensors")

    def stop(history: Any) -> None:
        if history.rows[-1]["step"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recipes.train(
            "audio-vae", profile="smoke", run_dir=tmp_path, overrides=["loop.checkpoint_every=3"], on_log=stop
        )
    assert checkpoint.load(tmp_path / "last.safetensors")["step"] == 3
    recipes.train("audio-vae", run_dir=tmp_path, resume=True)
    resumed = checkpoint.load(tmp_path / "last.safetensors")
    assert resumed["step"] == straight["step"] == 6
    for name, weight in straight["model"]["model"].items():
        assert torch.equal(weight, resumed["model"]["model"][name]), name


def test_samples_depend_on_seed_and_label_alone(tree: dict[str, Any], model: SpectrogramVAE) -> None:
    data, labels = tree["config"]["data"], torch.arange(4)
    first = audio_vae.sample_waveforms(model, data, labels, seed=3)
    assert first.shape == (4, 3200) and first.dtype == torch.float32
    assert first.isfinite().all() and first.abs().max() <= 0.951
    torch.randn(7)
    assert torch.equal(audio_vae.sample_waveforms(model, data, labels, seed=3), first)
    assert not torch.allclose(audio_vae.sample_waveforms(model, data, labels, seed=4), first)
    with pytest.raises(UsageError, match="temperature"):
        audio_vae.sample_waveforms(model, data, labels, seed=3, temperature=-1.0)


def test_speakers_condition_the_sounds() -> None:
    dataset = spoken()
    scale = audio_vae.measure_scale(SETTINGS, dataset, 1500)
    vae = SpectrogramVAE(audio_vae.fitting_model(SETTINGS, dataset, scale.spectrogram, 1500)).eval()
    assert (vae.config.n_classes, vae.config.n_speakers) == (2, 2)
    torch.nn.init.normal_(vae.decoder.convolutions[-1].weight)
    data = {"scale": config.to_dict(scale), "n_samples": 1500}
    words = torch.zeros(3, dtype=torch.int64)
    ann = audio_vae.sample_waveforms(vae, data, words, seed=0, speakers=torch.zeros(3, dtype=torch.int64))
    bob = audio_vae.sample_waveforms(vae, data, words, seed=0, speakers=torch.ones(3, dtype=torch.int64))
    assert not torch.allclose(ann, bob)
    assert audio_vae.sample_waveforms(vae, data, words, seed=0).shape == (3, 1500)


def test_the_ranks_together_make_the_batch() -> None:
    dataset = make_dtmf_digits(20, 10, 10)
    scale = audio_vae.measure_scale(SETTINGS, dataset, 3200)
    model_config = audio_vae.fitting_model(SETTINGS, dataset, scale.spectrogram, 3200)
    runtime = Runtime(LoopSettings(device="cpu"))
    whole = audio_vae.training_batches(SETTINGS, model_config, dataset, scale, 3200, runtime)[1]
    runtime.world, parts = 2, []
    for rank in range(2):
        runtime.rank = rank
        parts.append(audio_vae.training_batches(SETTINGS, model_config, dataset, scale, 3200, runtime)[1])
    assert set(whole) == {"spectrograms", "labels", "noise"}
    for name, tensor in whole.items():
        torch.testing.assert_close(torch.cat([part[name] for part in parts]), tensor)

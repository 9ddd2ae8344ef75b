"""audio-vae: the terms of its loss, what it is given, and a run from start to evaluation."""

from pathlib import Path
from typing import Any

import pytest
import torch

from aigc_course import recipes
from aigc_course.data.dtmf_digits import make_dtmf_digits
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError
from aigc_course.models.audio_vae import SpectrogramVAE
from aigc_course.models.lengths import length_nll, own_frames
from aigc_course.recipes import audio_vae, sound_vae
from aigc_course.recipes.audio_samples import draw_spectrograms, sample_sounds
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


def batch_of(model: SpectrogramVAE, n_frames: list[int]) -> dict[str, torch.Tensor]:
    count = len(n_frames)
    return {
        "spectrograms": torch.randn(count, model.config.n_bins, model.config.max_frames),
        "n_frames": torch.tensor(n_frames),
        "labels": torch.arange(count),
        "noise": torch.randn(count, 4),
    }


def test_loss_is_the_sum_of_its_terms(model: SpectrogramVAE) -> None:
    batch = batch_of(model, [51, 20, 1])
    loss, metrics = audio_vae.elbo_step(model, batch, beta=3.0)
    parts = metrics["spectrogram_nats"] + metrics["length_nats"] + 3 * metrics["kl_nats"]
    torch.testing.assert_close(loss, parts)
    output = model(batch["spectrograms"], batch["n_frames"], batch["labels"], batch["noise"])
    points = torch.distributions.Normal(output.mean, model.log_sigma2.exp() ** 0.5).log_prob(batch["spectrograms"])
    expected = -torch.stack([points[i, :, :n].sum() for i, n in enumerate((51, 20, 1))]).mean()
    torch.testing.assert_close(metrics["spectrogram_nats"], expected)
    torch.testing.assert_close(metrics["length_nats"], length_nll(output.length, batch["n_frames"], 51).mean())
    sigma = (0.5 * output.logvar).exp()
    normal, standard = torch.distributions.Normal(output.mu, sigma), torch.distributions.Normal(0.0, 1.0)
    kl = torch.distributions.kl_divergence(normal, standard).sum(1).mean()
    torch.testing.assert_close(metrics["kl_nats"], kl, rtol=1e-4, atol=1e-5)


def test_padding_is_no_part_of_the_loss(model: SpectrogramVAE) -> None:
    batch = batch_of(model, [51, 20, 1])
    padding = ~own_frames(batch["n_frames"], 51)[:, None].expand_as(batch["spectrograms"])
    first = audio_vae.elbo_step(model, batch)[0]
    batch["spectrograms"] = torch.where(padding, 100.0, batch["spectrograms"])
    assert torch.equal(audio_vae.elbo_step(model, batch)[0], first)
    batch["spectrograms"][1, 0, 19] += 1  # the last frame of its own
    assert not torch.equal(audio_vae.elbo_step(model, batch)[0], first)


def test_a_sound_costs_the_same_in_any_company(model: SpectrogramVAE) -> None:
    batch = batch_of(model, [51, 20, 33])
    alone = [audio_vae.elbo_step(model, {k: v[i : i + 1] for k, v in batch.items()})[0] for i in range(3)]
    torch.testing.assert_close(audio_vae.elbo_step(model, batch)[0], torch.stack(alone).mean(), rtol=1e-4, atol=1e-3)


def test_smoke_run_and_evaluation(run: recipes.Run) -> None:
    assert {"loss", "spectrogram_nats", "length_nats", "kl_nats"} <= run.history.rows[0].keys()
    metrics = run.metrics
    terms = sum(metrics[f"validation_{name}_nats"] for name in ("spectrogram", "length", "kl"))
    assert metrics["validation_loss"] == pytest.approx(terms, rel=1e-5)
    result = recipes.evaluate(run)
    assert set(result) == {
        "negative_elbo_nats",
        "spectrogram_nats",
        "length_nats",
        "kl_nats",
        "mean_seconds",
        "seconds_deviation",
        "real_mean_seconds",
        "real_seconds_deviation",
        "label_accuracy",
        "decoded_rate",
        "ceiling_accuracy",
    }
    terms = sum(result[f"{name}_nats"] for name in ("spectrogram", "length", "kl"))
    assert result["negative_elbo_nats"] == pytest.approx(terms, rel=1e-5)
    assert result["ceiling_accuracy"] >= 0.9
    assert result["real_mean_seconds"] == pytest.approx(0.4)
    assert result["real_seconds_deviation"] == pytest.approx(0, abs=1e-9)
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


def test_a_classifier_measures_what_is_generated(
    tmp_path: Path, run: recipes.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = recipes.train("audio-classifier", profile="smoke", run_dir=tmp_path / "classifier")
    monkeypatch.setattr(audio_vae, "load_set", lambda *_: make_dtmf_digits(50, 10, 50))
    result = recipes.evaluate(run, classifier)
    assert {"class_accuracy", "inversion_accuracy", "real_class_accuracy", "label_accuracy"} <= set(result)
    assert result["n"] == 20 and result["frechet_distance"] > 0
    with pytest.raises(UsageError, match="trained on dtmf-digits, not on mine"):
        audio_vae.audio_classifier_of(spoken(rate=8000), classifier, torch.device("cpu"))


def test_samples_depend_on_seed_and_label_alone(tree: dict[str, Any], model: SpectrogramVAE) -> None:
    data, labels = tree["config"]["data"], torch.arange(4)
    first = sample_sounds(model, data, labels, seed=3)
    assert first.waveforms.shape == (4, 3200) and first.waveforms.dtype == torch.float32
    assert first.waveforms.isfinite().all() and first.waveforms.abs().max() <= 0.951
    for waveform, length in zip(*first, strict=True):
        assert waveform[length:].eq(0).all() and waveform[length - 1] == 0
        assert abs(waveform[:length].mean()) < 0.01
    torch.randn(7)
    again = sample_sounds(model, data, labels, seed=3)
    assert torch.equal(again.waveforms, first.waveforms) and torch.equal(again.lengths, first.lengths)
    assert not torch.allclose(sample_sounds(model, data, labels, seed=4).waveforms, first.waveforms)
    with pytest.raises(UsageError, match="temperature"):
        sample_sounds(model, data, labels, seed=3, temperature=-1.0)


def test_speakers_condition_the_sounds() -> None:
    dataset = spoken()
    scale = audio_vae.measure_scale(SETTINGS, dataset)
    vae = SpectrogramVAE(audio_vae.fitting_model(SETTINGS, dataset, scale)).eval()
    assert (vae.config.n_classes, vae.config.n_speakers) == (2, 2)
    torch.nn.init.normal_(vae.decoder.to_mean.weight)
    words = torch.zeros(3, dtype=torch.int64)
    ann, _ = draw_spectrograms(vae, words, seed=0, speakers=torch.zeros(3, dtype=torch.int64))
    bob, _ = draw_spectrograms(vae, words, seed=0, speakers=torch.ones(3, dtype=torch.int64))
    assert not torch.allclose(ann, bob)
    assert draw_spectrograms(vae, words, seed=0)[0].shape == (3, vae.config.n_bins, vae.config.max_frames)


def test_everybody_is_asked_for_every_word_equally_often() -> None:
    labels, speakers = sound_vae.asked_in_turn(12, spoken())
    assert speakers is not None
    assert torch.bincount(2 * labels + speakers).tolist() == [3, 3, 3, 3]
    assert sound_vae.asked_in_turn(20, make_dtmf_digits(20, 10, 10))[1] is None


@pytest.mark.parametrize(("n_samples", "max_frames"), [(1500, 24), (9000, 63), (100, 9)])
def test_the_longest_sound_or_max_seconds_bound_the_frames(n_samples: int, max_frames: int) -> None:
    scale = audio_vae.measure_scale(SETTINGS, spoken(n_samples))
    assert scale.max_frames == max_frames
    tensors = audio_vae.tensors_of(spoken(n_samples), "train", 3)
    seen = audio_vae.seen(scale, tensors)
    assert set(seen) == {"spectrograms", "n_frames", "labels", "speakers"}
    assert seen["spectrograms"].shape == (3, 129, max_frames)
    assert seen["n_frames"].tolist() == 3 * [min(1 + n_samples // 64, max_frames)]


def test_the_ranks_together_make_the_batch() -> None:
    dataset = make_dtmf_digits(20, 10, 10)
    scale = audio_vae.measure_scale(SETTINGS, dataset)
    model_config = audio_vae.fitting_model(SETTINGS, dataset, scale)
    runtime = Runtime(LoopSettings(device="cpu"))
    whole = audio_vae.training_batches(SETTINGS, model_config, dataset, scale, runtime)[1]
    runtime.world, parts = 2, []
    for rank in range(2):
        runtime.rank = rank
        parts.append(audio_vae.training_batches(SETTINGS, model_config, dataset, scale, runtime)[1])
    assert set(whole) == {"spectrograms", "n_frames", "labels", "noise"}
    for name, tensor in whole.items():
        torch.testing.assert_close(torch.cat([part[name] for part in parts]), tensor)


def test_the_complex_preset_runs_and_refuses_mel_bands(tmp_path: Path) -> None:
    run = recipes.train("audio-vae", profile="smoke", preset="complex", run_dir=tmp_path)
    assert checkpoint.load(run.directory / "last.safetensors")["config"]["model"]["n_bins"] == 258
    assert recipes.evaluate(run)["ceiling_accuracy"] >= 0.95
    with pytest.raises(UsageError, match=r"no mel bands: phases would cancel"):
        recipes.train("audio-vae", profile="smoke", preset="complex", overrides=["spectrogram.n_mels=20"])

"""waveform-vae: the terms of both losses, its windows, a run from start to evaluation, and what it says."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from aigc_course import generators, recipes
from aigc_course.audio import SpectrogramConfig, log_spectrogram
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError
from aigc_course.models.waveform_vae import WaveformVAE, WaveformVAEOutput
from aigc_course.recipes import waveform_vae
from aigc_course.recipes.recipe import weights_of
from aigc_course.recipes.waveform_samples import reconstructed, sample_sounds, windows
from aigc_course.training import checkpoint

SETTINGS = waveform_vae.profile("smoke")
SPECTROGRAM = SpectrogramConfig()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    return recipes.train("waveform-vae", profile="smoke", run_dir=tmp_path_factory.mktemp("run") / "smoke")


@pytest.fixture(scope="module")
def model(run: recipes.Run) -> WaveformVAE:
    tree = checkpoint.load(run.directory / "best.safetensors")
    rebuilt = waveform_vae.rebuild(tree)
    rebuilt.load_state_dict(weights_of(tree))
    return rebuilt.eval()


def spoken(n_samples: int = 1500) -> AudioSet:
    """Noise by two speakers, with two words."""
    splits = ("train", "validation", "test")
    sound = torch.rand((4, n_samples), generator=torch.Generator().manual_seed(0)) - 0.5
    return AudioSet(
        name="mine",
        sample_rate_hz=4000,
        waveforms=dict.fromkeys(splits, sound),
        lengths=dict.fromkeys(splits, torch.full((4,), n_samples)),
        labels=dict.fromkeys(splits, torch.tensor([0, 1, 0, 1])),
        class_names=("no", "yes"),
        speakers=dict.fromkeys(splits, torch.tensor([0, 0, 1, 1])),
        speaker_names=("ann", "bob"),
    )


@pytest.mark.parametrize("likelihood", ["samples", "spectrum"])
def test_the_loss_is_the_sum_of_its_terms(model: WaveformVAE, likelihood: waveform_vae.Likelihood) -> None:
    x = 0.1 * torch.randn(3, 3200)
    batch = {"waveforms": x, "labels": torch.arange(3), "noise": torch.randn(3, 4)}
    loss, metrics = waveform_vae.elbo_step(model, batch, likelihood=likelihood, spectrogram=SPECTROGRAM, beta=3.0)
    torch.testing.assert_close(loss, metrics["reconstruction_nats"] + 3 * metrics["kl_nats"])
    mean = model(x, batch["labels"], batch["noise"]).mean
    if likelihood == "spectrum":
        mean, x = (log_spectrogram(sound, SPECTROGRAM) / 20 for sound in (mean, x))
    sigma = model.log_sigma2.exp() ** 0.5
    expected = -torch.distributions.Normal(mean, sigma).log_prob(x).flatten(1).sum(1).mean()
    torch.testing.assert_close(metrics["reconstruction_nats"], expected, rtol=1e-4, atol=0.1)


def test_a_spectrum_has_no_sign_and_samples_have() -> None:
    class Turned(torch.nn.Module):
        def forward(self, x: torch.Tensor, *_: Any) -> Any:
            zero = torch.zeros(len(x), 2)
            return WaveformVAEOutput(mean=-x, log_sigma2=torch.zeros(1), mu=zero, logvar=zero, z=zero)

    batch = {"waveforms": torch.randn(2, 1000).clamp(-1, 1), "noise": torch.zeros(2, 2)}
    nats = {
        likelihood: waveform_vae.elbo_step(Turned(), batch, likelihood=likelihood, spectrogram=SPECTROGRAM)[0]
        for likelihood in ("samples", "spectrum")
    }
    floor = 0.5 * torch.log(torch.tensor(2 * torch.pi))  # of each dimension, where the mean is right
    torch.testing.assert_close(nats["spectrum"], floor * 129 * 16)
    torch.testing.assert_close(nats["samples"], floor * 1000 + 2 * batch["waveforms"].square().sum(1).mean())


def test_the_window_is_the_longest_sound_or_max_seconds() -> None:
    for n_samples, expected in ((1500, 1500), (9000, 4000), (100, 512)):
        config = waveform_vae.fitting_model(SETTINGS, spoken(n_samples))
        assert (config.n_samples, config.n_classes, config.n_speakers) == (expected, 2, 2)
    batch = windows(spoken(100), "train", waveform_vae.fitting_model(SETTINGS, spoken(100)))
    assert batch["waveforms"].shape == (4, 512) and batch["waveforms"][:, 100:].eq(0).all()
    torch.testing.assert_close(batch["waveforms"].abs().amax(dim=1), torch.full((4,), 0.95))
    assert batch.keys() == {"waveforms", "labels", "speakers"}


def test_smoke_run_and_evaluation(run: recipes.Run) -> None:
    assert {"loss", "reconstruction_nats", "kl_nats"} <= run.history.rows[0].keys()
    result = recipes.evaluate(run)
    assert set(result) == {
        "negative_elbo_nats",
        "reconstruction_nats",
        "kl_nats",
        "label_accuracy",
        "decoded_rate",
        "reconstruction_accuracy",
    }
    assert result["negative_elbo_nats"] == pytest.approx(result["reconstruction_nats"] + result["kl_nats"], rel=1e-5)
    assert result == recipes.evaluate(run.directory)


def test_resumed_run_is_the_straight_run(run: recipes.Run, tmp_path: Path) -> None:
    straight = checkpoint.load(run.directory / "last.safetensors")

    def stop(history: Any) -> None:
        if history.rows[-1]["step"] == 4:
            raise KeyboardInterrupt

    overrides = ["loop.checkpoint_every=3"]
    with pytest.raises(KeyboardInterrupt):
        recipes.train("waveform-vae", profile="smoke", run_dir=tmp_path, overrides=overrides, on_log=stop)
    recipes.train("waveform-vae", run_dir=tmp_path, resume=True)
    resumed = checkpoint.load(tmp_path / "last.safetensors")
    for part in ("model", "ema"):
        for name, tensor in straight[part]["model"].items():
            torch.testing.assert_close(resumed[part]["model"][name], tensor, rtol=0, atol=0)


def test_samples_depend_on_seed_and_label_alone(model: WaveformVAE) -> None:
    labels = torch.tensor([3, 7])
    sounds = sample_sounds(model, 8000, labels, seed=1)
    assert sounds.waveforms.shape == (2, 3200) and sounds.lengths.tolist() == [3200, 3200]
    assert sounds.waveforms.abs().max().item() == pytest.approx(0.95, abs=1e-4)
    torch.testing.assert_close(sounds.waveforms, sample_sounds(model, 8000, labels, seed=1).waveforms)
    assert not torch.equal(sounds.waveforms, sample_sounds(model, 8000, labels, seed=2).waveforms)
    assert not torch.equal(sounds.waveforms, sample_sounds(model, 8000, labels + 1, seed=1).waveforms)
    calm = [sample_sounds(model, 8000, labels, seed=seed, temperature=0).waveforms for seed in (1, 2)]
    torch.testing.assert_close(calm[0], calm[1])
    with pytest.raises(UsageError, match="temperature must be at least 0, but is -1"):
        sample_sounds(model, 8000, labels, seed=1, temperature=-1)


def test_it_speaks_through_the_generator(run: recipes.Run) -> None:
    made = generators.load_generator(run).generate_audio(5000, label=[1, 2], seed=0)
    assert len(made.waveform) == 5000 and made.sample_rate_hz == 8000


def test_reconstructions_are_one_for_each_test_sound(model: WaveformVAE) -> None:
    dataset = waveform_vae.load_set("dtmf-digits", AudioSet)
    sounds = reconstructed(model, dataset, 8000)
    assert sounds.waveforms.shape == (500, 3200)


def test_the_preset_changes_what_is_gaussian() -> None:
    changed = waveform_vae.PRESETS["spectrum"](SETTINGS)
    assert changed.likelihood == "spectrum" and changed.beta > SETTINGS.beta
    assert dataclasses.replace(changed, likelihood="samples", beta=SETTINGS.beta) == SETTINGS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"likelihood": "spectra"}, "likelihood is 'spectra', but must be one of samples, spectrum"),
        ({"beta": -1.0}, "beta is -1.0, but must be at least 0"),
        ({"max_seconds": 0.0}, "max_seconds is 0.0, but must be above 0"),
        ({"evaluation_samples": 1}, "evaluation_samples is 1, but must be at least 2"),
    ],
)
def test_settings_that_are_not_allowed_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SETTINGS, **change)

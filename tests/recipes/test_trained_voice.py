"""A trained audio VAE one z at a time: what it says, how long, where recordings lie, and from which runs."""

import pytest
import torch

from aigc_course import recipes
from aigc_course.errors import CheckpointError, UsageError
from aigc_course.generators import load_generator
from aigc_course.models.lengths import draw_lengths
from aigc_course.recipes.trained_voice import load_voice
from aigc_course.widgets import SoundExplorer


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return recipes.train("audio-vae", profile="smoke", run_dir=tmp_path_factory.mktemp("voice") / "run")


@pytest.fixture(scope="module")
def voice(run):
    return load_voice(run)[0]


def test_it_knows_what_the_generator_knows(run, voice):
    generator, dataset = load_generator(run), load_voice(run)[1]
    assert voice.class_names == generator.class_names == dataset.class_names and voice.speaker_names == ()
    assert voice.sample_rate_hz == generator.sample_rate_hz == dataset.sample_rate_hz
    assert voice.latent_dim == voice.model.config.latent_dim and not voice.model.training


def test_one_z_gives_one_sound_of_the_median_length(voice):
    z = torch.randn(voice.latent_dim, generator=torch.Generator().manual_seed(0))
    sound = voice.decode(z, 3)
    parameters = voice.model.lengths(z[None], torch.tensor([3]), None)
    n_frames = draw_lengths(parameters, torch.tensor([0.5]), voice.model.config.max_frames).item()
    assert sound.shape == ((n_frames - 1) * voice.scale.spectrogram.hop_length,)
    assert sound.abs().max().item() == pytest.approx(0.95, abs=1e-4)
    torch.testing.assert_close(voice.decode(z, 3), sound)
    other = voice.decode(-z, 3)
    assert other.shape != sound.shape or not torch.allclose(other, sound)


def test_posteriors_are_those_of_each_recording_alone(run, voice):
    waveforms, lengths, labels = load_voice(run)[1].split("test")
    mu, logvar = voice.posterior(waveforms[:120], lengths[:120], labels[:120])
    assert mu.shape == logvar.shape == (120, voice.latent_dim)
    x, n_frames = voice.scale.spectrograms(waveforms[110:111], lengths[110:111])
    alone = voice.model.encode(x, n_frames, labels[110:111])
    torch.testing.assert_close(mu[110:111], alone[0].detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logvar[110:111], alone[1].detach(), rtol=1e-4, atol=1e-5)


def test_what_it_is_not_told_is_missed_and_what_it_does_not_know_refused(voice):
    z = torch.zeros(voice.latent_dim)
    with pytest.raises(UsageError, match="conditional: pass labels"):
        voice.decode(z)
    with pytest.raises(UsageError, match="speakers"):
        voice.decode(z, 3, 0)


def test_a_run_has_its_explorer(run, voice):
    explorer = SoundExplorer.of_run(run, coordinates=2)
    number = int(explorer.values["label"])
    torch.testing.assert_close(explorer.waveform, voice.decode(explorer.z, number))
    assert "The telephone exchange hears" in explorer.readout


def test_a_run_of_another_recipe_is_refused(tmp_path):
    other = recipes.train("image-vae", profile="smoke", run_dir=tmp_path / "run")
    with pytest.raises(CheckpointError, match="'image-vae', not by 'audio-vae'"):
        load_voice(other)

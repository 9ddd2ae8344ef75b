"""The explorer of sounds' latent spaces: what is said, seen, heard and played, with a voice of pure tones."""

import base64
import io
import math
import re

import numpy as np
import pytest
import soundfile
import torch

from aigc_course.audio import SpectrogramConfig
from aigc_course.data import dtmf_digits
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError
from aigc_course.models.audio_classifier import AudioClassifier, AudioClassifierConfig
from aigc_course.recipes.trained_audio_classifier import TrainedAudioClassifier
from aigc_course.widgets import SoundExplorer
from aigc_course.widgets.explorer import LIVE_VIEW
from tests.widgets.test_explorer import inputs, widgets_alive

RATE = dtmf_digits.SAMPLE_RATE_HZ


class Tones:
    """Dials the digit asked for. z[0] moves the length, z[1] from 2 up is silence, the speakers differ in a level."""

    latent_dim = 3
    class_names = dtmf_digits.CLASS_NAMES
    speaker_names = ("ann", "bob")
    sample_rate_hz = RATE

    def __init__(self):
        self.calls = 0

    def decode(self, z, label=None, speaker=None):
        self.calls += 1
        row, column = divmod(dtmf_digits._KEY_OF_DIGIT[label], 3)
        seconds = torch.arange(round(RATE * (0.2 + 0.05 * float(z[0])))) / RATE
        low = torch.sin(2 * math.pi * dtmf_digits.ROW_HZ[row] * seconds) * (0.3 if speaker == 0 else 0.25)
        high = torch.sin(2 * math.pi * dtmf_digits.COLUMN_HZ[column] * seconds) * 0.3
        return (low + high) * (0.0 if z[1] >= 2 else 1.0)

    def posterior(self, waveforms, lengths, labels, speakers):
        mu = torch.stack([lengths / RATE, waveforms.std(dim=1), (labels + speakers) / 20.0], dim=1)
        return mu, torch.full_like(mu, -2.0)


@pytest.fixture(scope="module")
def dataset():
    made = dtmf_digits.make_dtmf_digits(2, 2, 30)
    speakers = {split: torch.arange(len(labels)) % 2 for split, labels in made.labels.items()}
    return AudioSet(
        name=made.name,
        sample_rate_hz=RATE,
        waveforms=made.waveforms,
        lengths=made.lengths,
        labels=made.labels,
        class_names=made.class_names,
        speakers=speakers,
        speaker_names=("ann", "bob"),
    )


@pytest.fixture
def explorer(dataset):
    made = SoundExplorer(Tones(), dataset)
    yield made
    made.close()


def player():
    import ipywidgets

    return next(widget for widget in widgets_alive().values() if isinstance(widget, ipywidgets.Audio))


def samples(wav):
    return soundfile.read(io.BytesIO(wav))[0]


def test_it_says_what_the_controls_ask_for(explorer, dataset):
    explorer.set(example=7)
    assert explorer.values["label"] == str(dataset.labels["test"][7].item()) and explorer.values["speaker"] == "bob"
    explorer.set(z0=1.0, label="4", speaker="ann")
    expected = Tones().decode(explorer.z, 4, 0)
    torch.testing.assert_close(explorer.waveform, expected)
    np.testing.assert_allclose(samples(explorer.sound), expected.numpy(), atol=1 / 32000)
    assert "told class '4' and speaker 'ann'" in explorer.readout


def test_the_exchange_hears_the_digit_or_nothing(explorer):
    for digit in "059":
        explorer.set(label=digit)
        assert f"The telephone exchange hears '{digit}'." in explorer.readout
    explorer.set(z1=2.5)
    assert "hears no digit that it accepts" in explorer.readout


def test_a_sound_too_short_to_measure_is_still_shown(explorer):
    explorer.voice.decode = lambda z, label, speaker: torch.full((9,), 0.1)  # noqa: ARG005
    explorer.set(z0=0.1)
    assert "hears no digit" in explorer.readout and len(samples(explorer.sound)) == 9


def test_figure_of_the_sound(explorer):
    explorer.set(z0=2.0)
    wave, _, levels = explorer.figure.axes[:3]
    seconds, values = wave.lines[0].get_data()
    assert len(values) == round(0.3 * RATE) and seconds[-1] == pytest.approx(0.3, abs=1e-3)
    levels = next(ax for ax in explorer.figure.axes if ax.get_ylabel() == "frequency (kHz)")
    picture = levels.images[0]
    assert picture.get_extent() == pytest.approx((0, 0.3, 0, 4))
    loudest = np.asarray(picture.get_array()).mean(axis=1).argsort()[::-1][0] * RATE / 256
    row, column = divmod(dtmf_digits._KEY_OF_DIGIT[int(explorer.values["label"])], 3)
    tones = (dtmf_digits.ROW_HZ[row], dtmf_digits.COLUMN_HZ[column])
    assert min(abs(loudest - tone) for tone in tones) < 32  # a bin is 31 Hz wide


def test_where_z_began_is_in_the_figure_also_when_the_sound_is_the_same(explorer):
    explorer.known.mu[0] = 0.0
    explorer.set(example=0)
    png, sound, text = explorer.png, explorer.sound, explorer.readout
    explorer.set(start="prior")
    assert explorer.sound == sound and explorer.png != png
    assert "the mean of the posterior of sound 0" in text and "the mean of the prior" in explorer.readout


def test_every_control_changes_figure_text_and_sound(explorer):
    moves = {"speaker": "bob", "z0": 2.0, "label": "8" if explorer.values["label"] != "8" else "9", "example": 4}
    for name, value in moves.items():
        png, text, sound = explorer.png, explorer.readout, explorer.sound
        explorer.set(**{name: value})
        assert explorer.png != png and explorer.readout != text and explorer.sound != sound, name


def test_the_player_has_the_sound_and_plays_when_asked(explorer):
    live = inputs(explorer)
    assert samples(player().value).shape == explorer.waveform.shape and not player().autoplay
    live["Play"].click()
    assert player().autoplay and player().value == explorer.sound
    told = []
    player().observe(lambda change: told.append(change["new"]), names="autoplay")
    live["Play"].click()
    assert told == [False, True]  # a change of its state is what makes the browser begin anew
    explorer.set(label="2", z0=1.5)
    assert player().value == explorer.sound and not player().autoplay


def test_the_same_sound_is_made_once(explorer):
    explorer.readout  # noqa: B018
    before = explorer.voice.calls
    explorer.redraw()
    explorer.pressed("play")
    assert explorer.voice.calls == before
    explorer.set(label="1" if explorer.values["label"] != "1" else "2")
    assert explorer.voice.calls == before + 1


def test_without_a_kernel_picture_and_sound_stay(explorer):
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {LIVE_VIEW, "text/html", "text/plain"}
    picture, sound = re.findall(r'base64,([^"]+)"', bundle["text/html"])
    assert base64.b64decode(picture) == explorer.png and base64.b64decode(sound) == explorer.sound
    assert "telephone exchange" in bundle["text/plain"] and "<audio controls" in bundle["text/html"]


def test_closing_leaves_no_widget(dataset):
    before = set(widgets_alive())
    explorer = SoundExplorer(Tones(), dataset)
    explorer._repr_mimebundle_()
    explorer.close()
    assert set(widgets_alive()) == before


def test_the_classifier_says_what_it_hears(dataset):
    spectrogram, config = SpectrogramConfig(sample_rate_hz=RATE, n_mels=40), AudioClassifierConfig(width=4)
    torch.manual_seed(0)
    classifier = TrainedAudioClassifier(AudioClassifier(config).eval(), config, spectrogram, dataset.class_names)
    explorer = SoundExplorer(Tones(), dataset, classifier=classifier)
    waveform = explorer.waveform
    shares = classifier.probabilities(waveform[None], torch.tensor([len(waveform)]), RATE)[0]
    best = shares.argmax().item()
    assert f"The classifier hears '{best}' ({100 * shares[best]:.0f} %)." in explorer.readout


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("class_names", ("yes", "no"), "class_names yes, no, but dtmf-digits has 0, 1"),
        ("speaker_names", ("eve",), "speaker_names eve, but dtmf-digits has ann, bob"),
        ("sample_rate_hz", 16000, "16,000 samples a second, but the sounds 8,000"),
    ],
)
def test_sounds_that_the_voice_did_not_learn_from_are_refused(dataset, name, value, message):
    voice = Tones()
    setattr(voice, name, value)
    with pytest.raises(UsageError, match=message):
        SoundExplorer(voice, dataset)

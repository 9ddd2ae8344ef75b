"""A folder of the user's own recordings: what trains, and what is refused before anything is written."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aigc_course import AudioGenerator, load_generator, recipes
from aigc_course.cli import main
from aigc_course.errors import CourseError, DataError, UsageError


def put(
    folder: Path, classes: tuple[str, ...] = ("no", "yes"), count: int = 16, rate: int = 8000, channels: int = 1
) -> str:
    """Noise, `count` recordings of each class."""
    random = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            sound = random.uniform(-0.5, 0.5, (rate // 4 + 10 * i, channels))
            soundfile.write(folder / name / f"{i}.wav", sound, rate, subtype="PCM_24")
    return str(folder)


def train(recipe: str, data: str, run_dir: Path) -> recipes.Run:
    return recipes.train(recipe, profile="smoke", data=data, run_dir=run_dir)


def generator_of(run: recipes.Run) -> AudioGenerator:
    generator = load_generator(run)
    assert isinstance(generator, AudioGenerator)
    return generator


def refused(recipe: str, data: str, run_dir: Path, error: type[CourseError], message: str) -> None:
    with pytest.raises(error, match=message):
        train(recipe, data, run_dir)
    assert not run_dir.exists()


@pytest.mark.parametrize("place", [".", "hum"], ids=["loose files", "one class folder"])
def test_recordings_of_one_class_train_an_unconditional_generator(place: str, tmp_path: Path) -> None:
    run = train("audio-vae", put(tmp_path / "mine", (place,)), tmp_path / "run")
    sound = generator_of(run).generate_audio(3000, seed=0)
    assert sound.waveform.shape == (3000,) and sound.caption == ""
    with pytest.raises(UsageError, match="without classes; leave label out"):
        generator_of(run).generate_audio(3000, label="hum")
    assert recipes.evaluate(run)["kl_nats"] > 0


def test_a_classifier_needs_two_classes(tmp_path: Path) -> None:
    data = put(tmp_path / "mine", ("hum",))
    refused("audio-classifier", data, tmp_path / "run", UsageError, "'hum': there is nothing to tell apart; sort the")


def test_a_classifier_needs_enough_of_each_class(tmp_path: Path) -> None:
    data = put(tmp_path / "few", ("no", "yes"), count=1)
    refused("audio-classifier", data, tmp_path / "run", DataError, "needs at least so many recordings: 1 in train, 1")


def test_a_folder_without_speakers_has_none_to_hold_out_or_to_ask_for(tmp_path: Path) -> None:
    data = put(tmp_path / "mine")
    with pytest.raises(UsageError, match="mine doesn't say who speaks"):
        recipes.train("audio-classifier", profile="smoke", data=data, overrides=["held_out_speaker=ann"])
    generator = generator_of(train("audio-vae", data, tmp_path / "run"))
    with pytest.raises(UsageError, match="does not know speakers; leave speaker out"):
        generator.generate_audio(1000, speaker="ann")


def test_the_command_line_says_what_was_mended(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    data = put(tmp_path / "mine", channels=2)
    arguments = ["train", "audio-classifier", "--profile", "smoke", "--data", data, "--run-dir", str(tmp_path / "run")]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        with pytest.raises(SystemExit) as caught:
            main(arguments)
    assert caught.value.code == 0 and (tmp_path / "run" / "card.json").exists()
    assert "\nnote: 32 of 32 recordings have several channels, which were averaged; the first is" in (
        "\n" + capsys.readouterr().err
    )

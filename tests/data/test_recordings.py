"""WAV files as people have them: what is mended is said, what can't be is refused, each with the file's name."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from aigc_course.data.folder import load_folder
from aigc_course.data.recordings import is_clipped
from aigc_course.data.sets import AudioSet
from aigc_course.errors import CourseWarning, DataError

RATE = 8000


def tone(rate: int = RATE, level: float = 0.5, hz: float = 440.0) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(rate // 2) / rate)).astype(np.float32)


def put(path: Path, samples: Any, rate: int = RATE, subtype: str = "FLOAT") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)


def load(folder: Path, **options: Any) -> AudioSet:
    dataset = load_folder(folder, **options)
    assert isinstance(dataset, AudioSet)
    return dataset


def everything(dataset: AudioSet) -> torch.Tensor:
    return torch.cat(list(dataset.waveforms.values()))


@pytest.mark.parametrize(
    ("subtype", "step"), [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("PCM_32", 2**-24), ("FLOAT", 0)]
)
def test_every_bit_depth_is_read_without_a_word(subtype: str, step: float, tmp_path: Path) -> None:
    put(tmp_path / "a.wav", tone(), subtype=subtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (waveform,) = everything(load(tmp_path))
    assert waveform.dtype == torch.float32
    torch.testing.assert_close(waveform, torch.from_numpy(tone()), rtol=0, atol=1.01 * step)


def test_channels_are_averaged_and_it_is_said(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", np.stack([tone(), 0.5 * tone()], axis=1))
    put(tmp_path / "b.wav", 0.75 * tone())
    with pytest.warns(
        CourseWarning, match=r"1 of 2 recordings have several channels, which were averaged; .*a\.wav \(2"
    ):
        first, second = everything(load(tmp_path))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-6)


def test_rates_are_made_one_and_it_is_said(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", tone(16000), 16000)
    put(tmp_path / "b.wav", tone(8000), 8000)
    with pytest.warns(CourseWarning, match=r"1 of 2 .* resampled to 8,000 Hz, the lowest .*a\.wav \(16,000 Hz\)"):
        dataset = load(tmp_path)
    waveforms = everything(dataset)
    assert dataset.sample_rate_hz == 8000
    assert waveforms.shape == (2, 4000)
    torch.testing.assert_close(waveforms[0, 100:-100], waveforms[1, 100:-100], rtol=0, atol=0.01)


def test_a_rate_that_was_asked_for_is_not_said(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", tone(16000), 16000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = load(tmp_path, sample_rate_hz=4000)
    assert dataset.sample_rate_hz == 4000 and everything(dataset).shape == (1, 2000)


def test_what_goes_beyond_full_scale_is_scaled_and_it_is_said(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", tone(level=2.5))
    with pytest.warns(CourseWarning, match=r"1 of 1 recordings go beyond full scale, 1, .* \(up to 2\.5\)"):
        (waveform,) = everything(load(tmp_path))
    torch.testing.assert_close(waveform / waveform.abs().max(), torch.from_numpy(tone() / tone().max()))
    assert waveform.abs().max() == 1


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "FLOAT"])
def test_clipping_is_said(subtype: str, tmp_path: Path) -> None:
    put(tmp_path / "a.wav", tone(level=2.0).clip(-1, 1), subtype=subtype)
    put(tmp_path / "b.wav", tone(level=0.9), subtype=subtype)
    with pytest.warns(CourseWarning, match=r"1 of 2 recordings are clipped .*a\.wav \(up to (1|0\.99)"):
        load(tmp_path)


def test_one_clipped_channel_is_enough(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", np.stack([tone(level=2.0).clip(-1, 1), tone()], axis=1))
    with pytest.warns(CourseWarning) as said:
        load(tmp_path)
    assert ["several channels" in str(w.message) for w in said] == [True, False]
    assert "1 of 1 recordings are clipped" in str(said[1].message)


def test_what_counts_as_clipped() -> None:
    assert is_clipped(tone(level=3.0).clip(-1, 1))
    assert is_clipped(np.array([0, 0.5, 1, 1, 1, 0.5], np.float32))
    assert is_clipped(np.array([0, -1, -1, -1], np.float32))
    assert not is_clipped(np.array([0, 1, 1, 0.5, 1, 1], np.float32))  # never three on end
    assert not is_clipped(np.array([0, 0.9, 0.9, 0.9, 0.5], np.float32))  # far below full scale
    for hz in (50, 440, 1000):  # a whole tone at full scale, in 16 bits
        assert not is_clipped(np.round(tone(level=1.0, hz=hz) * 32767).astype(np.float32) / 32768)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0), r"a\.wav holds no samples; record it anew"),
        (np.zeros(4000), r"a\.wav is silent from end to end; record it anew"),
        (np.full(4000, 5e-5), r"a\.wav is silent"),
        (np.stack([tone(), -tone()], axis=1), r"a\.wav is silent from end to end once its channels are averaged"),
        (np.where(np.arange(4000) == 800, np.nan, tone()), r"not finite numbers .* the first after 0\.100 s"),
        (np.where(np.arange(4000) == 800, np.inf, tone()), "not finite numbers"),
    ],
)
def test_recordings_that_nothing_can_mend_are_refused(samples: np.ndarray, message: str, tmp_path: Path) -> None:
    put(tmp_path / "a.wav", samples.astype(np.float32))
    with pytest.raises(DataError, match=message):
        load(tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [(lambda d: d[:-8], "cut off: its header promises"), (lambda d: d[:30], "a.wav"), (lambda d: d[:0], "a.wav can't")],
)
def test_a_damaged_recording_is_named(data: Any, message: str, tmp_path: Path) -> None:
    put(tmp_path / "a.wav", tone())
    (tmp_path / "a.wav").write_bytes(data((tmp_path / "a.wav").read_bytes()))
    with pytest.raises(DataError, match=message):
        load(tmp_path)

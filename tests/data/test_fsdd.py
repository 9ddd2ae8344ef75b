import dataclasses
import hashlib
import zipfile

import numpy as np
import pytest
import soundfile
import torch

from aigc_course.data import load_dataset, store
from aigc_course.data.cards import CARDS
from aigc_course.errors import DataError, UsageError


def wave(digit: int, speaker: str, index: int) -> np.ndarray:
    """16-bit samples whose length and values tell which recording it is."""
    length = 100 + 10 * digit + (1 if speaker == "zoe" else 0)
    return (np.arange(length) * 100 % 3000 + 1000 * digit + index).astype(np.int16)


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path / "data"))
    folder = tmp_path / "repo" / "recordings"
    folder.mkdir(parents=True)
    for digit in (0, 3, 9):
        for speaker in ("ann", "zoe"):
            for index in (0, 4, 5, 9, 10, 11):
                soundfile.write(folder / f"{digit}_{speaker}_{index}.wav", wave(digit, speaker, index), 8000)
    (tmp_path / "repo" / "README.md").write_text("x")
    return folder


def test_recordings_are_read_back_exactly(recordings):
    status = store.import_files("fsdd", recordings)
    assert status.state == "present" and "unverified" in status.detail
    dataset = load_dataset("fsdd")
    assert {split: len(labels) for split, labels in dataset.labels.items()} == {
        "train": 12,
        "validation": 12,
        "test": 12,
    }
    assert dataset.speaker_names == ("ann", "zoe") and dataset.sample_rate_hz == 8000
    for split, indices in (("train", (10, 11)), ("validation", (5, 9)), ("test", (0, 4))):
        waveforms, lengths, labels = dataset.split(split)
        assert waveforms.shape == (12, 191)
        row = 0
        for digit in (0, 3, 9):
            for speaker in ("ann", "zoe"):
                for index in indices:
                    expected = torch.from_numpy(wave(digit, speaker, index)) / 32768
                    assert torch.equal(waveforms[row, : lengths[row]], expected)
                    assert labels[row] == digit and dataset.speaker_names[dataset.speakers[split][row]] == speaker
                    row += 1


def test_max_seconds_cuts_the_long_ones(recordings):
    store.import_files("fsdd", recordings)
    whole, cut = load_dataset("fsdd"), load_dataset("fsdd", max_seconds=0.0145)  # 116 samples
    assert cut.waveforms["test"].shape == (12, 116)
    assert torch.equal(cut.waveforms["test"], whole.waveforms["test"][:, :116])
    assert torch.equal(cut.lengths["test"], whole.lengths["test"].clamp(max=116))
    with pytest.raises(UsageError, match="max_seconds must be > 0"):
        load_dataset("fsdd", max_seconds=0)


def test_downloaded_archive_is_proved_by_what_is_inside(recordings, tmp_path, monkeypatch):
    lines = sorted(f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}\n" for p in recordings.iterdir())
    listing = hashlib.sha256("".join(lines).encode()).hexdigest()
    monkeypatch.setitem(CARDS, "fsdd", dataclasses.replace(CARDS["fsdd"], listing_sha256=listing))
    mirror = tmp_path / "mirror" / "fsdd"
    mirror.mkdir(parents=True)
    with zipfile.ZipFile(mirror / "free-spoken-digit-dataset.zip", "w") as archive:
        for path in (tmp_path / "repo").rglob("*.*"):
            archive.write(path, f"repo-26eb9/{path.relative_to(tmp_path / 'repo')}")
    monkeypatch.setenv("AIGC_MIRROR", str(tmp_path / "mirror"))
    assert store.download("fsdd").detail == "the official files"
    monkeypatch.setitem(CARDS, "fsdd", dataclasses.replace(CARDS["fsdd"], listing_sha256="0" * 64))
    monkeypatch.setenv("AIGC_DATA", str(tmp_path / "other"))
    with pytest.raises(DataError, match="not the official version"):
        store.download("fsdd")
    assert not (tmp_path / "other" / "fsdd").exists()


@pytest.mark.parametrize(
    ("name", "rate", "channels", "message"),
    [
        ("3_ann_7.wav", 16000, 1, "3_ann_7.wav has 16,000 samples a second"),
        ("3_ann_7.wav", 8000, 2, "3_ann_7.wav has 2 channels"),
        ("hello.wav", 8000, 1, "hello.wav: recordings must be named"),
    ],
)
def test_a_wrong_recording_is_named(name, rate, channels, message, recordings):
    soundfile.write(recordings / name, np.full((100, channels), 1000, np.int16), rate)
    with pytest.raises(DataError, match=message):
        store.import_files("fsdd", recordings)


@pytest.mark.parametrize("change", [lambda data: data[:-20], lambda data: b"noise" + data, lambda data: data[:0]])
def test_a_damaged_recording_is_named(change, recordings):
    path = recordings / "9_zoe_10.wav"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=r"9_zoe_10\.wav"):
        store.import_files("fsdd", recordings)


def test_a_set_without_test_recordings_loads(recordings):
    for path in recordings.glob("*_[04].wav"):
        path.unlink()
    store.import_files("fsdd", recordings)
    assert len(load_dataset("fsdd").labels["test"]) == 0

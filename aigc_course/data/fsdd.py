"""The Free Spoken Digit Dataset: 8 kHz mono WAV files named {digit}_{speaker}_{index}.wav.

Test is index 0 to 4, the official split; validation is index 5 to 9, train the rest: 300, 300 and 2,400 recordings.
Source: Jackson et al., https://github.com/Jakobovski/free-spoken-digit-dataset
"""

import re
from pathlib import Path

import numpy as np
import torch

from aigc_course.data.archives import entries
from aigc_course.data.importing import LOOSE_NAME
from aigc_course.data.recordings import decode_recording
from aigc_course.data.sets import AudioSet
from aigc_course.data.splitting import SPLITS
from aigc_course.errors import DataError, UsageError

VERSION = 1  # of the decoded form
SAMPLE_RATE_HZ = 8000
_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)\.wav")
_TEST_BELOW, _VALIDATION_BELOW = 5, 10


def decode(raw: Path) -> dict[str, np.ndarray]:
    """All recordings end to end, (total,) int16, with each one's length, digit, speaker code and index (N,).

    Raises: DataError naming the recording that is damaged, not 8 kHz mono, or of another name.
    """
    rows = []
    for entry in entries(raw / LOOSE_NAME):
        match = _NAME.fullmatch(entry.base_name)
        if not match:
            raise DataError(f"{entry.name}: recordings must be named DIGIT_SPEAKER_INDEX.wav, as 3_theo_12.wav")
        recording = decode_recording(entry.read(), entry.name)
        if recording.sample_rate_hz != SAMPLE_RATE_HZ:
            rate = recording.sample_rate_hz
            raise DataError(f"{entry.name} has {rate:,} samples a second; this set has {SAMPLE_RATE_HZ:,}")
        if recording.channels > 1:
            raise DataError(f"{entry.name} has {recording.channels} channels; this set's recordings have one")
        levels = np.round(recording.samples * 32768).clip(-32768, 32767)
        rows.append((int(match[1]), match[2], int(match[3]), levels))
    rows.sort(key=lambda row: row[:3])
    names = sorted({row[1] for row in rows})
    return {
        "samples": np.concatenate([row[3] for row in rows]).astype(np.int16),
        "lengths": np.array([len(row[3]) for row in rows], dtype=np.int64),
        "digits": np.array([row[0] for row in rows], dtype=np.int64),
        "speakers": np.array([names.index(row[1]) for row in rows], dtype=np.int64),
        "indices": np.array([row[2] for row in rows], dtype=np.int64),
        "speaker_names": np.array(names),
    }


def make_set(arrays: dict[str, np.ndarray], max_seconds: float | None = None) -> AudioSet:
    """The set, padded with zeros to the longest recording, or to `max_seconds`, where longer ones are cut.

    Raises: UsageError when max_seconds is not positive; DataError when a split has no recordings.
    """
    if max_seconds is not None and max_seconds <= 0:
        raise UsageError(f"max_seconds must be > 0, but is {max_seconds}")
    longest = int(arrays["lengths"].max())
    width = longest if max_seconds is None else min(longest, max(1, round(max_seconds * SAMPLE_RATE_HZ)))
    indices, ends = arrays["indices"], arrays["lengths"].cumsum()
    of_split = {
        "train": indices >= _VALIDATION_BELOW,
        "validation": (indices >= _TEST_BELOW) & (indices < _VALIDATION_BELOW),
        "test": indices < _TEST_BELOW,
    }
    waveforms, lengths = {}, {}
    for split in SPLITS:
        chosen = np.flatnonzero(of_split[split])
        cut = np.minimum(arrays["lengths"][chosen], width)
        waveforms[split] = torch.zeros(len(chosen), width)
        for row, begin, length in zip(waveforms[split], ends[chosen] - arrays["lengths"][chosen], cut, strict=True):
            row[:length] = torch.from_numpy(arrays["samples"][begin : begin + length]) / 32768
        lengths[split] = torch.from_numpy(cut)
    return AudioSet(
        name="fsdd",
        sample_rate_hz=SAMPLE_RATE_HZ,
        waveforms=waveforms,
        lengths=lengths,
        labels={split: torch.from_numpy(arrays["digits"][of_split[split]]) for split in SPLITS},
        class_names=tuple("0123456789"),
        speakers={split: torch.from_numpy(arrays["speakers"][of_split[split]]) for split in SPLITS},
        speaker_names=tuple(arrays["speaker_names"].tolist()),
    )

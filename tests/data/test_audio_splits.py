"""A held-out speaker: all that one says is the test split, and nobody else's recordings are in it."""

import dataclasses

import pytest
import torch

from aigc_course.data.audio_splits import with_held_out_speaker
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError


def three_speakers() -> AudioSet:
    """Recordings whose only sample tells which one it is: a number below 1000 over 1000."""
    counts = {"train": 9, "validation": 3, "test": 6}
    first = {"train": 0, "validation": 100, "test": 200}
    return AudioSet(
        name="mine",
        sample_rate_hz=8000,
        waveforms={s: (torch.arange(n)[:, None] + first[s]) / 1000 for s, n in counts.items()},
        lengths={s: torch.ones(n, dtype=torch.int64) for s, n in counts.items()},
        labels={s: torch.arange(n) % 2 for s, n in counts.items()},
        class_names=("no", "yes"),
        speakers={s: torch.arange(n) % 3 for s, n in counts.items()},
        speaker_names=("ann", "ben", "cleo"),
    )


def test_what_one_speaker_says_is_the_test_split() -> None:
    whole = three_speakers()
    parted = with_held_out_speaker(whole, "ben")
    numbers = {s: sorted((1000 * waveforms[:, 0]).round().int().tolist()) for s, waveforms in parted.waveforms.items()}
    assert numbers == {
        "train": [0, 2, 3, 5, 6, 8],
        "validation": [100, 102],
        "test": [1, 4, 7, 101, 201, 204],
    }
    assert (parted.speakers["test"] == 1).all() and not (parted.speakers["train"] == 1).any()
    for split, waveforms in parted.waveforms.items():
        number = (1000 * waveforms[:, 0]).round().long() % 100
        assert torch.equal(parted.labels[split], number % 2)
    assert parted.speaker_names == whole.speaker_names and len(whole.labels["train"]) == 9


def test_nobody_to_hold_out_is_said() -> None:
    dataset = three_speakers()
    with pytest.raises(UsageError, match=r"unknown speaker 'bem'; did you mean 'ben'\? Allowed: ann, ben, cleo"):
        with_held_out_speaker(dataset, "bem")
    with pytest.raises(UsageError, match="mine doesn't say who speaks"):
        with_held_out_speaker(dataclasses.replace(dataset, speakers={}, speaker_names=()), "ben")
    alone = {split: torch.zeros_like(codes) for split, codes in dataset.speakers.items()}
    with pytest.raises(UsageError, match="ann is the only speaker of mine"):
        with_held_out_speaker(dataclasses.replace(dataset, speakers=alone, speaker_names=("ann",)), "ann")

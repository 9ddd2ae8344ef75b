"""Random changes of training sounds: what each does, that it stays in its bounds, and that (seed, k) decides."""

import math
from typing import Any

import pytest
import torch

from aigc_course.audio import SpectrogramConfig
from aigc_course.recipes.log_mel import log_mel
from aigc_course.recipes.sound_batches import SoundBatches, SoundChanges, move, silence

CONFIG = SpectrogramConfig(n_fft=128, hop_length=64, n_mels=16, floor_db=-60.0)
ALL = SoundChanges(noise=0.2, masked_frames=3, masked_bins=4, moved_bins=2)


def sounds(count: int = 24) -> dict[str, torch.Tensor]:
    source = torch.Generator().manual_seed(0)
    lengths = torch.randint(300, 1000, (count,), generator=source)
    waveforms = 0.1 * torch.randn(count, 1000, generator=source)
    waveforms[torch.arange(1000) >= lengths[:, None]] = 0
    return {"waveforms": waveforms, "lengths": lengths, "labels": torch.arange(count)}


def batches(changes: SoundChanges, seed: int = 0, **ranks: int) -> SoundBatches:
    return SoundBatches(sounds(), CONFIG, changes, 8, seed=seed, **ranks)


def test_without_changes_a_batch_is_the_sounds_spectrograms() -> None:
    batch, whole = batches(SoundChanges())[1], sounds()
    rows = batch["labels"]
    spectrograms, n_frames = log_mel(whole["waveforms"][rows], whole["lengths"][rows], CONFIG)
    assert torch.equal(batch["spectrograms"], spectrograms) and torch.equal(batch["n_frames"], n_frames)
    assert batch.keys() == {"spectrograms", "n_frames", "labels"}


@pytest.mark.parametrize("name", ["noise", "masked_frames", "masked_bins", "moved_bins"])
def test_each_change_alone_changes_the_spectrograms_and_not_the_labels(name: str) -> None:
    plain, changed = batches(SoundChanges())[0], batches(SoundChanges(**{name: getattr(ALL, name)}))[0]
    assert torch.equal(plain["labels"], changed["labels"])
    assert torch.equal(plain["n_frames"], changed["n_frames"]) == (name != "silence_seconds")
    width = plain["spectrograms"].shape[2]
    assert not torch.equal(plain["spectrograms"], changed["spectrograms"][:, :, :width])
    after = torch.arange(changed["spectrograms"].shape[2]) >= changed["n_frames"][:, None, None]
    assert (changed["spectrograms"].masked_select(after) == 0).all()


def test_a_batch_is_a_function_of_seed_and_number() -> None:
    first = batches(ALL)
    again = batches(ALL)
    assert torch.equal(first[5]["spectrograms"], again[5]["spectrograms"])
    assert not torch.equal(batches(ALL, seed=1)[5]["spectrograms"], first[5]["spectrograms"])


def test_the_ranks_together_make_the_batch() -> None:
    whole = batches(ALL)[2]
    parts = [batches(ALL, rank=rank, world=2)[2] for rank in range(2)]
    width = max(part["spectrograms"].shape[2] for part in parts)
    for name in ("n_frames", "labels"):
        assert torch.equal(torch.cat([part[name] for part in parts]), whole[name])
    joined = torch.cat([part["spectrograms"] for part in parts])
    assert width == whole["spectrograms"].shape[2]
    torch.testing.assert_close(joined, whole["spectrograms"], rtol=0, atol=1e-5)


def test_moving_brings_in_silence() -> None:
    spectrograms = torch.arange(1.0, 7).reshape(1, 3, 2).expand(3, -1, -1)
    moved = move(spectrograms, torch.tensor([1, 0, -2]))
    assert moved.tolist() == [[[0, 0], [1, 2], [3, 4]], [[1, 2], [3, 4], [5, 6]], [[5, 6], [0, 0], [0, 0]]]


@pytest.mark.parametrize("axis", [1, 2])
def test_a_mask_lies_within_the_sound_and_takes_at_most_half(axis: int) -> None:
    ones = torch.ones(200, 10, 10)
    source = torch.Generator().manual_seed(0)
    ends, places = torch.full((200,), 7), torch.rand(200, generator=source)
    masked = silence(ones, axis, torch.full((200,), 2), places, ends)
    lines = masked.amin(dim=3 - axis)  # (200, 10): 0 where masked
    assert torch.equal(masked.amax(dim=3 - axis), lines)
    assert (lines.sum(dim=1) == 8).all()
    begins = lines.argmin(dim=1)
    assert begins.unique().tolist() == [0, 1, 2, 3, 4, 5] and (lines[torch.arange(200), begins + 1] == 0).all()
    assert (silence(ones, axis, torch.full((200,), 9), places, ends).amin(dim=3 - axis).sum(dim=1) == 7).all()


def test_noise_is_as_loud_as_asked() -> None:
    tone = {
        "waveforms": torch.sin(torch.arange(8000) * 2 * math.pi * 28 / 256)[None].expand(64, -1),
        "lengths": torch.full((64,), 8000),
        "labels": torch.arange(64),
    }
    spectrogram = SpectrogramConfig(n_fft=256, hop_length=128, floor_db=-100.0)
    batch = SoundBatches(tone, spectrogram, SoundChanges(noise=0.1), 64, seed=0)[0]["spectrograms"]
    far = batch[:, 80:120, 3:-3].mean(dim=(1, 2)) - 5  # in steps of 20 dB, 0 at the tone's level
    # A noise of share s of the tone's deviation is s sqrt(2 E[w²] / n) / mean(w) of it in one bin, and its mean level
    # in dB 2.5 dB below that: with s = 0.1, -20 - 19.3 - 2.5 dB.
    assert far.max().item() == pytest.approx((-20 - 19.3 - 2.5) / 20, abs=0.04)
    assert far.min() < far.max() - 0.5


@pytest.mark.parametrize(
    "change",
    [{"noise": -1.0}, {"masked_frames": -1}, {"masked_bins": -1}, {"moved_bins": -1}],
)
def test_settings_out_of_range_are_named(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        SoundChanges(**change)

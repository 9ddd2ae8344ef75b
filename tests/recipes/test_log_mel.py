"""What the audio classifier sees: neither loudness nor offset nor what comes after a sound's end."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course.audio import SpectrogramConfig
from aigc_course.recipes.log_mel import log_mel

CONFIG = SpectrogramConfig(n_fft=256, hop_length=80, n_mels=40, floor_db=-60.0)
LENGTHS = torch.tensor([4000, 2500, 100])


def sounds() -> Tensor:
    torch.manual_seed(0)
    times = torch.arange(4000) / 8000
    swept = torch.sin(2 * math.pi * (300 + 1500 * times) * times)
    waveforms = 0.3 * swept + 0.02 * torch.randn(3, 4000)
    return torch.where(torch.arange(4000) < LENGTHS[:, None], waveforms, 0)


def test_sizes_and_frames() -> None:
    spectrograms, n_frames = log_mel(sounds(), LENGTHS, CONFIG)
    assert spectrograms.shape == (3, 40, CONFIG.n_frames(4000))
    assert n_frames.tolist() == [51, 32, 2]
    assert (spectrograms >= 0).all()
    for row, frames in zip(spectrograms, n_frames, strict=True):
        assert row.max().item() == pytest.approx(3.0, abs=1e-5)  # the loudest point is 60 dB above the floor
        assert (row[:, frames:] == 0).all()


@pytest.mark.parametrize("gain", [0.001, 0.5, 3.0, -1.0])
@pytest.mark.parametrize("offset", [0.0, 0.2])
def test_neither_loudness_nor_offset_is_seen(gain: float, offset: float) -> None:
    known = torch.arange(4000) < LENGTHS[:, None]
    changed = torch.where(known, gain * (sounds() + offset), 0)
    torch.testing.assert_close(
        log_mel(changed, LENGTHS, CONFIG)[0], log_mel(sounds(), LENGTHS, CONFIG)[0], rtol=0, atol=2e-3
    )


@pytest.mark.parametrize("more", [1, 100, 5000])
def test_nothing_after_the_end_is_seen(more: int) -> None:
    expected, frames = log_mel(sounds(), LENGTHS, CONFIG)
    for value in (0.0, 0.9):
        padded = torch.where(torch.arange(4000 + more) < LENGTHS[:, None], F.pad(sounds(), (0, more)), value)
        spectrograms, n_frames = log_mel(padded, LENGTHS, CONFIG)
        assert torch.equal(n_frames, frames)
        torch.testing.assert_close(spectrograms[:, :, : expected.shape[2]], expected, rtol=0, atol=1e-5)
        assert (spectrograms[:, :, expected.shape[2] :] == 0).all()


def test_a_sound_alone_is_what_it_is_in_a_batch() -> None:
    together, _ = log_mel(sounds(), LENGTHS, CONFIG)
    for i, length in enumerate(LENGTHS):
        alone, frames = log_mel(sounds()[i : i + 1, :length], LENGTHS[i : i + 1], CONFIG)
        torch.testing.assert_close(alone[0], together[i, :, : frames[0]], rtol=0, atol=1e-5)


def test_an_offset_of_the_sound_alone_is_not_taken_for_sound_in_the_silence_after_it() -> None:
    sound = torch.where(torch.arange(8000) < 4000, 0.1 * sounds()[0].repeat(2) + 0.01, 0)[None]
    spectrograms, n_frames = log_mel(sound[:, :4000], torch.tensor([4000]), CONFIG)
    again, frames = log_mel(sound, torch.tensor([8000]), CONFIG)
    assert abs(int(frames) - int(n_frames)) <= 3
    inner = slice(0, int(n_frames) - 4)
    torch.testing.assert_close(again[:, :, inner], spectrograms[:, :, inner], rtol=0, atol=0.02)


@pytest.mark.parametrize(("before", "after"), [(800, 0), (0, 1), (0, 3000), (1600, 1600)])
def test_silence_around_a_sound_is_not_seen(before: int, after: int) -> None:
    quiet = 1e-4 * torch.randn(3, before + 4000 + after, generator=torch.Generator().manual_seed(1))
    edge = torch.hann_window(400)  # a sound that begins and ends softly, so that no frame is half silent
    shape = torch.cat([edge[:200], torch.ones(2100), edge[200:]])
    sound = sounds()[:2, :2500] * shape
    spectrograms, n_frames = log_mel(sound, torch.full((2,), 2500), CONFIG)
    surrounded = F.pad(sound, (before, after))
    for background in (torch.zeros_like(surrounded), quiet[:2, : surrounded.shape[1]]):
        again, frames = log_mel(surrounded + background, torch.full((2,), surrounded.shape[1]), CONFIG)
        assert (frames - n_frames).abs().max() <= 1
        common = int(torch.minimum(frames, n_frames).min())
        inner = slice(2, common - 2)  # the outermost frames reach into what stands around them
        torch.testing.assert_close(again[:, :, inner], spectrograms[:, :, inner], rtol=0, atol=0.2)


def test_twenty_decibels_are_one_step() -> None:
    times = torch.arange(8000) / 8000
    envelope = torch.where(times < 0.5, 1.0, 0.1)
    spectrograms, _ = log_mel((envelope * torch.sin(2 * math.pi * 1000 * times))[None], torch.tensor([8000]), CONFIG)
    level = spectrograms[0].amax(dim=0)
    assert (level[25] - level[75]).item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_silence_is_zero(value: float) -> None:
    spectrograms, n_frames = log_mel(torch.full((1, 2000), value), torch.tensor([2000]), CONFIG)
    assert (spectrograms == 0).all() and n_frames.tolist() == [26]

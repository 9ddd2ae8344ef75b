"""From sounds of any lengths to what audio-vae sees, and back."""

import math

import pytest
import torch

from aigc_course.audio import SpectrogramConfig, log_spectrogram, normalise_peak
from aigc_course.errors import UsageError
from aigc_course.recipes.spectrogram_scale import Representation, Scale, Sounds

CONFIG = SpectrogramConfig()


def scale_of(representation: Representation = "magnitude", max_frames: int = 63) -> Scale:
    mean, std = (-50.0, 12.0) if representation == "magnitude" else (0.0, 0.3)
    return Scale(spectrogram=CONFIG, max_frames=max_frames, mean=mean, std=std, representation=representation)


def tone(n_samples: int = 4000, hz: float = 1000.0) -> torch.Tensor:
    return 0.5 * torch.sin(2 * math.pi * hz / 8000 * torch.arange(n_samples))[None]


def noise(count: int, n_samples: int) -> torch.Tensor:
    return torch.rand((count, n_samples), generator=torch.Generator().manual_seed(0)) - 0.5


@pytest.mark.parametrize("representation", ["magnitude", "complex"])
def test_measure_standardises_own_frames_alone(representation: Representation) -> None:
    lengths = torch.tensor([1500, 700, 64])
    waveforms = torch.where(torch.arange(1500) < lengths[:, None], noise(3, 1500), 0)
    scale = Scale.measure(Sounds(waveforms, lengths), CONFIG, 24, representation)
    seen, n_frames = scale.spectrograms(waveforms, lengths)
    assert n_frames.tolist() == [24, 11, 2] and seen.shape == (3, scale.n_rows, 24)
    own = torch.cat([sound[:, :n].flatten() for sound, n in zip(seen, n_frames, strict=True)])
    assert abs(own.mean()) < 1e-4 and abs(own.std(correction=0) - 1) < 1e-3
    assert all(sound[:, n:].eq(0).all() for sound, n in zip(seen, n_frames, strict=True))


def test_silence_has_no_scale() -> None:
    with pytest.raises(UsageError, match="silent"):
        Scale.measure(Sounds(torch.zeros(2, 1000), torch.full((2,), 1000)), CONFIG, 16)


@pytest.mark.parametrize("representation", ["magnitude", "complex"])
def test_loudness_and_company_change_nothing(representation: Representation) -> None:
    scale, lengths = scale_of(representation, 24), torch.tensor([1500, 1000])
    waveforms = torch.where(torch.arange(1500) < lengths[:, None], noise(2, 1500), 0)
    seen, _ = scale.spectrograms(waveforms, lengths)
    alone, _ = scale.spectrograms(0.1 * waveforms[1:, :1000], lengths[1:])
    torch.testing.assert_close(seen[1:], alone, rtol=1e-3, atol=1e-3)


def test_what_goes_beyond_the_longest_is_cut() -> None:
    waveforms = noise(1, 5000)
    seen, n_frames = scale_of(max_frames=11).spectrograms(waveforms, torch.tensor([5000]))
    assert seen.shape[2] == 11 and n_frames.tolist() == [11]
    expected = log_spectrogram(normalise_peak(waveforms), CONFIG)[:, :, :11]
    torch.testing.assert_close(seen * 12 - 50, expected, rtol=1e-3, atol=0.1)


@pytest.mark.parametrize("representation", ["magnitude", "complex"])
def test_there_and_back_keeps_a_tone_and_its_length(representation: Representation) -> None:
    back = scale_of(representation).there_and_back(Sounds(tone(), torch.tensor([3000])), seed=0)
    assert back.waveforms.shape == (1, 62 * 64) and back.lengths.tolist() == [46 * 64]
    assert back.waveforms[0, 46 * 64 :].eq(0).all()
    assert back.waveforms.abs().max().item() == pytest.approx(0.95, abs=1e-4)
    spectrum = log_spectrogram(back.waveforms, CONFIG)[0, :, 10:30].mean(1)
    assert spectrum.argmax() == 32  # 1000 Hz / (8000 Hz / 256)
    assert spectrum[32] - spectrum[64] > 30


def test_the_complex_way_back_is_exact() -> None:
    sound = torch.nn.functional.pad(noise(1, 3000), (0, 1000))
    back = scale_of("complex").there_and_back(Sounds(sound, torch.tensor([4000])), seed=0)
    middle = slice(200, 2800)
    torch.testing.assert_close(back.waveforms[:, middle], normalise_peak(sound)[:, middle], rtol=0.02, atol=0.02)


def test_there_and_back_keeps_silence() -> None:
    sound = tone()
    sound[:, 2000:] = 0
    back = scale_of().there_and_back(Sounds(sound, torch.tensor([4000])), seed=0).waveforms
    assert back[:, 300:1700].square().mean() > 0.1
    assert back[:, 2300:3700].square().mean() < 1e-5


def test_what_is_after_a_sound_is_not_looked_at() -> None:
    scale, n_frames = scale_of(), torch.tensor([30, 63])
    seen = scale.spectrograms(noise(2, 4000), torch.tensor([4000, 4000]))[0]
    other = seen.clone()
    other[0, :, 30:] = 9.0
    first, second = (scale.waveforms(spectrograms, n_frames, seed=0) for spectrograms in (seen, other))
    assert torch.equal(first.waveforms, second.waveforms)
    assert first.lengths.tolist() == [29 * 64, 62 * 64]


def test_the_shortest_sound_is_a_sample_and_does_not_fail() -> None:
    back = scale_of().waveforms(torch.zeros(1, 129, 63), torch.tensor([1]), seed=0)
    assert back.lengths.tolist() == [1] and back.waveforms.isfinite().all()

"""Finding phases: the transform and its inverse, tones, more rounds, silence, padding."""

import math

import pytest
import torch

from aigc_course.models.phases import overlap_add, short_time_spectra, sound_of


def noise(count: int, n_samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(count, n_samples, generator=torch.Generator().manual_seed(seed))


def magnitudes(sound: torch.Tensor, n_fft: int = 256, hop: int = 64) -> torch.Tensor:
    """(B, 1 + T / hop, n_fft / 2 + 1), with silence before and after the sound."""
    return short_time_spectra(torch.nn.functional.pad(sound, (n_fft // 2, n_fft // 2)), n_fft, hop).abs()


def error(made: torch.Tensor, wanted: torch.Tensor) -> float:
    """Of the magnitudes of a sound, relative, away from its ends."""
    inner = slice(8, -8)
    difference = (magnitudes(made) - wanted)[:, inner]
    return (difference.norm() / wanted[:, inner].norm()).item()


@pytest.mark.parametrize(("n_fft", "hop"), [(256, 64), (256, 128), (64, 10), (100, 33)])
def test_overlap_add_is_the_inverse(n_fft: int, hop: int) -> None:
    sound = noise(2, 12 * hop + n_fft)
    spectra = short_time_spectra(sound, n_fft, hop)
    assert spectra.shape == (2, 13, n_fft // 2 + 1)
    back = overlap_add(spectra, n_fft, hop)
    assert back.shape == (2, 12 * hop + n_fft)
    inner = slice(n_fft, 12 * hop)
    torch.testing.assert_close(back[:, inner], sound[:, inner], atol=1e-6, rtol=1e-5)


def test_the_spectra_are_torchs() -> None:
    sound = noise(2, 1024)
    window = torch.hann_window(256)
    expected = torch.stft(sound, 256, 64, window=window, return_complex=True, center=False).transpose(1, 2)
    torch.testing.assert_close(short_time_spectra(sound, 256, 64), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("frequency_hz", [700.0, 1003.0, 2121.0])
def test_a_steady_tone_comes_back_in_the_first_pass(frequency_hz: float) -> None:
    tone = 0.5 * torch.sin(2 * math.pi * frequency_hz / 8000 * torch.arange(6400))[None]
    made = sound_of(magnitudes(tone), 256, 64, rounds=0)
    assert made.shape == (1, 6400)
    middle = made[:, 1024:-1024]
    spectrum = torch.fft.rfft(middle * torch.hann_window(middle.shape[1])).abs()[0]
    assert spectrum.argmax().item() * 8000 / middle.shape[1] == pytest.approx(frequency_hz, abs=2)
    assert middle.square().mean().sqrt().item() == pytest.approx(0.5 / 2**0.5, rel=0.02)
    assert error(made, magnitudes(tone)) < 0.05


def test_rounds_bring_the_magnitudes_nearer() -> None:
    wanted = magnitudes(noise(2, 4096))
    errors = [error(sound_of(wanted, 256, 64, rounds), wanted) for rounds in (0, 2, 6, 20)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 0.5 and errors[-1] < 0.2


def test_one_pass_is_nearer_than_phases_at_random() -> None:
    wanted = magnitudes(noise(1, 4096))
    angles = 2 * math.pi * torch.rand(wanted.shape, generator=torch.Generator().manual_seed(0))
    at_random = overlap_add(torch.polar(wanted, angles), 256, 64)[:, 128:-128]
    assert error(sound_of(wanted, 256, 64, rounds=0), wanted) < 0.8 * error(at_random, wanted)


def test_the_beginning_mirrors_as_in_a_spectrogram() -> None:
    sound = noise(1, 4096)
    window = torch.hann_window(256)
    wanted = torch.stft(sound, 256, 64, window=window, return_complex=True).abs().transpose(1, 2)
    made = sound_of(wanted, 256, 64, rounds=20)
    again = torch.stft(made, 256, 64, window=window, return_complex=True).abs().transpose(1, 2)
    assert (again - wanted)[:, :2].norm() / wanted[:, :2].norm() < 0.25


@pytest.mark.parametrize("rounds", [0, 3])
def test_silence_is_silence_and_sound_begins_after_it(rounds: int) -> None:
    wanted = magnitudes(noise(1, 4096))
    wanted[:, 20:45] = 0
    made = sound_of(wanted, 256, 64, rounds)[0]
    assert made[20 * 64 + 128 : 44 * 64 - 128].abs().max() == 0
    assert made[: 19 * 64].square().mean().sqrt() > 0.05
    assert made[46 * 64 :].square().mean().sqrt() > 0.05
    assert sound_of(torch.zeros(1, 9, 129), 256, 64, rounds).abs().max() == 0


@pytest.mark.parametrize("rounds", [0, 3])
def test_padding_and_neighbours_change_nothing(rounds: int) -> None:
    # Where waves cancel, a phase hangs on the last digits, and what follows hangs on it: so float64, and beginnings.
    short, long = magnitudes(noise(1, 1280)).double(), magnitudes(noise(1, 5120, seed=1)).double()
    batch = torch.zeros(2, long.shape[1], 129, dtype=torch.float64)
    batch[0, : short.shape[1]], batch[1] = short[0], long[0]
    together = sound_of(batch, 256, 64, rounds)
    torch.testing.assert_close(together[0, :900], sound_of(short, 256, 64, rounds)[0, :900], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(together[1, :900], sound_of(long, 256, 64, rounds)[0, :900], atol=1e-6, rtol=1e-5)
    assert together[0, 1280 + 128 :].abs().max() == 0

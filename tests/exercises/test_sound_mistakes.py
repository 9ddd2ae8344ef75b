"""Notebook 10: wrong answers that no list foresees, listed ones in other words, and the package as a witness."""

import math

import numpy as np
import pytest
import torch
import torchaudio

from aigc_course.audio import SpectrogramConfig, log_spectrogram
from aigc_course.data.dtmf_digits import COLUMN_HZ, KEYPAD, ROW_HZ, make_dtmf_digits
from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise

stft_magnitudes, mel_filters, to_decibels, tone_power, griffin_lim_step, sound_log_likelihood = (
    exercise(f"10.{number}").reference for number in range(1, 7)
)


@pytest.mark.parametrize("n_mels", [0, 20])
def test_magnitudes_bands_and_decibels_make_the_packages_spectrogram(n_mels):
    config = SpectrogramConfig(n_mels=n_mels, floor_db=-60)
    waveform = torch.randn(2000, generator=torch.Generator().manual_seed(0)).double() * torch.linspace(0, 1, 2000) ** 4
    magnitude = stft_magnitudes(waveform, config.n_fft, config.hop_length)
    if n_mels:
        magnitude = mel_filters(n_mels, config.n_fft, config.sample_rate_hz) @ magnitude
    mine = to_decibels(magnitude, config.n_fft / 4, config.floor_db)
    torch.testing.assert_close(mine, log_spectrogram(waveform[None], config)[0], rtol=1e-5, atol=1e-4)
    assert (mine == -60).any()


def test_the_strongest_tones_are_the_key_that_was_pressed():
    """Telephones are up to 1.5 % off, so each key's tones are looked for nearby too."""
    digits = make_dtmf_digits(0, 0, 20, seed=1)
    for waveform, label in zip(digits.waveforms["test"], digits.labels["test"], strict=True):
        power = {
            hz: max(tone_power(waveform, hz * factor, 8000).item() for factor in np.linspace(0.985, 1.015, 11))
            for hz in ROW_HZ + COLUMN_HZ
        }
        row, column = (max(range(len(hz)), key=lambda place: power[hz[place]]) for hz in (ROW_HZ, COLUMN_HZ))
        assert KEYPAD[row][column] == label


@pytest.mark.parametrize("steps", [1, 7])
def test_steps_lead_where_torchaudio_arrives(steps):
    window = torch.hann_window(32, dtype=torch.float64)
    waveform = torch.randn(160, generator=torch.Generator().manual_seed(0)).double()
    magnitudes = torch.stft(waveform, 32, 8, window=window, return_complex=True).abs()
    spectrum = torch.complex(magnitudes, torch.zeros_like(magnitudes))
    for _ in range(steps):
        spectrum = griffin_lim_step(magnitudes, spectrum, 32, 8)
    sizes = {"n_fft": 32, "hop_length": 8, "win_length": 32, "length": None}
    theirs = torchaudio.functional.griffinlim(
        magnitudes, window, **sizes, power=1.0, n_iter=steps, momentum=0.0, rand_init=False
    )
    torch.testing.assert_close(torch.istft(spectrum, 32, 8, window=window), theirs, rtol=1e-6, atol=1e-8)


def normalised_magnitudes(waveform, n_fft, hop_length):
    return stft_magnitudes(waveform, n_fft, hop_length) / n_fft**0.5


def magnitudes_windowed_twice(waveform, n_fft, hop_length):
    window = torch.hann_window(n_fft) ** 2
    return torch.stft(waveform, n_fft, hop_length, window=window, return_complex=True).abs()


def mel_of_another_scale(n_mels, n_fft, sample_rate_hz):
    """Slaney's: straight below 1000 Hz, logarithmic above."""
    return torchaudio.functional.melscale_fbanks(
        n_fft // 2 + 1, 0.0, sample_rate_hz / 2, n_mels, sample_rate_hz, mel_scale="slaney"
    ).T


def floor_below_the_loudest(magnitude, reference, floor_db):
    level = 20 * (magnitude / reference).log10()
    return level.clamp(min=level.max() + floor_db)


def decibels_of_a_little_more(magnitude, reference, floor_db):
    return (10 * ((magnitude / reference) ** 2 + 1e-6).log10()).clamp(min=floor_db)


def power_of_a_windowed_sound(waveform, frequency_hz, sample_rate_hz):
    return tone_power(2 * waveform * torch.hann_window(len(waveform)), frequency_hz, sample_rate_hz)


def power_by_the_sample_variance(waveform, frequency_hz, sample_rate_hz):
    return tone_power(waveform, frequency_hz, sample_rate_hz) * len(waveform) / (len(waveform) - 1)


def step_with_zeros_at_the_ends(magnitudes, spectrum, n_fft, hop_length):
    window = torch.hann_window(n_fft)
    waveform = torch.istft(spectrum, n_fft, hop_length, window=window)
    heard = torch.stft(waveform, n_fft, hop_length, window=window, return_complex=True, pad_mode="constant")
    return torch.polar(magnitudes, heard.angle())


def two_steps_in_one(magnitudes, spectrum, n_fft, hop_length):
    return griffin_lim_step(magnitudes, griffin_lim_step(magnitudes, spectrum, n_fft, hop_length), n_fft, hop_length)


def likelihood_with_a_fixed_sigma(mean, log_sigma2, spectrogram, n_frames):
    return sound_log_likelihood(mean, log_sigma2.item() * torch.ones(1), spectrogram, n_frames)


def likelihood_per_frame(mean, log_sigma2, spectrogram, n_frames):
    return sound_log_likelihood(mean, log_sigma2, spectrogram, n_frames) / n_frames


def likelihood_of_the_batch(mean, log_sigma2, spectrogram, n_frames):
    return sound_log_likelihood(mean, log_sigma2, spectrogram, n_frames).sum()


NOT_LISTED = [
    ("10.1", normalised_magnitudes, "wrong value"),
    ("10.1", magnitudes_windowed_twice, "wrong value"),
    ("10.2", mel_of_another_scale, "wrong value"),
    ("10.3", floor_below_the_loudest, "wrong value"),
    ("10.3", decibels_of_a_little_more, "wrong value"),
    ("10.4", power_of_a_windowed_sound, "wrong value"),
    ("10.4", power_by_the_sample_variance, "wrong value"),
    ("10.5", step_with_zeros_at_the_ends, "wrong value"),
    ("10.5", two_steps_in_one, "wrong value"),
    ("10.6", likelihood_with_a_fixed_sigma, "gradient missing"),
    ("10.6", likelihood_per_frame, "wrong value"),
    ("10.6", likelihood_of_the_batch, "wrong shape"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "kind"), NOT_LISTED)
def test_a_mistake_that_is_not_listed_is_found(exercise_id, answer, kind):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert (result.status, result.kind, result.misconception) == ("failed", kind, None), result


def magnitudes_by_hanning(waveform, n_fft, hop_length):
    padded = np.pad(waveform.numpy(), n_fft // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    return np.abs(np.fft.rfft(frames * np.hanning(n_fft))).T


def mel_on_whole_rows(n_mels, n_fft, sample_rate_hz):
    """As in many tutorials."""
    mel = np.linspace(0, 2595 * np.log10(1 + sample_rate_hz / 2 / 700), n_mels + 2)
    corners = np.floor((n_fft + 1) * 700 * (10 ** (mel / 2595) - 1) / sample_rate_hz).astype(int)
    filters = np.zeros((n_mels, n_fft // 2 + 1))
    for band, (left, centre, right) in enumerate(zip(corners, corners[1:], corners[2:], strict=False)):
        for row in range(left, centre):
            filters[band, row] = (row - left) / (centre - left)
        for row in range(centre, right):
            filters[band, row] = (right - row) / (right - centre)
    return filters


def power_of_a_row(waveform, frequency_hz, sample_rate_hz):
    row = round(frequency_hz / sample_rate_hz * len(waveform))
    return 2 * np.abs(np.fft.rfft(waveform.numpy())[row] / len(waveform)) ** 2


def step_with_plain_division(magnitudes, spectrum, n_fft, hop_length):
    window = torch.hann_window(n_fft)
    waveform = torch.istft(spectrum, n_fft, hop_length, window=window)
    heard = torch.stft(waveform, n_fft, hop_length, window=window, return_complex=True)
    return magnitudes * (heard / heard.abs())


def likelihood_by_torchs_normal(mean, log_sigma2, spectrogram, n_frames):
    """Takes log sigma^2 for log sigma."""
    nats = torch.distributions.Normal(mean, log_sigma2.exp()).log_prob(spectrogram)
    return (nats * (torch.arange(mean.shape[2]) < n_frames[:, None])[:, None]).sum((1, 2))


def likelihood_without_pi(mean, log_sigma2, spectrogram, n_frames):
    nats = -torch.nn.functional.gaussian_nll_loss(mean, spectrogram, log_sigma2.exp().expand_as(mean), reduction="none")
    return torch.stack([row[:, :n].sum() for row, n in zip(nats, n_frames, strict=True)])


IN_OTHER_WORDS = [
    ("10.1", magnitudes_by_hanning, "the symmetric window"),
    ("10.2", mel_on_whole_rows, "corners rounded to rows"),
    ("10.3", lambda m, r, floor: np.maximum(10 * np.log10(m.numpy() / r), floor), "10 for 20"),
    ("10.3", lambda m, r, floor: (20 * math.log10(math.e) * (m / r).log()).clamp(max=floor), "the floor as a ceiling"),
    ("10.4", power_of_a_row, "the nearest whole number of periods"),
    ("10.5", step_with_plain_division, "0 divided by 0"),
    ("10.6", likelihood_by_torchs_normal, "sigma for its square"),
    ("10.6", likelihood_without_pi, "no constant"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "name"), IN_OTHER_WORDS)
def test_a_mistake_has_its_name_in_other_words_too(exercise_id, answer, name):
    for seed in range(3):
        assert judge(exercise(exercise_id), answer, seed).misconception == name

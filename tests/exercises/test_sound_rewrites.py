"""Right answers of notebook 10 in other words, and the package's own versions of what they compute."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchaudio
from scipy import signal
from torch.distributions import Normal

from aigc_course.data.dtmf_digits import goertzel_power
from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise
from aigc_course.losses import gaussian_nll


def hann(size):
    return np.sin(np.pi * np.arange(size) / size) ** 2


def magnitudes_by_torch(waveform, n_fft, hop_length):
    window = torch.hann_window(n_fft, dtype=waveform.dtype)
    return torch.stft(waveform, n_fft, hop_length, window=window, return_complex=True).abs()


def magnitudes_frame_by_frame(waveform, n_fft, hop_length):
    """A matrix of waves in the place of a transform; mirrored places by their numbers."""
    x, half = waveform.double().numpy(), n_fft // 2
    waves = np.exp(-2j * np.pi * np.outer(np.arange(half + 1), np.arange(n_fft)) / n_fft)
    columns = []
    for centre in range(0, len(x) + 1, hop_length):
        places = np.abs(np.arange(centre - half, centre + half))
        places = np.where(places < len(x), places, 2 * (len(x) - 1) - places)
        columns.append(np.abs(waves @ (hann(n_fft) * x[places])))
    return np.stack(columns, axis=1)


def magnitudes_by_scipy(waveform, n_fft, hop_length):
    sizes = {"nperseg": n_fft, "noverlap": n_fft - hop_length}
    _, _, spectrum = signal.stft(waveform.numpy(), window="hann", boundary="even", padded=False, **sizes)
    return torch.from_numpy(np.abs(spectrum)) * n_fft / 2


def magnitudes_by_numpy(waveform, n_fft, hop_length):
    padded = np.pad(waveform.numpy(), n_fft // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    return np.abs(np.fft.fft(frames * hann(n_fft).astype(np.float32)))[:, : n_fft // 2 + 1].T


def mel_by_torchaudio(n_mels, n_fft, sample_rate_hz):
    return torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0.0, sample_rate_hz / 2, n_mels, sample_rate_hz).T


def mel_by_interpolation(n_mels, n_fft, sample_rate_hz):
    """The mel scale by the natural logarithm; its factor has no effect on where equal steps fall."""
    corners = 700 * np.expm1(np.linspace(0, np.log1p(sample_rate_hz / 1400), n_mels + 2))
    hz = np.linspace(0, sample_rate_hz / 2, n_fft // 2 + 1)
    return np.stack([np.interp(hz, corners[i : i + 3], [0, 1, 0]) for i in range(n_mels)])


def mel_by_loops(n_mels, n_fft, sample_rate_hz):
    top = 1127 * math.log(1 + sample_rate_hz / 1400)
    corners = [700 * (math.exp(i * top / (n_mels + 1) / 1127) - 1) for i in range(n_mels + 2)]
    table = [[0.0] * (n_fft // 2 + 1) for _ in range(n_mels)]
    for band, (left, centre, right) in enumerate(zip(corners, corners[1:], corners[2:], strict=False)):
        for row in range(n_fft // 2 + 1):
            hz = row * sample_rate_hz / n_fft
            if left < hz < right:
                table[band][row] = (hz - left) / (centre - left) if hz < centre else (right - hz) / (right - centre)
    return torch.tensor(table)


def mel_in_float32(n_mels, n_fft, sample_rate_hz):
    top = torch.log10(torch.tensor(1 + sample_rate_hz / 2 / 700)) * 2595
    corners = (10 ** (torch.linspace(0, 1, n_mels + 2) * top / 2595) - 1) * 700
    hz = torch.fft.rfftfreq(n_fft, 1 / sample_rate_hz)
    widths = corners.diff()
    slopes = corners[:, None] - hz
    return torch.relu(torch.min(-slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]))


def decibels_cut_off_before(magnitude, reference, floor_db):
    return 20 * (magnitude / reference).clamp(min=10 ** (floor_db / 20)).log10()


def decibels_number_by_number(magnitude, reference, floor_db):
    def level(number):
        return max(20 * math.log10(number / reference), floor_db) if number > 0 else floor_db

    return [[level(number) for number in row] for row in magnitude.tolist()]


def decibels_by_numpy(magnitude, reference, floor_db):
    """The powers' logarithms, subtracted."""
    with np.errstate(divide="ignore"):
        level = 10 * (np.log10(np.square(magnitude.double().numpy())) - 2 * np.log10(reference))
    return np.maximum(level, floor_db)


def decibels_by_the_natural_logarithm(magnitude, reference, floor_db):
    level = magnitude.div(reference).log() * 20 / math.log(10)
    return torch.where(level > floor_db, level, floor_db)


def power_by_goertzel(waveform, frequency_hz, sample_rate_hz):
    w = 2 * math.pi * frequency_hz / sample_rate_hz
    last = before = 0.0
    for number in waveform.tolist():
        last, before = number + 2 * math.cos(w) * last - before, last
    energy = last**2 + before**2 - 2 * math.cos(w) * last * before
    return energy * 2 / len(waveform) ** 2


def power_by_a_complex_mean(waveform, frequency_hz, sample_rate_hz):
    turns = frequency_hz * np.arange(1, len(waveform) + 1) / sample_rate_hz  # counted from 1: another phase alone
    return 2 * abs(np.mean(waveform.numpy() * np.exp(2j * np.pi * turns))) ** 2


def power_by_horner(waveform, frequency_hz, sample_rate_hz):
    return (
        2
        * np.abs(
            np.polyval(waveform.numpy()[::-1], np.exp(-2j * np.pi * frequency_hz / sample_rate_hz)) / len(waveform)
        )
        ** 2
    )


def power_in_float32(waveform, frequency_hz, sample_rate_hz):
    t = torch.arange(len(waveform)) / sample_rate_hz
    wave = torch.stack([torch.cos(2 * torch.pi * frequency_hz * t), torch.sin(2 * torch.pi * frequency_hz * t)])
    return (wave @ waveform.float() / len(waveform)).square().sum() * 2


def power_by_the_package(waveform, frequency_hz, sample_rate_hz):
    waveform = waveform.float()[None]
    return goertzel_power(waveform, torch.ones_like(waveform), torch.tensor([frequency_hz]), sample_rate_hz)[0, 0]


def heard_by_numpy(spectrum, n_fft, hop_length):
    """There by overlap-add, divided by the sum of squared windows, and back frame by frame."""
    frames = np.fft.irfft(spectrum.numpy(), axis=0).T * hann(n_fft)
    length = n_fft + hop_length * (len(frames) - 1)
    total, weight = np.zeros(length), np.full(length, 1e-20)
    for number, frame in enumerate(frames):
        place = slice(number * hop_length, number * hop_length + n_fft)
        total[place] += frame
        weight[place] += hann(n_fft) ** 2
    waveform = np.pad((total / weight)[n_fft // 2 : -(n_fft // 2)], n_fft // 2, mode="reflect")
    starts = range(0, hop_length * len(frames), hop_length)
    return np.stack([np.fft.rfft(waveform[start : start + n_fft] * hann(n_fft)) for start in starts], axis=1)


def step_by_numpy(magnitudes, spectrum, n_fft, hop_length):
    return magnitudes.numpy() * np.exp(1j * np.angle(heard_by_numpy(spectrum, n_fft, hop_length)))


def heard_by_torch(spectrum, n_fft, hop_length):
    """With float32's window in every precision."""
    window = torch.hann_window(n_fft)
    waveform = torch.istft(spectrum, n_fft, hop_length, n_fft, window)
    return torch.stft(waveform, n_fft, hop_length, n_fft, window, return_complex=True)


def step_by_division(magnitudes, spectrum, n_fft, hop_length):
    heard = heard_by_torch(spectrum, n_fft, hop_length)
    return magnitudes * heard / heard.abs().clamp(min=1e-9)


def step_by_sign(magnitudes, spectrum, n_fft, hop_length):
    return magnitudes * heard_by_torch(spectrum, n_fft, hop_length).sgn()


def step_by_parts(magnitudes, spectrum, n_fft, hop_length):
    """Uses no magnitude of the old spectrum: they are those that were given."""
    old = torch.complex(magnitudes * spectrum.angle().cos(), magnitudes * spectrum.angle().sin())
    angle = heard_by_torch(old, n_fft, hop_length).angle()
    return magnitudes * angle.cos() + 1j * magnitudes * angle.sin()


def likelihood_sound_by_sound(mean, log_sigma2, spectrogram, n_frames):
    sigma = (log_sigma2 / 2).exp()
    sounds = zip(mean, spectrogram, n_frames.tolist(), strict=True)
    return torch.stack([Normal(m[:, :n], sigma).log_prob(x[:, :n]).sum() for m, x, n in sounds])


def likelihood_by_the_package(mean, log_sigma2, spectrogram, n_frames):
    sounds = zip(mean, spectrogram, n_frames, strict=True)
    return [-gaussian_nll(m[None, :, :n], log_sigma2, x[None, :, :n])[0] for m, x, n in sounds]


def likelihood_by_the_library(mean, log_sigma2, spectrogram, n_frames):
    variance = log_sigma2.exp().expand_as(mean)
    nats = F.gaussian_nll_loss(mean, spectrogram, variance, full=True, reduction="none")
    return -nats.masked_fill(torch.arange(mean.shape[-1]) >= n_frames[:, None, None], 0).sum((1, 2))


def likelihood_by_running_sums(mean, log_sigma2, spectrogram, n_frames):
    """Errors summed up to every frame, and read off at the last that counts."""
    errors = (mean - spectrogram).pow(2).sum(1).cumsum(1).gather(1, n_frames[:, None] - 1)[:, 0]
    numbers = n_frames * mean.shape[1]
    return -errors / log_sigma2.exp() / 2 - numbers / 2 * (log_sigma2 + math.log(2 * math.pi))


REWRITES = [
    ("10.1", magnitudes_by_torch),
    ("10.1", magnitudes_frame_by_frame),
    ("10.1", magnitudes_by_scipy),
    ("10.1", magnitudes_by_numpy),
    ("10.2", mel_by_torchaudio),
    ("10.2", mel_by_interpolation),
    ("10.2", mel_by_loops),
    ("10.2", mel_in_float32),
    ("10.3", decibels_cut_off_before),
    ("10.3", decibels_number_by_number),
    ("10.3", decibels_by_numpy),
    ("10.3", decibels_by_the_natural_logarithm),
    ("10.4", power_by_goertzel),
    ("10.4", power_by_a_complex_mean),
    ("10.4", power_by_horner),
    ("10.4", power_in_float32),
    ("10.4", power_by_the_package),
    ("10.5", step_by_numpy),
    ("10.5", step_by_division),
    ("10.5", step_by_sign),
    ("10.5", step_by_parts),
    ("10.6", likelihood_sound_by_sound),
    ("10.6", likelihood_by_the_package),
    ("10.6", likelihood_by_the_library),
    ("10.6", likelihood_by_running_sums),
]


@pytest.mark.parametrize(("exercise_id", "answer"), REWRITES)
def test_a_valid_rewrite_passes(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result

"""Log-spectral distance: closed forms, what it does and doesn't see, bad input."""

import math

import pytest
import torch
from torch import Tensor

from aigc_course.audio import SpectrogramConfig, log_spectrogram
from aigc_course.errors import UsageError
from aigc_course.metrics import log_spectral_distance

CONFIG = SpectrogramConfig(floor_db=-160.0)


def noise(seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(2, 4000, generator=torch.Generator().manual_seed(seed))


def distance(first: Tensor, second: Tensor) -> Tensor:
    return log_spectral_distance(log_spectrogram(first, CONFIG), log_spectrogram(second, CONFIG))


def test_the_root_is_over_frequencies_and_the_mean_over_frames() -> None:
    real = torch.zeros(1, 2, 2)
    fake = torch.tensor([[[3.0, 0.0], [4.0, 2.0]]])  # frames (3, 4) and (0, 2)
    expected = (math.sqrt((9 + 16) / 2) + math.sqrt(4 / 2)) / 2
    assert log_spectral_distance(real, fake).tolist() == pytest.approx([expected])
    assert log_spectral_distance(fake, real).tolist() == pytest.approx([expected])


def test_only_the_frames_of_a_sound_count() -> None:
    real, fake = torch.zeros(2, 3, 4), torch.ones(2, 3, 4)
    fake[:, :, 2:] = 50.0
    assert log_spectral_distance(real, fake, torch.tensor([2, 4])).tolist() == pytest.approx([1.0, 25.5])


@pytest.mark.parametrize("gain_db", [-20.0, -3.0, 6.0])
def test_a_gain_is_its_own_distance_in_decibels(gain_db: float) -> None:
    gained = 10 ** (gain_db / 20) * noise()
    torch.testing.assert_close(distance(noise(), gained), torch.full((2,), abs(gain_db)), rtol=0, atol=1e-3)


def test_the_sign_is_not_seen_and_a_shift_in_time_is() -> None:
    torch.testing.assert_close(distance(noise(), -noise()), torch.zeros(2), rtol=0, atol=1e-6)
    assert (distance(noise(), noise().roll(500, dims=1)) > 3).all()


def test_independent_noises_are_as_far_apart_as_theory_says() -> None:
    # Levels of a noise's points are log-exponential: their standard deviation is 10 pi / (sqrt(6) ln 10) = 5.57 dB.
    expected = math.sqrt(2) * 10 * math.pi / (math.sqrt(6) * math.log(10))
    assert distance(noise(0), noise(1)).mean().item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("real", "fake", "n_frames", "text"),
    [
        (torch.zeros(1, 2, 3), torch.zeros(1, 2, 4), None, r"\(1, 2, 3\) and fake \(1, 2, 4\)"),
        (torch.zeros(2, 3), torch.zeros(2, 3), None, "one shape"),
        (torch.zeros(1, 2, 0), torch.zeros(1, 2, 0), None, "one shape"),
        (torch.zeros(1, 2, 3), torch.full((1, 2, 3), -math.inf), None, "fake has values that are not finite"),
        (torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), torch.tensor([4]), r"in \[1, 3\], but are \[4\]"),
        (torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), torch.tensor([1, 2]), r"\(B,\), each in \[1, 3\]"),
    ],
)
def test_what_cannot_be_compared_is_refused(real: Tensor, fake: Tensor, n_frames: Tensor | None, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        log_spectral_distance(real, fake, n_frames)

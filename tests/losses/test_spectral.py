"""Spectral losses: closed forms, what they must not see, and finite slopes at silence."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses.spectral import (
    log_magnitude_distance,
    multi_resolution_stft_loss,
    spectral_convergence,
    stft_magnitudes,
)

RESOLUTIONS = [(128, 32), (256, 64), (512, 128)]


def noise(count: int = 2, n_samples: int = 2048, seed: int = 0) -> torch.Tensor:
    return 0.3 * torch.randn(count, n_samples, generator=torch.Generator().manual_seed(seed))


def tone(cycles_per_sample: float, n_samples: int = 2048, phase: float = 0.0) -> torch.Tensor:
    return torch.sin(2 * math.pi * cycles_per_sample * torch.arange(n_samples) + phase)[None]


def test_a_tone_at_full_scale_has_magnitude_one() -> None:
    magnitudes = stft_magnitudes(tone(16 / 256), 256, 64)
    assert magnitudes.shape == (1, 129, 33)
    torch.testing.assert_close(magnitudes[0, 16, 4:-4], torch.ones(25), atol=1e-4, rtol=0)
    assert stft_magnitudes(torch.zeros(1, 512), 256, 64).max().item() == pytest.approx(1e-6)


def test_convergence_is_the_relative_norm() -> None:
    real = torch.tensor([[[3.0, 4.0]], [[1.0, 0.0]]])
    fake = torch.tensor([[[3.0, 1.0]], [[0.0, 0.0]]])
    torch.testing.assert_close(spectral_convergence(fake, real), torch.tensor([3 / 5, 1.0]))
    assert spectral_convergence(torch.zeros(1, 2), torch.zeros(1, 2)).item() == pytest.approx(1.0)


def test_log_distance_is_a_mean_over_points_above_the_floor() -> None:
    real = torch.tensor([[1.0, 0.1, 1e-9]])
    fake = torch.tensor([[math.e, 0.1, 1e-7]])
    torch.testing.assert_close(log_magnitude_distance(fake, real, floor_db=-80), torch.tensor([1 / 3]))
    ten_db = log_magnitude_distance(torch.full((1, 4), 10**-0.5), torch.ones(1, 4))
    torch.testing.assert_close(ten_db, torch.tensor([10 * math.log(10) / 20]))


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_a_gain_has_its_closed_form(gain: float) -> None:
    loss = multi_resolution_stft_loss(gain * noise(), noise(), RESOLUTIONS, floor_db=-150)
    expected = abs(gain - 1) + abs(math.log(gain))
    torch.testing.assert_close(loss, torch.full((2,), expected), atol=2e-5, rtol=1e-4)


def test_the_sign_counts_nothing_and_other_noise_does() -> None:
    torch.testing.assert_close(
        multi_resolution_stft_loss(-noise(), noise(), RESOLUTIONS), torch.zeros(2), atol=1e-4, rtol=0
    )
    assert (multi_resolution_stft_loss(noise(seed=1), noise(), RESOLUTIONS) > 0.8).all()


def test_examples_do_not_mix() -> None:
    both = multi_resolution_stft_loss(noise(seed=1), noise(), RESOLUTIONS)
    alone = multi_resolution_stft_loss(noise(seed=1)[1:], noise()[1:], RESOLUTIONS)
    torch.testing.assert_close(both[1:], alone)


def test_each_resolution_counts_alike() -> None:
    single = [multi_resolution_stft_loss(noise(seed=1), noise(), [one]) for one in RESOLUTIONS]
    torch.testing.assert_close(
        multi_resolution_stft_loss(noise(seed=1), noise(), RESOLUTIONS), torch.stack(single).mean(dim=0)
    )


def test_slopes_are_finite_at_silence_and_at_the_goal() -> None:
    for start in (torch.zeros(1, 1024), noise(1, 1024)):
        fake = start.clone().requires_grad_()
        multi_resolution_stft_loss(fake, noise(1, 1024), RESOLUTIONS).sum().backward()
        assert fake.grad is not None and fake.grad.isfinite().all()
    fake = torch.zeros(1, 1024, requires_grad=True)
    multi_resolution_stft_loss(fake, torch.zeros(1, 1024), RESOLUTIONS).sum().backward()
    assert fake.grad is not None and fake.grad.isfinite().all()


@pytest.mark.parametrize(
    ("fake", "real", "resolutions", "message"),
    [
        (noise(), noise(1), RESOLUTIONS, r"fake \(2, 2048\), real \(1, 2048\)"),
        (noise(), noise(), [], "give at least one window and hop"),
        (noise(2, 200), noise(2, 200), RESOLUTIONS, r"\(2, 200\); they must be \(B, T\) with T > 256"),
        (noise()[0], noise()[0], RESOLUTIONS, r"\(2048,\); they must be \(B, T\)"),
    ],
)
def test_wrong_arguments_are_named(fake, real, resolutions, message) -> None:
    with pytest.raises(UsageError, match=message):
        multi_resolution_stft_loss(fake, real, resolutions)

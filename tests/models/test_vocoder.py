"""The vocoder: bands are kept, levels, silence, padding, gradients, what a fresh network does."""

import math

import pytest
import torch

from aigc_course.audio import SpectrogramConfig, band_filters, log_spectrogram
from aigc_course.errors import UsageError
from aigc_course.losses.spectral import stft_magnitudes
from aigc_course.models.vocoder import Vocoder, VocoderConfig

SPECTROGRAM = SpectrogramConfig(n_mels=40)


def vocoder(deviation: float = 0.2, **changes: int) -> Vocoder:
    """Weights large enough that every part of the network shows; with 0, bands spread evenly."""
    torch.manual_seed(0)
    model = Vocoder(VocoderConfig(n_bins=40, **{"width": 16, "depth": 2, **changes}), band_filters(SPECTROGRAM))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=deviation)
    return model.eval().requires_grad_(False)


def noise(count: int, n_samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(count, n_samples, generator=torch.Generator().manual_seed(seed))


def distance_db(model: Vocoder, db: torch.Tensor) -> float:
    return (log_spectrogram(model.waveforms(db), SPECTROGRAM) - db)[:, :, 2:-2].abs().mean().item()


def test_magnitudes_keep_what_the_bands_say() -> None:
    magnitude = stft_magnitudes(noise(2, 2048), 256, 64)
    db = log_spectrogram(noise(2, 2048), SPECTROGRAM)
    for model in (vocoder(), vocoder(deviation=0)):
        made = model(db)
        assert made.shape == magnitude.shape
        bands_db = 20 * (model.bands.T @ made).log10()
        assert (bands_db - db).abs().mean() < 0.7
    assert (vocoder()(db) / vocoder(deviation=0)(db)).log().abs().mean() > 0.1  # the network does change them


def test_a_fresh_network_spreads_each_band_evenly() -> None:
    torch.manual_seed(0)
    model = Vocoder(VocoderConfig(n_bins=40, width=16, depth=1), band_filters(SPECTROGRAM))
    db = log_spectrogram(noise(1, 2048), SPECTROGRAM)
    torch.testing.assert_close(model(db), vocoder(deviation=0)(db), rtol=0.4, atol=1e-5)
    assert not any("bands" in name for name in model.state_dict())


def test_frequencies_without_a_band_follow_their_neighbours() -> None:
    made = vocoder(deviation=0)(log_spectrogram(noise(1, 2048), SPECTROGRAM))
    assert made[:, [0, 128]].min() > 0
    torch.testing.assert_close(made[:, 0], made[:, 1], rtol=0.5, atol=0)


def test_a_louder_spectrogram_is_a_louder_sound() -> None:
    model = vocoder(deviation=0).double()
    db = log_spectrogram(noise(1, 2048).double(), SPECTROGRAM)
    louder = model.waveforms(db + 20 * math.log10(2))
    torch.testing.assert_close(louder[:, :600], 2 * model.waveforms(db)[:, :600], rtol=1e-4, atol=1e-5)


def test_the_sound_has_the_spectrogram() -> None:
    db = log_spectrogram(noise(2, 4096), SPECTROGRAM)
    few, many = (distance_db(vocoder(deviation=0, rounds=rounds), db) for rounds in (0, 12))
    assert many < 1.5 < few < 6


def test_silence_is_silence() -> None:
    model = vocoder(rounds=1)
    db = log_spectrogram(noise(1, 4096), SPECTROGRAM)
    db[:, :, 20:40] = SPECTROGRAM.floor_db
    made = model.waveforms(db)[0]
    hop, n_fft = SPECTROGRAM.hop_length, SPECTROGRAM.n_fft
    assert made[20 * hop + n_fft : 39 * hop - n_fft].abs().max() == 0
    assert made[: 19 * hop].abs().max() > 0.01
    assert model.waveforms(torch.full((1, 40, 9), -90.0)).abs().max() == 0
    assert model.waveforms(torch.full((1, 40, 9), 1e5)).isfinite().all()


@pytest.mark.parametrize("rounds", [0, 3])
def test_padding_and_neighbours_change_nothing(rounds: int) -> None:
    model = vocoder(rounds=rounds).double()  # see test_phases.py
    sounds = noise(1, 1280).double(), noise(1, 5120, seed=1).double()
    short, long = (log_spectrogram(sound, SPECTROGRAM) for sound in sounds)
    batch = torch.full((20, 40, long.shape[2]), SPECTROGRAM.floor_db, dtype=torch.float64)
    batch[-1, :, : short.shape[2]], batch[0] = short[0], long[0]
    together = model.waveforms(batch)
    torch.testing.assert_close(together[-1, :900], model.waveforms(short)[0, :900], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(together[0, :900], model.waveforms(long)[0, :900], atol=1e-6, rtol=1e-5)
    assert together[-1, 1280 + 128 :].abs().max() == 0 and together[1:-1].abs().max() == 0


def test_every_weight_learns() -> None:
    model = vocoder().requires_grad_(True).train()
    model(log_spectrogram(noise(2, 2048), SPECTROGRAM)).log().square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: VocoderConfig(hop_length=200),
            ValueError,
            "256 is not allowed; it must be even and at least 400, two",
        ),
        (lambda: VocoderConfig(width=0), ValueError, "width = 0 is too small"),
        (lambda: VocoderConfig(rounds=-1), ValueError, "rounds = -1 is too small"),
        (
            lambda: Vocoder(VocoderConfig(n_bins=3), torch.ones(129, 2)),
            UsageError,
            r"\(129, 2\); they must be \(129, 3\)",
        ),
        (lambda: vocoder()(torch.zeros(1, 39, 9)), UsageError, r"\(1, 39, 9\); it must be \(B, 40, n_frames >= 2\)"),
        (lambda: vocoder().waveforms(torch.zeros(1, 40, 1)), UsageError, r"\(1, 40, 1\); it must be"),
    ],
)
def test_what_is_not_allowed_is_named(make, error, message) -> None:
    with pytest.raises(error, match=message):
        make()

"""The vocoder: its transform and the way back, phases of steady tones, bands kept, silence, padding, gradients."""

import math

import pytest
import torch

from aigc_course.audio import SpectrogramConfig, band_filters, log_spectrogram
from aigc_course.errors import UsageError
from aigc_course.models.vocoder import Vocoder, VocoderConfig, overlap_add, short_time_spectra

SPECTROGRAM = SpectrogramConfig(n_mels=40)


def vocoder(spectrogram: SpectrogramConfig = SPECTROGRAM, **changes: int) -> Vocoder:
    """Weights large enough that every part of the network shows."""
    torch.manual_seed(0)
    config = VocoderConfig(
        n_bins=spectrogram.n_bins,
        n_fft=spectrogram.n_fft,
        hop_length=spectrogram.hop_length,
        floor_db=spectrogram.floor_db,
        **{"width": 16, "depth": 2, **changes},
    )
    model = Vocoder(config, band_filters(spectrogram))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval().requires_grad_(False)


def noise(count: int, n_samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(count, n_samples, generator=torch.Generator().manual_seed(seed))


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
def test_a_steady_tone_stays_one_tone(frequency_hz: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the network says how much the phases advance, their sum is the tone, whatever its frequency."""
    tone = 0.5 * torch.sin(2 * math.pi * frequency_hz / 8000 * torch.arange(6400))[None]
    spectrogram = SpectrogramConfig()
    model = vocoder(spectrogram, refinements=0)
    middle = (torch.arange(129) * 64 % 256) * (2 * math.pi / 256)
    detune = (2 * math.pi * frequency_hz * 64 / 8000 - middle).expand(1, 101, 129)
    monkeypatch.setattr(model, "_network", lambda *_: (torch.zeros(1, 101, 129), detune))
    made = model(log_spectrogram(tone, spectrogram)).waveforms[:, 512:-512]
    spectrum = torch.fft.rfft(made * torch.hann_window(made.shape[1])).abs()[0]
    assert spectrum.argmax().item() * 8000 / made.shape[1] == pytest.approx(frequency_hz, abs=1.5)
    assert made.square().mean().sqrt().item() == pytest.approx(0.5 / 2**0.5, rel=0.01)
    # without what the network says, each bin has its middle frequency, and the tone is no tone
    monkeypatch.setattr(model, "_network", lambda *_: (torch.zeros(1, 101, 129), torch.zeros(1, 101, 129)))
    wrong = model(log_spectrogram(tone, spectrogram)).waveforms[:, 512:-512]
    assert wrong.square().mean() < 0.9 * made.square().mean()


@pytest.mark.parametrize("n_mels", [0, 40])
def test_magnitudes_keep_what_the_bands_say(n_mels: int) -> None:
    spectrogram = SpectrogramConfig(n_mels=n_mels)
    model, sound = vocoder(spectrogram), noise(1, 2048)
    magnitude = short_time_spectra(sound, 256, 64).abs()  # (1, 29, 129)
    bands = magnitude @ model.bands
    correction = 0.5 * torch.randn(magnitude.shape, generator=torch.Generator().manual_seed(0))
    made = model._magnitude(bands, correction)
    if not n_mels:
        torch.testing.assert_close(made, magnitude)
    errors = (made @ model.bands / bands).log().abs()
    assert errors.mean() < 0.1
    unguided = ((bands @ model.spread * correction.exp()) @ model.bands / bands).log().abs()
    assert errors.mean() < unguided.mean() / 3


def test_rounds_bring_the_spectrogram_nearer() -> None:
    sound = noise(2, 2048)
    db = log_spectrogram(sound, SPECTROGRAM)
    errors = [
        (log_spectrogram(vocoder(refinements=rounds)(db).waveforms, SPECTROGRAM) - db).abs().mean()
        for rounds in (0, 2, 8)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_silence_is_silence() -> None:
    model = vocoder(refinements=1)
    db = log_spectrogram(noise(1, 4096), SPECTROGRAM)
    db[:, :, 20:40] = SPECTROGRAM.floor_db
    made = model(db).waveforms[0]
    hop, n_fft = SPECTROGRAM.hop_length, SPECTROGRAM.n_fft
    assert made[20 * hop + n_fft : 39 * hop - n_fft].abs().max() == 0
    assert made[: 19 * hop].abs().max() > 0.01
    assert model(torch.full((1, 40, 9), -90.0)).waveforms.abs().max() == 0


@pytest.mark.parametrize("refinements", [0, 3])
def test_padding_and_neighbours_change_nothing(refinements: int) -> None:
    model = vocoder(refinements=refinements)
    short, long = log_spectrogram(noise(1, 1280), SPECTROGRAM), log_spectrogram(noise(1, 5120, seed=1), SPECTROGRAM)
    batch = torch.full((2, SPECTROGRAM.n_bins, long.shape[2]), SPECTROGRAM.floor_db)
    batch[0, :, : short.shape[2]], batch[1] = short[0], long[0]
    together, alone = model(batch).waveforms, model(short).waveforms
    torch.testing.assert_close(together[0, :1280], alone[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together[1], model(long).waveforms[0], atol=1e-5, rtol=1e-4)
    # what is after the last frame is its fading window, and then nothing
    assert together[0, 1280 + 128 :].abs().max() == 0


def test_every_weight_learns() -> None:
    model = vocoder().requires_grad_(True).train()
    output = model(log_spectrogram(noise(2, 2048), SPECTROGRAM))
    assert output.waveforms.shape == (2, 2048) and output.advance.shape == (2, 32, 129)
    output.waveforms.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


def test_a_fresh_network_spreads_bands_evenly() -> None:
    torch.manual_seed(0)
    model = Vocoder(VocoderConfig(n_bins=40, width=16, depth=1), band_filters(SPECTROGRAM))
    db = log_spectrogram(noise(1, 2048), SPECTROGRAM)
    correction, detune = model._network(db.transpose(1, 2), (db > -80).transpose(1, 2))
    assert correction.abs().max() < 0.5 and detune.abs().max() < 0.5
    assert not any("bands" in name for name in model.state_dict())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: VocoderConfig(hop_length=200),
            ValueError,
            "n_fft = 256 is not allowed; it must be even and at least 400, two hops",
        ),
        (lambda: VocoderConfig(width=0), ValueError, "width = 0 is too small"),
        (lambda: VocoderConfig(refinements=-1), ValueError, "refinements = -1 is too small"),
        (
            lambda: Vocoder(VocoderConfig(n_bins=3), torch.ones(129, 2)),
            UsageError,
            r"\(129, 2\); they must be \(129, 3\)",
        ),
        (lambda: vocoder()(torch.zeros(1, 39, 9)), UsageError, r"\(1, 39, 9\); it must be \(B, 40, n_frames >= 2\)"),
        (lambda: vocoder()(torch.zeros(1, 40, 1)), UsageError, r"\(1, 40, 1\); it must be"),
    ],
)
def test_what_is_not_allowed_is_named(make, error, message) -> None:
    with pytest.raises(error, match=message):
        make()

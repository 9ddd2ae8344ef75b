"""Spectral transforms and WAV files: closed forms, round trips, determinism, bad input."""

import math

import pytest
import torch
from torch import Tensor

from aigc_course.audio import (
    SpectrogramConfig,
    fade,
    invert,
    log_spectrogram,
    normalise_peak,
    read_wav,
    remove_dc,
    resample,
    write_wav,
)
from aigc_course.errors import DataError, UsageError

RATE = 8000
LINEAR = SpectrogramConfig()
MEL = SpectrogramConfig(n_mels=40)


def tone(hz: float, amplitude: float = 0.8, n_samples: int = 4000) -> Tensor:
    return amplitude * torch.sin(2 * math.pi * hz * torch.arange(n_samples) / RATE)


def spectral_convergence(waveforms: Tensor, original: Tensor, config: SpectrogramConfig) -> float:
    """Norm of the difference of the magnitudes over the norm of the original's."""
    ours, theirs = (10 ** (log_spectrogram(w, config) / 20) for w in (waveforms, original))
    return ((ours - theirs).norm() / theirs.norm()).item()


@pytest.mark.parametrize("config", [LINEAR, MEL, SpectrogramConfig(n_fft=512, hop_length=256)])
def test_the_shape_is_foretold(config):
    for n_samples in (1000, 1024, 1087):
        shape = log_spectrogram(torch.randn(2, n_samples) * 0.1, config).shape
        assert shape == (2, config.n_bins, config.n_frames(n_samples))


def test_a_full_scale_sinusoid_is_zero_decibels_at_its_frequency():
    spectrogram = log_spectrogram(tone(1000, amplitude=1.0)[None], LINEAR)[0]
    middle = spectrogram[:, 10:-10]
    assert (middle.argmax(dim=0) == 32).all()  # 1000 Hz * 256 / 8000 Hz
    torch.testing.assert_close(middle.amax(dim=0), torch.zeros(middle.shape[1]), rtol=0, atol=0.01)


def test_a_tenth_of_the_amplitude_is_twenty_decibels_less():
    loud, quiet = (log_spectrogram(tone(1000, a)[None], LINEAR).amax() for a in (0.5, 0.05))
    assert (loud - quiet).item() == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize("config", [LINEAR, MEL])
def test_silence_is_the_floor_and_stays_silence(config):
    spectrogram = log_spectrogram(torch.zeros(1, 2000), config)
    torch.testing.assert_close(spectrogram, torch.full_like(spectrogram, -80.0), rtol=0, atol=1e-4)
    assert (invert(spectrogram, config) == 0).all()


def test_higher_tones_lie_in_higher_mel_bands():
    bands = [log_spectrogram(tone(hz)[None], MEL)[0, :, 30].argmax().item() for hz in (300, 800, 1700, 3500)]
    assert bands == sorted(set(bands))


@pytest.mark.parametrize("hz", [440.0, 1234.0, 3100.0])
def test_a_linear_round_trip_keeps_the_tone(hz):
    original = tone(hz)[None]
    back = invert(log_spectrogram(original, LINEAR), LINEAR, length=4000)
    assert back.shape == (1, 4000)
    peak_hz = torch.fft.rfft(back[0]).abs().argmax().item() * RATE / 4000
    assert peak_hz == pytest.approx(hz, abs=RATE / LINEAR.n_fft)
    assert 0 < spectral_convergence(back, original, LINEAR) < 0.2
    assert back[0, 500:-500].square().mean().sqrt().item() == pytest.approx(0.8 / math.sqrt(2), rel=0.1)


def test_a_mel_round_trip_keeps_two_tones():
    original = (tone(697, 0.4) + tone(1209, 0.4))[None]
    back = invert(log_spectrogram(original, MEL), MEL, length=4000)
    spectrum = torch.fft.rfft(back[0]).abs()
    hz = torch.arange(len(spectrum)) * RATE / 4000
    low, high = (
        hz[((hz > a) & (hz < b)).nonzero()[spectrum[(hz > a) & (hz < b)].argmax()]].item()
        for a, b in ((0, 950), (950, 4000))
    )
    assert low == pytest.approx(697, abs=60) and high == pytest.approx(1209, abs=60)
    assert 0 < spectral_convergence(back, original, MEL) < 0.3


def test_more_iterations_come_closer():
    torch.manual_seed(0)
    original = torch.randn(1, 4000) * 0.1
    spectrogram = log_spectrogram(original, LINEAR)
    few, many = (
        spectral_convergence(invert(spectrogram, LINEAR, n_iterations=n, length=4000), original, LINEAR)
        for n in (1, 32)
    )
    assert many < 0.7 * few


def test_the_seed_decides_and_the_global_generator_is_left_alone():
    spectrogram = log_spectrogram(tone(1000)[None], LINEAR)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = invert(spectrogram, LINEAR, n_iterations=4, seed=1)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first, invert(spectrogram, LINEAR, n_iterations=4, seed=1))
    assert not torch.equal(first, invert(spectrogram, LINEAR, n_iterations=4, seed=2))


def test_the_length_cuts_or_fills():
    spectrogram = log_spectrogram(tone(1000)[None], LINEAR)
    natural = invert(spectrogram, LINEAR, n_iterations=2)
    assert natural.shape == (1, 62 * 64)
    assert torch.equal(invert(spectrogram, LINEAR, n_iterations=2, length=1000), natural[:, :1000])
    longer = invert(spectrogram, LINEAR, n_iterations=2, length=5000)
    assert torch.equal(longer[:, : 62 * 64], natural) and (longer[:, 62 * 64 :] == 0).all()


def test_a_runaway_spectrogram_still_gives_finite_sound():
    assert invert(torch.full((1, 129, 20), 1e6), LINEAR, n_iterations=2).isfinite().all()


def test_resampling_keeps_tones_and_removes_what_does_not_fit():
    low, high = tone(500), tone(3000)
    down = resample(torch.stack([low, high]), RATE, 4000)
    assert down.shape == (2, 2000)
    assert torch.fft.rfft(down[0]).abs().argmax().item() * 4000 / 2000 == pytest.approx(500, abs=2)
    assert down[0].std().item() == pytest.approx(0.8 / math.sqrt(2), rel=0.02)
    assert down[1, 100:-100].abs().max() < 0.02
    with pytest.raises(UsageError, match="from 8000 Hz to 0 Hz"):
        resample(low, RATE, 0)


def test_clean_up():
    waveforms = torch.stack([tone(1000, 0.2) + 0.3, torch.zeros(4000)])
    centred = remove_dc(waveforms)
    torch.testing.assert_close(centred.mean(dim=1), torch.zeros(2), rtol=0, atol=1e-6)
    scaled = normalise_peak(centred, peak=0.5)
    assert scaled[0].abs().max().item() == pytest.approx(0.5, rel=1e-6)
    assert (scaled[1] == 0).all()
    with pytest.raises(UsageError, match=r"peak = 1.5"):
        normalise_peak(waveforms, peak=1.5)


def test_a_fade_touches_the_ends_alone():
    faded = fade(torch.ones(2, 1000), RATE, seconds=0.01)
    assert (faded[:, 0] == 0).all() and (faded[:, -1] == 0).all()
    assert (faded[:, 80:-80] == 1).all()
    assert (faded[0, :80].diff() > 0).all() and (faded[0, -80:].diff() < 0).all()
    assert faded[0, 40].item() == pytest.approx(0.5, abs=1e-6)
    assert fade(torch.ones(3), RATE).isfinite().all()


def test_wav_files_keep_sixteen_bits(tmp_path):
    path = tmp_path / "new" / "tone.wav"
    write_wav(path, tone(1000), RATE)
    waveform, rate = read_wav(path)
    assert rate == RATE and waveform.dtype == torch.float32
    torch.testing.assert_close(waveform, tone(1000), rtol=0, atol=1.01 / 32768 + 1e-4 * 0.8)
    assert [p.name for p in path.parent.iterdir()] == ["tone.wav"]


@pytest.mark.parametrize(
    ("waveform", "text"),
    [
        (torch.zeros(2, 100), r"\(2, 100\)"),
        (torch.zeros(0), "T >= 1"),
        (torch.full((5,), 2.0), "normalise_peak"),
        (torch.full((5,), math.nan), "not finite"),
    ],
)
def test_what_is_no_sound_is_not_written(tmp_path, waveform, text):
    with pytest.raises(UsageError, match=text):
        write_wav(tmp_path / "a.wav", waveform, RATE)
    assert not list(tmp_path.iterdir())


def test_what_is_no_mono_wav_is_not_read(tmp_path):
    import soundfile

    with pytest.raises(DataError, match=r"absent\.wav"):
        read_wav(tmp_path / "absent.wav")
    (tmp_path / "text.wav").write_text("not sound")
    with pytest.raises(DataError, match=r"text\.wav"):
        read_wav(tmp_path / "text.wav")
    soundfile.write(tmp_path / "stereo.wav", torch.zeros(100, 2).numpy(), RATE)
    with pytest.raises(DataError, match="2 channels"):
        read_wav(tmp_path / "stereo.wav")
    soundfile.write(tmp_path / "empty.wav", torch.zeros(0).numpy(), RATE)
    with pytest.raises(DataError, match="no samples"):
        read_wav(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", torch.tensor([0.1, math.nan]).numpy(), RATE, subtype="FLOAT")
    with pytest.raises(DataError, match=r"nan\.wav holds samples that are not finite"):
        read_wav(tmp_path / "nan.wav")
    soundfile.write(tmp_path / "loud.wav", torch.tensor([0.1, -1.5]).numpy(), RATE, subtype="FLOAT")
    with pytest.raises(DataError, match=r"loud\.wav reaches 1\.5, beyond full scale"):
        read_wav(tmp_path / "loud.wav")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "DOUBLE"])
def test_every_bit_depth_is_read(tmp_path, subtype):
    import soundfile

    soundfile.write(tmp_path / "a.wav", tone(1000).numpy(), RATE, subtype=subtype)
    waveform, _ = read_wav(tmp_path / "a.wav")
    torch.testing.assert_close(waveform, tone(1000), rtol=0, atol=1.01 / 32768)


def test_wrong_shapes_are_named():
    with pytest.raises(UsageError, match=r"\(1, 128\); they must be \(B, T\) with T > 128"):
        log_spectrogram(torch.zeros(1, 128), LINEAR)
    with pytest.raises(UsageError, match=r"\(1, 20, 129\); it must be \(B, 129, n_frames\)"):
        invert(torch.zeros(1, 20, 129), LINEAR)
    with pytest.raises(UsageError, match="3 frames are too few"):
        invert(torch.zeros(1, 129, 3), LINEAR)
    with pytest.raises(UsageError, match="not finite"):
        invert(torch.full((1, 129, 20), math.nan), LINEAR)
    with pytest.raises(UsageError, match="n_mels = 128 leaves bands without any frequency"):
        log_spectrogram(torch.zeros(1, 1000), SpectrogramConfig(n_mels=128))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"hop_length": 129}, "hop_length = 129"),
        ({"n_fft": 255}, "n_fft = 255"),
        ({"n_mels": 129}, "n_mels = 129"),
        ({"floor_db": 0.0}, "floor_db = 0.0"),
        ({"sample_rate_hz": 0}, "sample_rate_hz = 0"),
    ],
)
def test_impossible_settings_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        SpectrogramConfig(**change)

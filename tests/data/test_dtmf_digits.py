"""dtmf-digits: what the synthesiser dials, what the decoder accepts, and above all what it must not accept."""

import hashlib
import math

import numpy as np
import pytest
import torch

from aigc_course.data.dtmf_digits import (
    COLUMN_HZ,
    ROW_HZ,
    decode,
    goertzel_power,
    grade,
    make_dtmf_digits,
    synthesise,
)
from aigc_course.errors import UsageError

RATE = 8000
RULES = ("loud", "pure", "in_tune", "balanced", "dominant", "without_harmonics", "long_enough")


def tones(*frequencies_hz, amplitudes=None, seconds=0.3, onset=0.05, rate=RATE, noise=0.0, total=0.4):
    """One waveform (1, T) of sines that start and end together, in white noise of RMS `noise`."""
    time = torch.arange(int(total * rate)) / rate
    gate = ((time >= onset) & (time < onset + seconds)).float()
    wave = noise * torch.randn(len(time), generator=torch.Generator().manual_seed(1))
    for i, frequency in enumerate(frequencies_hz):
        amplitude = 0.2 if amplitudes is None else amplitudes[i]
        wave = wave + gate * amplitude * torch.sin(2 * math.pi * frequency * time + i)
    return wave[None]


def failed_rules(decoded):
    return {rule for rule in RULES if not getattr(decoded, rule).all()}


@pytest.mark.parametrize(
    ("digit", "row", "column"),
    [
        *[(1, 697, 1209), (2, 697, 1336), (3, 697, 1477), (4, 770, 1209), (5, 770, 1336), (6, 770, 1477)],
        *[(7, 852, 1209), (8, 852, 1336), (9, 852, 1477), (0, 941, 1336)],
    ],
)
def test_every_key_of_the_keypad(digit, row, column):
    decoded = decode(tones(row, column))
    assert decoded.label.tolist() == [digit]
    assert decoded.row_hz.item() == pytest.approx(row, abs=0.5)
    assert decoded.column_hz.item() == pytest.approx(column, abs=0.5)
    spectrum = np.abs(np.fft.rfft(synthesise(np.array([digit]), np.random.default_rng(0))[0]))
    bands = {"row": (600, 1060), "column": (1150, 1550)}
    peaks = {n: (spectrum[int(a / 2.5) : int(b / 2.5)].argmax() * 2.5) + a for n, (a, b) in bands.items()}
    assert peaks["row"] == pytest.approx(row, rel=0.02) and peaks["column"] == pytest.approx(column, rel=0.02)


def test_star_and_hash_are_no_digits():
    for column in (1209, 1477):
        decoded = decode(tones(941, column))
        assert decoded.label.item() == -1 and failed_rules(decoded) == set()


def test_measured_levels_are_those_of_the_sines():
    decoded = decode(tones(770, 1336, amplitudes=(0.1, 0.05)))
    assert decoded.row_level_db.item() == pytest.approx(-20, abs=0.3)
    assert decoded.column_level_db.item() == pytest.approx(-26.02, abs=0.3)
    assert decoded.energy_share.item() == pytest.approx(1, abs=0.05)
    assert decoded.duration_seconds.item() == pytest.approx(0.3, abs=0.011)


def test_goertzel_power_equals_the_recursion_and_the_closed_form():
    generator = torch.Generator().manual_seed(0)
    wave, window = torch.randn(2, 400, generator=generator), torch.rand(2, 400, generator=generator)
    frequencies = torch.tensor([697.0, 1000.0])
    power = goertzel_power(wave, window, frequencies, RATE)
    for n in range(2):
        for k, frequency in enumerate(frequencies.tolist()):
            coefficient, before, last = 2 * math.cos(2 * math.pi * frequency / RATE), 0.0, 0.0
            for x in (wave[n] * window[n]).tolist():
                before, last = last, x + coefficient * last - before
            energy = last**2 + before**2 - coefficient * last * before
            assert power[n, k].item() == pytest.approx(2 * energy / window[n].sum().item() ** 2, rel=1e-3)
    sine = 0.3 * torch.sin(2 * math.pi * 1000 * torch.arange(800) / RATE)[None]
    assert goertzel_power(sine, torch.ones(1, 800), frequencies, RATE)[0, 1].item() == pytest.approx(0.045, rel=1e-4)


@pytest.fixture(scope="module")
def dialled():
    return make_dtmf_digits(10, 10, 1000).split("test")


def test_real_sounds_dial_their_digit(dialled):
    waveforms, lengths, labels = dialled
    assert waveforms.shape == (1000, 3200) and lengths.eq(3200).all()
    assert torch.bincount(labels).tolist() == [100] * 10
    decoded = decode(waveforms)
    assert (decoded.label == labels).float().mean() >= 0.998
    assert 0.14 <= decoded.duration_seconds.min() <= decoded.duration_seconds.max() <= 0.37
    assert grade(waveforms, labels)["label_accuracy"] >= 0.998
    twist = decoded.column_level_db - decoded.row_level_db
    assert -7 < twist.min() < -5 and 2 < twist.max() < 4


def test_sounds_decode_alone_as_among_others(dialled):
    waveforms, _, _ = dialled
    assert torch.equal(decode(waveforms[:300]).label[290:], decode(waveforms[290:300]).label)


def test_the_set_is_a_function_of_its_seed_alone():
    small, large = make_dtmf_digits(20, 10, 10), make_dtmf_digits(40, 10, 10)
    assert torch.equal(small.waveforms["test"], large.waveforms["test"])
    assert not torch.equal(small.waveforms["test"], small.waveforms["validation"])
    assert not torch.equal(small.waveforms["test"], make_dtmf_digits(20, 10, 10, seed=1).waveforms["test"])
    labels = hashlib.sha256(small.labels["train"].numpy().astype("<i8").tobytes()).hexdigest()
    assert labels[:16] == "9132fcc1c19d86ea"
    levels = small.waveforms["train"][:3].square().mean(1).sqrt().tolist()
    assert levels == pytest.approx([0.124503, 0.087493, 0.06268], rel=1e-4)


@pytest.mark.parametrize("bad", [{"num_train": -1}, {"num_test": 2.5}, {"seed": -3}, {"seed": True}])
def test_bad_counts_and_seeds_are_refused(bad):
    with pytest.raises(UsageError, match=next(iter(bad))):
        make_dtmf_digits(**bad)


@pytest.mark.parametrize("detune", [-0.015, 0.015])
@pytest.mark.parametrize("row", ROW_HZ)
@pytest.mark.parametrize("column", COLUMN_HZ[1:2])
def test_tones_1_5_percent_off_are_accepted(row, column, detune):
    assert decode(tones(row * (1 + detune), column * (1 - detune))).label.item() >= 0


@pytest.mark.parametrize("detune", [-0.035, 0.035])
@pytest.mark.parametrize("frequency", ROW_HZ + COLUMN_HZ)
def test_tones_3_5_percent_off_are_rejected(frequency, detune):
    other = 1336 if frequency < 1000 else 770
    decoded = decode(tones(frequency * (1 + detune), other))
    assert decoded.label.item() == -1 and "in_tune" in failed_rules(decoded)


@pytest.mark.parametrize(
    ("wave", "rule"),
    [
        (tones(697, 1209, amplitudes=(0.2, 0.2 * 10 ** (6 / 20))), "balanced"),
        (tones(697, 1209, amplitudes=(0.2, 0.2 * 10 ** (-10 / 20))), "balanced"),
        (tones(697, 1209, amplitudes=(0.01, 0.01)), "loud"),
        (tones(697, 770, 1209), "dominant"),
        (tones(697, 1209, 1477, amplitudes=(0.2, 0.2, 0.1)), "dominant"),
        (tones(697, 1209, 2000), "pure"),
        (tones(697, 1209, 1394, amplitudes=(0.2, 0.2, 0.1)), "without_harmonics"),
        (tones(697, 1209, 2418, amplitudes=(0.2, 0.2, 0.1)), "without_harmonics"),
        (tones(697, 1209, seconds=0.02), "long_enough"),
        (tones(770), "balanced"),
        (tones(1336), "balanced"),
        (tones(770, 1000), "balanced"),
        (tones(697, 1209, noise=0.3), "pure"),
    ],
)
def test_each_rule_rejects_what_it_is_for(wave, rule):
    decoded = decode(wave)
    assert decoded.label.item() == -1 and rule in failed_rules(decoded)


@pytest.mark.parametrize("gain_db", [3, -7])
def test_twist_within_the_limits_is_accepted(gain_db):
    assert decode(tones(852, 1477, amplitudes=(0.1, 0.1 * 10 ** (gain_db / 20)))).label.item() == 9


@pytest.mark.parametrize("seconds", [0.06, 0.1, 0.38])
def test_short_and_long_tones_are_accepted(seconds):
    assert decode(tones(852, 1477, seconds=seconds, onset=0.01, noise=0.01)).label.item() == 9


def test_two_digits_in_one_window_dial_nothing():
    both = tones(697, 1209, seconds=0.2, onset=0) + tones(852, 1477, seconds=0.2, onset=0.2)
    assert decode(both).label.item() == -1


def voices(count, generator):
    """Speech-like sounds: a gliding pitch of 90 to 250 Hz with its harmonics under two formants, in syllables."""
    time = torch.arange(3200) / RATE
    draw = torch.rand(6, count, 1, generator=generator)
    pitch = (90 + 160 * draw[0]) * (1 + 0.3 * (draw[1] - 0.5) * time / 0.4)  # (N, T)
    phase = 2 * math.pi * pitch.cumsum(1) / RATE
    wave = torch.zeros(count, 3200)
    for k in range(1, 16):
        formants = [(300 + 600 * draw[2], 120), (900 + 1400 * draw[3], 200)]
        gain = sum(1 / (1 + ((k * pitch - centre) / width) ** 2) for centre, width in formants)
        wave += gain * torch.sin(k * phase)
    wave *= 0.6 + 0.4 * torch.sin(2 * math.pi * (3 + 3 * draw[4]) * time + 6 * draw[5])
    return 0.5 * wave / wave.abs().amax(1, keepdim=True)


def foreign_sounds(count=300):
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(3200) / RATE
    sweep = 500 + 1200 * torch.rand(count, 1, generator=generator) * time / 0.4
    noise = torch.randn(count, 3200, generator=generator)
    pair = 400 + 2200 * torch.rand(2, count, 1, generator=generator)
    far = [(pair[i] / torch.tensor(ROW_HZ + COLUMN_HZ) - 1).abs().amin(1) > 0.035 for i in (0, 1)]
    random_pairs = 0.2 * torch.sin(2 * math.pi * pair * time).sum(0)
    clicks = torch.zeros(count, 3200)
    clicks[:, ::400] = 0.9
    return {
        "silence": torch.zeros(count, 3200),
        "white noise": 0.2 * noise,
        "noise about the rows and columns": 0.1 * band(noise, 650, 1550),
        "voices": voices(count, generator),
        "single tones": 0.3 * torch.sin(2 * math.pi * pair[0] * time),
        "pairs of other tones": random_pairs[far[0] | far[1]],
        "sweeps": 0.3 * torch.sin(2 * math.pi * sweep.cumsum(1) / RATE),
        "clicks": clicks,
        "constant": torch.full((count, 3200), 0.5),
        "not finite": torch.full((count, 3200), math.nan),
    }


def band(noise, low_hz, high_hz):
    spectrum = torch.fft.rfft(noise)
    hertz = torch.fft.rfftfreq(noise.shape[1], 1 / RATE)
    return torch.fft.irfft(spectrum * ((hertz > low_hz) & (hertz < high_hz)))


@pytest.mark.parametrize("kind", foreign_sounds(2))
def test_foreign_sounds_dial_nothing(kind):
    sounds = foreign_sounds()[kind]
    assert len(sounds) > 100
    assert (decode(sounds).label >= 0).float().mean() <= 0.003


def test_other_sample_rates():
    assert decode(tones(697, 1477, rate=16000), 16000).label.item() == 3
    assert decode(tones(697, 1477, rate=16000), 8000).label.item() == -1


def test_grade_counts_what_was_dialled():
    sounds = torch.cat([tones(697, 1209), tones(697, 1209), tones(941, 1336), torch.zeros(1, 3200)])
    result = grade(sounds, torch.tensor([1, 2, 0, 0]))
    assert result["decoded_rate"] == pytest.approx(3 / 4)
    assert result["label_accuracy"] == pytest.approx(2 / 4)
    assert result["classes_hit"] == 2
    assert result["largest_class_share"] == pytest.approx(2 / 3) == result["class_shares"]["1"]
    assert "label_accuracy" not in grade(sounds)
    assert grade(torch.zeros(2, 3200))["decoded_rate"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(3200),), r"\(N, T\)"),
        ((torch.zeros(1, 3200, dtype=torch.int16),), "int16"),
        ((torch.zeros(1, 3200), 4000), "6400"),
        ((torch.zeros(1, 200),), "0.04 s"),
    ],
)
def test_waveforms_of_another_form_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        decode(*arguments)


def test_grade_refuses_what_does_not_match():
    with pytest.raises(UsageError, match="one per waveform"):
        grade(tones(697, 1209), torch.tensor([1, 2]))
    with pytest.raises(UsageError, match="at least one"):
        grade(torch.zeros(0, 3200))

"""Melodies: pitches and lengths of pure tones, for which both are known exactly."""

import math

import pytest
import torch

from aigc_course.applications.melodies import at_speed, cents, jumps_at, loud_part, melody, tone_hz
from aigc_course.errors import UsageError

RATE = 8000


def tone(hz, seconds=0.3, amplitude=0.5):
    return amplitude * torch.sin(2 * math.pi * hz * torch.arange(round(seconds * RATE)) / RATE)


@pytest.mark.parametrize("hz", [440.0, 770.3, 1209.7])
def test_the_tone_is_found_to_a_fraction_of_a_cent(hz):
    assert cents(tone_hz(tone(hz), RATE, hz * 1.03), hz) == pytest.approx(0, abs=0.1)
    assert cents(tone_hz(tone(hz) + tone(1.7 * hz), RATE, hz * 0.98), hz) == pytest.approx(0, abs=1)


def test_too_short_a_sound_has_no_tone():
    with pytest.raises(UsageError, match="too few"):
        tone_hz(tone(440, 0.02), RATE, 440)


@pytest.mark.parametrize("sound", [tone(640), tone(625), tone(900), torch.zeros(2400)])
def test_the_edge_of_another_tone_and_silence_are_none(sound):
    with pytest.raises(UsageError, match="no tone lies within 4% of 600 Hz"):
        tone_hz(sound, RATE, 600)


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.0, 1.26, 2.0])
def test_speed_multiplies_the_pitch_and_divides_the_length(speed):
    played = at_speed(tone(600), speed)
    assert len(played) == pytest.approx(len(tone(600)) / speed, abs=2)
    assert cents(tone_hz(played, RATE, 600 * speed), 600 * speed) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("speed", [0.2, 5.0, math.nan])
def test_extreme_speeds_are_refused(speed):
    with pytest.raises(UsageError, match=r"from 1/4 to 4"):
        at_speed(tone(600), speed)


def test_the_loud_part_is_what_sounds():
    sound = torch.cat([torch.zeros(800), tone(600, 0.2), 0.01 * tone(600, 0.1)])
    loud = loud_part(sound, RATE)
    assert torch.equal(loud, sound[800:2400])
    with pytest.raises(UsageError, match="silent"):
        loud_part(torch.zeros(1000), RATE)


def test_each_note_has_its_pitch_its_length_and_the_rest_is_silent():
    notes = [523.25, 659.26, 0, 392.0]
    played = melody(tone(600), RATE, 600, notes, note_seconds=0.25)
    assert played.shape == (4 * 2000,) and played.abs().max() == pytest.approx(0.8)
    for note, hz in zip(played.view(4, 2000), notes, strict=True):
        if hz:
            assert cents(tone_hz(note, RATE, hz), hz) == pytest.approx(0, abs=1)
        else:
            assert note.abs().max() == 0


def test_a_note_higher_than_the_sound_lasts_ends_early():
    note = melody(tone(500, 0.2), RATE, 500, [1000.0], note_seconds=0.25)
    assert note[820:].abs().max() == 0 < note[700:780].abs().max()  # 0.2 s at twice the speed: 800 samples


def test_fades_take_the_clicks_away_and_nothing_else_does():
    sound = tone(600) + 0.3  # ends away from zero
    places = [0, 2000, 4000]
    clicks = jumps_at(melody(sound, RATE, 600, [600.0] * 3, fade_seconds=0), places)
    smooth = jumps_at(melody(sound, RATE, 600, [600.0] * 3), places)
    assert clicks.min() > 0.1 and smooth.max() < 0.01


def test_jumps_at_wrap_around():
    assert jumps_at(torch.tensor([1.0, 3.0, 7.0]), [0, 1, 2]).tolist() == [6.0, 2.0, 4.0]


def test_cents():
    assert cents(880, 440) == 1200 and cents(440, 880) == -1200
    assert cents(440 * 2 ** (1 / 12), 440) == pytest.approx(100)


def test_what_is_not_allowed_is_named():
    with pytest.raises(UsageError, match="empty"):
        melody(tone(600), RATE, 600, [])
    with pytest.raises(UsageError, match="speed = 10"):
        melody(tone(600), RATE, 60, [600.0])

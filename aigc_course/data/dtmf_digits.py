"""dtmf-digits: a digit as a telephone dials it (two tones), made from a seed, and the decoder of telephone exchanges.

A key sounds the tone of its row and the tone of its column (ITU-T Q.23). The decoder measures the tones with Goertzel
filters and applies acceptance rules in the manner of ITU-T Q.24, so that speech, noise, single tones and tones of
other frequencies dial nothing: see the constants below.
"""

import math
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError

NAME = "dtmf-digits"
SAMPLE_RATE_HZ = 8000
NUM_SAMPLES = 3200  # 0.4 s
CLASS_NAMES = tuple("0123456789")
ROW_HZ = (697.0, 770.0, 852.0, 941.0)
COLUMN_HZ = (1209.0, 1336.0, 1477.0)
KEYPAD = ((1, 2, 3), (4, 5, 6), (7, 8, 9), (-1, 0, -1))  # -1: the keys * and #, which are no digits

# What the decoder accepts. All rules must hold; levels are relative to a full-scale sine.
MIN_LEVEL_DB = -36.0  # of each tone
MIN_ENERGY_SHARE = 0.75  # of the two tones in all that sounds; three equal tones leave two of them 0.67
MAX_FREQUENCY_ERROR = 0.025  # Q.24: 1.5 % must pass, 3.5 % must not
MAX_TWIST_DB = 4.0  # column tone above row tone
MIN_TWIST_DB = -8.0  # column tone below row tone
MIN_DOMINANCE_DB = 8.0  # of a tone over the others of its group
MIN_HARMONIC_DROP_DB = 10.0  # from a tone to its second harmonic, which voices have and telephones haven't
MIN_DURATION_SECONDS = 0.04

# Relative detunings that the filters stand at. 0.1 % apart, no tone lies farther than 0.74 Hz from a filter, which
# costs 0.4 dB at most over 0.35 s of sound.
_OFFSETS = np.linspace(-0.04, 0.04, 81)
_FRAME_SECONDS = 0.01
_ACTIVE_DB = -9.0  # a frame is part of the sound when it is at most this far below the loudest
_MIN_SAMPLE_RATE_HZ = 6400  # the second harmonic of the highest tone lies at 3.1 kHz
_CHUNK = 256  # waveforms measured at once
_TINY = 1e-12


def make_dtmf_digits(
    num_train: int = 2000, num_validation: int = 500, num_test: int = 500, *, seed: int = 0
) -> AudioSet:
    """Dial digits: waveforms (N, 3200) at 8 kHz, all 0.4 s long, classes equally frequent in every split.

    Each split has its own random stream, so its sounds don't depend on the sizes of the other splits.
    Raises: UsageError for a negative or non-integer count or seed.
    """
    counts = {"train": num_train, "validation": num_validation, "test": num_test}
    for name, value in {**{f"num_{split}": count for split, count in counts.items()}, "seed": seed}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"{name} must be an integer >= 0, but is {value!r}")
    waveforms, labels = {}, {}
    for stream, (split, count) in enumerate(counts.items()):
        rng = np.random.default_rng([seed, stream])
        digits = rng.permutation(np.arange(count, dtype=np.int64) % len(CLASS_NAMES))
        waveforms[split] = torch.from_numpy(synthesise(digits, rng))
        labels[split] = torch.from_numpy(digits)
    return AudioSet(
        name=NAME,
        sample_rate_hz=SAMPLE_RATE_HZ,
        waveforms=waveforms,
        lengths={split: torch.full((count,), NUM_SAMPLES) for split, count in counts.items()},
        labels=labels,
        class_names=CLASS_NAMES,
    )


def synthesise(digits: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Dial each of `digits` (N,) once, as on some telephone over some line: float32 (N, 3200) in [-1, 1].

    Row tone at -22 to -11 dB of full scale, column tone -6 to +3 dB from it, both up to 1.5 % off, 0.15 to 0.35 s
    long with edges of 5 ms, anywhere in the window, in white noise 15 to 40 dB below the tones.
    """
    count = len(digits)
    row, column = (np.array([divmod(_KEY_OF_DIGIT[d], 3) for d in digits], dtype=np.int64).reshape(-1, 2)).T
    row_level_db = rng.uniform(-22, -11, count)
    twist_db = rng.uniform(-6, 3, count)
    detune = 1 + rng.uniform(-0.015, 0.015, (2, count))
    phase = rng.uniform(0, 2 * np.pi, (2, count))
    duration = rng.uniform(0.15, 0.35, count)
    onset = rng.uniform(0, 1, count) * (NUM_SAMPLES / SAMPLE_RATE_HZ - duration)
    noise_db = -rng.uniform(15, 40, count)

    frequency = np.stack([np.array(ROW_HZ)[row], np.array(COLUMN_HZ)[column]]) * detune  # (2, N)
    amplitude = 10 ** (np.stack([row_level_db, row_level_db + twist_db]) / 20)
    noise_sigma = np.sqrt((amplitude**2).sum(0) / 2) * 10 ** (noise_db / 20)
    waveforms = np.empty((count, NUM_SAMPLES), dtype=np.float32)
    seconds = np.arange(NUM_SAMPLES) / SAMPLE_RATE_HZ
    for i in range(count):
        tones = amplitude[:, i] @ np.sin(2 * np.pi * frequency[:, i, None] * seconds + phase[:, i, None])
        edge_distance = np.minimum(seconds - onset[i], onset[i] + duration[i] - seconds)
        envelope = np.sin(np.pi / 2 * np.clip(edge_distance / 0.005, 0, 1)) ** 2
        noise = noise_sigma[i] * rng.standard_normal(NUM_SAMPLES)
        waveforms[i] = np.clip(tones * envelope + noise, -1, 1)
    return waveforms


_KEY_OF_DIGIT = {digit: 3 * r + c for r, keys in enumerate(KEYPAD) for c, digit in enumerate(keys) if digit >= 0}


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """What the decoder hears in N waveforms. All are (N,)."""

    label: Tensor  # int64: the digit that was dialled, or -1 when a rule fails
    row_hz: Tensor  # float32, frequency of the strongest tone about the rows
    column_hz: Tensor  # float32, the same about the columns
    row_level_db: Tensor  # float32, dB of a full-scale sine
    column_level_db: Tensor  # float32
    energy_share: Tensor  # float32, of the two tones in the energy of the sound
    duration_seconds: Tensor  # float32, of the sound
    loud: Tensor  # bool, one for each rule: MIN_LEVEL_DB
    pure: Tensor  # bool: MIN_ENERGY_SHARE
    in_tune: Tensor  # bool: MAX_FREQUENCY_ERROR
    balanced: Tensor  # bool: MIN_TWIST_DB, MAX_TWIST_DB
    dominant: Tensor  # bool: MIN_DOMINANCE_DB
    without_harmonics: Tensor  # bool: MIN_HARMONIC_DROP_DB
    long_enough: Tensor  # bool: MIN_DURATION_SECONDS


@torch.no_grad()
def decode(waveforms: Tensor, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Decoded:
    """Which digit each waveform dials.

    Args: waveforms: (N, T) floating point, full scale 1. A waveform with a NaN or infinite sample dials nothing.
    Returns: `Decoded` on the CPU.
    Raises: UsageError for another shape or dtype, less than 40 ms of sound, or a sample rate below 6.4 kHz.
    """
    waveforms = torch.as_tensor(waveforms).detach().cpu()
    if waveforms.ndim != 2 or not waveforms.is_floating_point():
        given = f"{waveforms.dtype} of shape {tuple(waveforms.shape)}"
        raise UsageError(f"waveforms must be floating point of shape (N, T), but are {given}")
    if sample_rate_hz < _MIN_SAMPLE_RATE_HZ:
        raise UsageError(f"sample_rate_hz must be at least {_MIN_SAMPLE_RATE_HZ}, but is {sample_rate_hz}")
    if waveforms.shape[1] < MIN_DURATION_SECONDS * sample_rate_hz:
        raise UsageError(f"waveforms must last 0.04 s at least, but have {waveforms.shape[1]} samples")
    parts = [_decode_chunk(chunk.float(), sample_rate_hz) for chunk in waveforms.split(_CHUNK)]
    return Decoded(**{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Decoded)})


def grade(
    waveforms: Tensor, labels: Tensor | None = None, *, sample_rate_hz: int = SAMPLE_RATE_HZ
) -> dict[str, float | int | dict[str, float]]:
    """Summarise what a generator dialled.

    Args: waveforms: as for `decode`. labels: (N,) digits that were asked for, or None.
    Returns: `decoded_rate`: the share that dials any digit; `classes_hit` of 10, `largest_class_share` and
        `class_shares` among those; with labels `label_accuracy`: the share that dials the digit asked for.
    Raises: UsageError when labels aren't one per waveform, or there is no waveform.
    """
    heard = decode(waveforms, sample_rate_hz).label
    if len(heard) == 0:
        raise UsageError("grade needs at least one waveform, but got none")
    counts = torch.bincount(heard[heard >= 0], minlength=len(CLASS_NAMES))
    shares = (counts / max(1, int(counts.sum()))).tolist()
    result: dict[str, float | int | dict[str, float]] = {
        "decoded_rate": (heard >= 0).float().mean().item(),
        "classes_hit": int((counts > 0).sum()),
        "largest_class_share": max(shares),
        "class_shares": dict(zip(CLASS_NAMES, shares, strict=True)),
    }
    if labels is not None:
        labels = torch.as_tensor(labels).cpu()
        if labels.shape != heard.shape:
            raise UsageError(f"labels must be one per waveform, shape ({len(heard)},), not {tuple(labels.shape)}")
        result["label_accuracy"] = (heard == labels).float().mean().item()
    return result


def goertzel_power(waveforms: Tensor, window: Tensor, frequencies_hz: Tensor, sample_rate_hz: int) -> Tensor:
    """Mean square of the sine of each frequency in each windowed waveform: A^2 / 2 for A sin(2 pi f t).

    Goertzel's recursion s[n] = x[n] + 2 cos(w) s[n-1] - s[n-2] ends in s[n-1] - exp(-iw) s[n-2], which is
    sum_n x[n] exp(-iwn) but for a phase. All frequencies of all waveforms at once are one matrix product.

    Args: waveforms, window: (N, T), window >= 0. frequencies_hz: (K,).  Returns: (N, K).
    """
    basis = _basis(waveforms.shape[1], tuple(frequencies_hz.tolist()), sample_rate_hz)  # (T, 2K)
    cosine, sine = ((waveforms * window) @ basis).chunk(2, dim=1)
    return 2 * (cosine.square() + sine.square()) / window.sum(1, keepdim=True).clamp_min(_TINY).square()


@lru_cache(maxsize=4)
def _basis(num_samples: int, frequencies_hz: tuple[float, ...], sample_rate_hz: int) -> Tensor:
    phase = 2 * np.pi * np.outer(np.arange(num_samples) / sample_rate_hz, frequencies_hz)
    return torch.from_numpy(np.concatenate([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32))


def _sound_window(waveforms: Tensor, sample_rate_hz: int) -> tuple[Tensor, Tensor]:
    """A Hann window (N, T) over the longest stretch of loud frames, and the seconds (N,) which that lasts.

    A single quiet frame (10 ms) doesn't end a stretch.
    """
    frame = round(_FRAME_SECONDS * sample_rate_hz)
    count = waveforms.shape[1] // frame
    power = waveforms[:, : count * frame].unflatten(1, (count, frame)).square().mean(-1)  # (N, frames)
    active = power > power.amax(1, keepdim=True) * 10 ** (_ACTIVE_DB / 10)
    active[:, 1:-1] |= active[:, :-2] & active[:, 2:]
    run = torch.zeros(len(waveforms), dtype=torch.int64)
    longest, end = run, run
    for i in range(count):
        run = torch.where(active[:, i], run + 1, 0)
        end = torch.where(run > longest, i + 1, end)
        longest = torch.maximum(longest, run)
    position = torch.arange(waveforms.shape[1]) + 0.5 - ((end - longest) * frame)[:, None]  # (N, T)
    fraction = position / (longest * frame)[:, None].clamp_min(1)
    window = torch.where((fraction > 0) & (fraction < 1), torch.sin(math.pi * fraction).square(), 0.0)
    return window, longest * (frame / sample_rate_hz)


def _decode_chunk(waveforms: Tensor, sample_rate_hz: int) -> Decoded:
    finite = waveforms.isfinite().all(1)
    waveforms = torch.where(finite[:, None], waveforms, 0.0)
    window, duration = _sound_window(waveforms, sample_rate_hz)
    nominal = torch.tensor(ROW_HZ + COLUMN_HZ)
    offsets = torch.from_numpy(_OFFSETS).float()
    grid = (nominal[:, None] * (1 + offsets)).flatten()  # (7 * 81,)
    power = goertzel_power(waveforms, window, torch.cat([grid, 2 * grid]), sample_rate_hz)
    tone, harmonic = power.unflatten(1, (2, len(nominal), len(offsets))).unbind(1)  # (N, 7, 81) each
    row, column = (_strongest(tone[:, g], harmonic[:, g], offsets) for g in (slice(0, 4), slice(4, 7)))
    total = (window * waveforms.square()).sum(1) / window.sum(1).clamp_min(_TINY)
    share = (row["power"] + column["power"]) / total.clamp_min(_TINY)
    levels = {
        name: 10 * (2 * tone["power"]).clamp_min(_TINY).log10() for name, tone in (("row", row), ("column", column))
    }
    twist = levels["column"] - levels["row"]
    rules = {
        "loud": torch.minimum(levels["row"], levels["column"]) >= MIN_LEVEL_DB,
        "pure": (share >= MIN_ENERGY_SHARE) & finite,
        "in_tune": torch.maximum(row["offset"].abs(), column["offset"].abs()) <= MAX_FREQUENCY_ERROR + 1e-6,
        "balanced": (twist >= MIN_TWIST_DB) & (twist <= MAX_TWIST_DB),
        "dominant": torch.minimum(row["dominance_db"], column["dominance_db"]) >= MIN_DOMINANCE_DB,
        "without_harmonics": torch.minimum(row["harmonic_db"], column["harmonic_db"]) >= MIN_HARMONIC_DROP_DB,
        "long_enough": duration >= MIN_DURATION_SECONDS - 1e-6,
    }
    accepted = torch.stack(list(rules.values())).all(0)
    return Decoded(
        label=torch.where(accepted, torch.tensor(KEYPAD)[row["index"], column["index"]], -1),
        row_hz=torch.tensor(ROW_HZ)[row["index"]] * (1 + row["offset"]),
        column_hz=torch.tensor(COLUMN_HZ)[column["index"]] * (1 + column["offset"]),
        row_level_db=levels["row"],
        column_level_db=levels["column"],
        energy_share=share,
        duration_seconds=duration,
        **rules,
    )


def _strongest(tone: Tensor, harmonic: Tensor, offsets: Tensor) -> dict[str, Tensor]:
    """The strongest tone of a group and how it stands out; tone, harmonic: (N, tones of the group, offsets)."""
    n = torch.arange(len(tone))
    power, offset_index = tone.flatten(1).max(1)
    index, offset_index = offset_index // len(offsets), offset_index % len(offsets)
    near = tone[..., offsets.abs() <= 0.015 + 1e-6].amax(-1)  # what each of the group's tones may be, in tune
    near[n, index] = 0
    return {
        "index": index,
        "offset": offsets[offset_index],
        "power": power,
        "dominance_db": 10 * (power.clamp_min(_TINY) / near.amax(1).clamp_min(_TINY)).log10(),
        "harmonic_db": 10 * (power.clamp_min(_TINY) / harmonic[n, index, offset_index].clamp_min(_TINY)).log10(),
    }

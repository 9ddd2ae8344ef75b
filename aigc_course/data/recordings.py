"""WAV files of a folder as recordings of one rate with one channel: what had to be changed, or is doubtful, is said."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aigc_course.data.archives import entries
from aigc_course.errors import CourseWarning, DataError

SILENT = 1e-4  # of full scale, 80 dB below it: what stays below everywhere is silence
_CLIPPED_RUN = 3  # equal samples on end at the highest or lowest level
_CLIPPED_LEVEL = 0.99  # of full scale, where that level must lie


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Recording:
    """What a WAV file holds, its channels averaged, and scaled down to full scale where it goes beyond."""

    samples: np.ndarray  # (T,) float32 in [-1, 1], T >= 1
    sample_rate_hz: int
    channels: int  # before they were averaged
    peak: float  # largest magnitude before it was scaled, 1 for full scale
    clipped: bool  # in one of its channels


def decode_recording(data: bytes, where: str) -> Recording:
    """A WAV file of any bit depth, whole numbers or floating point.

    Raises: DataError when it can't be read, is cut off, empty, silent, or holds NaN or infinity.
    """
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            channels = file.read(dtype="float32", always_2d=True)  # (T, channels)
            rate = file.samplerate
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise DataError(f"{where} can't be read as WAV ({error}); it is damaged or of another kind") from error
    declared = _declared_bytes(data)
    if declared is not None and declared > len(data):
        raise DataError(f"{where} is cut off: its header promises {declared:,} bytes, but there are {len(data):,}")
    if not len(channels):
        raise DataError(f"{where} holds no samples; record it anew, or take it out")
    wrong = np.flatnonzero(~np.isfinite(channels).all(axis=1))
    if len(wrong):
        raise DataError(
            f"{where} holds samples that are not finite numbers (NaN or infinity), the first after "
            f"{wrong[0] / rate:.3f} s; export it anew, or take it out"
        )
    samples = channels.mean(axis=1)
    peak = float(np.abs(samples).max())
    if peak < SILENT:
        averaged = " once its channels are averaged" if channels.shape[1] > 1 else ""
        raise DataError(f"{where} is silent from end to end{averaged}; record it anew, or take it out")
    return Recording(
        samples=samples / max(peak, 1),
        sample_rate_hz=rate,
        channels=channels.shape[1],
        peak=peak,
        clipped=any(is_clipped(channel) for channel in channels.T),
    )


def is_clipped(samples: np.ndarray) -> bool:
    """Whether a sound was cut off at its highest or lowest level: 3 samples or more on end are there, near full scale.

    Args: samples: (T,), of one channel.
    """
    return any(
        abs(level) >= _CLIPPED_LEVEL and _longest_run(samples == level) >= _CLIPPED_RUN
        for level in (samples.max(), samples.min())
    )


def read_recordings(folder: Path, names: Sequence[str], sample_rate_hz: int | None) -> tuple[list[Tensor], int]:
    """Files of a folder as waveforms (T,) float32 in [-1, 1], and their common sample rate in Hz.

    What was changed is said by a CourseWarning: channels averaged, levels scaled, rates made one (the lowest among
    them, unless `sample_rate_hz` is given). So is what is clipped, which nothing can mend.
    Raises: DataError naming the file that can't be used, and why.
    """
    recordings = {str(folder / name): _decode_file(folder / name) for name in names}
    rate = sample_rate_hz or min(recording.sample_rate_hz for recording in recordings.values())
    several = {name: f"{r.channels} channels" for name, r in recordings.items() if r.channels > 1}
    loud = {name: f"up to {r.peak:.3g}" for name, r in recordings.items() if r.peak > 1}
    clipped = {name: f"up to {min(r.peak, 1):.3g}" for name, r in recordings.items() if r.clipped}
    other = {name: f"{r.sample_rate_hz:,} Hz" for name, r in recordings.items() if r.sample_rate_hz != rate}
    _say(several, len(names), "have several channels, which were averaged")
    _say(loud, len(names), "go beyond full scale, 1, and were scaled down to it")
    _say(clipped, len(names), "are clipped (cut off at full scale), which distorts them: record them at a lower level")
    if sample_rate_hz is None:
        _say(other, len(names), f"were resampled to {rate:,} Hz, the lowest rate among them")
    return [_resample(torch.from_numpy(r.samples), r.sample_rate_hz, rate) for r in recordings.values()], rate


def _decode_file(path: Path) -> Recording:
    return decode_recording(next(entries(path)).read(), str(path))


def _say(details: dict[str, str], total: int, what: str) -> None:
    """Warn of the recordings that `details` names, if any."""
    for name, detail in details.items():
        text = f"{len(details)} of {total} recordings {what}; the first is {name} ({detail})"
        warnings.warn(text, CourseWarning, stacklevel=5)  # where load_folder was called
        return


def _resample(samples: Tensor, rate: int, new_rate: int) -> Tensor:
    if rate == new_rate:
        return samples
    from torchaudio.functional import resample

    return resample(samples, rate, new_rate).clamp(-1, 1)  # the filter overshoots at steps


def _longest_run(holds: np.ndarray) -> int:
    """The most True values on end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], holds.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _declared_bytes(data: bytes) -> int | None:
    """How long a RIFF file says its data chunk goes, counted from the file's beginning; None when it says nothing."""
    at = 12
    while data[:4] == b"RIFF" and at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return None if size in (0, 0xFFFFFFFF) else at + 8 + size  # both mean: up to the end
        at += 8 + size + size % 2
    return None

"""What `audio-classifier` sees of a sound: a spectrogram without its loudness, offset and the silence around it."""

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course.audio import SpectrogramConfig, log_spectrogram, normalise_peak

_STEP_DB = 20.0  # one unit of the result
_QUIET_DB = 40.0  # below the loudest point, from where on a beginning or an end is silence
_BELOW_DB = 40.0  # how far the loudest point of a sound with peak 1 may lie below full scale


def log_mel(waveforms: Tensor, lengths: Tensor, config: SpectrogramConfig) -> tuple[Tensor, Tensor]:
    """Spectrograms in steps of 20 dB above `config.floor_db`, which counts from each sound's own loudest point.

    Each sound loses its moving average, over as many samples as a frame has, and is scaled to peak 1 first. Frames at
    its beginning and its end that stay 40 dB below its loudest point are left out: how much silence was recorded says
    nothing of what is said, and a generated sound has as much as fills its window. Nothing depends on the samples after
    a sound's end.

    Args:
        waveforms: (B, T) float.  lengths: (B,) int64 in [1, T], samples of each sound.
        config: of the spectrogram.
    Returns: spectrograms (B, n_bins, n_frames(T)), >= 0, where 0 is silence and everything after a sound's last frame;
        the number of frames of each sound (B,).
    """
    known = torch.arange(waveforms.shape[1], device=waveforms.device) < lengths[:, None]  # (B, T)
    waveforms = normalise_peak(_without_offset(waveforms, known, config.n_fft // 2), peak=1.0)
    lowest = max(config.floor_db - _BELOW_DB, -200.0)
    padded = F.pad(waveforms, (0, config.n_fft))  # so that no frame reaches the mirrored end
    db = log_spectrogram(padded, dataclasses.replace(config, floor_db=lowest))
    n_frames = 1 + lengths // config.hop_length
    db = db[:, :, : config.n_frames(waveforms.shape[1])]
    known = torch.arange(db.shape[2], device=db.device) < n_frames[:, None, None]
    loudest = torch.where(known, db, lowest).amax(dim=(1, 2), keepdim=True).clamp(min=lowest - config.floor_db)
    steps = ((db - loudest - config.floor_db) / _STEP_DB).clamp(min=0)
    return _without_silence(torch.where(known, steps, 0), -config.floor_db - _QUIET_DB, n_frames)


def _without_offset(waveforms: Tensor, known: Tensor, reach: int) -> Tensor:
    """Waveforms (B, T) less the mean of the known samples at most `reach` away; 0 where not `known` (B, T).

    A mean of the whole would leave an offset in sound and silence alike, where a recording of both has one in either.
    """
    waveforms = torch.where(known, waveforms, 0)
    mean = waveforms.sum(dim=1, keepdim=True) / known.sum(dim=1, keepdim=True)
    waveforms = torch.where(known, waveforms - mean, 0)  # so that the sums below stay small, and exact
    sums = F.pad(torch.stack([waveforms, known.to(waveforms)]).cumsum(dim=2), (1, 0))  # (2, B, T + 1)
    places = torch.arange(waveforms.shape[1], device=waveforms.device)
    ends, begins = (places + reach + 1).clamp(max=len(places)), (places - reach).clamp(min=0)
    total, count = sums[:, :, ends] - sums[:, :, begins]
    return torch.where(known, waveforms - total / count.clamp(min=1), 0)


def _without_silence(steps: Tensor, quiet_db: float, n_frames: Tensor) -> tuple[Tensor, Tensor]:
    """Spectrograms (B, n_bins, T) from each sound's first frame above `quiet_db` to its last; all of a silent one."""
    frames = torch.arange(steps.shape[2], device=steps.device)
    loud = steps.amax(dim=1) > quiet_db / _STEP_DB  # (B, T)
    first = torch.where(loud, frames, steps.shape[2]).amin(dim=1)
    last = torch.where(loud, frames, -1).amax(dim=1)
    heard = last >= 0
    first, n_frames = torch.where(heard, first, 0), torch.where(heard, last - first + 1, n_frames)
    columns = (first[:, None] + frames).clamp(max=steps.shape[2] - 1)  # (B, T)
    cut = steps.gather(2, columns[:, None].expand(-1, steps.shape[1], -1))
    return cut.masked_fill(frames >= n_frames[:, None, None], 0), n_frames

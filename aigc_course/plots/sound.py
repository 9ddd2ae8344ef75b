"""A sound as waveform and spectrogram."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from aigc_course.audio import SpectrogramConfig, log_spectrogram
from aigc_course.errors import UsageError
from aigc_course.plots.axes import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FRAME_SECONDS = 0.032


def plot_sound(waveform: Tensor, sample_rate_hz: int, title: str = "") -> "tuple[Axes, Axes]":
    """Draw a sound as its waveform over its spectrogram (frames of 32 ms, every 8 ms), on one time axis.

    Args: waveform: (T,) float, full scale [-1, 1].
    Returns: the Axes of the waveform and of the spectrogram (dB relative to a sinusoid at full scale).
    Raises: UsageError if the shape is wrong, the sound shorter than half a frame, or a sample not finite.
    """
    from matplotlib import pyplot as plt

    if waveform.ndim != 1:
        raise UsageError(f"waveform is {tuple(waveform.shape)}; plot one sound (T,) at a time")
    half_frame = max(2, round(_FRAME_SECONDS * sample_rate_hz / 2))
    config = SpectrogramConfig(sample_rate_hz=sample_rate_hz, n_fft=2 * half_frame, hop_length=max(1, half_frame // 2))
    samples = waveform.detach().float().cpu()
    levels_db = log_spectrogram(samples[None], config)[0]  # (n_bins, n_frames)
    seconds = len(samples) / sample_rate_hz

    _, (wave_ax, level_ax) = plt.subplots(2, 1, figsize=(7, 4.5), sharex=True, layout="constrained")
    wave_ax.plot(
        torch.arange(len(samples)).double().numpy() / sample_rate_hz, samples.numpy(), color=COLOURS[0], lw=0.6
    )
    reach = max(1.0, samples.abs().max().item())
    wave_ax.set(ylim=(-1.05 * reach, 1.05 * reach), ylabel="amplitude (full scale 1)")
    wave_ax.set_title(title or f"{seconds:.2f} s of sound at {sample_rate_hz / 1000:g} kHz", wrap=True)

    half_hop = config.hop_length / sample_rate_hz / 2
    half_bin = sample_rate_hz / config.n_fft / 2000
    last = (levels_db.shape[1] - 1) * config.hop_length / sample_rate_hz
    picture = level_ax.imshow(
        levels_db.numpy(),
        origin="lower",
        aspect="auto",
        extent=(-half_hop, last + half_hop, -half_bin, sample_rate_hz / 2000 + half_bin),  # pixels centred on frames
        cmap="magma",
        vmin=config.floor_db,
        vmax=0,
    )
    level_ax.set(xlim=(0, seconds), ylim=(0, sample_rate_hz / 2000), xlabel="time (s)", ylabel="frequency (kHz)")
    wave_ax.figure.colorbar(picture, cax=level_ax.inset_axes((1.02, 0, 0.02, 1)), label="level (dB)")
    return wave_ax, level_ax

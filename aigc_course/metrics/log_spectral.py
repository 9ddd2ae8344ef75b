"""How far apart two sounds are to the eye on their spectrograms, in decibels."""

import torch
from torch import Tensor

from aigc_course.errors import UsageError


def log_spectral_distance(real: Tensor, fake: Tensor, n_frames: Tensor | None = None) -> Tensor:
    """The root mean square over frequencies of the difference of two spectra in dB, then its mean over frames.

    A sound g dB louder than another, with nothing at the spectrograms' floor, is |g| dB away. Phase, and so the sign
    of a waveform, counts nothing. A shift in time counts: the frames compared must be those of the same moments.

    Args:
        real, fake: (B, n_bins, T) in dB, by the same spectrogram settings (`audio.log_spectrogram`).
        n_frames: (B,) int64 in [1, T], the frames of each sound that count; None: all.
    Returns: (B,), >= 0, in dB; the same for (fake, real).
    Raises: UsageError if the shapes differ, a value is not finite, or a number of frames out of range.
    Source: Gray & Markel 1976, "Distance measures for speech processing", Eq. 3 with p = 2.

    >>> log_spectral_distance(torch.zeros(1, 3, 2), torch.full((1, 3, 2), -6.0))
    tensor([6.])
    """
    if real.ndim != 3 or real.shape != fake.shape or real.numel() == 0:
        raise UsageError(
            f"real is {tuple(real.shape)} and fake {tuple(fake.shape)}; both must be of one shape (B, n_bins, T)"
        )
    for name, values in {"real": real, "fake": fake}.items():
        if not values.isfinite().all():
            raise UsageError(f"{name} has values that are not finite; look where they became inf or nan")
    distances = (real - fake).square().mean(dim=1).sqrt()  # (B, T)
    if n_frames is None:
        return distances.mean(dim=1)
    longest = real.shape[2]
    if n_frames.shape != real.shape[:1] or not (n_frames.min() >= 1 and n_frames.max() <= longest):
        raise UsageError(f"n_frames must be (B,), each in [1, {longest}], but are {n_frames.tolist()}")
    known = torch.arange(longest, device=real.device) < n_frames[:, None]
    return torch.where(known, distances, 0).sum(dim=1) / n_frames

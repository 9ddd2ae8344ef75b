"""How long a sound is, as a random variable: its number of frames, from two numbers that a network gives."""

import torch
from torch import Tensor

from aigc_course.losses.reconstruction import discretised_logistic_nll
from aigc_course.losses.tensors import at_least_float32

# Of the scale as a share of max_frames. The lowest leaves one length all probability. The highest is nearly uniform:
# beyond it the two ends share all probability, from where training finds no way back.
_LOWEST_LOG_SCALE, _HIGHEST_LOG_SCALE = -8.0, -1.5


def length_nll(parameters: Tensor, n_frames: Tensor, max_frames: int) -> Tensor:
    """-log p(n) per sound, in nats: a logistic variable cut into the lengths 1 to max_frames, the ends open.

    The probabilities of all lengths sum to 1.

    Args: parameters: (B, 2), a mean and a log: see `draw_lengths`. n_frames: (B,) int64, in [1, max_frames].
        max_frames: at least 2.
    Returns: (B,), >= 0.
    Raises: UsageError if a length is out of place.
    """
    mean, log_scale = _mean_and_log_scale(parameters)
    return discretised_logistic_nll(mean[:, None], log_scale[:, None], n_frames[:, None] - 1, levels=max_frames)


def draw_lengths(parameters: Tensor, uniform: Tensor, max_frames: int, temperature: float = 1.0) -> Tensor:
    """Lengths from the distribution that `length_nll` measures: (B,) int64, in [1, max_frames].

    Args:
        parameters: (B, 2). Of the logistic variable (n - 1) / (max_frames - 1): its mean, the log of its scale.
        uniform: (B,) in [0, 1).  temperature: factor of the scale; with 0 each length is its distribution's median.
    """
    mean, log_scale = _mean_and_log_scale(parameters)
    noise = uniform.to(mean).logit(eps=1e-6)  # logistic
    levels = (max_frames - 1) * (mean + temperature * log_scale.exp() * noise)
    return 1 + levels.round().clamp(0, max_frames - 1).long()


def own_frames(n_frames: Tensor, max_frames: int) -> Tensor:
    """(B, max_frames) bool: which frames belong to each sound, the first n_frames (B,)."""
    return torch.arange(max_frames, device=n_frames.device) < n_frames[:, None]


def _mean_and_log_scale(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 2) -> mean and log scale, each (B,)."""
    mean, log_scale = at_least_float32(parameters).unbind(dim=1)
    return mean, log_scale.clamp(_LOWEST_LOG_SCALE, _HIGHEST_LOG_SCALE)

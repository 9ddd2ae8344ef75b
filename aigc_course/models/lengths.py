"""How long a sound is, as a random variable: its number of frames, from two numbers that a network gives.

The logarithm of a length is a logistic variable: words are drawn out by factors, and none is shorter than nothing.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.losses.tensors import at_least_float32, require_range

# Of the scale of log n. The lowest leaves one length all probability. The highest spreads it over all lengths: beyond
# it the shortest and the longest share all probability, from where training finds no way back.
_LOWEST_LOG_SCALE, _HIGHEST_LOG_SCALE = -8.0, -0.5


def length_nll(parameters: Tensor, n_frames: Tensor, max_frames: int) -> Tensor:
    """-log p(n) per sound, in nats: n has the probability of log(n - 1/2) to log(n + 1/2), the ends being open.

    So the probabilities of all lengths 1 to max_frames sum to 1. With a and b the logits at the upper and the lower
    edge, sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), of which every logarithm is stable.

    Args: parameters: (B, 2), see `draw_lengths`. n_frames: (B,) int64, in [1, max_frames]. max_frames: at least 2.
    Returns: (B,), >= 0.
    Raises: UsageError if a length is out of place.
    """
    require_range("n_frames", n_frames, 1, max_frames, "a sound has at least one frame, and no more than the longest")
    mean, log_scale = _mean_and_log_scale(parameters)
    n, precision = n_frames.to(mean.dtype), (-log_scale).exp()
    upper, lower = ((n + 0.5).log() - mean) * precision, ((n - 0.5).log() - mean) * precision
    below_the_last, above_the_first = n_frames < max_frames, n_frames > 1
    log_mass = F.logsigmoid(upper) * below_the_last + F.logsigmoid(-lower) * above_the_first
    inside = below_the_last & above_the_first
    return -(log_mass + inside * (-(lower - upper).expm1()).log())


def draw_lengths(parameters: Tensor, uniform: Tensor, max_frames: int, temperature: float = 1.0) -> Tensor:
    """Lengths from the distribution that `length_nll` measures: (B,) int64, in [1, max_frames].

    Args:
        parameters: (B, 2). Of the logistic variable log n: its mean, the log of its scale.
        uniform: (B,) in [0, 1).  temperature: factor of the scale; with 0 each length is its distribution's median.
    """
    mean, log_scale = _mean_and_log_scale(parameters)
    noise = uniform.to(mean).logit(eps=1e-6)  # logistic
    lengths = (mean + temperature * log_scale.exp() * noise).exp()
    return lengths.round().clamp(1, max_frames).long()


def own_frames(n_frames: Tensor, max_frames: int) -> Tensor:
    """(B, max_frames) bool: which frames belong to each sound, the first n_frames (B,)."""
    return torch.arange(max_frames, device=n_frames.device) < n_frames[:, None]


def _mean_and_log_scale(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 2) -> mean and log scale, each (B,)."""
    mean, log_scale = at_least_float32(parameters).unbind(dim=1)
    return mean, log_scale.clamp(_LOWEST_LOG_SCALE, _HIGHEST_LOG_SCALE)

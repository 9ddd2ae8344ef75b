"""A statistical watermark for text: tokens on a list that the token before decides about are written more often."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from aigc_course.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class WatermarkScore:
    """What a detector found in a text."""

    green: int  # how many of the scored tokens are green
    scored: int  # different pairs of neighbours
    share: float  # of green tokens that text without the watermark has

    @property
    def z(self) -> float:
        """Standard deviations above what text without the watermark has; 0 where nothing was scored."""
        spread = math.sqrt(self.scored * self.share * (1 - self.share))
        return (self.green - self.scored * self.share) / spread if spread else 0.0

    @property
    def p_value(self) -> float:
        """The probability of such a z, or a higher one, without the watermark, by the normal approximation."""
        return 0.5 * math.erfc(self.z / math.sqrt(2))


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """The green list of each token, and how much more often green tokens are to be written.

    Whether a token is green is a keyed hash of itself and of the token before it. Who writes adds `strength` to the
    logits of the green tokens; who has the key counts them. Neither needs the model.

    Raises: UsageError for a value that is not allowed.
    Source: Kirchenbauer et al. 2023, arXiv:2301.10226, with a hash of each pair in place of a permutation: a list then
        has its share of the tokens on average, not exactly.
    """

    key: int  # 0 to 2^63 - 1: whoever knows it can detect the watermark, and forge it
    share: float = 0.5  # of the tokens that are green
    strength: float = 2.0  # what is added to the logits of green tokens, in nats

    def __post_init__(self) -> None:
        if isinstance(self.key, bool) or not isinstance(self.key, int) or not 0 <= self.key < 1 << 63:
            raise UsageError(f"key = {self.key!r} is not allowed; it must be a whole number from 0 to 2^63 - 1")
        if not 0 < self.share < 1:
            raise UsageError(f"share = {self.share} is not allowed; it must be between 0 and 1")
        if not 0 <= self.strength < math.inf:
            raise UsageError(f"strength = {self.strength} is not allowed; it must be finite and at least 0")

    def is_green(self, previous: Tensor, tokens: Tensor) -> Tensor:
        """Whether each token is green behind the token before it: bool, of int64 shapes that broadcast."""
        mixed = _mixed(_mixed(_mixed(torch.tensor(self.key, device=tokens.device)) + previous) + tokens)
        return (mixed & ((1 << 53) - 1)).double() < self.share * (1 << 53)

    def apply(self, logits: Tensor, previous: Tensor) -> Tensor:
        """The logits to sample from. Args: logits: (B, V). previous: (B, 1) the newest tokens. Returns: (B, V)."""
        tokens = torch.arange(logits.shape[-1], device=logits.device)
        return logits + self.strength * self.is_green(previous, tokens)

    def score(self, tokens: Sequence[int]) -> WatermarkScore:
        """Count the green tokens of a text. A pair of neighbours that comes again is counted once.

        A pair that was green is green again: it tells nothing new (Fernandez et al. 2023, arXiv:2308.00113).
        """
        pairs = torch.tensor(sorted(set(pairwise(tokens))), dtype=torch.int64).view(-1, 2)
        green = self.is_green(pairs[:, 0], pairs[:, 1])
        return WatermarkScore(green=int(green.sum()), scored=len(pairs), share=self.share)


def _mixed(x: Tensor) -> Tensor:
    """Each int64 number as another one that looks random: the finaliser of SplitMix64 (Steele et al. 2014)."""
    x = x + _signed(0x9E3779B97F4A7C15)
    x = (x ^ _shifted(x, 30)) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ _shifted(x, 27)) * _signed(0x94D049BB133111EB)
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """To the right, with zeros from the left, as of unsigned numbers."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _signed(constant: int) -> int:
    """The int64 number with the bits of an unsigned one."""
    return constant - (1 << 64) if constant >= 1 << 63 else constant

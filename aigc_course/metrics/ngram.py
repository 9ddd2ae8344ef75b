"""A character n-gram model: the honest baseline that a neural language model has to beat."""

import numpy as np
from numpy.typing import NDArray

from aigc_course.errors import UsageError


class NGram:
    """A character n-gram model, interpolated over all shorter contexts by Witten and Bell's rule.

    With n(h, c) the times that character c followed the context h, N(h) = Σ_c n(h, c), T(h) the number of different
    characters that followed it and h' the context without its first character:

        P(c | h) = (n(h, c) + T(h) P(c | h')) / (N(h) + T(h)),

    P(c | h') where h was never seen, and 1 / V at the bottom: V counts the training text's characters and one more,
    which stands for all others. Before the text's beginning stands a start symbol of its own.

    Args: order: longest n-gram, context and character together; >= 1.
    Raises: UsageError for another order, or when `order` characters of the training text don't fit 63 bits.
    Source: Witten & Bell 1991, method C; Chen & Goodman 1998, sec. 2.5 (the interpolated form).
    """

    def __init__(self, order: int) -> None:
        if order < 1:
            raise UsageError(f"order must be >= 1, but is {order}")
        self.order = order
        self._characters: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # sorted code points
        self._levels: list[_Level] = []

    def fit(self, text: str) -> "NGram":
        """Count the n-grams of a training text (documents joined by newlines); returns the model itself."""
        if not text:
            raise UsageError("cannot fit an n-gram model to an empty text")
        self._characters = np.unique(_code_points(text))
        base, most = self._base, longest_order(text)
        if self.order > most:
            raise UsageError(f"order {self.order} is too long for {base - 2} different characters; at most {most}")
        codes = self._encode(text)
        self._levels = [_Level(_windows(codes, k, self.order, base), base) for k in range(1, self.order + 1)]
        return self

    def log_probabilities(self, text: str) -> NDArray[np.float64]:
        """(len(text),) natural logarithm of each character's probability, given those before it."""
        if not self._levels:
            raise UsageError("this n-gram model has seen no text yet; call fit(text) first")
        codes = self._encode(text)
        probability = np.full(len(text), 1 / (len(self._characters) + 1))
        for k, level in enumerate(self._levels, start=1):
            grams = _windows(codes, k, self.order, self._base)
            count, total, kinds = level.look_up(grams)
            seen = total > 0
            mixed = (count + kinds * probability) / np.where(seen, total + kinds, 1)
            probability = np.where(seen, mixed, probability)
        return np.log(probability)

    def nats_per_character(self, text: str) -> float:
        """Mean negative log-probability of the text's characters, in nats; >= 0."""
        if not text:
            raise UsageError("cannot score an empty text")
        return float(-self.log_probabilities(text).mean())

    @property
    def _base(self) -> int:
        """Code 0 is the start symbol, 1 every character that isn't known, then the training text's characters."""
        return len(self._characters) + 2

    def _encode(self, text: str) -> NDArray[np.int64]:
        """(order - 1 + len(text),) codes: start symbols, then one code for each character."""
        points = _code_points(text)
        places = np.searchsorted(self._characters, points)
        known = self._characters[np.minimum(places, len(self._characters) - 1)] == points
        return np.concatenate([np.zeros(self.order - 1, dtype=np.int64), np.where(known, places + 2, 1)])


def longest_order(text: str) -> int:
    """The longest order that an n-gram model of `text` can have: so many of its characters fit 63 bits."""
    return int(63 / np.log2(len(set(text)) + 2))


class _Level:
    """Counts of the n-grams of one length, looked up by binary search."""

    def __init__(self, grams: NDArray[np.int64], base: int) -> None:
        self._base = base
        self._grams, self._counts = np.unique(grams, return_counts=True)
        self._contexts, first = np.unique(self._grams // base, return_index=True)
        self._totals = np.add.reduceat(self._counts, first)
        self._kinds = np.diff(np.append(first, len(self._grams)))

    def look_up(self, grams: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """n(h, c), N(h) and T(h) of each n-gram hc, 0 where it was never seen."""
        count = _find(self._grams, self._counts, grams)
        contexts = grams // self._base
        return count, _find(self._contexts, self._totals, contexts), _find(self._contexts, self._kinds, contexts)


def _find(keys: NDArray[np.int64], values: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)


def _windows(codes: NDArray[np.int64], width: int, order: int, base: int) -> NDArray[np.int64]:
    """The `width` codes that end at each character of the text, as one number: the last code is its last digit."""
    length = len(codes) - order + 1
    grams = np.zeros(length, dtype=np.int64)
    for offset in range(order - width, order):
        grams = grams * base + codes[offset : offset + length]
    return grams


def _code_points(text: str) -> NDArray[np.int64]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)

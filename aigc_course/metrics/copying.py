"""How much of a generated text stands verbatim in the training data."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aigc_course.errors import UsageError


def longest_copied_lengths(texts: Sequence[str], training: Sequence[str]) -> NDArray[np.int64]:
    """Length in characters of the longest stretch of each text that stands verbatim inside one training document.

    Exact. Suffixes of all texts together are ranked by prefix doubling; the best match of a suffix is its nearest
    training neighbour in that order. O(n log n log m) for n characters in all and texts of at most m characters.

    Args: texts: what to grade; training: documents.
    Returns: (len(texts),) int64, 0 where no character is shared.
    Raises: UsageError when `training` is empty.
    Source: Manber & Myers 1993 (prefix doubling).
    """
    if not training:
        raise UsageError("training must hold at least one document to compare with, but is empty")
    if not any(texts):
        return np.zeros(len(texts), dtype=np.int64)
    levels, num_training = _ranked(texts, training)
    order = np.argsort(levels[-1][:-1], kind="stable")  # suffixes in alphabetical order
    place = np.empty_like(order)
    place[order] = np.arange(len(order))

    is_training = order < num_training
    before = np.maximum.accumulate(np.where(is_training, np.arange(len(order)), -1))
    after = np.minimum.accumulate(np.where(is_training, np.arange(len(order)), len(order))[::-1])[::-1]
    sizes = np.array([len(text) + 1 for text in texts])  # with the separator
    suffixes = np.arange(num_training, len(order))
    best = np.zeros(len(suffixes), dtype=np.int64)
    for neighbour in (before[place[suffixes]], after[place[suffixes]]):
        exists = (neighbour >= 0) & (neighbour < len(order))
        shared = _common_prefix(levels, suffixes[exists], order[neighbour[exists]])
        best[exists] = np.maximum(best[exists], shared)
    return np.maximum.reduceat(best, np.cumsum(sizes) - sizes)


def copied_shares(texts: Sequence[str], training: Sequence[str]) -> NDArray[np.float64]:
    """`longest_copied_lengths` as shares of the texts' lengths: (len(texts),) in [0, 1], 0 for an empty text.

    Texts that nobody copied have such stretches too, the longer the more alike all texts are: compare with held-out
    ones.
    """
    lengths = np.array([max(len(text), 1) for text in texts])
    return longest_copied_lengths(texts, training) / lengths


def _ranked(texts: Sequence[str], training: Sequence[str]) -> tuple[list[NDArray[np.int64]], int]:
    """levels[k][i]: rank of the 2ᵏ characters from place i on, among all places; and the training part's length.

    Documents are joined by separators that equal no character: one kind in training, another among the texts.
    """
    longest = max(len(text) for text in texts)
    parts = [(document, 0) for document in training] + [(text, 1) for text in texts]
    codes = np.concatenate([np.append(_code_points(text), separator) for text, separator in parts])
    num_training = sum(len(document) + 1 for document in training)
    levels = [_dense(codes)]
    width = 1
    while width < longest:
        shifted = np.zeros_like(levels[-1])
        shifted[:-width] = levels[-1][width:]
        levels.append(_dense(levels[-1][:-1] * (len(codes) + 1) + shifted[:-1]))
        width *= 2
    return levels, num_training


def _code_points(text: str) -> NDArray[np.int64]:
    """Unicode code points + 2: 0 and 1 are left for the separators."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64) + 2


def _dense(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ranks from 1 on in the order of the keys, and a 0 at the end, which stands for every place beyond it."""
    return np.append(np.unique(keys, return_inverse=True)[1].reshape(-1) + 1, 0)


def _common_prefix(
    levels: list[NDArray[np.int64]], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Characters that the suffixes at `first` and `second` share, up to the largest width."""
    length = np.zeros(len(first), dtype=np.int64)
    for k in range(len(levels) - 1, -1, -1):
        end = len(levels[k]) - 1
        equal = levels[k][np.minimum(first + length, end)] == levels[k][np.minimum(second + length, end)]
        length += equal * (1 << k)
    return length

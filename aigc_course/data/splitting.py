"""Splits that are a function of each example's name or place, so that every machine makes the same ones."""

import hashlib
from collections.abc import Sequence

import numpy as np

HELD_OUT_SHARE = 10  # one in ten
_HELD_OUT = {0: "validation", 1: "test"}  # by the hash's last digit


def tenth_of_each_class(labels: np.ndarray) -> np.ndarray:
    """(N,) bool: the 10th, 20th, … example of each class, in order of appearance.

    Args: labels: (N,) integers.
    """
    labels = np.asarray(labels)
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        chosen[places[HELD_OUT_SHARE - 1 :: HELD_OUT_SHARE]] = True
    return chosen


def same_text(text: str) -> str:
    """What two texts have in common that differ in case and white space only: equal for them, unequal for others.

    >>> same_text(" Well  said!\\n") == same_text("well SAID!")
    True
    """
    return " ".join(text.casefold().split())


def split_of(name: str) -> str:
    """ "train", "validation" or "test": 8, 1 and 1 in ten, by a hash of the name alone."""
    return _HELD_OUT.get(_hash(name) % HELD_OUT_SHARE, "train")


def split_by_name(names: Sequence[str]) -> list[str]:
    """The split of each name: that of `split_of`.

    Adding names moves no other one, except in tiny sets: with three names or more, no split stays empty.
    """
    splits = [split_of(name) for name in names]
    for split in ("train", "validation", "test"):
        if split not in splits and len(names) >= 3:
            fullest = max(set(splits), key=lambda s: (splits.count(s), s))
            splits[min((i for i in range(len(names)) if splits[i] == fullest), key=lambda i: _hash(names[i]))] = split
    return splits


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "big")

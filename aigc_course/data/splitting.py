"""Splits that are a function of each example's name or place, so that every machine makes the same ones."""

import hashlib
from collections.abc import Sequence

import numpy as np

HELD_OUT_SHARE = 10  # one in ten


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


def split_by_name(names: Sequence[str]) -> list[str]:
    """ "train", "validation" or "test" for each name: 8, 1 and 1 in ten, by a hash of the name.

    Adding names moves no other one, except in tiny sets: with three names or more, no split stays empty.
    """
    hashes = [int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "big") for name in names]
    held_out = {0: "validation", 1: "test"}
    splits = [held_out.get(value % HELD_OUT_SHARE, "train") for value in hashes]
    for split in ("train", "validation", "test"):
        if split not in splits and len(names) >= 3:
            fullest = max(set(splits), key=lambda s: (splits.count(s), s))
            splits[min((i for i in range(len(names)) if splits[i] == fullest), key=lambda i: hashes[i])] = split
    return splits

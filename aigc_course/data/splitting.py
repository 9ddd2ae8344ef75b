"""Splits that are a function of each example's name or place, so that every machine makes the same ones."""

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from aigc_course.errors import DataError

if TYPE_CHECKING:  # the import of a dump goes without torch, in little memory
    from aigc_course.data.sets import AudioSet, ImageSet

SPLITS = ("train", "validation", "test")

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


def split_of_files(names: list[str]) -> list[str]:
    """The split of each file, or line of one: that of the folder that its name begins with, else by its name's hash."""
    tops = [PurePosixPath(name).parts[0] for name in names]
    given = set(tops) & set(SPLITS)
    if "train" not in given:
        return split_by_name(names)
    refuse_strays(names)
    hashed = iter(split_by_name([name for name, top in zip(names, tops, strict=True) if top == "train"]))
    return [_keep_missing(next(hashed), given) if top == "train" else top for top in tops]


def refuse_strays(names: list[str]) -> None:
    """Raise DataError where a folder has splits, but also files that stand in none of them."""
    given = {PurePosixPath(name).parts[0] for name in names} & set(SPLITS)
    strays = [name for name in names if PurePosixPath(name).parts[0] not in SPLITS]
    if strays:
        raise DataError(f"the folder has splits ({', '.join(sorted(given))}), but {strays[0]} stands in none of them")


def require_examples(
    dataset: "ImageSet | AudioSet", kind: str, recipe: str, *, every_class: bool, **fewest: int
) -> None:
    """See that `recipe` has enough to work with: `fewest` examples of each split that is named (train=1, test=2, …).

    Args: kind: what one example is called. every_class: whether each class must have a training example.
    Raises: DataError saying what there is and what is missing.
    """
    there = {split: len(dataset.labels.get(split, ())) for split in fewest}
    if any(there[split] < count for split, count in fewest.items()):
        needed, given = (", ".join(f"{n} in {split}" for split, n in counts.items()) for counts in (fewest, there))
        raise DataError(
            f"{recipe} needs at least so many {kind}s: {needed}; but {dataset.name} has {given}. Add some (about one "
            "in ten is held out for validation, and one for test), or sort them into folders train, validation and test"
        )
    if every_class:
        seen = set(dataset.labels["train"].unique().tolist())
        unseen = [name for label, name in enumerate(dataset.class_names) if label not in seen]
        if unseen:
            raise DataError(
                f"{recipe} can't learn what it never sees: of {dataset.name}, these classes have no training {kind}: "
                f"{', '.join(unseen)}. Add {kind}s of them, or take them out"
            )


def _keep_missing(split: str, given: set[str]) -> str:
    """A training example goes to a split by its hash only where the folder has no such split itself."""
    return "train" if split in given else split


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "big")

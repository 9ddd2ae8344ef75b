"""What every data set looks like to the rest of the course, whatever it was read or made from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from aigc_course.data.splitting import SPLITS
from aigc_course.errors import DataError, unknown


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TextSet:
    """Text as documents (comments, plays, files), in splits.

    Raises: UsageError for a split of another name; DataError for an empty set, or a document that isn't text or holds
        half a surrogate pair, which is no character.
    """

    name: str  # the name that `load_dataset` knows it by
    splits: Mapping[str, Sequence[str]]  # split -> one string per document, no terminator at its end
    continuous: bool = False  # whether a split's documents are the lines of one text, in its order
    removed: dict[str, int] = field(default_factory=dict)  # why -> how many documents were left out when it was read

    def __post_init__(self) -> None:
        _check_splits(self.name, self.splits)
        for split, documents in self.splits.items():
            if isinstance(documents, list | tuple):  # others decode their documents when they are read
                for i, document in enumerate(documents):
                    _check_document(f"{self.name}/{split}[{i}]", document)

    def documents(self, split: str) -> Sequence[str]:
        """The documents of one split; raises UsageError when the set has no such split."""
        return self.splits[_known_split(split, self.splits)]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ImageSet:
    """Images of one size with one class label each, in splits.

    Raises: UsageError for a split of another name; DataError for a wrong dtype, shape, length or label.
    """

    name: str  # the name that `load_dataset` knows it by
    images: dict[str, Tensor]  # split -> (N, C, H, W) uint8, C = 1 or 3
    labels: dict[str, Tensor]  # split -> (N,) int64, each in [0, len(class_names))
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_splits(self.name, self.images)
        _check_names(self.name, "class_names", self.class_names)
        _check_same_splits(self.name, "images", self.images, "labels", self.labels)
        shapes = set()
        for split, images in self.images.items():
            where = f"{self.name}/{split} images"
            _check_tensor(where, images, torch.uint8, ("N", "C", "H", "W"))
            if images.shape[1] not in (1, 3):
                raise DataError(f"{where} must have 1 or 3 channels in axis 1 (N, C, H, W), but have {images.shape[1]}")
            shapes.add(tuple(images.shape[1:]))
            _check_codes(f"{self.name}/{split} labels", self.labels[split], len(images), len(self.class_names))
        if len(shapes) > 1:
            raise DataError(f"{self.name}: all splits must have one image shape (C, H, W), but have {sorted(shapes)}")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        channels, height, width = next(iter(self.images.values())).shape[1:]
        return channels, height, width

    def split(self, split: str) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W) and labels (N,) of one split; raises UsageError when the set has no such split."""
        split = _known_split(split, self.images)
        return self.images[split], self.labels[split]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class AudioSet:
    """Mono recordings of one sample rate with one class label each (and a speaker, where known), in splits.

    Raises: UsageError for a split of another name; DataError for a wrong dtype, shape, length, range or label.
    """

    name: str  # the name that `load_dataset` knows it by
    sample_rate_hz: int
    waveforms: dict[str, Tensor]  # split -> (N, T) float32 in [-1, 1], zero after each recording's end
    lengths: dict[str, Tensor]  # split -> (N,) int64, samples of each recording, in [1, T]
    labels: dict[str, Tensor]  # split -> (N,) int64, each in [0, len(class_names))
    class_names: tuple[str, ...]
    speakers: dict[str, Tensor] = field(default_factory=dict)  # split -> (N,) int64; empty when nobody is known
    speaker_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_splits(self.name, self.waveforms)
        _check_names(self.name, "class_names", self.class_names)
        if isinstance(self.sample_rate_hz, bool) or not isinstance(self.sample_rate_hz, int) or self.sample_rate_hz < 1:
            raise DataError(f"{self.name}: sample_rate_hz must be a positive integer, but is {self.sample_rate_hz!r}")
        _check_same_splits(self.name, "waveforms", self.waveforms, "lengths", self.lengths)
        _check_same_splits(self.name, "waveforms", self.waveforms, "labels", self.labels)
        if self.speakers or self.speaker_names:
            _check_names(self.name, "speaker_names", self.speaker_names)
            _check_same_splits(self.name, "waveforms", self.waveforms, "speakers", self.speakers)
        for split, waveforms in self.waveforms.items():
            where, count = f"{self.name}/{split}", len(waveforms)
            _check_tensor(f"{where} waveforms", waveforms, torch.float32, ("N", "T"))
            _check_codes(f"{where} labels", self.labels[split], count, len(self.class_names))
            if self.speakers:
                _check_codes(f"{where} speakers", self.speakers[split], count, len(self.speaker_names))
            _check_codes(f"{where} lengths", self.lengths[split], count, waveforms.shape[1] + 1, lowest=1)
            _check_levels(where, waveforms, self.lengths[split])

    def split(self, split: str) -> tuple[Tensor, Tensor, Tensor]:
        """Waveforms (N, T), lengths (N,) and labels (N,) of one split; raises UsageError when there is none."""
        split = _known_split(split, self.waveforms)
        return self.waveforms[split], self.lengths[split], self.labels[split]


def _check_document(where: str, document: Any) -> None:
    if not isinstance(document, str):
        raise DataError(f"{where} must be str, but is {type(document).__name__}")
    try:
        document.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where} holds U+{ord(document[error.start]):04X} at place {error.start}, half a surrogate pair, which is "
            "no character and cannot be written; replace it, such as by U+FFFD"
        ) from error


def _known_split(split: str, present: Mapping[str, Any]) -> str:
    if split not in present:
        raise unknown("split", split, present)
    return split


def _check_splits(name: str, splits: Mapping[str, Any]) -> None:
    for split in splits:
        if split not in SPLITS:
            raise unknown(f"split of {name}", split, SPLITS)
    if not any(len(content) for content in splits.values()):
        raise DataError(f"{name} is empty; a set needs at least one split of {', '.join(SPLITS)} with something in it")


def _check_same_splits(name: str, first: str, a: Mapping[str, Tensor], second: str, b: Mapping[str, Tensor]) -> None:
    if a.keys() != b.keys():
        raise DataError(f"{name}: {first} has the splits {sorted(a)}, but {second} has {sorted(b)}")


def _check_names(name: str, what: str, names: Iterable[str]) -> None:
    names = list(names)
    if not names or len(set(names)) < len(names):
        raise DataError(f"{name}: {what} must be distinct and at least one, but are {names}")


def _check_tensor(where: str, values: Tensor, dtype: torch.dtype, axes: tuple[str, ...]) -> None:
    if not isinstance(values, Tensor):
        raise DataError(f"{where} must be a torch.Tensor, but are {type(values).__name__}")
    if values.dtype != dtype or values.ndim != len(axes):
        wanted = f"{dtype} of shape ({', '.join(axes)}{',' if len(axes) == 1 else ''})"
        raise DataError(f"{where} must be {wanted}, but are {values.dtype} of shape {tuple(values.shape)}")


def _check_codes(where: str, codes: Tensor, count: int, end: int, lowest: int = 0) -> None:
    """Integers (N,) in [lowest, end), one for each of `count` examples."""
    _check_tensor(where, codes, torch.int64, ("N",))
    if len(codes) != count:
        raise DataError(f"{where} must be one for each example: {count} examples, but {len(codes)} {where.split()[-1]}")
    if count and (codes.min() < lowest or codes.max() >= end):
        raise DataError(f"{where} must be in [{lowest}, {end - 1}], but go from {codes.min()} to {codes.max()}")


def _check_levels(where: str, waveforms: Tensor, lengths: Tensor) -> None:
    """Samples in [-1, 1] (so no NaN), and exactly zero after each recording's end."""
    if not waveforms.numel():
        return
    low, high = waveforms.aminmax()
    if not (low >= -1 and high <= 1):
        raise DataError(f"{where} waveforms must be in [-1, 1], but go from {low:.4g} to {high:.4g}")
    after_end = torch.arange(waveforms.shape[1]) >= lengths[:, None]  # (N, T)
    if bool((waveforms.ne(0) & after_end).any()):
        raise DataError(f"{where} waveforms must be zero after each recording's length, but are not")

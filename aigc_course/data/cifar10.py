"""CIFAR-10 from its official binary version, or from an imported folder or tar of images.

The format: 3,073 bytes an image, its label and then 1,024 red, 1,024 green and 1,024 blue values, row by row; five
files of 10,000 to train on and one to test. Source: Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html
"""

import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from aigc_course.data.archives import Entry, entries
from aigc_course.data.image_splits import image_set, with_validation
from aigc_course.data.importing import LOOSE_NAME
from aigc_course.data.media import decode_image
from aigc_course.data.sets import ImageSet
from aigc_course.errors import DataError

VERSION = 1  # of the decoded form
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIZE = 32  # pixels, height and width
_RECORD = 1 + 3 * SIZE * SIZE
_TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_TEST_FILE = "test_batch.bin"

Decoded = dict[str, np.ndarray]


def decode(raw: Path) -> Decoded:
    """{split}_images (N, 3, 32, 32) uint8 and {split}_labels (N,) int64, sorted by class in each split.

    The order within a class is that of the files; every tenth training image of each class is validation.
    Raises: DataError naming what is missing, damaged or of another form.
    """
    packed = raw / LOOSE_NAME
    if not packed.exists():
        return _decode_batches(entries(raw / "cifar-10-binary.tar.gz"))
    names = [entry.name for entry in entries(packed)]
    return _decode_batches(entries(packed)) if any(n.endswith(".bin") for n in names) else _decode_images(packed)


def make_set(arrays: Decoded) -> ImageSet:
    """The set, its images still memory-mapped."""
    return image_set("cifar10", arrays, CLASS_NAMES)


def _decode_batches(files: Iterable[Entry]) -> Decoded:
    found = {entry.base_name: _read_batch(entry) for entry in files if entry.base_name in (*_TRAIN_FILES, _TEST_FILE)}
    missing = [name for name in (*_TRAIN_FILES, _TEST_FILE) if name not in found]
    if missing:
        raise DataError(f"the binary version of CIFAR-10 lacks {', '.join(missing)}")
    train = np.concatenate([found[name] for name in _TRAIN_FILES])
    return with_validation(*_sorted(train), *_sorted(found[_TEST_FILE]))


def _read_batch(entry: Entry) -> np.ndarray:
    """(N, 3073) uint8 of one batch file."""
    data = entry.read()
    if not data or len(data) % _RECORD:
        raise DataError(f"{entry.name} is cut off or damaged: {len(data):,} bytes are no whole number of {_RECORD:,}")
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, _RECORD)
    if records[:, 0].max() >= len(CLASS_NAMES):
        raise DataError(f"{entry.name} is damaged: it has the label {records[:, 0].max()}, but labels go from 0 to 9")
    return records


def _sorted(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of records (N, 3073), sorted by class."""
    records = records[np.argsort(records[:, 0], kind="stable")]
    return np.ascontiguousarray(records[:, 1:]).reshape(-1, 3, SIZE, SIZE), records[:, 0]


def _decode_images(packed: Path) -> Decoded:
    """Images …/train/CLASS/NAME and …/test/CLASS/NAME of a tar."""
    found: dict[str, list[tuple[int, str, np.ndarray]]] = {"train": [], "test": []}
    for entry in tqdm(entries(packed), desc="images", file=sys.stderr, leave=False, delay=1):
        split, label = _place(entry.name)
        image = decode_image(entry.read(), entry.name)
        if image.shape[:2] != (SIZE, SIZE):
            raise DataError(f"{entry.name} has {image.shape[1]} × {image.shape[0]} pixels, not {SIZE} × {SIZE}")
        found[split].append((label, entry.name, image.transpose(2, 0, 1)))
    parts = []
    for split, examples in found.items():
        if not examples:
            raise DataError(f"there are no images in a folder named {split}")
        examples.sort(key=lambda example: example[:2])
        parts += [np.stack([image for _, _, image in examples]), np.array([label for label, _, _ in examples])]
    return with_validation(*parts)


def _place(name: str) -> tuple[str, int]:
    """Split and label of an image from its path."""
    parts = PurePosixPath(name).parts
    if len(parts) < 3 or parts[-3] not in ("train", "test") or parts[-2] not in CLASS_NAMES:
        classes = ", ".join(CLASS_NAMES)
        raise DataError(f"{name}: images must stand in train/CLASS/ or test/CLASS/, where CLASS is one of {classes}")
    return parts[-3], CLASS_NAMES.index(parts[-2])

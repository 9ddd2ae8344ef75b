"""MNIST from its official IDX files.

The format: two zero bytes, the type (8: unsigned byte), the number of axes, each axis' length as a big-endian
32-bit integer, then the values. Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits.
"""

from pathlib import Path

import numpy as np

from aigc_course.data.image_splits import image_set, with_validation
from aigc_course.data.sets import ImageSet
from aigc_course.errors import DataError

VERSION = 1  # of the decoded form
CLASS_NAMES = tuple("0123456789")
_FILES = {"train": "train", "test": "t10k"}


def decode(raw: Path) -> dict[str, np.ndarray]:
    """{split}_images (N, 1, 28, 28) uint8 and {split}_labels (N,) int64, from the folder of the four IDX files.

    Every tenth training example of each class is validation.
    Raises: DataError naming the file that is not IDX, is cut off, or doesn't fit the others.
    """
    parts = {}
    for split, prefix in _FILES.items():
        images = read_idx(raw / f"{prefix}-images-idx3-ubyte", axes=3)[:, None]
        labels = read_idx(raw / f"{prefix}-labels-idx1-ubyte", axes=1)
        if len(images) != len(labels):
            raise DataError(f"{raw}: {len(images)} {split} images, but {len(labels)} labels")
        parts[split] = (images, labels)
    return with_validation(*parts["train"], *parts["test"])


def make_set(arrays: dict[str, np.ndarray]) -> ImageSet:
    """The set, its images still memory-mapped."""
    return image_set("mnist", arrays, CLASS_NAMES)


def read_idx(path: Path, axes: int) -> np.ndarray:
    """An IDX file of unsigned bytes with so many axes.

    Raises: DataError when the file is of another kind, or shorter or longer than its header says.
    """
    data = path.read_bytes()
    if len(data) < 4 + 4 * axes or data[:4] != bytes([0, 0, 8, axes]):
        raise DataError(
            f"{path} is not an IDX file of unsigned bytes with {axes} axes; import the official files again"
        )
    shape = np.frombuffer(data, dtype=">u4", count=axes, offset=4).astype(np.int64)
    values = np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * axes)
    if len(values) != shape.prod():
        raise DataError(f"{path} is cut off or damaged: {len(values):,} values instead of {shape.prod():,}")
    return values.reshape(shape)

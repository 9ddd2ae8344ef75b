"""GoEmotions: Reddit comments from the official TSV files, whose lines are text, emotion numbers and comment id.

The files have no header and no quoting: a quotation mark is a quotation mark.
Source: Demszky et al. 2020, arXiv:2005.00547
"""

from pathlib import Path

import numpy as np

from aigc_course.data.sets import TextSet
from aigc_course.errors import DataError

VERSION = 1  # of the decoded form
_FILES = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}


def decode(raw: Path) -> dict[str, np.ndarray]:
    """The texts of each split end to end as UTF-8 bytes, `{split}_bytes`, with where each one ends, `{split}_ends`.

    Training comments that also stand in validation or test are left out.
    Raises: DataError naming file and line where a file is not UTF-8 or not of this form.
    """
    texts = {split: read_tsv(raw / name) for split, name in _FILES.items()}
    held_out = {*texts["validation"], *texts["test"]}
    texts["train"] = [text for text in texts["train"] if text not in held_out]
    arrays = {}
    for split, documents in texts.items():
        encoded = [text.encode("utf-8") for text in documents]
        arrays[f"{split}_bytes"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        arrays[f"{split}_ends"] = np.cumsum([len(data) for data in encoded], dtype=np.int64)
    return arrays


def make_set(arrays: dict[str, np.ndarray]) -> TextSet:
    """The set: one comment is one document."""
    splits = {}
    for split in _FILES:
        data, ends = arrays[f"{split}_bytes"].tobytes(), arrays[f"{split}_ends"].tolist()
        splits[split] = [data[begin:end].decode("utf-8") for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
    return TextSet(name="goemotions", splits=splits)


def read_tsv(path: Path) -> list[str]:
    """The comments of one file, without space around them; lines whose text is empty are left out.

    Raises: DataError naming file and line for bytes that are not UTF-8 or a line that has not three columns.
    """
    texts = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        columns = line.rstrip(b"\r").rsplit(b"\t", 2)
        if len(columns) != 3:
            raise DataError(f"{path}, line {number}: {len(columns)} columns instead of text, emotions, id")
        try:
            texts.append(columns[0].decode("utf-8").strip())
        except UnicodeDecodeError as error:
            raise DataError(f"{path}, line {number}: not UTF-8 at byte {error.start + 1} of the line") from error
    if not texts:
        raise DataError(f"{path} holds no comments")
    return [text for text in texts if text]

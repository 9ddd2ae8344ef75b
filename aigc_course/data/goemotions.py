"""GoEmotions: Reddit comments from the official TSV files, whose lines are text, emotion numbers and comment id.

The files have no header and no quoting: a quotation mark is a quotation mark. The authors' masks, [NAME] and
[RELIGION], stay in the text as they are.
Source: Demszky et al. 2020, arXiv:2005.00547
"""

from collections import Counter
from pathlib import Path

import numpy as np

from aigc_course.data.classroom import DataFilter, check_filter, classroom_filter
from aigc_course.data.sets import TextSet
from aigc_course.data.splitting import same_text
from aigc_course.errors import DataError

VERSION = 2  # of the decoded form
_FILES = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}


def decode(raw: Path) -> dict[str, np.ndarray]:
    """The texts of each split end to end as UTF-8 bytes, `{split}_bytes`, with where each one ends, `{split}_ends`.

    Raises: DataError naming file and line where a file is not UTF-8 or not of this form.
    """
    arrays = {}
    for split, name in _FILES.items():
        encoded = [text.encode("utf-8") for text in read_tsv(raw / name)]
        arrays[f"{split}_bytes"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        arrays[f"{split}_ends"] = np.cumsum([len(data) for data in encoded], dtype=np.int64)
    return arrays


def make_set(arrays: dict[str, np.ndarray], data_filter: DataFilter = "classroom") -> TextSet:
    """The set: one comment is one document; `removed` tells how many were left out, and why.

    A comment is left out of train when it also stands in validation or test, and of validation when it also stands in
    test: what is measured must not have been read before. Two comments are the same when they differ in case and
    white space only. Repetitions inside a split stay.

    Args: data_filter: "classroom" leaves comments with coarse words out (see `classroom.py`); "off" keeps them.
    Raises: UsageError for another filter.
    """
    check_filter(data_filter)
    splits = {split: _texts(arrays[f"{split}_bytes"], arrays[f"{split}_ends"]) for split in _FILES}
    removed = Counter[str]()
    for split, held_out in {"validation": ("test",), "train": ("validation", "test")}.items():
        seen = {same_text(text) for other in held_out for text in splits[other]}
        kept = [text for text in splits[split] if same_text(text) not in seen]
        removed[f"in {split}, but also in {' or '.join(held_out)}"] = len(splits[split]) - len(kept)
        splits[split] = kept
    if data_filter == "classroom":
        for split, texts in splits.items():
            splits[split], left_out = classroom_filter().split_off(texts)
            removed.update({f"classroom filter: {category}": count for category, count in left_out.items()})
    return TextSet(name="goemotions", splits=dict(splits), removed=dict(removed))


def _texts(data: np.ndarray, ends: np.ndarray) -> list[str]:
    content, stops = data.tobytes(), ends.tolist()
    return [content[begin:end].decode("utf-8") for begin, end in zip([0, *stops[:-1]], stops, strict=True)]


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

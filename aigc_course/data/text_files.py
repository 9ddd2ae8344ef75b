"""Text files as a data set: of lines, of files, or of one text that goes on through all of them."""

from pathlib import Path, PurePosixPath
from typing import Literal

from aigc_course.data.archives import entries
from aigc_course.data.sets import TextSet
from aigc_course.data.splitting import HELD_OUT_SHARE, SPLITS, refuse_strays, split_of_files
from aigc_course.errors import DataError

Documents = Literal["lines", "files", "whole"]


def text_set(name: str, folder: Path, files: list[str], documents: Documents) -> TextSet:
    """The documents of the files, which stand in `folder`; "whole" reads them in this order as one text.

    Raises: DataError when they are empty or not UTF-8.
    """
    texts = [_read(folder, file) for file in files]
    splits = _whole(files, texts) if documents == "whole" else _separate(files, texts, documents)
    if not splits:
        raise DataError(f"the text files of {folder} are all empty")
    return TextSet(name=name, splits=splits, continuous=documents == "whole")


def _separate(files: list[str], texts: list[str], documents: Documents) -> dict[str, list[str]]:
    """Split -> its documents: every line that is not empty, or every file."""
    found: dict[str, str] = {}
    for file, text in zip(files, texts, strict=True):
        parts = text.splitlines() if documents == "lines" else [text]
        for number, part in enumerate(parts, start=1):
            if part.strip():
                found[f"{file}:{number}" if documents == "lines" else file] = part.strip()
    of_split = split_of_files(list(found)) if found else []
    chosen = {s: [text for text, split in zip(found.values(), of_split, strict=True) if split == s] for s in SPLITS}
    return {split: chosen[split] for split in SPLITS if split in of_split}


def _whole(files: list[str], texts: list[str]) -> dict[str, list[str]]:
    """Split -> its lines, empty ones too: joined by newlines they are a stretch of the text."""
    tops = [PurePosixPath(file).parts[0] for file in files]
    if "train" not in tops:
        stretches = _cut("\n".join(texts), [])
    else:
        refuse_strays(files)
        given = {s: [t for t, top in zip(texts, tops, strict=True) if top == s] for s in SPLITS}
        stretches = {s: "\n".join(parts) for s, parts in given.items() if parts}
        stretches |= _cut(stretches["train"], list(stretches))
    return {split: stretches[split].split("\n") for split in SPLITS if stretches.get(split, "").strip()}


def _cut(text: str, present: list[str]) -> dict[str, str]:
    """The text's end as those of validation and test that are not there yet, a tenth each, and what stands before."""
    stretches, end = {}, len(text)
    for held_out, split in enumerate((s for s in ("test", "validation") if s not in present), start=1):
        begin = len(text) * (HELD_OUT_SHARE - held_out) // HELD_OUT_SHARE
        stretches[split], end = text[begin:end], begin
    return stretches | {"train": text[:end]}


def _read(folder: Path, file: str) -> str:
    """One file's text with plain newlines."""
    data = next(entries(folder / file)).read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{folder / file}, line {line}: byte {data[error.start]:#04x} is not UTF-8 text; save the file as UTF-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")

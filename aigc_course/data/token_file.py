"""A text's tokens, made once and read through a memory map, beside the vocabulary that made them.

    FOLDER/vocabulary-3fa9….json           the tokenizer
          /tokens-3fa9….safetensors        "starts" (N,) int64, "tokens" (L,) uint16 or uint32; digests in its header

Each file says of what it was made, by SHA-256: the documents, the way a tokenizer is made of them, the tokenizer. One
that was made of something else, is damaged or has another version's form is made anew.
"""

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from aigc_course.data.documents import StoredDocuments
from aigc_course.data.tokenizer import SEPARATOR, Tokenizer, tokenizer_from_dict
from aigc_course.errors import UsageError
from aigc_course.files import atomic_write, explain_os_errors, write_json

FORMAT = 1  # raised when the files' form or the way tokens are strung together changes

_FILES = (("vocabulary", ".json"), ("tokens", ".safetensors"))  # stems and endings
_HEADER_BYTES = 4096  # of the safetensors file, its length field included; padded with spaces
_DOCUMENTS_AT_ONCE = 256
_DTYPES: dict[str, np.dtype[Any]] = {"U16": np.dtype("<u2"), "U32": np.dtype("<u4")}
_START = np.dtype("<i8")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tokens:
    """Documents as one sequence of ids: a newline before the first, between all, and after the last one."""

    tokenizer: Tokenizer
    ids: np.ndarray  # (L,) uint16, or uint32 where there are more than 65,536 ids; memory-mapped, read-only
    starts: Tensor  # (N,) int64, where each document's newline stands
    num_characters: int  # of all documents, one newline each included


def one_line(document: str) -> str:
    """A document without line breaks, which end documents here."""
    return " ".join(document.splitlines())


def prepare_tokens(
    documents: Sequence[str], make_tokenizer: Callable[[Sequence[str]], Tokenizer], *, recipe: str, folder: Path
) -> Tokens:
    """The tokens of the documents, from the files in `folder` where those were made of them, else made and kept there.

    Args:
        make_tokenizer: makes the tokenizer of the documents.
        recipe: what distinguishes it from other ways to make one, such as "bpe-1536".
        folder: where the files are; what was made of other documents in it is deleted.
    Raises: WriteError when the disk is full or the folder can't be written.
    """
    from filelock import FileLock

    source = _digest_of_documents(documents)
    made_of = hashlib.sha256(f"{FORMAT}/{recipe}/{source}".encode()).hexdigest()
    vocabulary, tokens = (folder / f"{stem}-{made_of[:12]}{end}" for stem, end in _FILES)
    with explain_os_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):  # of several processes, one makes the files and the others wait
            tokenizer = _read_vocabulary(vocabulary, made_of)
            if tokenizer is None:
                tokenizer = make_tokenizer(documents)
                facts = {"made_of": made_of, "sha256": _digest_of_tokenizer(tokenizer)}
                write_json(vocabulary, facts | {"tokenizer": tokenizer.to_dict()})
            found = read_tokens(tokens, source, tokenizer)
            if found is None:
                write_tokens(tokens, documents, source, tokenizer)
                found = read_tokens(tokens, source, tokenizer)
                assert found is not None
                _delete_others(folder, {vocabulary, tokens})
    return found


def write_tokens(path: Path, documents: Sequence[str], source: str, tokenizer: Tokenizer) -> None:
    """Tokenize the documents into a file, a few at a time.

    Args: source: the documents' digest.
    """
    kind = "U16" if len(tokenizer) <= 1 << 16 else "U32"
    separator = tokenizer.encode(SEPARATOR)
    starts, count, characters, digest = array("q"), 0, 0, hashlib.sha256()
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        file.seek(_HEADER_BYTES + len(documents) * _START.itemsize)
        for texts in _groups(map(one_line, documents), _DOCUMENTS_AT_ONCE):
            ids = np.asarray(tokenizer.encode("".join(SEPARATOR + text for text in texts)), dtype=_DTYPES[kind])
            places = np.flatnonzero(ids == separator[0])
            if len(separator) != 1 or len(places) != len(texts):
                raise UsageError("this tokenizer merges the newline, which ends documents, with what stands beside it")
            starts.extend((places + count).tolist())
            count += len(ids)
            characters += sum(map(len, texts)) + len(texts)
            digest.update(_write(file, ids))
        digest.update(_write(file, np.asarray(separator, dtype=_DTYPES[kind])))
        file.seek(_HEADER_BYTES)
        digest.update(_write(file, np.asarray(starts, dtype=_START)))
        facts = {"format": FORMAT, "documents": source, "tokenizer": _digest_of_tokenizer(tokenizer)}
        facts |= {"num_characters": characters, "sha256": digest.hexdigest()}
        file.seek(0)
        file.write(_header(kind, len(starts), count + 1, facts))


def read_tokens(path: Path, source: str, tokenizer: Tokenizer) -> Tokens | None:
    """What `write_tokens` wrote; None where the file is missing, damaged, or was made of something else.

    All of it is read once, to compare its digest.
    """
    try:
        with open(path, "rb") as file:
            header = json.loads(file.read(_HEADER_BYTES)[8:])
        facts, layout = header.pop("__metadata__"), header
        wanted = {"format": str(FORMAT), "documents": source, "tokenizer": _digest_of_tokenizer(tokenizer)}
        if {key: facts[key] for key in wanted} != wanted:
            return None
        dtype, (length,), num_starts = _DTYPES[layout["tokens"]["dtype"]], layout["tokens"]["shape"], _rows(layout)
        begin = _HEADER_BYTES + num_starts * _START.itemsize
        if path.stat().st_size != begin + length * dtype.itemsize:
            return None
        ids = np.asarray(np.memmap(path, dtype=dtype, mode="r", offset=begin, shape=(length,)))
        starts = np.fromfile(path, dtype=_START, count=num_starts, offset=_HEADER_BYTES)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    digest = hashlib.sha256(ids.data)
    digest.update(starts.tobytes())
    if digest.hexdigest() != facts["sha256"]:
        return None
    return Tokens(
        tokenizer=tokenizer,
        ids=ids,
        starts=torch.from_numpy(starts.astype(np.int64)),
        num_characters=int(facts["num_characters"]),
    )


def _header(kind: str, num_starts: int, length: int, facts: dict[str, Any]) -> bytes:
    """The safetensors header: 8 bytes of length, JSON, spaces up to _HEADER_BYTES."""
    begin = num_starts * _START.itemsize
    tensors = {
        "starts": {"dtype": "I64", "shape": [num_starts], "data_offsets": [0, begin]},
        "tokens": {
            "dtype": kind,
            "shape": [length],
            "data_offsets": [begin, begin + length * _DTYPES[kind].itemsize],
        },
    }
    metadata = {key: str(value) for key, value in facts.items()}
    content = json.dumps({"__metadata__": metadata} | tensors).encode()
    size = _HEADER_BYTES - 8
    return size.to_bytes(8, "little") + content.ljust(size)


def _rows(layout: dict[str, Any]) -> int:
    (number,) = layout["starts"]["shape"]
    return number


def _write(file: BinaryIO, values: np.ndarray) -> bytes:
    content = values.tobytes()
    file.write(content)
    return content


def _groups(texts: Iterator[str], size: int) -> Iterator[list[str]]:
    while group := list(islice(texts, size)):
        yield group


def _read_vocabulary(path: Path, made_of: str) -> Tokenizer | None:
    try:
        values = json.loads(path.read_text("utf-8"))
        tokenizer = tokenizer_from_dict(values["tokenizer"])
        intact = values["made_of"] == made_of and values["sha256"] == _digest_of_tokenizer(tokenizer)
        return tokenizer if intact else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _digest_of_tokenizer(tokenizer: Tokenizer) -> str:
    return hashlib.sha256(json.dumps(tokenizer.to_dict(), sort_keys=True).encode()).hexdigest()


def _digest_of_documents(documents: Sequence[str]) -> str:
    if isinstance(documents, StoredDocuments):
        return documents.digest
    digest = hashlib.sha256()
    for document in documents:
        digest.update(document.encode("utf-8"))
        digest.update(b"\xff")  # stands in no UTF-8
    return digest.hexdigest()


def _delete_others(folder: Path, kept: Iterable[Path]) -> None:
    """Delete the files of other documents; one that another process still has open may stay."""
    for stem, end in _FILES:
        for path in folder.glob(f"{stem}-*{end}"):
            if path not in kept:
                with suppress(OSError):
                    path.unlink()

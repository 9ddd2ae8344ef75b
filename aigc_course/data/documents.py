"""Documents that stay on disk: written one after the other, read through memory maps.

Two files hold them: their UTF-8 bytes end to end, and where each one ends, as little-endian 64-bit integers.
"""

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import overload

import numpy as np

from aigc_course.errors import DataError

_ENDS = np.dtype("<i8")
_AT_ONCE = 1 << 16  # ends gathered before they are written


class StoredDocuments(Sequence[str]):
    """A sequence of documents that decodes those that are asked for; a slice gives a list.

    Args:
        data: (bytes,) uint8, all documents end to end.
        ends: (N,) int64, where each one ends.
        digest: of data and ends, such as that of their files.
        rows: (M,) int64, which documents belong to the sequence, in this order; None means all.
    """

    def __init__(self, data: np.ndarray, ends: np.ndarray, digest: str, rows: np.ndarray | None = None) -> None:
        self._data, self._ends, self._rows, self._digest = data, ends, rows, digest

    @property
    def digest(self) -> str:
        """A SHA-256 that tells these documents from others."""
        rows = b"all" if self._rows is None else np.ascontiguousarray(self._rows, dtype=_ENDS).tobytes()
        return hashlib.sha256(self._digest.encode() + rows).hexdigest()

    def select(self, rows: np.ndarray) -> "StoredDocuments":
        """Those of the documents whose numbers `rows` (M,) names, in this order."""
        chosen = np.asarray(rows, dtype=np.int64)
        return StoredDocuments(
            self._data, self._ends, self._digest, chosen if self._rows is None else self._rows[chosen]
        )

    def __len__(self) -> int:
        return len(self._ends) if self._rows is None else len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._read(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} documents, but number {index} was asked for")
        return self._read(index % len(self))

    def __iter__(self) -> Iterator[str]:
        return map(self._read, range(len(self)))

    def _read(self, index: int) -> str:
        row = index if self._rows is None else int(self._rows[index])
        begin = int(self._ends[row - 1]) if row else 0
        return self._data[begin : int(self._ends[row])].tobytes().decode("utf-8")


class DocumentWriter:
    """Appends documents to the two files, `{stem}.utf8` and `{stem}.ends`; a context manager.

    Raises: OSError when they can't be written.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self.count = self.num_characters = 0
        self._end = 0
        self._pending = array("q")
        self._data, self._ends = (open(path, "wb") for path in _paths(folder, stem))  # noqa: SIM115 (closed by exit)

    def add(self, document: str) -> None:
        """Append one document; raises UnicodeEncodeError where it holds half a surrogate pair."""
        encoded = document.encode("utf-8")
        self._data.write(encoded)
        self._end += len(encoded)
        self.count += 1
        self.num_characters += len(document)
        self._pending.append(self._end)
        if len(self._pending) == _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        self._ends.write(np.asarray(self._pending, dtype=_ENDS).tobytes())
        self._pending = array("q")

    def __enter__(self) -> "DocumentWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._data.close()
            self._ends.close()


def open_documents(folder: Path, stem: str, digest: str) -> StoredDocuments:
    """What a `DocumentWriter` wrote, memory-mapped.

    Raises: DataError when a file is missing or the two don't belong together.
    """
    data_path, ends_path = _paths(folder, stem)
    try:
        data, ends = _map(data_path, np.dtype(np.uint8)), _map(ends_path, _ENDS)
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / stem} can't be read ({error}); import it again") from error
    if len(data) != (int(ends[-1]) if len(ends) else 0):
        raise DataError(f"{data_path.name} and {ends_path.name} in {folder} don't belong together; import it again")
    return StoredDocuments(data, ends, digest)


def _paths(folder: Path, stem: str) -> tuple[Path, Path]:
    return folder / f"{stem}.utf8", folder / f"{stem}.ends"


def _map(path: Path, dtype: np.dtype) -> np.ndarray:
    if path.stat().st_size == 0:  # an empty file can't be mapped
        return np.empty(0, dtype=dtype)
    return np.asarray(np.memmap(path, dtype=dtype, mode="r"))

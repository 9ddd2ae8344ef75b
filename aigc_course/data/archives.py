"""The files inside a folder, an archive or a compressed file, read one after the other; nothing is unpacked to disk."""

import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from aigc_course.errors import DataError

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
MAX_BYTES = 4 << 30  # of all files in one archive together, unpacked
MAX_FILES = 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a source; it must be read before the next one is asked for."""

    name: str  # relative path with "/"
    read: Callable[[], bytes]

    @property
    def base_name(self) -> str:
        """The last part of the name."""
        return PurePosixPath(self.name).name


def is_archive(path: str | Path) -> bool:
    """Whether the file's name is that of an archive that `entries` can read."""
    return str(path).lower().endswith(ARCHIVE_SUFFIXES)


def entries(path: Path, max_bytes: int = MAX_BYTES) -> Iterator[Entry]:
    """The regular files of a folder (sorted), of a .zip or .tar (also .gz, .xz, .bz2), or the one file that `path` is.

    Hidden files are left out.
    Raises: DataError when the archive is damaged or cut off, holds links, devices or names that lead outside of it,
    or unpacks to more than `max_bytes`.
    """
    if path.is_dir():
        found = _folder_entries(path)
    elif is_archive(path):
        found = _zip_entries(path, max_bytes) if path.suffix.lower() == ".zip" else _tar_entries(path, max_bytes)
    else:
        found = iter([file_entry(path, path.name)])
    with explain_damage(path):
        for count, entry in enumerate(found):
            if count == MAX_FILES:
                raise DataError(f"{path} holds more than {MAX_FILES:,} files; that can't be a data set of this course")
            if not any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(entry.name).parts):
                yield entry


def file_entry(path: Path, name: str) -> Entry:
    """A file on disk as an entry; reading it raises DataError when the system refuses."""

    def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} can't be read: {error.strerror or error}") from error

    return Entry(name, read)


def gunzip(data: bytes, where: str, max_bytes: int = MAX_BYTES) -> bytes:
    """What a .gz file holds; raises DataError when it is damaged, cut off or more than `max_bytes`."""
    with explain_damage(where), gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        content = file.read(max_bytes + 1)
    _check_size(where, len(content), max_bytes)
    return content


@contextmanager
def explain_damage(where: str | Path) -> Iterator[None]:
    """Turn what the archive modules raise for damaged files into a DataError that names the file."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError) as error:
        raise DataError(f"{where} is damaged or cut off ({error}); get it again") from error
    except (NotImplementedError, RuntimeError) as error:  # zip: unknown compression, password
        raise DataError(f"{where} can't be unpacked: {error}") from error


def _folder_entries(path: Path) -> Iterator[Entry]:
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder, name)
            if file.is_file():
                yield file_entry(file, file.relative_to(path).as_posix())


def _tar_entries(path: Path, max_bytes: int) -> Iterator[Entry]:
    total = 0
    with tarfile.open(path, mode="r|*") as archive:
        for member in archive:
            if member.isdir():
                continue
            if not member.isfile():
                raise DataError(f"{path} holds {member.name!r}, which is a link or device, not a plain file")
            total += member.size
            _check_size(path, total, max_bytes)
            yield Entry(_safe_name(path, member.name), lambda member=member: _read_member(archive, member, path))  # type: ignore[misc]


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> bytes:
    with explain_damage(path):
        file = archive.extractfile(member)
        return file.read() if file else b""


def _zip_entries(path: Path, max_bytes: int) -> Iterator[Entry]:
    total = 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                raise DataError(f"{path} holds {info.filename!r}, which is a link, not a plain file")
            total += info.file_size
            _check_size(path, total, max_bytes)
            yield Entry(_safe_name(path, info.filename), lambda info=info: _read_zipped(archive, info, path))  # type: ignore[misc]


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    with explain_damage(path), archive.open(info) as file:
        return file.read(info.file_size)


def _safe_name(path: Path, name: str) -> str:
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or ":" in pure.parts[0]:
        raise DataError(f"{path} holds {name!r}, a name that leads outside of the archive; it was not touched")
    return pure.as_posix()


def _check_size(where: str | Path, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise DataError(
            f"{where} unpacks to more than {max_bytes / 1e9:.1f} GB; that can't be a data set of this course"
        )

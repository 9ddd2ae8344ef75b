"""Read files out of a .zip archive that anybody may have made: nothing is unpacked, nothing grows beyond its limit."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath

from aigc_course.errors import DataError

MAX_ENTRIES = 20_000
MAX_TOTAL_BYTES = 1 << 30  # of what is read


def archived_files(path: Path, suffix: str, max_bytes: int) -> Iterator[tuple[str, datetime, bytes | None]]:
    """Name, time and bytes of each file with this suffix; None in place of the bytes of a link or a large file.

    What an entry says of its size is not believed: reading stops at `max_bytes`.
    Raises: DataError for a broken or encrypted archive, a name that leads out of it, or too many entries or bytes.
    """
    total = 0
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                raise DataError(f"{path} has {len(entries):,} entries; {MAX_ENTRIES:,} are allowed")
            for entry in entries:
                name = PurePosixPath(entry.filename.replace("\\", "/"))
                if name.is_absolute() or ".." in name.parts or ":" in str(name)[:2]:
                    raise DataError(f"{path} holds {entry.filename!r}, which leads out of it; it was not read")
                if entry.is_dir() or name.suffix != suffix or {"__MACOSX", ".ipynb_checkpoints"} & {*name.parts}:
                    continue
                data = None if _is_link(entry) else _read(archive, entry, max_bytes)
                total += len(data or b"")
                if total > MAX_TOTAL_BYTES:
                    raise DataError(f"{path} holds more than {MAX_TOTAL_BYTES >> 30} GiB of notebooks")
                yield str(name), _time(entry), data
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise DataError(f"cannot read the archive {path}: {error}") from error


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> bytes | None:
    if entry.file_size > max_bytes:
        return None
    with archive.open(entry) as file:
        data = file.read(max_bytes + 1)
    return data if len(data) <= max_bytes else None


def _time(entry: zipfile.ZipInfo) -> datetime:
    try:
        return datetime(*entry.date_time)
    except ValueError:  # an archive may hold the month 0
        return datetime(1980, 1, 1)

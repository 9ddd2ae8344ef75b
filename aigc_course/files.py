"""Files that appear whole or not at all."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aigc_course.errors import CourseError

_CAUSES = {
    errno.ENOSPC: "the disk is full; free some space or choose another directory",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another directory",
    errno.EACCES: "no permission to write there; choose a directory of yours",
    errno.EPERM: "no permission to write there; choose a directory of yours",
    errno.EROFS: "the file system is read-only; choose another directory",
    errno.ENOTDIR: "a part of the path is a file, not a directory",
    errno.EEXIST: "a file of that name is in the way of a directory",
}


class WriteError(CourseError, OSError):
    """A file could not be written; whatever stood there before still does."""


@contextmanager
def explain_os_errors(what: str) -> Iterator[None]:
    """Turn an OSError from writing `what` into a WriteError that says what to do."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        cause = _CAUSES.get(error.errno or 0, error.strerror or str(error))
        raise WriteError(f"cannot write {what}: {cause}") from error


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well it is synced and renamed to `path`.

    When the block raises, or the process is killed, `path` is as it was before.
    Raises: WriteError when the disk is full or the directory can't be written.
    """
    path = Path(path)
    temporary: Path | None = None
    with explain_os_errors(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _default_mode(temporary)
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_directory(path.parent)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; when the block ends well it takes the place of what stood there.

    When the block raises, `path` is as it was before. Raises: WriteError when the disk is full or can't be written.
    """
    path = Path(path)
    with explain_os_errors(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=".part") as scratch:
            new, old = Path(scratch) / "new", Path(scratch) / "old"
            new.mkdir()
            yield new
            if path.exists():
                os.replace(path, old)
            try:
                os.replace(new, path)
            except OSError:
                if old.exists():
                    os.replace(old, path)
                raise


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 `text` to `path` atomically, with "\\n" line ends on every system."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` to `path` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _default_mode(path: Path) -> None:
    """Give a file from mkstemp (mode 600) the mode that open() would have given it."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(path, 0o666 & ~mask)


def _sync_directory(directory: Path) -> None:
    """Make a rename durable; systems without directory handles (Windows) need no such call."""
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def nearest_existing(directory: Path) -> Path:
    """`directory` or the closest parent that is there."""
    return next(path for path in (directory, *directory.parents) if path.exists())

"""A data set's folder: it appears whole or not at all; `origin.json` in it knows every file of `raw/` by its digest."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aigc_course.files import explain_os_errors, sha256, write_json


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """What there is of one data set on this machine."""

    name: str
    kind: str
    state: Literal["embedded", "present", "absent", "damaged"]
    detail: str  # for people: one line
    command: str  # what to run next; "" when there is nothing to do
    bytes: int  # on disk


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `final` when the block ends well and vanishes when it doesn't.

    Its files become read-only.
    Raises: WriteError when the disk is full or the directory can't be written.
    """
    with explain_os_errors(str(final)):
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
        try:
            yield temporary
            for file in temporary.rglob("*"):
                file.chmod(0o755 if file.is_dir() else 0o444)
            temporary.chmod(0o755)
            _replace_folder(temporary, final)
        finally:
            _remove(temporary)


def write_origin(folder: Path, facts: dict[str, Any]) -> None:
    """Write `origin.json`: the facts, and size and SHA-256 of each file in `raw/` under "files"."""
    files = sorted((folder / "raw").iterdir())
    digests = {file.name: {"sha256": sha256(file), "bytes": file.stat().st_size} for file in files}
    write_json(folder / "origin.json", facts | {"files": digests})


def read_origin(folder: Path) -> dict[str, Any]:
    """What `write_origin` wrote. Raises: OSError or ValueError when it isn't there or can't be read."""
    return json.loads((folder / "origin.json").read_text("utf-8"))


def problem(folder: Path) -> str:
    """What is wrong with the folder, found without reading whole files; "" when nothing is."""
    try:
        files = {file: facts["bytes"] for file, facts in read_origin(folder)["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "origin.json is missing or unreadable"
    for file, size in files.items():
        path = folder / "raw" / file
        if not path.is_file():
            return f"{file} is missing"
        if path.stat().st_size != size:
            return f"{file} has {path.stat().st_size:,} bytes instead of {size:,}"
    return ""


def changed_file(folder: Path) -> str:
    """The first file whose bytes aren't those that were stored; "" when there is none. Reads every file."""
    for file, facts in read_origin(folder)["files"].items():
        if sha256(folder / "raw" / file) != facts["sha256"]:
            return file
    return ""


def size_bytes(folder: Path) -> int:
    """What the folder's files take on disk; 0 where there is none."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _replace_folder(new: Path, final: Path) -> None:
    if final.exists():
        old = Path(tempfile.mkdtemp(prefix=f".old-{final.name}-", dir=final.parent))
        os.replace(final, old / final.name)
        os.replace(new, final)
        _remove(old)
    else:
        os.replace(new, final)


def _remove(folder: Path) -> None:
    """Delete a folder with read-only files in it (Windows refuses to, unless they are made writable)."""
    for file in folder.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    shutil.rmtree(folder, ignore_errors=True)

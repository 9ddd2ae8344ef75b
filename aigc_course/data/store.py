"""Where real data sets are kept: download, import, check, and read what was decoded once.

    DATA_DIR/mnist/raw/…           the official files, checked and read-only
                  /decoded-1/….npy  what the loader made of them, read through memory maps
                  /origin.json      where they came from and the SHA-256 of each

A set's folder appears whole or not at all.
"""

import importlib
import os
import shutil
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np

from aigc_course.data import dumps
from aigc_course.data.card import Card
from aigc_course.data.cards import CARDS, real_card
from aigc_course.data.fetching import fetch
from aigc_course.data.folders import (
    Status,
    changed_file,
    new_folder,
    problem,
    read_origin,
    size_bytes,
    write_origin,
)
from aigc_course.data.importing import collect
from aigc_course.errors import DataError
from aigc_course.files import explain_os_errors
from aigc_course.paths import data_dir


def download(name: str) -> Status:
    """Download, check and decode a set; a set that is present is left alone, an interrupted download goes on.

    Raises: DataError when it can't be had, with what to do instead; WriteError when it can't be written.
    """
    card = real_card(name)
    state = _status(card)
    if state.state == "present":
        return state
    folder = data_dir() / ".downloads" / name
    for file in card.files:
        fetch(card, file, folder)
    try:
        return import_files(name, folder, origin="download")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def import_files(name: str, path: str | Path, origin: str = "") -> Status:
    """Take a set from the user's own copy: official files or archives, a folder, or an archive of images or WAVs.

    Everything is checked and decoded before the set's folder appears; one that was there before is replaced.
    Raises: DataError naming the file that is missing, damaged or unsafe; WriteError when it can't be written.
    """
    card, source = real_card(name), Path(path).expanduser().resolve()
    if not source.exists():
        raise DataError(f"there is no file or folder {source}; give the path of your copy of {name}")
    with new_folder(data_dir() / card.name) as folder:
        raw = folder / "raw"
        raw.mkdir()
        official = collect(card, source, raw)
        if origin == "download" and not official:
            raise DataError(f"{name}: what was downloaded is not the official version; it was not kept")
        _decode(card, folder)
        write_origin(folder, {"origin": origin or str(source), "official": official})
    return _status(card)


def verify(name: str) -> Status:
    """Read every file of a set and compare it with its recorded digest.

    Raises: DataError when the set is absent or a file is missing or changed, with the command that mends it.
    """
    status = dumps.status_of(name) if dumps.is_imported(name) else _status(real_card(name))
    if status.state != "present":
        raise DataError(f"{name}: {status.detail}; run: {status.command}")
    if file := changed_file(where(name)):
        mend = dumps.mend(name) if dumps.is_imported(name) else _mend(real_card(name))
        raise DataError(f"{name}: {file} has changed since it was stored; run: {mend}")
    return status


def status() -> list[Status]:
    """Every set's state, imported dumps included, found without reading whole files (`verify` reads them)."""
    return [*(_status(card) for card in CARDS.values()), *map(dumps.status_of, dumps.imported_names())]


def where(name: str) -> Path:
    """The folder of a real set, whether it is there or not; raises UsageError for one that is made in memory."""
    return data_dir() / (name if dumps.is_imported(name) else real_card(name).name)


def arrays(name: str) -> dict[str, np.ndarray]:
    """A set's decoded arrays, memory-mapped copy-on-write; decodes again when this package's form is newer.

    Raises: DataError when the set is absent or damaged, with the command that gets it.
    """
    card = real_card(name)
    status = _status(card)
    if status.state != "present":
        raise DataError(
            f"{name}: {status.detail}; run: {status.command}\n"
            f"or, with a copy of your own: aigc-course data import {name} PATH"
        )
    folder = where(name) / _decoded_name(card)
    if not folder.is_dir():
        with explain_os_errors(str(folder)):
            _decode(card, where(name))
    try:
        return {file.stem: np.load(file, mmap_mode="c") for file in sorted(folder.glob("*.npy"))}
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{name}: {folder} is damaged ({error}); delete that folder, it is made again") from error


def loader(name: str) -> ModuleType:
    """The module that reads a real set: VERSION, decode(raw folder, official) and make_set(arrays)."""
    return importlib.import_module(f"aigc_course.data.{real_card(name).name}")


def _status(card: Card) -> Status:
    if card.embedded:
        return Status(name=card.name, kind=card.kind, state="embedded", detail="made when loaded", command="", bytes=0)
    folder = data_dir() / card.name
    size = size_bytes(folder)
    state: Literal["present", "absent", "damaged"] = "damaged"
    command = _mend(card)
    if not folder.exists():
        state, detail = "absent", f"not on this machine ({card.size_bytes / 1e6:.0f} MB to download)"
    elif wrong := problem(folder):
        detail = wrong
    else:
        official = read_origin(folder).get("official", False)
        state, command = "present", ""
        detail = "the official files" if official else "unverified: imported, not the official bytes"
    return Status(name=card.name, kind=card.kind, state=state, detail=detail, command=command, bytes=size)


def _mend(card: Card) -> str:
    return f"aigc-course data download {card.name}"


def _decoded_name(card: Card) -> str:
    return f"decoded-{loader(card.name).VERSION}"


def _decode(card: Card, folder: Path) -> None:
    """Write the loader's arrays beside `raw`; the folder of arrays appears whole or not at all."""
    made, target = loader(card.name).decode(folder / "raw"), folder / _decoded_name(card)
    temporary = Path(tempfile.mkdtemp(prefix=".decoding-", dir=folder))
    try:
        for name, array in made.items():
            np.save(temporary / f"{name}.npy", array, allow_pickle=False)
        temporary.chmod(0o755)
        os.replace(temporary, target)
    except OSError:
        if not target.is_dir():  # else another process was as quick, with the same result
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

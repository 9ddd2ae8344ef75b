"""Take a data set's files out of what the user has (files, folder, archive) and check them."""

import hashlib
import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from aigc_course.data.archives import Entry, entries, file_entry, gunzip, is_archive
from aigc_course.data.card import Card, RemoteFile
from aigc_course.errors import DataError

LOOSE_NAME = "imported.tar"  # what single examples are packed into: one file to keep, check and read


def collect(card: Card, source: Path, raw: Path) -> bool:
    """Copy the files of `card` that `source` holds into the folder `raw`.

    Taken are all official files, packed or unpacked; failing that, single examples (images, WAV files), packed into
    one tar; failing that, what the only archive in a folder holds.

    Returns: whether the files are proved to be the official ones.
    Raises: DataError when files are missing, damaged, other than the official ones of that name, or unsafe.
    """
    loose = _LooseFiles(card, raw / LOOSE_NAME)
    official = {name: file for file in card.files if file.digest for name in (file.name, file.kept_name)}
    found, archives = set(), []
    try:
        for entry in tqdm(
            _entries(source, official), desc=f"{card.name}: files", file=sys.stderr, leave=False, delay=1
        ):
            if entry.base_name in official:
                file = official[entry.base_name]
                (raw / file.kept_name).write_bytes(_checked(file, entry, source))
                found.add(file.kept_name)
            elif entry.name.lower().endswith(card.loose_suffixes):
                loose.add(entry)
            elif is_archive(entry.name) and source.is_dir():
                archives.append(source / entry.name)
    finally:
        loose.close()
    wanted = {file.kept_name for file in card.files if file.digest}
    if found and found == wanted:
        loose.path.unlink(missing_ok=True)
        return True
    if not found and loose.count:
        return loose.is_official()
    if not found and len(archives) == 1:
        return collect(card, archives[0], raw)
    raise _incomplete(card, source, sorted(wanted - found) if found else [], archives)


def _entries(source: Path, official: dict[str, RemoteFile]) -> Iterator[Entry]:
    """What is in `source`; a file that has itself an official name is not opened as an archive."""
    if source.is_file() and source.name in official:
        yield file_entry(source, source.name)
    elif source.is_file() and source.name.startswith("cifar-10-python"):
        raise DataError(
            f"{source} holds Python pickles, which can run any code when read; this course never reads them. "
            "Use the official binary version: cifar-10-binary.tar.gz"
        )
    else:
        yield from entries(source)


def _checked(file: RemoteFile, entry: Entry, source: Path) -> bytes:
    """What is to be kept of an official file, unpacked and compared with its digest."""
    data = entry.read()
    if entry.base_name == file.name:
        _check_digest(data, file.digest, f"{entry.name} of {source}")
        if file.unpacked_name:
            data = gunzip(data, file.name)
    _check_digest(data, file.kept_digest, f"{entry.name} of {source}")
    return data


def _check_digest(data: bytes, digest: str | None, where: str) -> None:
    if digest is None:
        return
    algorithm, _, expected = digest.partition(":")
    found = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
    if found != expected:
        raise DataError(
            f"{where} is not the official file: its {algorithm} is {found}, but should be {expected}. "
            "It is damaged, cut off or another version; get it again"
        )


def _incomplete(card: Card, source: Path, missing: list[str], archives: list[Path]) -> DataError:
    if missing:
        return DataError(f"{source} holds only some files of {card.name}; missing: {', '.join(missing)}")
    if len(archives) > 1:
        names = ", ".join(path.name for path in archives)
        return DataError(f"{source} holds several archives ({names}); name the one with {card.name}")
    names = ", ".join(dict.fromkeys(name for file in card.files for name in (file.name, file.kept_name)))
    loose = f", or a folder or archive of {' / '.join(card.loose_suffixes)} files" if card.loose_suffixes else ""
    return DataError(f"{source} holds nothing of {card.name}; expected: {names}{loose}")


class _LooseFiles:
    """A tar of single examples, with the listing that tells whether they are the official ones."""

    def __init__(self, card: Card, path: Path) -> None:
        self.card, self.path, self.count = card, path, 0
        self._lines: list[str] = []
        self._tar: tarfile.TarFile | None = None

    def add(self, entry: Entry) -> None:
        """Append one file; owner, mode and date are left out, so the same files give the same tar."""
        data = entry.read()
        if self._tar is None:
            self._tar = tarfile.open(self.path, "w")  # noqa: SIM115 (closed by close)
        member = tarfile.TarInfo(entry.name)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))
        self._lines.append(f"{entry.base_name} {hashlib.sha256(data).hexdigest()}\n")
        self.count += 1

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()

    def is_official(self) -> bool:
        listing = "".join(sorted(self._lines)).encode()
        return hashlib.sha256(listing).hexdigest() == self.card.listing_sha256

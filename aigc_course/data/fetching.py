"""Fetch one official file, from the classroom's mirror or its authors: resumed where it was cut, checked by digest."""

import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from aigc_course.data.card import Card, RemoteFile
from aigc_course.errors import DataError
from aigc_course.files import explain_os_errors

TIMEOUT_SECONDS = 30
PAUSE_SECONDS = 0.5  # before the third attempt, twice that before the fourth
ATTEMPTS = 4  # for a connection that is cut; each goes on where the last one stopped
MIRROR_VARIABLE = "AIGC_MIRROR"


def fetch(card: Card, file: RemoteFile, folder: Path) -> Path:
    """Put `file` into `folder` and return its path; what an interrupted call left there is gone on with.

    Raises: DataError when no place has it (with what each one said) or its digest is wrong (the file is removed).
    """
    path = folder / file.name
    said = []
    for place in _places(card, file):
        try:
            with explain_os_errors(str(path)):
                _fetch_from(place, file, path)
        except DataError as error:
            said.append(f"  {place}: {error}")
        else:
            return path
    raise DataError(
        f"{card.name}: {file.name} can't be downloaded:\n" + "\n".join(said) + "\n"
        f"Without network, copy the file from elsewhere and run: aigc-course data import {card.name} PATH\n"
        f"or set {MIRROR_VARIABLE} to a folder or address that holds {card.name}/{file.name}"
    )


def _places(card: Card, file: RemoteFile) -> list[str]:
    mirror = os.environ.get(MIRROR_VARIABLE, "").strip().rstrip("/\\")
    return [*([f"{mirror}/{card.name}/{file.name}"] if mirror else []), *file.urls]


def _fetch_from(place: str, file: RemoteFile, path: Path) -> None:
    import pooch

    pooch.get_logger().setLevel(logging.ERROR)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(file.name + ".part")
    resumed = part.exists()
    try:
        downloader = _Resuming(part, file)
        pooch.retrieve(place, known_hash=file.digest, fname=file.name, path=path.parent, downloader=downloader)
    except ValueError as error:
        if resumed:  # the old part may have been of something else; it is gone now
            return _fetch_from(place, file, path)
        raise DataError(f"what is there is not the official file ({error})") from error
    return None


class _Resuming:
    """A downloader for pooch that keeps what it has in a .part file and asks only for the rest."""

    def __init__(self, part: Path, file: RemoteFile) -> None:
        self.part, self.file = part, file

    def __call__(self, url: str, output_file: str, _pooch: Any) -> None:
        if "://" not in url or url.startswith("file://"):
            source = Path(url.removeprefix("file://")).expanduser()
            if not source.is_file():
                raise DataError("there is no such file")
            shutil.copyfile(source, output_file)
            return
        self._download(url)
        os.replace(self.part, output_file)

    def _download(self, url: str) -> None:
        import requests

        for attempt in range(ATTEMPTS):
            try:
                self._request(url)
                return
            except requests.exceptions.SSLError as error:
                raise DataError(f"its certificate can't be checked ({error}); run: aigc-course doctor") from error
            except requests.exceptions.HTTPError as error:
                raise DataError(f"the server answered: {error}") from error
            except requests.exceptions.RequestException as error:
                if attempt == ATTEMPTS - 1 or isinstance(error, requests.exceptions.InvalidURL):
                    raise DataError(f"no connection ({_short(error)})") from error
                time.sleep(PAUSE_SECONDS * attempt)

    def _request(self, url: str) -> None:
        """One request for what is missing; raises requests' exceptions when it is refused or cut."""
        import requests
        from tqdm import tqdm

        done = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
            if response.status_code == 416:  # nothing is left, or the part belongs to something longer
                self.part.unlink()
                raise requests.exceptions.ConnectionError("what was there before doesn't fit")
            response.raise_for_status()
            done = done if response.status_code == 206 else 0
            length = int(response.headers.get("Content-Length", 0))
            total = done + length if length else None
            bar = tqdm(total=total, initial=done, unit="B", unit_scale=True, desc=self.file.name, file=sys.stderr)
            with bar, open(self.part, "ab" if done else "wb") as part:
                for block in response.iter_content(1 << 16):
                    part.write(block)
                    bar.update(len(block))
        if total is not None and self.part.stat().st_size < total:
            raise requests.exceptions.ConnectionError("the connection was cut")


def _short(error: Exception) -> str:
    text = str(error)
    return text if len(text) < 120 else text[:117] + "..."

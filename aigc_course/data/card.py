"""The form of a dataset card."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "images", "audio"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteFile:
    """One official file of a data set."""

    name: str  # file name, as its authors publish it
    urls: tuple[str, ...]  # tried in this order, after a classroom mirror
    digest: str | None  # "sha256:…" or "md5:…"; None: its bytes vary, what is inside is checked instead
    size_bytes: int  # as downloaded
    unpacked_name: str | None = None  # for a .gz: the file inside it, which is what is kept
    unpacked_digest: str | None = None

    @property
    def kept_name(self) -> str:
        """The name under which its content is kept."""
        return self.unpacked_name or self.name

    @property
    def kept_digest(self) -> str | None:
        """The digest of what is kept."""
        return self.unpacked_digest if self.unpacked_name else self.digest


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What a person should know of a data set before using it."""

    name: str
    kind: Kind
    title: str
    summary: str
    licence: str
    source: str  # citation
    language: str  # of its text or speech; "none" for images
    embedded: bool  # made on this machine, without a download
    caveats: tuple[str, ...]
    licence_url: str = ""
    files: tuple[RemoteFile, ...] = ()
    loose_suffixes: tuple[str, ...] = ()  # what an imported folder or archive of single examples may hold
    listing_sha256: str = ""  # of the sorted lines "name sha256" of the official single examples
    filtered: bool = False  # written by the public, so that the classroom filter applies when it is loaded
    splits: str = ""  # how train, validation and test are made

    @property
    def size_bytes(self) -> int:
        """Bytes to download."""
        return sum(file.size_bytes for file in self.files)

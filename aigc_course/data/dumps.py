"""Dumps of Reddit comments as data sets of the user's own: imported once, as a stream, then loaded by name.

    DATA_DIR/my-comments/raw/train.utf8, .ends, .codes    the comments, and what the classroom filter says of each
                        /origin.json                      source, rules, what was left out, digests

Splits: 8, 1 and 1 in ten, by a hash of the comment's text (case and white space aside): equal comments never stand in
two splits, and the same dump gives the same splits everywhere. Of up to 1,000 comments, some are moved where a split
would be empty.
"""

import re
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from aigc_course.config import to_dict
from aigc_course.data.cards import CARDS
from aigc_course.data.classroom import DataFilter, check_filter, classroom_filter
from aigc_course.data.documents import DocumentWriter, StoredDocuments, open_documents
from aigc_course.data.dump_lines import SUFFIXES, dump_files, read_lines
from aigc_course.data.folders import Status, new_folder, problem, read_origin, size_bytes, write_origin
from aigc_course.data.reddit import DumpRules, read_comment
from aigc_course.data.splitting import SPLITS, same_text, split_by_name, split_of
from aigc_course.errors import DataError, UsageError
from aigc_course.paths import data_dir

if TYPE_CHECKING:
    from aigc_course.data.sets import TextSet

FORM = "reddit-comments-1"  # what origin.json says of such a folder

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FEW = 1000  # comments
_SHOWN = 5  # lines that aren't JSON, by number


def import_dump(name: str, source: Path, rules: DumpRules = DumpRules()) -> Status:  # noqa: B008 (frozen)
    """Keep the comments of a dump (.jsonl, .jsonl.zst, or a folder of such) that the rules want, under a name.

    Memory stays bounded whatever the dump's size. A set of that name is replaced.
    Raises: UsageError for a name that can't be; DataError when the dump is missing, damaged or cut off, or fewer than
        three different comments are left; WriteError. Then nothing is changed.
    """
    _check_name(name)
    source = source.expanduser().resolve()
    files = dump_files(source)
    if not files:
        raise DataError(
            f"{source} holds no dump of comments ({', '.join(SUFFIXES)}) to make {name!r} of; "
            f"sets of the course with files: {', '.join(card.name for card in CARDS.values() if card.files)}"
        )
    with new_folder(data_dir() / name) as folder:
        (folder / "raw").mkdir()
        counts, not_json = Counter[str](), list[str]()
        with _Splitter(folder / "raw") as splitter:
            for file in files:
                _read_file(file, rules, splitter, counts, not_json)
            splitter.finish(_told(counts))
        facts = {
            "form": FORM,
            "origin": [str(file) for file in files],
            "rules": to_dict(rules),
            "filter": classroom_filter().digest,
        }
        write_origin(folder, facts | {"counts": counts, "not_json": not_json, "splits": splitter.sizes()})
    return status_of(name)


def make_set(name: str, data_filter: DataFilter = "classroom") -> "TextSet":
    """The `TextSet` of an imported dump, its documents left on disk; `removed` tells what was left out, and why.

    Args: data_filter: "classroom" leaves comments with coarse words out (see `classroom.py`); "off" keeps them.
    Raises: UsageError for another filter; DataError when the set is damaged.
    """
    from aigc_course.data.sets import TextSet

    check_filter(data_filter)
    status = status_of(name)
    if status.state != "present":
        raise DataError(f"{name}: {status.detail}; run: {status.command}")
    facts = read_origin(data_dir() / name)
    removed = Counter({f"at import: {reason}": n for reason, n in facts["counts"].items() if reason != "kept"})
    splits: dict[str, StoredDocuments] = {}
    for split in SPLITS:
        digest = "/".join(facts["files"][f"{split}.{suffix}"]["sha256"] for suffix in ("utf8", "ends"))
        splits[split] = open_documents(data_dir() / name / "raw", split, digest)
        if data_filter == "classroom":
            codes = _codes(data_dir() / name / "raw" / f"{split}.codes", splits[split], facts["filter"])
            for code, category in enumerate(classroom_filter().categories, start=1):
                removed[f"classroom filter: {category}"] += int((codes == code).sum())
            splits[split] = splits[split].select(np.flatnonzero(codes == 0))
    return TextSet(name=name, splits=splits, removed=+removed)


def is_imported(name: str) -> bool:
    """Whether there is an imported dump of that name."""
    return name in imported_names()


def imported_names() -> list[str]:
    """The names of the imported dumps, sorted."""
    if not data_dir().is_dir():
        return []
    return sorted(folder.name for folder in data_dir().iterdir() if _is_dump_folder(folder))


def status_of(name: str) -> Status:
    """The state of an imported dump, found without reading whole files."""
    folder = data_dir() / name
    wrong, detail = problem(folder), ""
    if not wrong:
        counts = {split: facts["documents"] for split, facts in read_origin(folder)["splits"].items()}
        detail = f"imported comments: {', '.join(f'{n:,} {split}' for split, n in counts.items())}"
    return Status(
        name=name,
        kind="text",
        state="damaged" if wrong else "present",
        detail=wrong or detail,
        command=mend(name) if wrong else "",
        bytes=size_bytes(folder),
    )


def mend(name: str) -> str:
    """The command that makes a damaged set whole again."""
    return f"aigc-course data import {name} PATH"


def import_report(name: str) -> dict[str, int]:
    """What an import read and left out, line by line: what it is, and how many."""
    facts = read_origin(data_dir() / name)
    counts = dict(facts["counts"])
    kept = counts.pop("kept", 0)
    report = {"lines read": sum(counts.values()) + kept}
    for reason, number in counts.items():
        places = f" ({', '.join(facts['not_json'])}{', …' if number > _SHOWN else ''})" if reason == "not JSON" else ""
        report[f"left out, {reason}{places}"] = number
    return report | {"comments kept": kept}


class _Splitter:
    """Writes each comment to its split, with the code that the classroom filter gives it; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.writers = {split: DocumentWriter(folder, split) for split in SPLITS}
        self._folder, self._stack, self._filter = folder, ExitStack(), classroom_filter()
        self._codes = {split: bytearray() for split in SPLITS}
        self._first: list[str] | None = []  # held back while there are few

    def add(self, text: str) -> None:
        if self._first is None:
            self._write(text, split_of(same_text(text)))
            return
        self._first.append(text)
        if len(self._first) > _FEW:
            first, self._first = self._first, None
            for held_back in first:
                self.add(held_back)

    def finish(self, counts: str) -> None:
        """Write what was held back; raises DataError where that leaves a split empty."""
        if self._first is not None:
            keys = list(dict.fromkeys(map(same_text, self._first)))
            split_of_key = dict(zip(keys, split_by_name(keys), strict=True))
            for text in self._first:
                self._write(text, split_of_key[same_text(text)])
        if not all(writer.count for writer in self.writers.values()):
            kept = sum(writer.count for writer in self.writers.values())
            raise DataError(
                f"the {kept} comments that are left differ too little to fill {', '.join(SPLITS)}; import a larger "
                f"dump or ask for less. What was read: {counts}"
            )
        for split, codes in self._codes.items():
            (self._folder / f"{split}.codes").write_bytes(codes)

    def sizes(self) -> dict[str, dict[str, int]]:
        """Documents and characters of each split."""
        return {s: {"documents": w.count, "characters": w.num_characters} for s, w in self.writers.items()}

    def _write(self, text: str, split: str) -> None:
        self.writers[split].add(text)
        self._codes[split].append(self._filter.code_of(text))

    def __enter__(self) -> "_Splitter":
        for writer in self.writers.values():
            self._stack.enter_context(writer)
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)


def _read_file(file: Path, rules: DumpRules, splitter: _Splitter, counts: Counter[str], not_json: list[str]) -> None:
    size = file.stat().st_size
    with tqdm(total=size, unit="B", unit_scale=True, desc=file.name, file=sys.stderr, leave=False, delay=1) as bar:
        for number, line in enumerate(read_lines(file, bar.update), start=1):
            verdict = read_comment(line, rules)
            counts[verdict.reason or "kept"] += 1
            if not verdict.reason:
                splitter.add(verdict.text)
            elif verdict.reason == "not JSON" and len(not_json) < _SHOWN:
                not_json.append(f"{file.name} line {number}")


def _codes(path: Path, documents: StoredDocuments, made_by: str) -> np.ndarray:
    """(N,) uint8: as stored, or, where another word list made them, anew."""
    if made_by == classroom_filter().digest:
        return np.fromfile(path, dtype=np.uint8)
    return classroom_filter().codes(documents)


def _check_name(name: str) -> None:
    if name in CARDS:
        raise UsageError(f"{name} is the name of a set of the course; give your dump another one")
    if not _NAME.fullmatch(name):
        raise UsageError(f"a data set's name has small letters, digits, - and _, but {name!r} was given")


def _is_dump_folder(folder: Path) -> bool:
    if folder.name in CARDS or not _NAME.fullmatch(folder.name):
        return False
    try:
        return read_origin(folder)["form"] == FORM
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in counts.items()) or "no lines"

"""The classroom filter: comments with coarse words are left out, and how many is told.

The rule: a comment is left out as a whole when one of its words is listed in `classroom_words.txt`, the plain text
file beside this module. Words are runs of letters, digits and underscores, compared after case folding, so a listed
word inside a longer one does not count ("class" stays). `data_filter="off"` keeps everything.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from aigc_course.errors import DataError, unknown

DataFilter = Literal["classroom", "off"]

WORDS_FILE = Path(__file__).with_name("classroom_words.txt")

_WORD = re.compile(r"\w+")
_MOST_REMEMBERED = 1 << 17
_harmless: set[str] = set()  # words that were looked up and are not listed


def check_filter(data_filter: str) -> None:
    """Raises UsageError unless it is "classroom" or "off"."""
    if data_filter not in get_args(DataFilter):
        raise unknown("value of data_filter", data_filter, get_args(DataFilter))


def read_word_list(path: Path = WORDS_FILE) -> dict[str, tuple[str, ...]]:
    """Category -> its entries: a word, or the beginning of words with "*" behind it.

    A line is empty, a comment after "#", a category in brackets, or an entry.
    Raises: DataError for an entry that stands in no category or can never match.
    """
    categories: dict[str, list[str]] = {}
    entries: list[str] | None = None
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if line.startswith("[") and line.endswith("]"):
            entries = categories.setdefault(line[1:-1], [])
        elif line:
            if entries is None or not _WORD.fullmatch(line.removesuffix("*")) or line != line.casefold():
                raise DataError(f"{path}, line {number}: not a case-folded word below a [category]: {line!r}")
            entries.append(line)
    return {category: tuple(words) for category, words in categories.items()}


def category_of(text: str) -> str | None:
    """The category of the text's first listed word; None when the filter keeps the text."""
    words = _WORD.findall(text.casefold())
    if _harmless.issuperset(words):  # nearly always: most words of a text were looked up before
        return None
    for word in words:
        if category := _category_of_word(word):
            return category
    if len(_harmless) > _MOST_REMEMBERED:
        _harmless.clear()
    _harmless.update(words)
    return None


def filter_documents(documents: Iterable[str]) -> tuple[list[str], Counter[str]]:
    """The documents that the filter keeps, and how many it leaves out, by category."""
    kept, removed = [], Counter[str]()
    for document in documents:
        if category := category_of(document):
            removed[category] += 1
        else:
            kept.append(document)
    return kept, removed


def categories() -> tuple[str, ...]:
    """The categories of the word list, in its order."""
    return _lookup().categories


def category_code(text: str) -> int:
    """0 for a text that the filter keeps, k for one of the k-th category."""
    category = category_of(text)
    return 1 + categories().index(category) if category else 0


def category_codes(documents: Iterable[str]) -> np.ndarray:
    """(N,) uint8: the code of each document."""
    return np.fromiter(map(category_code, documents), dtype=np.uint8)


def rule_digest() -> str:
    """The SHA-256 of the word list: what was filtered by another list has another digest."""
    return hashlib.sha256(WORDS_FILE.read_bytes()).hexdigest()


class _Lookup(NamedTuple):
    categories: tuple[str, ...]
    words: dict[str, str]  # whole word -> category
    beginnings: dict[str, str]  # beginning of a word -> category
    lengths: tuple[int, ...]  # that beginnings have


@lru_cache(maxsize=1)
def _lookup() -> _Lookup:
    words: dict[str, str] = {}
    beginnings: dict[str, str] = {}
    listed = read_word_list()
    for category, entries in listed.items():
        for entry in entries:
            (beginnings if entry.endswith("*") else words)[entry.removesuffix("*")] = category
    return _Lookup(tuple(listed), words, beginnings, tuple(sorted(set(map(len, beginnings)))))


def _category_of_word(word: str) -> str | None:
    listed = _lookup()
    if word in listed.words:
        return listed.words[word]
    return next((listed.beginnings[word[:n]] for n in listed.lengths if word[:n] in listed.beginnings), None)

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
from typing import Literal, get_args

import numpy as np

from aigc_course.errors import DataError, unknown

DataFilter = Literal["classroom", "off"]

WORDS_FILE = Path(__file__).with_name("classroom_words.txt")

_WORD = re.compile(r"\w+")
_MOST_REMEMBERED = 1 << 17  # words


def check_filter(data_filter: str) -> None:
    """Raises UsageError unless it is "classroom" or "off"."""
    if data_filter not in get_args(DataFilter):
        raise unknown("value of data_filter", data_filter, get_args(DataFilter))


@lru_cache(maxsize=1)
def classroom_filter() -> "WordFilter":
    """The filter with the package's own list."""
    return WordFilter(WORDS_FILE)


class WordFilter:
    """Tells texts with a listed word from others.

    Args: path: the list. A line is empty, a comment after "#", a category in brackets, or an entry: a word, or the
        beginning of words with "*" behind it.
    Raises: DataError for an entry that stands in no category or could never match.
    """

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        self.digest = hashlib.sha256(content).hexdigest()
        listed = _parse(content.decode("utf-8"), path)
        self.categories = tuple(listed)
        entries = {entry: category for category, words in listed.items() for entry in words}
        self._words = {entry: category for entry, category in entries.items() if not entry.endswith("*")}
        self._beginnings = {entry[:-1]: category for entry, category in entries.items() if entry.endswith("*")}
        self._lengths = sorted(set(map(len, self._beginnings)))
        self._harmless: set[str] = set()  # words that were looked up and are not listed

    def category_of(self, text: str) -> str | None:
        """The category of the text's first listed word; None when the filter keeps the text."""
        new = [word for word in _WORD.findall(text.casefold()) if word not in self._harmless]  # mostly none
        for word in new:
            if category := self._look_up(word):
                return category
        if len(self._harmless) > _MOST_REMEMBERED:
            self._harmless.clear()
        self._harmless.update(new)
        return None

    def code_of(self, text: str) -> int:
        """0 for a text that the filter keeps, k for one of the k-th category."""
        category = self.category_of(text)
        return 1 + self.categories.index(category) if category else 0

    def codes(self, documents: Iterable[str]) -> np.ndarray:
        """(N,) uint8: the code of each document."""
        return np.fromiter(map(self.code_of, documents), dtype=np.uint8)

    def split_off(self, documents: Iterable[str]) -> tuple[list[str], Counter[str]]:
        """The documents that the filter keeps, and how many it leaves out, by category."""
        kept, removed = [], Counter[str]()
        for document in documents:
            if category := self.category_of(document):
                removed[category] += 1
            else:
                kept.append(document)
        return kept, removed

    def _look_up(self, word: str) -> str | None:
        if word in self._words:
            return self._words[word]
        return next((self._beginnings[word[:n]] for n in self._lengths if word[:n] in self._beginnings), None)


def _parse(content: str, path: Path) -> dict[str, list[str]]:
    """Category -> its entries."""
    listed: dict[str, list[str]] = {}
    entries: list[str] | None = None
    for number, line in enumerate(content.splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if line.startswith("[") and line.endswith("]"):
            entries = listed.setdefault(line[1:-1], [])
        elif line:
            if entries is None or not _WORD.fullmatch(line.removesuffix("*")) or line != line.casefold():
                raise DataError(f"{path}, line {number}: {line!r} is no case-folded word below a [category]")
            entries.append(line)
    return listed

"""From text to token ids and back."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aigc_course.errors import UsageError, unknown

UNKNOWN = "\ufffd"  # U+FFFD, the replacement character: stands for what the training text never showed
SEPARATOR = "\n"  # ends every document


class Tokenizer(Protocol):
    """What models, generators and checkpoints need of a tokenizer."""

    def __len__(self) -> int:
        """How many ids there are; each is in [0, len)."""

    def encode(self, text: str) -> list[int]:
        """The ids of any text; never fails."""

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; `decode(encode(text)) == text` where nothing in the text is unknown."""

    def to_dict(self) -> dict[str, Any]:
        """What `tokenizer_from_dict` rebuilds it from, as JSON values."""


@dataclass(frozen=True, slots=True)
class CharTokenizer:
    """One id for each character; 0 for every character that isn't known.

    >>> tokenizer = CharTokenizer.from_text("abba")
    >>> tokenizer.encode("abc"), tokenizer.decode([2, 3, 0])
    ([2, 3, 0], 'ab\ufffd')

    Raises: UsageError when `characters` are not sorted and distinct, lack the newline or hold U+FFFD.
    """

    characters: str  # characters[i] has the id i + 1; sorted, with the newline, without U+FFFD
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.characters != _vocabulary(self.characters):
            raise UsageError(
                "the characters of a CharTokenizer must be sorted, distinct, with a newline and without U+FFFD, "
                f"but are {self.characters!r}; CharTokenizer.from_text makes them from a text"
            )
        object.__setattr__(self, "_ids", {c: i for i, c in enumerate(self.characters, start=1)})

    @classmethod
    def from_text(cls, text: str | Iterable[str]) -> "CharTokenizer":
        """The tokenizer that knows the characters of a training text (or of several documents), and the newline."""
        return cls(_vocabulary(text if isinstance(text, str) else "".join(text)))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "CharTokenizer":
        """Rebuild what `to_dict` gave; raises UsageError when it is something else."""
        if values.get("kind") != "char" or not isinstance(values.get("characters"), str):
            raise UsageError(f"a CharTokenizer needs kind 'char' and a text of characters, but got {values!r:.200}")
        return cls(values["characters"])

    def __len__(self) -> int:
        return len(self.characters) + 1

    @property
    def separator_id(self) -> int:
        """The id of the newline, which ends every document."""
        return self._ids[SEPARATOR]

    def encode(self, text: str) -> list[int]:
        """One id for each character of the text."""
        return [self._ids.get(character, 0) for character in text]

    def decode(self, ids: Iterable[int]) -> str:
        """One character for each id (a list, an array or a tensor of one axis); U+FFFD for id 0.

        Raises: UsageError for an id outside [0, len(self)).
        """
        table = UNKNOWN + self.characters
        wanted = [int(i) for i in ids]
        for i in wanted:
            if not 0 <= i < len(table):
                raise UsageError(f"cannot decode the id {i}; this tokenizer has the ids 0 to {len(table) - 1}")
        return "".join([table[i] for i in wanted])

    def to_dict(self) -> dict[str, Any]:
        """`{"kind": "char", "characters": ...}`, for a checkpoint."""
        return {"kind": "char", "characters": self.characters}


def tokenizer_from_dict(values: dict[str, Any]) -> Tokenizer:
    """The tokenizer that a checkpoint holds; raises UsageError for a kind that isn't known."""
    kinds = {"char": CharTokenizer.from_dict}
    kind = values.get("kind")
    if kind not in kinds:
        raise unknown("kind of tokenizer", kind, kinds)
    return kinds[kind](values)


def _vocabulary(text: str) -> str:
    return "".join(sorted((set(text) | {SEPARATOR}) - {UNKNOWN}))

"""From text to token ids and back."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from aigc_course.errors import UsageError, unknown

UNKNOWN = "\ufffd"  # U+FFFD, the replacement character: stands for what the training text never showed
SEPARATOR = "\n"  # ends every document
_SURROGATE = re.compile("[\ud800-\udfff]")


class Tokenizer(Protocol):
    """What models, generators and checkpoints need of a tokenizer."""

    words_take_their_space: ClassVar[bool]  # whether the space before a word is part of the word's token

    def __len__(self) -> int:
        """How many ids there are; each is in [0, len)."""

    def encode(self, text: str) -> list[int]:
        """The ids of any text; never fails: what isn't known, and half a surrogate pair, has the id 0."""

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; `decode(encode(text)) == text` where nothing in the text is unknown."""

    def to_dict(self) -> dict[str, Any]:
        """What `tokenizer_from_dict` rebuilds it from, as JSON values."""


@dataclass(frozen=True, slots=True)
class CharTokenizer:
    """One id for each character; 0 for every character that isn't known, and for half a surrogate pair.

    >>> tokenizer = CharTokenizer.from_text("abba")
    >>> tokenizer.encode("abc"), tokenizer.decode([2, 3, 0])
    ([2, 3, 0], 'ab\ufffd')

    Raises: UsageError when `characters` are not sorted and distinct, lack the newline or hold U+FFFD.
    """

    words_take_their_space: ClassVar[bool] = False

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
        """The tokenizer that knows the characters of a training text (or of several documents), and the newline.

        Raises: UsageError when the text holds half a surrogate pair.
        """
        characters: set[str] = set()
        for document in [text] if isinstance(text, str) else text:
            characters.update(document)
        return cls(_vocabulary(require_unicode("".join(characters), "the training text")))

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
        return "".join([table[i] for i in _within(ids, len(table))])

    def to_dict(self) -> dict[str, Any]:
        """`{"kind": "char", "characters": ...}`, for a checkpoint."""
        return {"kind": "char", "characters": self.characters}


class BPETokenizer:
    """Byte-level byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019).

    Text becomes UTF-8 bytes, so nothing is unknown; the pairs of neighbours that the training text shows most often
    are merged, again and again, into one token each. Words keep the space before them; digits and the newline stay
    alone. The id 0 is U+FFFD, which takes the place of half a surrogate pair.

    >>> tokenizer = BPETokenizer.from_text("the cat, the hat " * 9, vocab_size=265)
    >>> [tokenizer.decode([i]) for i in tokenizer.encode("the hat 🎩")][:3]
    ['the', ' hat', ' ']

    Raises: UsageError when `library_json` is not what `to_dict` gave.
    """

    words_take_their_space: ClassVar[bool] = True

    def __init__(self, library_json: str) -> None:
        from tokenizers import Tokenizer as Library

        try:
            self._library = Library.from_str(library_json)
        except Exception as error:  # the library raises a bare Exception
            raise UsageError(f"this is no tokenizer of the library `tokenizers`: {error}") from error
        self._json = library_json

    @classmethod
    def from_text(cls, text: str | Iterable[str], vocab_size: int) -> "BPETokenizer":
        """Learn the merges from a training text (or from several documents).

        Args: vocab_size: how many ids there may be: U+FFFD, the 256 bytes, and merges as long as a pair comes twice.
        Raises: UsageError when `vocab_size` leaves no room for the bytes, or the text holds half a surrogate pair.
        """
        from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
        from tokenizers import Tokenizer as Library

        smallest = 1 + len(pre_tokenizers.ByteLevel.alphabet())
        if vocab_size < smallest:
            raise UsageError(f"vocab_size is {vocab_size}, but must be at least {smallest}: U+FFFD and the 256 bytes")
        library = Library(models.BPE())
        alone = pre_tokenizers.Split(Regex(r"[0-9\n]"), "isolated")
        library.pre_tokenizer = pre_tokenizers.Sequence([alone, pre_tokenizers.ByteLevel(add_prefix_space=False)])
        library.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=2,
            special_tokens=[UNKNOWN],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        documents = [text] if isinstance(text, str) else text
        library.train_from_iterator((require_unicode(text, "the training text") for text in documents), trainer)
        return cls(library.to_str())

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "BPETokenizer":
        """Rebuild what `to_dict` gave; raises UsageError when it is something else."""
        if values.get("kind") != "bpe" or not isinstance(values.get("library_json"), str):
            raise UsageError(f"a BPETokenizer needs kind 'bpe' and its library_json, but got {values!r:.200}")
        return cls(values["library_json"])

    def __len__(self) -> int:
        return self._library.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """The ids of any text; fewer than it has bytes where merges are known."""
        return self._library.encode(_valid(text)).ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; bytes that are no UTF-8 together become U+FFFD.

        Raises: UsageError for an id outside [0, len(self)).
        """
        return self._library.decode(_within(ids, len(self)), skip_special_tokens=False)

    def to_dict(self) -> dict[str, Any]:
        """`{"kind": "bpe", "library_json": ...}`, for a checkpoint."""
        return {"kind": "bpe", "library_json": self._json}


def tokenizer_from_dict(values: dict[str, Any]) -> Tokenizer:
    """The tokenizer that a checkpoint holds; raises UsageError for a kind that isn't known."""
    kinds: dict[str, Callable[[dict[str, Any]], Tokenizer]] = {
        "char": CharTokenizer.from_dict,
        "bpe": BPETokenizer.from_dict,
    }
    kind = values.get("kind")
    if kind not in kinds:
        raise unknown("kind of tokenizer", kind, kinds)
    return kinds[kind](values)


def require_unicode(text: str, what: str) -> str:
    """The text itself; UsageError where it holds half a surrogate pair, which UTF-8 can't write.

    Args: what: how an error calls the text.
    """
    if found := _SURROGATE.search(text):
        raise UsageError(
            f"{what} holds U+{ord(found[0]):04X}, half a surrogate pair, which is no character; "
            "replace it, such as by U+FFFD"
        )
    return text


def _vocabulary(text: str) -> str:
    return "".join(sorted((set(text) | {SEPARATOR}) - {UNKNOWN}))


def _within(ids: Iterable[int], vocab_size: int) -> list[int]:
    wanted = [int(i) for i in ids]
    for i in wanted:
        if not 0 <= i < vocab_size:
            raise UsageError(f"cannot decode the id {i}; this tokenizer has the ids 0 to {vocab_size - 1}")
    return wanted


def _valid(text: str) -> str:
    """`text` with U+FFFD for halves of surrogate pairs, which UTF-8 can't write."""
    return _SURROGATE.sub(UNKNOWN, text)

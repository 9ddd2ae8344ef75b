"""Text as it is written: from token ids to characters, up to a length or a stop string."""

import sys
from collections.abc import Sequence

from aigc_course.data.tokenizer import UNKNOWN, Tokenizer
from aigc_course.errors import UsageError


class TextLine:
    """One text that grows token by token; `add` gives the characters that are certain.

    Characters are held back while they may still change: bytes that are no whole character yet, and the beginning of a
    stop string. `max_length` characters are the most; a stop string ends the text and isn't part of it.

    Args: leading: what the first token may bring along though the prompt has it already (a space, or nothing).
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, stop: Sequence[str] = (), leading: str = "") -> None:
        self.tokenizer, self.max_length, self.stop, self.leading = tokenizer, max_length, tuple(stop), leading
        self.text = ""  # what is certain
        self.is_done = False
        self._ids: list[int] = []  # tokens that are not yet characters
        self._held = ""  # characters that may begin a stop string
        self._begun = False

    def add(self, token: int) -> str:
        """One more token; the characters that became certain."""
        self._ids.append(token)
        piece = self.tokenizer.decode(self._ids)
        if piece.endswith(UNKNOWN):  # perhaps half a character
            return ""
        self._ids = []
        return self._take(piece)

    def finish(self) -> str:
        """The text has ended: the characters that were held back."""
        if self.is_done:
            return ""
        piece, self._ids = self.tokenizer.decode(self._ids), []
        certain = self._take(piece)
        rest, self._held, self.is_done = self._held, "", True
        return certain + self._write(rest)

    def _take(self, piece: str) -> str:
        if piece and not self._begun:
            piece, self._begun = piece.removeprefix(self.leading), True
        text = self._held + piece
        ends = [at for at in (text.find(stop) for stop in self.stop) if at >= 0]
        if ends:
            self._held, certain, ended = "", text[: min(ends)], True
        else:
            split = len(text) - self._may_begin_a_stop(text)
            self._held, certain, ended = text[split:], text[:split], False
        certain = self._write(certain)
        self.is_done = self.is_done or ended
        return certain

    def _write(self, piece: str) -> str:
        piece = piece[: self.max_length - len(self.text)]
        self.text += piece
        self.is_done = len(self.text) >= self.max_length
        return piece

    def _may_begin_a_stop(self, text: str) -> int:
        """How many characters at the end of `text` begin a stop string."""
        sizes = (n for stop in self.stop for n in range(1, len(stop)) if text.endswith(stop[:n]))
        return max(sizes, default=0)


class InOrder:
    """Writes several texts that grow at once to the screen, one after another: the first live, then the next."""

    def __init__(self, beginnings: Sequence[str]) -> None:
        self._waiting, self._ended = list(beginnings), [False] * len(beginnings)
        self._current = 0
        self._flush()

    def add(self, number: int, piece: str, ended: bool) -> None:
        """More of one text; whether it is complete."""
        self._waiting[number] += piece
        self._ended[number] = self._ended[number] or ended
        self._flush()

    def _flush(self) -> None:
        while self._current < len(self._waiting):
            now = self._current
            sys.stdout.write(self._waiting[now])
            self._waiting[now] = ""
            if not self._ended[now]:
                break
            sys.stdout.write("\n")
            self._current += 1
        sys.stdout.flush()


def stop_strings(stop: str | Sequence[str]) -> tuple[str, ...]:
    """The stop strings that were asked for. Raises: UsageError unless each is text of at least one character."""
    several = (stop,) if isinstance(stop, str) else tuple(stop)
    for one in several:
        if not isinstance(one, str) or not one:
            raise UsageError(f"stop must be text of at least one character, or several of them, but has {one!r}")
    return several

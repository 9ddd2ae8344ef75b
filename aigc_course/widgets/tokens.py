"""Tokens as people can see them: spaces, line ends and characters that a figure's font lacks."""

from collections.abc import Sequence
from functools import lru_cache

from aigc_course.errors import UsageError

_SHOWN = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "\u00a0": "⍽"}


def visible(token: str) -> str:
    """`token` with white space as signs, and what the figures' font can't draw as its code point.

    >>> visible("a cat") + visible("\\n") + visible("")
    'a␣cat↵∅'
    """
    return "".join(_SHOWN.get(c) or (c if _can_be_drawn(c) else f"U+{ord(c):04X}") for c in token) or "∅"


def visible_tokens(tokens: Sequence[object], n_expected: int) -> list[str]:
    """Every token made visible. Raises: UsageError unless there are `n_expected` of them."""
    if len(tokens) != n_expected:
        raise UsageError(f"{len(tokens)} tokens for {n_expected} places; give one token, as a string, for each place")
    return [visible(str(token)) for token in tokens]


@lru_cache(maxsize=4096)
def _can_be_drawn(character: str) -> bool:
    if not character.isprintable():
        return False
    from matplotlib.font_manager import findfont, get_font

    return get_font(findfont("DejaVu Sans")).get_char_index(ord(character)) != 0

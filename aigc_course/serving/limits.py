"""What one request may ask for, how long it may take, and how many may wait."""

import math
from dataclasses import dataclass, fields

from aigc_course.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of a server. A request beyond one of them is refused before it costs anything.

    Raises: UsageError for a limit that isn't a positive, finite number (`queue_length` may be 0).
    """

    prompt_characters: int = 2000  # of what a text begins with
    text_characters: int = 1000  # of what is written after it
    stop_strings: int = 4
    images: int = 64
    words: int = 20  # of one sound, where its words are given and not its length
    audio_seconds: float = 10.0  # of one sound, where its length is given
    seconds: float = 30.0  # from a request to its whole answer, waiting included
    body_bytes: int = 65_536
    queue_length: int = 32  # requests that wait, besides those that are worked on
    workers: int = 1  # threads; of one model, one request is worked on at a time, so more than models are no use

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), 0 if field.name == "queue_length" else 1
            is_float = field.type is float
            right = not isinstance(value, bool) and isinstance(value, int | float if is_float else int)
            if not right or not math.isfinite(value) or (value <= 0 if is_float else value < least):
                needed = "a number above 0" if is_float else f"a whole number, at least {least}"
                raise UsageError(f"{field.name} = {value!r} is not allowed; it must be {needed}")

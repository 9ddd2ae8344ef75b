"""What a general-purpose compressor makes of a text: a baseline that knows nothing of language."""

import lzma

from aigc_course.errors import UsageError


def xz_bits_per_byte(training: str, text: str) -> float:
    """Bits that xz needs for each byte of `text` when it has seen `training` before: what `text` adds to its file.

    It looks back at most 64 MiB. Comparable with a language model's bits per byte on the same text.

    Raises: UsageError when `text` is empty.
    """
    if not text:
        raise UsageError("cannot compress an empty text")
    added = _compressed_bytes(training + text) - _compressed_bytes(training)
    return 8 * added / len(text.encode("utf-8"))


def _compressed_bytes(text: str) -> int:
    return len(lzma.compress(text.encode("utf-8"), preset=9))

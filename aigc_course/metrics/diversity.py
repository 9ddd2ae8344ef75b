"""How varied generated texts are."""

from collections.abc import Sequence

from aigc_course.errors import UsageError


def distinct_ngrams(texts: Sequence[str], n: int) -> float:
    """The number of different word n-grams in all texts together over the number of all: "distinct-n", in (0, 1].

    It falls as more texts are looked at, so compare equal numbers of texts of like length. Words are what white space
    separates, as they are written. 0 where no text has n words.

    Raises: UsageError when n is below 1.
    Source: Li et al. 2016, arXiv:1510.03055, Section 5.1 (there over the number of words).

    >>> distinct_ngrams(["so good", "so bad", "so good"], 1), distinct_ngrams(["so good", "so bad"], 2)
    (0.5, 1.0)
    """
    if n < 1:
        raise UsageError(f"n must be at least 1, but is {n}")
    found = [tuple(words[i : i + n]) for words in map(str.split, texts) for i in range(len(words) - n + 1)]
    return len(set(found)) / len(found) if found else 0.0

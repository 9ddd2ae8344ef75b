"""Sums as practice questions: written for a book, read from a model's text, checked exactly, ordered by size."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from aigc_course.errors import UsageError

_FORM = re.compile(r"(0|[1-9]\d?)\+(0|[1-9]\d?)=(0|[1-9]\d{0,2})", re.ASCII)
SIZES = ("one digit each", "one and two digits", "two digits each")


@dataclass(frozen=True)
class Sum:
    """a + b = answer, which may be wrong; a and b have one digit or two."""

    a: int
    b: int
    answer: int

    def __str__(self) -> str:
        return f"{self.a}+{self.b}={self.answer}"

    @property
    def is_right(self) -> bool:
        """Whether the answer is the sum."""
        return self.a + self.b == self.answer

    @property
    def solved(self) -> "Sum":
        """The same question with its right answer."""
        return Sum(self.a, self.b, self.a + self.b)

    @property
    def size(self) -> int:
        """How many of the two numbers have two digits: 0, 1 or 2, a place in `SIZES`."""
        return (self.a > 9) + (self.b > 9)

    @property
    def carries(self) -> int:
        """How often adding by hand, digit by digit from the right, carries a 1: 0, 1 or 2."""
        from_units = int(self.a % 10 + self.b % 10 > 9)
        return from_units + int(self.a // 10 + self.b // 10 + from_units > 9)


def read_sum(text: str) -> Sum | None:
    """The sum in a line of the form "27+48=75"; None for any other text, as "07+1=8" or "27+48=".

    >>> read_sum("27+48=76"), read_sum("27+48=76").is_right
    (Sum(a=27, b=48, answer=76), False)
    """
    found = _FORM.fullmatch(text)
    return Sum(*map(int, found.groups())) if found else None


def write_book(count: int, seed: int, shares: Sequence[float] = (3, 2, 1)) -> list[Sum]:
    """Right sums as a book for beginners has them: drawn at random, the sizes as often as `shares` say.

    Args: count: how many; small sums come again and again, there are only 100 of one digit each.
        shares: of each of `SIZES`.
    Raises: UsageError unless count is 1 or more and there are three shares of 0 or more, not all 0.
    """
    if count < 1 or len(shares) != len(SIZES) or min(shares) < 0 or not sum(shares) > 0:
        raise UsageError(
            f"count = {count}, shares = {tuple(shares)}; give a count of 1 or more and three shares of 0 or more, "
            "not all 0"
        )
    rng = Random(seed)
    sizes = rng.choices(range(len(SIZES)), shares, k=count)
    return [_draw(rng, size).solved for size in sizes]


def _draw(rng: Random, size: int) -> Sum:
    long = [True] * size + [False] * (2 - size)
    rng.shuffle(long)
    a, b = (rng.randrange(10, 100) if two_digits else rng.randrange(10) for two_digits in long)
    return Sum(a, b, 0)

"""Sums: each checked against Python, carries against adding column by column, books by their shares."""

from collections import Counter
from itertools import product

import pytest

from aigc_course.applications.arithmetic import SIZES, Sum, read_sum, write_book
from aigc_course.errors import UsageError


def carries_by_columns(a, b):
    """Adding by hand, a column at a time."""
    count = carry = 0
    for x, y in zip(f"{a:02d}"[::-1], f"{b:02d}"[::-1], strict=True):
        carry = int(int(x) + int(y) + carry >= 10)
        count += carry
    return count


def test_all_sums_are_read_checked_and_counted():
    for a, b in product(range(100), repeat=2):
        right = Sum(a, b, a + b)
        assert read_sum(str(right)) == right and right.is_right and right.solved == right
        assert right.carries == carries_by_columns(a, b)
        assert right.size == len(f"{a}{b}") - 2
        wrong = read_sum(f"{a}+{b}={a + b + 1}")
        assert wrong is not None and not wrong.is_right and wrong.solved == right


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1+1",
        "1+1=",
        "01+1=2",
        "1+1=02",
        "1 + 1 = 2",
        "1+1=2 ",
        "1+1=2\n",
        "-1+1=0",
        "100+1=101",
        "1+1=1000",
        "1+1=2=2",
        "٣+1=4",
        "a+b=c",
    ],
)
def test_any_other_text_is_no_sum(text):
    assert read_sum(text) is None


def test_a_book_has_right_sums_in_the_shares_asked_for():
    book = write_book(6000, seed=0)
    assert all(each.is_right and max(each.a, each.b) < 100 for each in book)
    counts = Counter(each.size for each in book)
    for size, share in enumerate((3 / 6, 2 / 6, 1 / 6)):
        assert counts[size] / 6000 == pytest.approx(share, abs=0.025)  # 4 standard errors
    first_is_long = sum(each.a > 9 for each in book if each.size == 1) / counts[1]
    assert first_is_long == pytest.approx(0.5, abs=0.05)


def test_a_share_of_nothing_gives_none():
    assert {each.size for each in write_book(200, seed=0, shares=(0, 0, 1))} == {2}


def test_a_seed_gives_the_same_book_and_another_one_another():
    assert write_book(50, seed=1) == write_book(50, seed=1) != write_book(50, seed=2)


@pytest.mark.parametrize(
    ("count", "shares"), [(0, (1, 1, 1)), (5, (1, 1)), (5, (0, 0, 0)), (5, (1, 1, -1)), (5, (1, 1, float("nan")))]
)
def test_other_books_are_refused(count, shares):
    with pytest.raises(UsageError, match="three shares"):
        write_book(count, seed=0, shares=shares)


def test_sizes_have_names():
    assert len(SIZES) == 3

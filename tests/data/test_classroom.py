"""The filter, with lists of harmless words in the place of the package's."""

import numpy as np
import pytest

from aigc_course.data.classroom import WORDS_FILE, WordFilter, check_filter, classroom_filter
from aigc_course.errors import DataError, UsageError


def filter_of(tmp_path, content: str) -> WordFilter:
    (tmp_path / "words.txt").write_text(content, "utf-8")
    return WordFilter(tmp_path / "words.txt")


@pytest.fixture
def words(tmp_path) -> WordFilter:
    return filter_of(tmp_path, "# a comment\n[fruit]\napple\nmelon*   # and all its kin\n\n[tools]\nsaw\nstrasse\n")


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("an apple a day", "fruit"),
        ("An APPLE!", "fruit"),
        ("apples", None),  # listed without a star
        ("pineapple", None),
        ("apple_pie", None),  # an underscore is part of the word
        ("apple-pie", "fruit"),
        ("watermelon", None),
        ("melons", "fruit"),
        ("melon", "fruit"),
        ("melo", None),
        ("it's a saw.", "tools"),
        ("I saw a melon", "tools"),  # the first listed word decides
        ("eine Straße", "tools"),  # ß folds to ss
        ("", None),
        ("\x00 🍎 ünï", None),
    ],
)
def test_words_are_matched_whole_after_case_folding(words, text, category):
    assert words.category_of(text) == category
    assert words.category_of(text) == category  # and again, now that its words were seen before


def test_a_harmless_text_does_not_hide_a_listed_word(words):
    assert words.category_of("a ripe pear") is None
    assert words.category_of("a ripe apple") == "fruit"
    assert words.category_of("a ripe pear") is None


def test_what_is_left_out_is_counted(words):
    kept, removed = words.split_off(["a", "apple", "b", "the saw", "melon saw"])
    assert kept == ["a", "b"] and removed == {"fruit": 2, "tools": 1}
    codes = words.codes(iter(["a", "apple", "the saw"]))
    assert codes.dtype == np.uint8 and codes.tolist() == [0, 1, 2]
    assert words.categories == ("fruit", "tools")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("apple\n", r"words\.txt, line 1: 'apple' is no case-folded word below a \[category\]"),
        ("[a]\nb\nApple\n", "line 3: 'Apple'"),
        ("[a]\ntwo words\n", "line 2: 'two words'"),
        ("[a]\n*\n", r"line 2: '\*'"),
    ],
)
def test_entries_that_could_never_match_are_refused(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        filter_of(tmp_path, content)


def test_another_list_has_another_digest(tmp_path, words):
    before = words.digest
    assert filter_of(tmp_path, "[fruit]\napple\n").digest != before


def test_the_package_s_list_is_read_and_sorted_and_leaves_ordinary_words_alone():
    listed = classroom_filter()
    assert listed.categories == ("slurs", "sexual", "swearing")
    lines = WORDS_FILE.read_text("utf-8").split("[slurs]")[1].splitlines()
    entries = [line for line in lines if line and not line.startswith("[")]
    assert len(entries) > 80 and len(set(entries)) == len(entries)
    assert all(listed.category_of(f"so {entry.removesuffix('*')}!") for entry in entries)
    ordinary = (
        "Class, glass, assess, Scunthorpe, cocktail, therapist, grape, analysis, hell, damn, gay, Black, Jewish, sex"
    )
    assert listed.category_of(ordinary) is None


def test_only_two_values_are_allowed():
    check_filter("classroom")
    check_filter("off")
    with pytest.raises(UsageError, match="unknown value of data_filter 'of'; did you mean 'off'"):
        check_filter("of")

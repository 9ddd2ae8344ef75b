from collections import Counter

import numpy as np
import pytest

from aigc_course.data.splitting import same_text, split_by_name, split_of, tenth_of_each_class


def test_tenth_of_each_class_counts_within_the_class():
    labels = np.array([0, 1] * 25 + [2] * 9)
    chosen = tenth_of_each_class(labels)
    assert np.flatnonzero(chosen).tolist() == [18, 19, 38, 39]  # the 10th and 20th zero and one; no two


def test_split_by_name_is_known_and_in_proportion():
    names = [f"{i}.txt" for i in range(2000)]
    splits = split_by_name(names)
    counts = Counter(splits)
    assert 140 < counts["validation"] < 260 and 140 < counts["test"] < 260 and counts["train"] > 1480
    assert splits[:12] == split_by_name(names[:12] + [f"x{i}" for i in range(500)])[:12]
    assert split_by_name(names[::-1]) == splits[::-1]
    assert split_by_name(names[:30]) == splits[:30]  # large enough that no split was empty


@pytest.mark.parametrize("count", range(3, 12))
def test_three_or_more_names_leave_no_split_empty(count):
    for start in range(20):
        assert set(split_by_name([f"{start}-{i}" for i in range(count)])) == {"train", "validation", "test"}


def test_a_single_name_has_one_split():
    assert len(split_by_name(["a"])) == 1 and split_by_name([]) == []


def test_one_name_alone_has_the_split_that_it_has_among_many():
    names = [f"{i}.txt" for i in range(300)]
    assert [split_of(name) for name in names] == split_by_name(names)
    validation, test = ([i for i in range(24) if split_of(names[i]) == split] for split in ("validation", "test"))
    assert (validation, test) == ([4, 13, 15], [10, 12, 16, 18])  # what users have must not move


@pytest.mark.parametrize(("a", "b"), [("Well  said!", " well said!\n"), ("STRASSE", "straße"), ("a\tb", "a b")])
def test_texts_that_differ_in_case_and_space_are_the_same(a, b):
    assert same_text(a) == same_text(b)


@pytest.mark.parametrize(("a", "b"), [("well said", "well said!"), ("ab", "a b"), ("résumé", "resume")])
def test_other_texts_are_not(a, b):
    assert same_text(a) != same_text(b)

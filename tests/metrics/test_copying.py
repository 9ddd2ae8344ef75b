from random import Random

import pytest

from aigc_course.errors import UsageError
from aigc_course.metrics.copying import longest_copied_lengths


def by_brute_force(text: str, training: list[str]) -> int:
    spans = ((i, j) for i in range(len(text)) for j in range(i + 1, len(text) + 1))
    return max((j - i for i, j in spans if any(text[i:j] in document for document in training)), default=0)


def test_examples():
    training = ["the cat sat", "on the mat 🔥"]
    texts = ["the cat sat", "a cat!", "xyz", "", "on the mat 🔥!", "satonthe"]
    assert longest_copied_lengths(texts, training).tolist() == [11, 4, 0, 0, 12, 3]


def test_a_stretch_lies_within_one_document():
    assert longest_copied_lengths(["abcd", "b\nc", "ab"], ["ab", "cd"]).tolist() == [2, 1, 2]
    assert longest_copied_lengths(["ab"], ["a\nb"]).tolist() == [1]


@pytest.mark.parametrize("seed", range(20))
def test_against_brute_force(seed: int):
    rng = Random(seed)
    words = ["".join(rng.choices("ab\n🔥"[: 2 + seed % 3], k=rng.randint(0, 17))) for _ in range(24)]
    training, texts = words[:12], words[12:]
    assert longest_copied_lengths(texts, training).tolist() == [by_brute_force(text, training) for text in texts]


def test_texts_do_not_count_as_training_for_each_other():
    assert longest_copied_lengths(["qqqqq", "qqqqq"], ["aq"]).tolist() == [1, 1]


def test_edges():
    assert longest_copied_lengths([], ["a"]).tolist() == []
    assert longest_copied_lengths(["", ""], ["a"]).tolist() == [0, 0]
    assert longest_copied_lengths(["a"], [""]).tolist() == [0]
    with pytest.raises(UsageError, match="at least one document"):
        longest_copied_lengths(["a"], [])

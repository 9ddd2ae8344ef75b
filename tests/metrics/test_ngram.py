import math
from collections import Counter
from random import Random

import numpy as np
import pytest

from aigc_course.errors import UsageError
from aigc_course.metrics.ngram import NGram


def reference(training: str, context: str, character: str, order: int) -> float:
    """Witten-Bell by its recursive definition, counted from strings; "^" stands before the text, "?" is unknown."""
    padded = "^" * (order - 1) + training
    known = set(training)
    context = "".join(c if c in known or c == "^" else "?" for c in ("^" * order + context))[-order + 1 :] * (order > 1)
    character = character if character in known else "?"

    def probability(history: str) -> float:
        following = Counter(padded[i] for i in range(order - 1, len(padded)) if padded[i - len(history) : i] == history)
        shorter = probability(history[1:]) if history else 1 / (len(known) + 1)
        total, kinds = sum(following.values()), len(following)
        return (following[character] + kinds * shorter) / (total + kinds) if total else shorter

    return probability(context)


def test_order_one_by_hand():
    model = NGram(1).fit("aab")  # N = 3, T = 2, V = 3
    expected = {"a": (2 + 2 / 3) / 5, "b": (1 + 2 / 3) / 5, "z": (2 / 3) / 5}
    for character, p in expected.items():
        assert math.exp(model.log_probabilities(character)[0]) == pytest.approx(p, rel=1e-12)
    assert model.nats_per_character("abz") == pytest.approx(-sum(map(math.log, expected.values())) / 3, rel=1e-12)


def test_order_two_by_hand():
    # After "a": a once, b once, so N = 2, T = 2; below it P(b) = 1/3 as in order one.
    model = NGram(2).fit("aab")
    assert math.exp(model.log_probabilities("ab")[1]) == pytest.approx((1 + 2 / 3) / 4, rel=1e-12)
    # Nothing ever followed b or z: the shorter context decides.
    assert math.exp(model.log_probabilities("bb")[1]) == pytest.approx(1 / 3, rel=1e-12)
    assert math.exp(model.log_probabilities("zb")[1]) == pytest.approx(1 / 3, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_against_the_definition(order: int):
    rng = Random(order)
    training = "".join(rng.choices("abcd\n", weights=[5, 3, 2, 1, 1], k=200))
    text = "".join(rng.choices("abcd\nz", k=40))
    expected = [math.log(reference(training, text[:i], text[i], order)) for i in range(len(text))]
    np.testing.assert_allclose(NGram(order).fit(training).log_probabilities(text), expected, rtol=1e-10)


@pytest.mark.parametrize("context", ["", "a", "the c", "zzz", "the cat sat o"])
def test_probabilities_sum_to_one(context: str):
    training = "the cat sat on the mat\nthe rat ate"
    model = NGram(4).fit(training)
    total = sum(math.exp(model.log_probabilities(context + c)[-1]) for c in [*sorted(set(training)), "🔥"])
    assert total == pytest.approx(1, abs=1e-12)


def test_longer_contexts_help_where_the_text_has_them():
    rng = Random(0)
    words = ["apple", "orange", "banana", "cherry"]
    train, held_out = (" ".join(rng.choices(words, k=2000)) for _ in range(2))
    floor = math.log(4) * 2000 / len(held_out)  # one choice among four for each word
    figures = [NGram(order).fit(train).nats_per_character(held_out) for order in (1, 2, 4, 8)]
    assert figures[0] > figures[1] > figures[2] > figures[3] > 0.95 * floor
    assert figures[3] < 1.1 * floor


def test_the_future_does_not_matter():
    model = NGram(3).fit("abcabcabd")
    np.testing.assert_array_equal(model.log_probabilities("abcc")[:3], model.log_probabilities("abca")[:3])


def test_refuses_what_it_cannot_do():
    with pytest.raises(UsageError, match="order must be >= 1"):
        NGram(0)
    with pytest.raises(UsageError, match="empty text"):
        NGram(2).fit("")
    with pytest.raises(UsageError, match="call fit"):
        NGram(2).log_probabilities("a")
    with pytest.raises(UsageError, match="empty text"):
        NGram(2).fit("a").nats_per_character("")
    # 26 letters, the start and the unknown symbol: 28 codes, 28^13 < 2^63 < 28^14.
    letters = "abcdefghijklmnopqrstuvwxyz"
    assert NGram(13).fit(letters).nats_per_character(letters) > 0
    with pytest.raises(UsageError, match="order 14 is too long for 26 different characters; at most 13"):
        NGram(14).fit(letters)

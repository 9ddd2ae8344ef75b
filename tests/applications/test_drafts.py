"""Drafts: surprise against a loss computed one text at a time, likeness by hand, and choices that can be foreseen."""

import math

import pytest
import torch
import torch.nn.functional as F

from aigc_course.applications.drafts import choose_drafts, likeness, surprise_per_character
from aigc_course.data.tokenizer import CharTokenizer
from aigc_course.errors import UsageError
from aigc_course.models.gpt import GPT, GPTConfig

TEXTS = ["so good", "not good at all, i must say", "", "bad"]


@pytest.fixture(scope="module")
def reader():
    tokenizer = CharTokenizer.from_text(TEXTS)
    torch.manual_seed(0)
    return GPT(
        GPTConfig(vocab_size=len(tokenizer), context_length=9, d_model=8, n_layers=1, n_heads=2)
    ).eval(), tokenizer


def one_by_one(model, tokenizer, text):
    """The surprise at a text, piece by piece, in nats per character of the text and its newline."""
    ids = torch.tensor(tokenizer.encode("\n" + text + "\n"))
    nats, length = 0.0, model.config.context_length
    for begin in range(0, len(ids) - 1, length):
        piece = ids[begin : begin + length + 1]
        nats += F.cross_entropy(model(piece[None, :-1])[0], piece[1:], reduction="sum").item()
    return nats / (len(text) + 1)


def test_surprise_is_the_loss_of_each_text_alone(reader):
    found = surprise_per_character(*reader, TEXTS)
    with torch.no_grad():
        wanted = [one_by_one(*reader, text) for text in TEXTS]
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64), rtol=1e-5, atol=1e-6)


def test_surprise_needs_a_text(reader):
    with pytest.raises(UsageError, match="give at least one"):
        surprise_per_character(*reader, [])


@pytest.mark.parametrize(
    ("first", "second", "shared", "all_pairs"),
    [
        ("a b c", "a b c", 4, 4),
        ("a b c", "A  B\tc", 4, 4),
        ("a b c", "c b a", 0, 8),
        ("a b c", "a b d", 2, 6),  # begin-a, a-b are shared; b-c, c-end, b-d, d-end are not
        ("a", "b", 0, 4),
        ("", "", 1, 1),
    ],
)
def test_likeness_counts_pairs(first, second, shared, all_pairs):
    assert math.isclose(likeness(first, second), shared / all_pairs)
    assert likeness(first, second) == likeness(second, first)


def test_the_least_surprising_come_first_where_nothing_is_alike():
    texts = ["a b", "c d", "e f", "g h"]
    assert choose_drafts(texts, torch.tensor([3.0, 1.0, 4.0, 2.0]), 3) == [1, 3, 0]


def test_a_near_duplicate_is_left_out():
    texts = ["a b c d e", "a b c d f", "x y"]  # 4 of 8 pairs are shared
    surprises = torch.tensor([1.0, 1.1, 9.0])
    assert choose_drafts(texts, surprises, 3, most_alike=0.49) == [0, 2]
    assert choose_drafts(texts, surprises, 3, most_alike=0.5, variety=0) == [0, 1, 2]


def test_the_same_words_again_are_left_out_always():
    assert choose_drafts(["a b", "A B", "c"], torch.tensor([1.0, 1.1, 2.0]), 3, most_alike=1) == [0, 2]


def test_likeness_costs_as_much_as_variety_says():
    texts = ["a b c", "a b d", "x y"]  # the second is 1/3 like the first
    surprises = torch.tensor([1.0, 1.1, 1.2])
    assert choose_drafts(texts, surprises, 2, variety=0.29) == [0, 1]  # 1.1 + 0.29 / 3 < 1.2
    assert choose_drafts(texts, surprises, 2, variety=0.31) == [0, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "count = 0"),
        ({"most_alike": 1.5}, "most_alike = 1.5"),
        ({"variety": -1}, "variety = -1"),
        ({"variety": math.nan}, "variety = nan"),
        ({"surprises": torch.zeros(3)}, r"surprises \(3,\)"),
        ({"surprises": torch.tensor([1.0, math.nan])}, "finite number"),
    ],
)
def test_what_is_not_allowed_is_named(change, message):
    given = {"surprises": torch.zeros(2), "count": 1} | change
    with pytest.raises(UsageError, match=message):
        choose_drafts(["a", "b"], **given)

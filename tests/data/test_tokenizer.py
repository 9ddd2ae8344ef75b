import json

import numpy as np
import pytest
import torch

from aigc_course.data.tokenizer import UNKNOWN, BPETokenizer, CharTokenizer, Tokenizer, tokenizer_from_dict
from aigc_course.errors import UsageError


def test_ids_follow_the_sorted_characters_after_the_unknown_one():
    tokenizer = CharTokenizer.from_text("cabbage🔥")
    assert tokenizer.characters == "\nabceg🔥"
    assert len(tokenizer) == 8
    assert tokenizer.encode("a🔥\n") == [2, 7, 1]
    assert tokenizer.separator_id == 1
    assert CharTokenizer.from_text(["cab", "bage🔥"]) == tokenizer


def test_round_trip_and_unknown_characters():
    tokenizer = CharTokenizer.from_text("the cat 👍\n")
    text = "that cat\n👍"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.encode("é\ud800x") == [0, 0, 0]
    assert tokenizer.decode(tokenizer.encode("the dog")) == "the " + 3 * UNKNOWN
    assert tokenizer.encode("") == [] and tokenizer.decode([]) == ""


def test_the_replacement_character_in_training_text_is_the_unknown_id():
    tokenizer = CharTokenizer.from_text(f"a{UNKNOWN}b")
    assert tokenizer.characters == "\nab"
    assert tokenizer.encode(UNKNOWN) == [0]


def test_decode_takes_lists_arrays_and_tensors():
    tokenizer = CharTokenizer.from_text("abc")
    for ids in ([4, 3, 2], np.array([4, 3, 2]), torch.tensor([4, 3, 2]), iter([4, 3, 2])):
        assert tokenizer.decode(ids) == "cba"


@pytest.mark.parametrize("wrong", [-1, 5])
def test_decode_refuses_ids_that_are_not_there(wrong: int):
    with pytest.raises(UsageError, match=f"id {wrong}; this tokenizer has the ids 0 to 4"):
        CharTokenizer.from_text("abc").decode([0, wrong])


def test_survives_json():
    tokenizer = CharTokenizer.from_text('emoji 😭 and "quotes"')
    again: Tokenizer = tokenizer_from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert again == tokenizer
    assert again.encode("quotes😭") == tokenizer.encode("quotes😭")


def test_refuses_what_it_cannot_be():
    with pytest.raises(UsageError, match="unknown kind of tokenizer 'chr'; did you mean 'char'"):
        tokenizer_from_dict({"kind": "chr", "characters": "\na"})
    with pytest.raises(UsageError, match="needs kind 'char'"):
        tokenizer_from_dict({"kind": "char"})
    for characters in ("ab", "\nba", "\naa", f"\na{UNKNOWN}"):
        with pytest.raises(UsageError, match="sorted, distinct"):
            CharTokenizer(characters)


def bpe() -> BPETokenizer:
    return BPETokenizer.from_text(["the cat sat on the mat", "the hat is 1984 🎩"] * 5, vocab_size=270)


def test_byte_pairs_that_come_often_are_one_token():
    tokenizer = BPETokenizer.from_text("aaab " * 4, vocab_size=258)
    assert len(tokenizer) == 258
    merged = tokenizer.encode("aa")  # the most frequent pair, so the only merge there is room for
    assert merged == [257]
    assert tokenizer.decode(merged) == "aa"
    assert len(tokenizer.encode("aaab")) == 3


@pytest.mark.parametrize("text", ["", "the cat", "é 🔥\n\n 12  34\t", f"x{UNKNOWN}y", "\u2028\x00 日本", " the"])
def test_any_text_makes_the_round_trip_through_bytes(text: str):
    tokenizer = bpe()
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(0 <= i < len(tokenizer) for i in ids)


def test_half_a_surrogate_pair_becomes_the_replacement_character():
    assert bpe().decode(bpe().encode("a\ud800b")) == f"a{UNKNOWN}b"
    assert bpe().encode(UNKNOWN) == [0]


def test_digits_and_newlines_are_never_merged_and_words_keep_their_space():
    tokenizer = BPETokenizer.from_text("in 1984\n in 1984\n" * 50, vocab_size=400)
    pieces = [tokenizer.decode([i]) for i in tokenizer.encode("in 1984\n in")]
    assert pieces == ["in", " ", "1", "9", "8", "4", "\n", " in"]


def test_byte_pairs_survive_json_and_refuse_what_they_cannot_be():
    tokenizer = bpe()
    again = tokenizer_from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert again.encode("the hat 🎩 mat") == tokenizer.encode("the hat 🎩 mat")
    with pytest.raises(UsageError, match="vocab_size is 256, but must be at least 257"):
        BPETokenizer.from_text("abc", vocab_size=256)
    with pytest.raises(UsageError, match="no tokenizer of the library"):
        BPETokenizer("{")
    with pytest.raises(UsageError, match="needs kind 'bpe'"):
        tokenizer_from_dict({"kind": "bpe"})
    with pytest.raises(UsageError, match=f"cannot decode the id {len(tokenizer)}"):
        tokenizer.decode([len(tokenizer)])

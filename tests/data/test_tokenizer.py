import json

import numpy as np
import pytest
import torch

from aigc_course.data.tokenizer import UNKNOWN, CharTokenizer, Tokenizer, tokenizer_from_dict
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

import itertools
import json
import random
import re
from collections import Counter

import numpy as np
import pytest
import torch

from aigc_course.data.tokenizer import UNKNOWN, BPETokenizer, CharTokenizer, Tokenizer, tokenizer_from_dict
from aigc_course.data.toy_comments import make_toy_comments
from aigc_course.errors import UsageError
from aigc_course.exercises.tokens import merge


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


def random_texts(count: int, seed: int) -> list[str]:
    """Texts of up to 40 code points: any Unicode at all, and what breaks tokenizers, mixed."""
    source = random.Random(seed)
    hard = [
        "\x00",
        "e\u0301",
        "👩‍🚀",
        "🏳️‍🌈",
        "नमस्ते",
        "\u202e",
        "\ufeff",
        "\r\n",
        "\u2028",
        "ﷺ",
        "\U0010ffff",
        "  ",
        "1²",
        "I'll",
    ]
    texts = []
    for _ in range(count):
        points = (chr(source.randrange(0x110000)) for _ in range(source.randrange(20)))
        pieces = [c for c in points if not "\ud800" <= c <= "\udfff"] + source.choices(hard, k=source.randrange(6))
        source.shuffle(pieces)
        texts.append("".join(pieces))
    return texts


@pytest.mark.parametrize("vocab_size", [257, 270, 400])
def test_byte_pairs_bring_back_any_unicode_text(vocab_size: int):
    training = ["the cat sat on the mat", "the hat is 1984 🎩", "नमस्ते e\u0301"] * 9
    tokenizer = BPETokenizer.from_text(training, vocab_size)
    for text in random_texts(400, seed=vocab_size):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert len(ids) <= len(text.encode("utf-8")) and all(0 <= i < len(tokenizer) for i in ids)


def test_characters_bring_back_what_they_know_and_mark_the_rest():
    texts = random_texts(400, seed=1)
    tokenizer = CharTokenizer.from_text(texts)
    assert all(tokenizer.decode(tokenizer.encode(text)) == text for text in texts if UNKNOWN not in text)
    known = set(tokenizer.characters)
    for text in random_texts(100, seed=2):
        ids = tokenizer.encode(text)
        assert len(ids) == len(text)
        assert tokenizer.decode(ids) == "".join(c if c in known else UNKNOWN for c in text)


def test_any_ids_decode_to_text_that_can_be_written():
    source = random.Random(5)
    for tokenizer in (CharTokenizer.from_text("ab🙂"), bpe()):
        for _ in range(200):
            text = tokenizer.decode([source.randrange(len(tokenizer)) for _ in range(9)])
            assert text.encode("utf-8").decode("utf-8") == text


@pytest.mark.parametrize("text", ["a\ud800b", ["fine", "\udfff"]])
def test_training_text_with_half_a_surrogate_pair_is_refused(text):
    for make in (CharTokenizer.from_text, lambda t: BPETokenizer.from_text(t, 300)):
        with pytest.raises(UsageError, match=r"the training text holds U\+D[8F].., half a surrogate pair"):
            make(text)


@pytest.mark.parametrize("point", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_half_a_surrogate_pair_is_unknown_to_both_and_never_comes_out(point: int):
    for tokenizer in (CharTokenizer.from_text("ab"), bpe()):
        ids = tokenizer.encode(f"a{chr(point)}b")
        assert 0 in ids and tokenizer.decode(ids) == f"a{UNKNOWN}b"
    pair = "\ud83d\ude42"  # two halves that a JSON decoder left apart are two unknown characters
    assert bpe().decode(bpe().encode(pair)) == 2 * UNKNOWN


def merges_from_scratch(texts: list[str], n_merges: int) -> list[tuple[bytes, bytes]]:
    """Byte pairs as notebook 06 finds them: by the `merge` of its exercise, of equals the smallest ids."""
    word = re.compile(r"[0-9\n]|'(?:[sdmt]|ll|ve|re)| ?[^\W\d_]+| ?[^\s\w]+|\s+(?!\S)|\s+")
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]  # the library numbers the bytes in this order
    alphabet = [*printable, *(byte for byte in range(256) if byte not in printable)]
    counts = Counter(piece for text in texts for piece in word.findall(text))
    words = {piece: [alphabet.index(byte) for byte in piece.encode("utf-8")] for piece in counts}
    names, found = [bytes([byte]) for byte in alphabet], []
    for _ in range(n_merges):
        pairs: Counter[tuple[int, int]] = Counter()
        for piece, ids in words.items():
            for pair in itertools.pairwise(ids):
                pairs[pair] += counts[piece]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append((names[best[0]], names[best[1]]))
        words = {piece: merge(ids, best, len(names)) for piece, ids in words.items()}
        names.append(names[best[0]] + names[best[1]])
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_the_merges_are_those_of_byte_pair_encoding_written_out(seed: int):
    texts = list(make_toy_comments(num_comments=120, seed=seed).documents("train"))[:80]
    wanted = merges_from_scratch(texts, 150)
    tokenizer = BPETokenizer.from_text(texts, vocab_size=257 + 150)
    characters = json.loads(tokenizer.to_dict()["library_json"])["model"]["merges"]
    bytes_of = {c: bytes([b]) for b, c in byte_characters().items()}
    found = [tuple(b"".join(bytes_of[c] for c in part) for part in pair) for pair in characters]
    assert found == wanted


def byte_characters() -> dict[int, str]:
    """The printable character that stands for each byte in the library's files (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}

"""Text token by token: half characters, stop strings and lengths, whatever the cuts."""

import pytest

from aigc_course.data.tokenizer import BPETokenizer, CharTokenizer
from aigc_course.generators.writing import InOrder, TextLine


def written(tokenizer, text, **options):
    """Pieces, and whether the line was done before the end."""
    line = TextLine(tokenizer, **({"max_length": 1000} | options))
    pieces = []
    for token in tokenizer.encode(text):
        pieces.append(line.add(token))
        if line.is_done:
            break
    pieces.append(line.finish())
    assert "".join(pieces) == line.text
    return pieces


def test_half_a_character_is_held_back():
    tokenizer = BPETokenizer.from_text("plain", vocab_size=257)
    pieces = written(tokenizer, "a🎩é")
    assert pieces == ["a", "", "", "", "🎩", "", "é", ""]


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [("abcabd!", ["abd"], "abc"), ("aab!", ["ab", "b!"], "a"), ("abab", ["abc"], "abab"), ("xyz", ["x"], "")],
)
def test_a_stop_string_across_tokens(text, stop, expected):
    pieces = written(CharTokenizer.from_text(text), text, stop=stop)
    assert "".join(pieces) == expected


def test_the_length_is_in_characters_and_the_leading_space_is_no_part_of_the_text():
    tokenizer = BPETokenizer.from_text(["a cat sat"] * 20, vocab_size=270)
    assert "".join(written(tokenizer, " cat sat", max_length=5, leading=" ")) == "cat s"


def test_texts_appear_one_after_another(capsys):
    screen = InOrder(["A", "B"])
    for number, piece, ended in [(0, "1", False), (1, "x", True), (0, "2", False)]:
        screen.add(number, piece, ended)
    assert capsys.readouterr().out == "A12"
    screen.add(0, "", True)
    assert capsys.readouterr().out == "\nBx\n"

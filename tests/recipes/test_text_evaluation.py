"""A text model's loss against sums written out; baselines and copying on texts whose answer is known."""

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from aigc_course.data.tokenizer import BPETokenizer, CharTokenizer
from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.recipes.text_evaluation import baselines, some_of, stretches, text_loss, write, writing_metrics
from aigc_course.training import LoopSettings, Runtime

DOCUMENTS = ["abba", "a", "bab\nbab", "b" * 11]
RUNTIME = Runtime(LoopSettings(device="cpu", precision="float32"))


class Bigram(nn.Module):
    """Logits that depend on the last token alone."""

    def __init__(self, vocab_size: int, context_length: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.table = nn.Parameter(torch.randn(vocab_size, vocab_size))
        self.config = SimpleNamespace(context_length=context_length)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        assert tokens.shape[1] <= self.config.context_length
        return self.table[tokens]


def surprise_nats(model: Bigram, tokenizer: CharTokenizer, document: str) -> list[float]:
    """Of every character and of the newline at the end, one after the other."""
    ids = tokenizer.encode("\n" + document.replace("\n", " ") + "\n")
    table = model.table.detach().double().log_softmax(-1)
    return [-table[before, after].item() for before, after in itertools.pairwise(ids)]


@pytest.mark.parametrize("context_length", [3, 4, 100])
@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_loss_is_the_mean_over_all_characters(context_length: int, batch_size: int) -> None:
    tokenizer = CharTokenizer.from_text(["ab \n"])
    model = Bigram(len(tokenizer), context_length)
    each = [s for document in DOCUMENTS for s in surprise_nats(model, tokenizer, document)]
    assert len(each) == sum(map(len, DOCUMENTS)) + len(DOCUMENTS)
    found = text_loss(model, DOCUMENTS, tokenizer, RUNTIME, batch_size=batch_size)
    assert found.nats_per_character == pytest.approx(sum(each) / len(each), rel=1e-5)
    assert found.num_tokens == found.num_characters == len(each)


def test_tokens_of_many_characters_count_by_their_characters() -> None:
    tokenizer = BPETokenizer.from_text(["banana banana"] * 50, 262)
    model = Bigram(len(tokenizer), 100)
    ids = tokenizer.encode("\nbanana\n")
    assert len(ids) < len("\nbanana\n")
    table = model.table.detach().double().log_softmax(-1)
    total = -sum(table[a, b].item() for a, b in itertools.pairwise(ids))
    found = text_loss(model, ["banana"], tokenizer, RUNTIME)
    assert found.nats_per_character == pytest.approx(total / 7, rel=1e-5)
    assert found.num_tokens == len(ids) - 1


def test_the_lines_of_one_text_are_read_in_a_row() -> None:
    tokenizer = CharTokenizer.from_text(["ab \n"])
    model = Bigram(len(tokenizer), 5)
    lines = ["abba", "", "a b"]
    ids = tokenizer.encode("\n" + "abba\n\na b\n")
    table = model.table.detach().double().log_softmax(-1)
    each = [-table[a, b].item() for a, b in itertools.pairwise(ids)]
    found = text_loss(model, lines, tokenizer, RUNTIME, continuous=True)
    assert found.total_nats == pytest.approx(sum(each), rel=1e-5)
    assert found.num_characters == 10
    assert text_loss(model, lines, tokenizer, RUNTIME, continuous=False).num_characters == 10


def test_units_agree_with_each_other() -> None:
    tokenizer = CharTokenizer.from_text(["aé€\n"])
    model = Bigram(len(tokenizer), 50)
    found = text_loss(model, ["aé€"], tokenizer, RUNTIME)  # 1 + 2 + 3 bytes and a newline
    metrics = found.metrics("test")
    assert (found.num_characters, found.num_bytes) == (4, 7)
    assert metrics["test_loss"] == pytest.approx(found.total_nats / 4)
    assert metrics["test_bits_per_byte"] == pytest.approx(found.total_nats / math.log(2) / 7)
    assert metrics["test_perplexity"] == pytest.approx(math.exp(found.total_nats / 4))


def test_baselines_know_what_they_have_seen() -> None:
    seen = [f"comment {i} says {i * 7919 % 1000}" for i in range(300)]
    known, other = baselines(seen, seen[:100]), baselines(seen, ["".join(map(chr, range(200, 300)))])
    assert 0 < known["ngram_loss"] < 1 < math.log(50) < other["ngram_loss"]
    assert 0 < known["xz_bits_per_byte"] < 1 < 6 < other["xz_bits_per_byte"] < 12


def test_a_text_of_very_many_characters_has_a_shorter_ngram() -> None:
    signs = [chr(0x4E00 + i) for i in range(4000)]
    found = baselines(["".join(signs[i : i + 40]) for i in range(0, 4000, 40)], ["".join(signs[:40])])
    assert 0 < found["ngram_loss"] < math.log(4000)


def test_only_so_much_of_a_huge_set_is_looked_at() -> None:
    documents = ["x" * 10] * 100
    assert some_of(documents) is documents
    assert len(some_of(documents, 55)) == 5
    assert len(some_of(documents, 3)) == 1
    assert stretches("abcdefgh", 3) == ["abc", "def"]
    assert stretches("ab", 3) == ["ab"]


def test_copies_and_repetition_show() -> None:
    training = ["the cat sat on the mat", "a dog barked at night"]
    held_out = ["five wizards jumped quickly", "big fjords vex"]
    copied = writing_metrics(training, training, held_out)
    assert copied["copied_rate"] == copied["longest_copied_share_median"] == 1
    assert copied["held_out_copied_rate"] == 0
    assert 0 < copied["held_out_longest_copied_share_median"] < 0.3
    assert copied["distinct_2"] == copied["held_out_distinct_2"] == 1
    assert writing_metrics(["so so so so so"], training, held_out)["distinct_2"] == pytest.approx(1 / 4)


@pytest.mark.parametrize("continuous", [False, True])
def test_texts_written_for_the_judge(continuous: bool) -> None:
    tokenizer = CharTokenizer.from_text("ab\n")
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=len(tokenizer), context_length=8, d_model=8, n_layers=1, n_heads=1)).eval()
    texts = write(model, tokenizer, 6, 0, continuous=continuous)
    assert len(texts) == 6
    assert texts == write(model, tokenizer, 6, 0, continuous=continuous)
    assert any("\n" in text for text in texts) == continuous
    assert all(len(text) == 300 for text in texts) == continuous

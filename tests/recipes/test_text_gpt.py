"""What the GPT learns from and is measured by, against sums written out."""

import itertools
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from aigc_course import recipes
from aigc_course.data.tokenizer import BPETokenizer, CharTokenizer
from aigc_course.recipes.text_gpt import make_tokenizer, nats_per_character, next_token_step, profile
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
def test_nats_per_character_is_the_mean_over_all_characters(context_length: int, batch_size: int) -> None:
    tokenizer = CharTokenizer.from_text(["ab \n"])
    model = Bigram(len(tokenizer), context_length)
    each = [s for document in DOCUMENTS for s in surprise_nats(model, tokenizer, document)]
    assert len(each) == sum(map(len, DOCUMENTS)) + len(DOCUMENTS)
    found = nats_per_character(model, DOCUMENTS, tokenizer, RUNTIME, batch_size)
    assert found == pytest.approx(sum(each) / len(each), rel=1e-5)


def test_tokens_of_many_characters_count_by_their_characters() -> None:
    tokenizer = BPETokenizer.from_text(["banana banana"] * 50, 262)
    model = Bigram(len(tokenizer), 100)
    ids = tokenizer.encode("\nbanana\n")
    assert len(ids) < len("\nbanana\n")
    table = model.table.detach().double().log_softmax(-1)
    total = -sum(table[a, b].item() for a, b in itertools.pairwise(ids))
    assert nats_per_character(model, ["banana"], tokenizer, RUNTIME) == pytest.approx(total / 7, rel=1e-5)


def test_the_step_counts_per_token_and_per_character() -> None:
    model = Bigram(5, 10)
    with torch.no_grad():
        model.table.zero_()
    loss, metrics = next_token_step(model, {"tokens": torch.randint(5, (4, 8))}, tokens_per_character=0.25)
    assert loss.item() == pytest.approx(math.log(5), rel=1e-6)
    assert metrics["loss_per_character"].item() == pytest.approx(math.log(5) / 4, rel=1e-6)


def test_the_tokenizer_follows_the_settings() -> None:
    settings = profile("quick")
    assert isinstance(make_tokenizer(settings, ["banana"] * 20), BPETokenizer)
    assert settings.tokens == "bpe"


def test_a_run_records_both_losses_in_a_constant_ratio(tmp_path: Path) -> None:
    run = recipes.train("text-gpt", profile="smoke", run_dir=tmp_path / "run")
    ratios = [row["loss_per_character"] / row["loss"] for row in run.history.rows]
    assert 0.2 < ratios[0] < 1 and ratios == pytest.approx([ratios[0]] * len(ratios), rel=1e-5)
    assert run.history.rows[-1]["validation_loss"] == pytest.approx(run.history.rows[-1]["loss_per_character"], rel=0.5)

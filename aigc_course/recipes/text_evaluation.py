"""What a language model's loss and its writing are worth: units, baselines, copying, variety."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from aigc_course.data.token_file import one_line
from aigc_course.data.tokenizer import SEPARATOR, Tokenizer
from aigc_course.metrics.compression import xz_bits_per_byte
from aigc_course.metrics.copying import copied_shares
from aigc_course.metrics.diversity import distinct_ngrams
from aigc_course.metrics.likelihood import bits_per_byte, perplexity
from aigc_course.metrics.ngram import NGram, longest_order
from aigc_course.models.gpt import GPT
from aigc_course.models.sampling import sample_tokens
from aigc_course.training import Runtime

MOST_CHARACTERS = 5_000_000  # of the training text: what baselines learn from, and where copies are looked for
WRITTEN_TOKENS = 300  # at most, of each text that a model writes to be judged
NGRAM_ORDER = 6  # of 4 to 7 the best on GoEmotions' validation split; less for texts of very many characters


@dataclass(frozen=True, kw_only=True, slots=True)
class TextLoss:
    """How surprised a model is by a text, and the text's length in each unit that a loss is given per."""

    total_nats: float
    num_tokens: int
    num_characters: int
    num_bytes: int  # of its UTF-8 form

    @property
    def nats_per_character(self) -> float:
        """What the course's curves show: comparable across tokenizers."""
        return self.total_nats / self.num_characters

    def metrics(self, split: str) -> dict[str, float]:
        """Named for a split: nats per character, bits per byte, and the perplexity per token."""
        return {
            f"{split}_loss": self.nats_per_character,
            f"{split}_bits_per_byte": bits_per_byte(self.total_nats, self.num_bytes),
            f"{split}_perplexity": perplexity(self.total_nats / self.num_tokens),
        }


def text_loss(
    model: nn.Module,
    documents: Sequence[str],
    tokenizer: Tokenizer,
    runtime: Runtime,
    *,
    continuous: bool = False,
    batch_size: int = 64,
) -> TextLoss:
    """The model's surprise at `documents`, as `line_nats` has it; with `continuous` they are the lines of one text."""
    lines = [one_line(document) + SEPARATOR for document in documents]
    lines = ["".join(lines)] if continuous else lines
    nats, num_tokens = line_nats(model, lines, tokenizer, runtime, batch_size=batch_size)
    return TextLoss(
        total_nats=nats.sum().item(),
        num_tokens=num_tokens,
        num_characters=sum(map(len, lines)),
        num_bytes=sum(len(line.encode("utf-8")) for line in lines),
    )


@torch.no_grad()
def line_nats(
    model: nn.Module, lines: Sequence[str], tokenizer: Tokenizer, runtime: Runtime, *, batch_size: int = 64
) -> tuple[torch.Tensor, int]:
    """The model's surprise at each line, seen from its beginning: (N,) float64 nats, and the tokens of all lines.

    A line longer than the context is cut into pieces; each piece after the first begins with the last token of the
    piece before.
    """
    length = cast(GPT, runtime.unwrap(model)).config.context_length
    pieces = []
    for number, line in enumerate(lines):
        ids = tokenizer.encode(SEPARATOR + line)
        pieces += [(number, ids[i : i + length + 1]) for i in range(0, len(ids) - 1, length)]
    pieces.sort(key=lambda piece: len(piece[1]))
    nats = torch.zeros(len(lines), dtype=torch.float64)
    for begin in range(0, len(pieces), batch_size):
        owners, ids_of_batch = zip(*pieces[begin : begin + batch_size], strict=True)
        tokens, mask = padded(ids_of_batch)
        tokens, mask = tokens.to(runtime.device), mask.to(runtime.device)
        with runtime.autocast():
            logits = model(tokens[:, :-1])
        each = F.cross_entropy(logits.float().mT, tokens[:, 1:], reduction="none") * mask[:, 1:]
        nats.index_add_(0, torch.tensor(owners), each.sum(dim=1).double().cpu())
    return nats, sum(len(ids) - 1 for _, ids in pieces)


def padded(pieces: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Id lists as one (B, T) tensor, zeros at their right ends, and the mask (B, T) of what is real."""
    width = max(map(len, pieces))
    tokens = torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in pieces])
    mask = torch.tensor([[True] * len(ids) + [False] * (width - len(ids)) for ids in pieces])
    return tokens, mask


def some_of(documents: Sequence[str], most_characters: int = MOST_CHARACTERS) -> Sequence[str]:
    """The first documents, up to so many characters and at least one: all of them but for huge sets."""
    for number, total in enumerate(accumulate(len(document) for document in documents)):
        if total > most_characters:
            return documents[: max(number, 1)]
    return documents


def baselines(training: Sequence[str], test: Sequence[str]) -> dict[str, float]:
    """What simpler ways make of the test documents: a character n-gram model's nats, xz's bits per byte."""
    seen, text = (SEPARATOR.join(documents) + SEPARATOR for documents in (training, test))
    order = min(NGRAM_ORDER, longest_order(seen))
    ngram = NGram(order).fit(SEPARATOR + seen).nats_per_character(text)
    return {"ngram_loss": ngram, "xz_bits_per_byte": xz_bits_per_byte(seen, text)}


def stretches(text: str, length: int = WRITTEN_TOKENS) -> list[str]:
    """The text cut into pieces of so many characters; a shorter rest is left out, but where it is all there is."""
    return [text[i : i + length] for i in range(0, len(text) - length + 1, length)] or [text]


def write(model: GPT, tokenizer: Tokenizer, count: int, seed: int, *, continuous: bool) -> list[str]:
    """`count` texts that the model writes at temperature 1: comments, or stretches of a continuous text."""
    newline = tokenizer.encode(SEPARATOR)
    ids = sample_tokens(
        model,
        [newline] * count,
        max_new_tokens=WRITTEN_TOKENS,
        stop_id=None if continuous else newline[0],
        generator=torch.Generator(model.token_embedding.weight.device).manual_seed(seed),
    )
    return [tokenizer.decode(each) for each in ids]


def writing_metrics(written: Sequence[str], training: Sequence[str], held_out: Sequence[str]) -> dict[str, float]:
    """What the model's own texts are worth, each figure beside that of as many held-out ones.

    Returns:
        copied_rate: share that stand in `training` as whole documents.
        longest_copied_share_median: longest stretch that stands inside a training document, as a share of the text.
        distinct_2: different pairs of words among all pairs.
        held_out_…: the same of held-out documents, which nobody copied.
    """
    known, measured = set(training), {}
    for prefix, texts in (("", written), ("held_out_", held_out[: len(written)])):
        measured[f"{prefix}copied_rate"] = float(np.mean([text in known for text in texts]))
        measured[f"{prefix}longest_copied_share_median"] = float(np.median(copied_shares(texts, training)))
        measured[f"{prefix}distinct_2"] = distinct_ngrams(texts, 2)
    return measured

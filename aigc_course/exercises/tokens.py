"""Exercises on tokens: merging them, and saying in fair units how well they are predicted."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Pair = tuple[int, int]


def merge(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """`ids` with every occurrence of `pair`, from left to right and without overlap, as one `new_id`."""
    merged: list[int] = []
    i = 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == tuple(pair):
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def sequence_perplexity(logits: Tensor, tokens: Tensor) -> float:
    """exp of the mean surprise of tokens[1:] (T,) under logits (T, V), where logits[t] predict tokens[t + 1]."""
    return math.exp(F.cross_entropy(logits[:-1], tokens[1:]).item())


def bits_per_byte(nats_per_token: float, n_tokens: int, text: str) -> float:
    """The whole text's surprise in bits, per byte of its UTF-8 form."""
    return nats_per_token * n_tokens / math.log(2) / len(text.encode("utf-8"))


def _ids_with_a_pair(rng: Rng) -> tuple[list[int], Pair, int]:
    """Ids with runs, single pairs and reversed pairs; half of the draws merge a token with itself."""
    a, b = (int(i) for i in rng.permutation(5)[:2])
    pair = (a, a) if rng.random() < 0.5 else (a, b)
    pieces = [[a, a, a], [a, b], [b, a], [a, a], [b, b], [a, a, a, a], [int(rng.integers(5))]]
    return [i for piece in rng.permutation(len(pieces)) for i in pieces[piece]], pair, 9


def _merged_inside_out(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    return merge(ids[::-1], (pair[1], pair[0]), new_id)[::-1]


def _second_left_in(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    return [new_id if tuple(ids[i : i + 2]) == pair else ids[i] for i in range(len(ids))]


def _overlapping(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    starts = {i for i in range(len(ids) - 1) if (ids[i], ids[i + 1]) == pair}
    return [new_id if i in starts else ids[i] for i in range(len(ids)) if i in starts or i - 1 not in starts]


def _first_only(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return [*ids[:i], new_id, *ids[i + 2 :]]
    return list(ids)


def _either_order(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    merged: list[int] = []
    i = 0
    while i < len(ids):
        hit = sorted(ids[i : i + 2]) == sorted(pair)
        merged.append(new_id if hit else ids[i])
        i += 1 + hit
    return merged


def _merging_can_be_undone(answer: Answer, rng: Rng) -> bool:
    ids, pair, new_id = _ids_with_a_pair(rng)
    undone = [i for token in answer(ids, pair, new_id) for i in (pair if token == new_id else (token,))]
    return undone == ids


def _no_pair_is_left(answer: Answer, rng: Rng) -> bool:
    ids, pair, new_id = _ids_with_a_pair(rng)
    return all((int(a), int(b)) != pair for a, b in pairwise(answer(ids, pair, new_id)))


def _runs_are_read_from_the_left(answer: Answer, rng: Rng) -> bool:
    length = int(rng.integers(2, 9))
    return list(answer([7] * length, (7, 7), 8)) == [8] * (length // 2) + [7] * (length % 2)


MERGE = Exercise(
    id="06.5",
    title="One merge of byte-pair encoding",
    stars=2,
    minutes=10,
    inputs=_ids_with_a_pair,
    reference=merge,
    hints=(
        "Walk through the ids with an index i. How far may i move on after a merge, and how far otherwise?",
        "Use while instead of for: with for, you cannot skip the second token of a pair.",
        "Compare ids[i] and ids[i + 1] with the pair, and mind the last place, where there is no ids[i + 1].",
    ),
    properties=(
        Property(statement="replacing each new token by its pair gives the old ids back", holds=_merging_can_be_undone),
        Property(statement="the pair no longer occurs after the merge", holds=_no_pair_is_left),
        Property(
            statement="a run of equal tokens is merged two by two from the left, an odd one left at the end",
            holds=_runs_are_read_from_the_left,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the second token left in",
            wrong=_second_left_in,
            message="You put the new token in, but the second token of the pair still stands behind it. "
            "A merge replaces two tokens.",
        ),
        Misconception(
            name="overlapping pairs",
            wrong=_overlapping,
            message="In a run such as 7 7 7 you used the middle token twice, for the pair on its left and the one on "
            "its right. A token that was merged is used up.",
        ),
        Misconception(
            name="the first occurrence only",
            wrong=_first_only,
            message="You merged the first occurrence and stopped. A merge replaces the pair wherever it stands.",
        ),
        Misconception(
            name="either order",
            wrong=_either_order,
            message="You also merged the pair in reverse order. Then the new token could stand for two different "
            "texts, and decoding would not know which.",
        ),
        Misconception(
            name="from the right",
            wrong=_merged_inside_out,
            message="You read from the right, so that in a run of odd length the first token is left over. "
            "Whoever encodes must read as the trainer did, and that is from the left.",
        ),
    ),
)


def _logits_and_tokens(rng: Rng) -> tuple[Tensor, Tensor]:
    n_tokens, vocab_size = int(rng.integers(4, 9)), int(rng.integers(5, 12))
    return normal(rng, n_tokens, vocab_size), torch.from_numpy(rng.integers(vocab_size, size=n_tokens))


def _guessing_counts_the_vocabulary(answer: Answer, rng: Rng) -> bool:
    logits, tokens = _logits_and_tokens(rng)
    return near(answer(torch.zeros_like(logits), tokens), logits.shape[1])


def _knowing_the_next_costs_nothing(answer: Answer, rng: Rng) -> bool:
    logits, tokens = _logits_and_tokens(rng)
    logits[:-1] += 50 * F.one_hot(tokens[1:], logits.shape[1])
    return near(answer(logits, tokens), 1.0)


def _surprises_are_averaged_as_logarithms(answer: Answer, rng: Rng) -> bool:
    p = torch.from_numpy(rng.uniform([0.05, 0.5], [0.2, 0.9])).float()
    logits = torch.stack([p, 1 - p], dim=1).log()  # token 0 has probability p
    logits = torch.cat([logits, logits[:1]])
    return near(answer(logits, torch.zeros(3, dtype=torch.int64)), p.prod().item() ** -0.5)


def _nats(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits, targets, reduction="none")


PERPLEXITY = Exercise(
    id="06.6",
    title="Perplexity of a sequence",
    stars=2,
    minutes=8,
    inputs=_logits_and_tokens,
    reference=sequence_perplexity,
    extremes=((torch.tensor([[1000.0, 999.0, 0.0], [0.0, 1000.0, 1001.0], [0.0, 0.0, 0.0]]), torch.arange(3)),),
    hints=(
        "logits[t] are computed from the tokens 0 to t. Which token do they predict, and which logits predict nothing?",
        "Inputs and targets are the same sequence, one place apart: logits[:-1] belong to tokens[1:].",
        "The surprise of a token is -log softmax(logits)[token]. Take the mean of the surprises first.",
        "torch.nn.functional.cross_entropy gives the mean surprise in nats; math.exp undoes its logarithm.",
    ),
    properties=(
        Property(
            statement="guessing uniformly gives the size of the vocabulary", holds=_guessing_counts_the_vocabulary
        ),
        Property(
            statement="being sure of each next token gives a perplexity of 1", holds=_knowing_the_next_costs_nothing
        ),
        Property(
            statement="two tokens of probabilities p and q give 1 / sqrt(p q)",
            holds=_surprises_are_averaged_as_logarithms,
        ),
    ),
    misconceptions=(
        Misconception(
            name="targets not shifted",
            wrong=lambda logits, tokens: _nats(logits, tokens).mean().exp().item(),
            message="You compared logits[t] with tokens[t], a token that the model has already read. "
            "Trained on that, a model learns to copy its input.",
        ),
        Misconception(
            name="shifted the wrong way",
            wrong=lambda logits, tokens: _nats(logits[1:], tokens[:-1]).mean().exp().item(),
            message="You shifted the wrong way: your logits are asked for the token before them. They predict the "
            "one after.",
        ),
        Misconception(
            name="the mean of the exponentials",
            wrong=lambda logits, tokens: _nats(logits[:-1], tokens[1:]).exp().mean().item(),
            message="You took the mean of 1/p. One unlikely token then outweighs all others; "
            "perplexity is a geometric mean, which is an arithmetic one of logarithms.",
        ),
        Misconception(
            name="the sum of the surprises",
            wrong=lambda logits, tokens: _nats(logits[:-1], tokens[1:]).sum().exp().item(),
            message="You summed the surprises, so a longer text has a larger number. Perplexity is per token.",
        ),
        Misconception(
            name="base 2 on nats",
            wrong=lambda logits, tokens: 2.0 ** _nats(logits[:-1], tokens[1:]).mean().item(),
            message="You raised 2 to a number of nats. Cross-entropy by natural logarithms needs the natural "
            "exponential.",
        ),
    ),
)


def _scored_text(rng: Rng) -> tuple[float, int, str]:
    signs = "abc déñ😀🍕"
    text = "é🍕" + "".join(signs[i] for i in rng.integers(len(signs), size=int(rng.integers(5, 30))))
    return float(rng.uniform(0.5, 4.0)), int(rng.integers(3, len(text))), text


def _a_uniform_byte_costs_eight_bits(answer: Answer, rng: Rng) -> bool:
    _, _, text = _scored_text(rng)
    return near(answer(math.log(256), len(text.encode("utf-8")), text), 8.0)


def _cutting_finer_changes_nothing(answer: Answer, rng: Rng) -> bool:
    nats, n_tokens, text = _scored_text(rng)
    return near(answer(nats / 3, 3 * n_tokens, text), answer(nats, n_tokens, text))


BITS = Exercise(
    id="06.7",
    title="Bits per byte",
    stars=1,
    minutes=6,
    inputs=_scored_text,
    reference=bits_per_byte,
    hints=(
        "How many nats does the whole text cost? Then change the unit, then divide.",
        "One bit is log 2 = 0.693 nats, so a number of bits is larger than the same surprise in nats.",
        'A character can take more than one byte: len("é".encode("utf-8")) is 2.',
    ),
    properties=(
        Property(
            statement="guessing each byte uniformly among 256 costs 8 bits per byte",
            holds=_a_uniform_byte_costs_eight_bits,
        ),
        Property(
            statement="three times as many tokens, each with a third of the surprise, give the same",
            holds=_cutting_finer_changes_nothing,
        ),
    ),
    misconceptions=(
        Misconception(
            name="characters for bytes",
            wrong=lambda nats, n_tokens, text: nats * n_tokens / math.log(2) / len(text),
            message="You divided by the number of characters. An emoji is one character and four bytes; "
            "per character is a fine unit, but a different one.",
        ),
        Misconception(
            name="nats for bits",
            wrong=lambda nats, n_tokens, text: nats * n_tokens / len(text.encode("utf-8")),
            message="Your result is in nats per byte: the unit of the logarithm is still to be changed.",
        ),
        Misconception(
            name="multiplied by log 2",
            wrong=lambda nats, n_tokens, text: nats * n_tokens * math.log(2) / len(text.encode("utf-8")),
            message="You multiplied by log 2. A bit is less than a nat, so there are more of them, not fewer.",
        ),
        Misconception(
            name="the number of tokens forgotten",
            wrong=lambda nats, _n_tokens, text: nats / math.log(2) / len(text.encode("utf-8")),
            message="You divided the surprise of one token by the bytes of the whole text. "
            "What does the whole text cost?",
        ),
        Misconception(
            name="bits per token",
            wrong=lambda nats, _n_tokens, _text: nats / math.log(2),
            message="That is bits per token. A tokenizer with longer tokens makes it larger without making the model "
            "worse.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (MERGE, PERPLEXITY, BITS)

"""Exercises on validation: the fair unit for a set of documents, and when to stop training."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from aigc_course.exercises.draws import near
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def bits_per_byte(nats: Tensor, mask: Tensor, texts: Sequence[str]) -> float:
    """Surprise of B texts in bits per UTF-8 byte: nats (B, T) of each token, mask (B, T) bool False at padding."""
    n_bytes = sum(len(text.encode("utf-8")) for text in texts)
    return nats[mask].sum().item() / math.log(2) / n_bytes


def stopping_point(validation_losses: Sequence[float], patience: int) -> tuple[int, int]:
    """(evaluation after which training ends, evaluation with the lowest loss until then), both counted from 0."""
    best = 0
    for i, loss in enumerate(validation_losses):
        if loss < validation_losses[best]:
            best = i
        if i - best == patience:
            return i, best
    return len(validation_losses) - 1, best


def _text(rng: Rng) -> str:
    signs = "abc déñ😀🍕"
    return "é🍕" + "".join(signs[i] for i in rng.integers(len(signs), size=int(rng.integers(2, 20))))


def _padded(rng: Rng, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Random nats (B, T), at the padding too, and the mask (B, T); the longest row has padding as well."""
    width = max(lengths) + int(rng.integers(1, 4))
    mask = torch.arange(width) < torch.tensor(lengths)[:, None]
    return torch.from_numpy(rng.uniform(0.1, 5.0, size=tuple(mask.shape))), mask


def _scored_texts(rng: Rng) -> tuple[Tensor, Tensor, list[str]]:
    texts = [_text(rng) for _ in range(int(rng.integers(2, 5)))]
    return *_padded(rng, [int(rng.integers(2, len(text) + 1)) for text in texts]), texts


def _a_uniform_byte_costs_eight_bits(answer: Answer, rng: Rng) -> bool:
    _, _, texts = _scored_texts(rng)
    nats, mask = _padded(rng, [len(text.encode("utf-8")) for text in texts])
    return near(answer(torch.where(mask, math.log(256), nats), mask, texts), 8.0)


def _one_long_document(answer: Answer, rng: Rng) -> bool:
    nats, mask, texts = _scored_texts(rng)
    in_one_row = answer(nats[mask][None], mask[mask][None], ["".join(texts)])
    return near(answer(nats, mask, texts), in_one_row)


def _cutting_finer_changes_nothing(answer: Answer, rng: Rng) -> bool:
    nats, mask, texts = _scored_texts(rng)
    finer = answer(nats.repeat_interleave(2, dim=1) / 2, mask.repeat_interleave(2, dim=1), texts)
    return near(finer, answer(nats, mask, texts))


def _bytes(texts: Sequence[str]) -> Tensor:
    return torch.tensor([len(text.encode("utf-8")) for text in texts]).double()


BITS_PER_BYTE = Exercise(
    id="07.3",
    title="Bits per byte of many comments",
    stars=2,
    minutes=8,
    inputs=_scored_texts,
    reference=bits_per_byte,
    hints=(
        "There is one total for the whole set: all its surprise, and all its bytes. Divide only at the end.",
        "Short comments were filled up to a common length. nats[mask] holds the surprise of the real tokens alone.",
        "One bit is log 2 = 0.693 nats, so the same surprise is a larger number in bits than in nats.",
        'A text has len(text.encode("utf-8")) bytes; add these up over the texts.',
    ),
    properties=(
        Property(
            statement="guessing each byte uniformly among 256 costs 8 bits per byte, whatever stands in the padding",
            holds=_a_uniform_byte_costs_eight_bits,
        ),
        Property(statement="all comments joined into one give the same", holds=_one_long_document),
        Property(
            statement="twice as many tokens, each with half the surprise, give the same",
            holds=_cutting_finer_changes_nothing,
        ),
    ),
    misconceptions=(
        Misconception(
            name="padding counted",
            wrong=lambda nats, _mask, texts: (nats.sum() / math.log(2) / _bytes(texts).sum()).item(),
            message="You added up the padding too. Nobody wrote those tokens; what a model thinks of them says "
            "nothing about the comments.",
        ),
        Misconception(
            name="the mean over comments",
            wrong=lambda nats, mask, texts: ((nats * mask).sum(1) / math.log(2) / _bytes(texts)).mean().item(),
            message="You took each comment's bits per byte and averaged these. A comment of three letters then counts "
            "as much as a long one; a byte should count the same wherever it stands.",
        ),
        Misconception(
            name="characters for bytes",
            wrong=lambda nats, mask, texts: nats[mask].sum().item() / math.log(2) / sum(map(len, texts)),
            message="You divided by the number of characters. An emoji is one character and four bytes; "
            "per character is a fine unit, but a different one.",
        ),
        Misconception(
            name="bits per token",
            wrong=lambda nats, mask, _texts: nats[mask].mean().item() / math.log(2),
            message="That is bits per token. A tokenizer with longer tokens makes it larger without making the model "
            "worse.",
        ),
        Misconception(
            name="nats per byte",
            wrong=lambda nats, mask, texts: (nats[mask].sum() / _bytes(texts).sum()).item(),
            message="Your result is in nats per byte: the unit of the logarithm is still to be changed.",
        ),
        Misconception(
            name="multiplied by log 2",
            wrong=lambda nats, mask, texts: (nats[mask].sum() * math.log(2) / _bytes(texts).sum()).item(),
            message="You multiplied by log 2. A bit is less than a nat, so there are more of them, not fewer.",
        ),
        Misconception(
            name="one token's surprise for all bytes",
            wrong=lambda nats, mask, texts: (nats[mask].mean() / math.log(2) / _bytes(texts).sum()).item(),
            message="You divided the mean surprise of one token by the bytes of all comments. What do all tokens cost "
            "together?",
        ),
    ),
)


def _losses_and_patience(rng: Rng) -> tuple[list[float], int]:
    """A noisy valley, often with a second, deeper one behind a long rise."""
    n, patience = int(rng.integers(12, 22)), int(rng.integers(2, 5))
    bottom = rng.uniform(0.2, 0.5) * n
    losses = 2 + 0.06 * np.abs(np.arange(n) - bottom) + rng.normal(scale=0.1, size=n)
    if rng.random() < 0.5:
        losses[-2:] -= 1.0
    return losses.tolist(), patience


def _falling_to_the_end(answer: Answer, rng: Rng) -> bool:
    losses, patience = _losses_and_patience(rng)
    return near(answer(sorted(losses, reverse=True), patience), (len(losses) - 1, len(losses) - 1))


def _a_valley(answer: Answer, rng: Rng) -> bool:
    """It falls to its minimum and rises from there on, further than the patience goes."""
    losses, patience = _losses_and_patience(rng)
    bottom = int(rng.integers(0, 6))
    losses = sorted(losses[: bottom + 1], reverse=True) + sorted(3 + loss for loss in losses[bottom + 1 :])
    return near(answer(losses, patience), (bottom + patience, bottom))


def _the_future_does_not_matter(answer: Answer, rng: Rng) -> bool:
    """Whatever follows the end of training, a loss of 0 too, changes nothing."""
    losses, patience = _losses_and_patience(rng)
    ended = [*losses, *(max(losses) + 1 for _ in range(patience))]
    return near(answer([*ended, 0.0, 0.0], patience), answer(ended, patience))


def _a_short_rise(answer: Answer, rng: Rng) -> bool:
    """Falls that are interrupted, again and again, by one evaluation less than the patience."""
    _, patience = _losses_and_patience(rng)
    losses = [10.0 - step + (5 if i else 0) for step in range(4) for i in range(patience)]
    return near(answer([*losses, 1.0], patience), (len(losses), len(losses)))


def _better_is_not_good_enough(answer: Answer, rng: Rng) -> bool:
    """Behind the minimum the losses go up and down without reaching it."""
    _, patience = _losses_and_patience(rng)
    losses = [2.0, 1.0, *rng.permutation(np.linspace(1.5, 1.9, patience + 3))]
    return near(answer([float(loss) for loss in losses], patience), (patience + 1, 1))


def _stop(validation_losses: Sequence[float], patience: int) -> int:
    return stopping_point(validation_losses, patience)[0]


def _lowest(losses: Sequence[float]) -> int:
    return min(range(len(losses)), key=losses.__getitem__)


def _compared_with_the_one_before(validation_losses: Sequence[float], patience: int) -> tuple[int, int]:
    waited = 0
    for i, (previous, loss) in enumerate(pairwise(validation_losses), start=1):
        waited = 0 if loss < previous else waited + 1
        if waited == patience:
            return i, _lowest(validation_losses[: i + 1])
    return len(validation_losses) - 1, _lowest(validation_losses)


def _never_reset(validation_losses: Sequence[float], patience: int) -> tuple[int, int]:
    best = waited = 0
    for i, loss in enumerate(validation_losses[1:], start=1):
        if loss < validation_losses[best]:
            best = i
        else:
            waited += 1
        if waited == patience:
            return i, best
    return len(validation_losses) - 1, best


STOPPING = Exercise(
    id="07.4",
    title="When to stop, and what to keep",
    stars=2,
    minutes=10,
    inputs=_losses_and_patience,
    reference=stopping_point,
    hints=(
        "Walk through the losses as training would: at evaluation i nothing is known of those after it.",
        "Remember where the lowest loss so far was. How do you see from that place how long nothing was gained?",
        "After evaluation i the last i - best evaluations brought no new minimum. Compare this with the patience.",
        "When the loop ends by itself, training ended at the last evaluation.",
    ),
    properties=(
        Property(
            statement="losses that fall all the way end with the last, which is the best", holds=_falling_to_the_end
        ),
        Property(
            statement="where losses only rise behind their minimum, training goes on for `patience` evaluations",
            holds=_a_valley,
        ),
        Property(
            statement="what would have come after the end of training changes nothing",
            holds=_the_future_does_not_matter,
        ),
        Property(statement="a rise that is shorter than the patience stops nothing", holds=_a_short_rise),
        Property(
            statement="a loss below the one before it, but above the minimum, does not prolong training",
            holds=_better_is_not_good_enough,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the last one kept",
            wrong=lambda losses, patience: (_stop(losses, patience), _stop(losses, patience)),
            message="You stop at the right time, but you keep the model as it is then: after several evaluations "
            "without a gain. Which one was worth keeping?",
        ),
        Misconception(
            name="compared with the one before",
            wrong=_compared_with_the_one_before,
            message="You compare each loss with the one before it. Losses that go up and down far above "
            "the lowest one then keep training going for ever.",
        ),
        Misconception(
            name="one evaluation too late",
            wrong=lambda losses, patience: stopping_point(losses, patience + 1),
            message="You go on for one evaluation too many: with a patience of 3, the third one in a row without a new "
            "minimum is the last.",
        ),
        Misconception(
            name="one evaluation too early",
            wrong=lambda losses, patience: stopping_point(losses, patience - 1),
            message="You stop one evaluation too early, as if the minimum itself were one without a gain.",
        ),
        Misconception(
            name="counted, but not in a row",
            wrong=_never_reset,
            message="You count all evaluations without a new minimum. Each new minimum shows that training still "
            "helps: what should it do to the count?",
        ),
        Misconception(
            name="the best of all, also after the end",
            wrong=lambda losses, patience: (_stop(losses, patience), _lowest(losses)),
            message="Your best evaluation may lie behind the end of training. What was never reached cannot be kept.",
        ),
        Misconception(
            name="the loss for its number",
            wrong=lambda losses, patience: (_stop(losses, patience), min(losses[: _stop(losses, patience) + 1])),
            message="Your second result is the lowest loss. To find the checkpoint one needs to know at which "
            "evaluation it was.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (BITS_PER_BYTE, STOPPING)

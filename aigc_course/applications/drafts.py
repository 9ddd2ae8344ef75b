"""Drafts of a text: how surprising each is, how alike two are, and which to show to an editor."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from aigc_course.data.token_file import one_line
from aigc_course.data.tokenizer import SEPARATOR, Tokenizer
from aigc_course.errors import UsageError
from aigc_course.models.gpt import GPT
from aigc_course.recipes.text_evaluation import line_nats
from aigc_course.training import LoopSettings, Runtime


def surprise_per_character(model: GPT, tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """How surprised the model is by each text, its end included: (N,) nats per character.

    Raises: UsageError where there is no text.
    """
    if not texts:
        raise UsageError("there are no texts to be surprised by; give at least one")
    lines = [one_line(text) + SEPARATOR for text in texts]
    runtime = Runtime(LoopSettings(device=str(model.token_embedding.weight.device), precision="fp32"))
    nats, _ = line_nats(model, lines, tokenizer, runtime)
    return nats / torch.tensor([len(line) for line in lines])


def likeness(first: str, second: str) -> float:
    """The word pairs that two texts share, over all that one or the other has: 0 to 1, 1 for the same words in order.

    Words are what white space separates, without regard to capitals; the beginning and the end count as words, so that
    a text of one word has pairs too.

    Source: Broder 1997, "On the resemblance and containment of documents", for pairs.

    >>> likeness("so good", "So good"), likeness("so good", "so bad")
    (1.0, 0.2)
    """
    one, other = _pairs(first), _pairs(second)
    return len(one & other) / len(one | other)


def choose_drafts(
    texts: Sequence[str], surprises: Tensor, count: int, *, most_alike: float = 0.5, variety: float = 0.2
) -> list[int]:
    """Which drafts to show, the best first: unsurprising to the model, and unlike those chosen before.

    One after another, always the draft of the lowest surprise + variety * (likeness to the most alike one chosen).
    What is more than `most_alike` like one of those chosen is left out for good: a near-duplicate.

    Args:
        texts: N drafts. surprises: (N,), the lower the better. count: how many to choose, at most.
        most_alike: in [0, 1]; 1 leaves nothing out but the same words again.
        variety: >= 0, what likeness costs in the unit of the surprises; 0 looks at the surprise alone.
    Returns: places in `texts`; fewer than `count` where near-duplicates leave no more.
    Raises: UsageError for a value that is not allowed.
    Source: Carbonell & Goldstein 1998, "The use of MMR", for the trade between the two.
    """
    if surprises.shape != (len(texts),) or not surprises.isfinite().all():
        raise UsageError(f"surprises {tuple(surprises.shape)} must be a finite number for each of {len(texts)} texts")
    if count < 1 or not 0 <= most_alike <= 1 or not variety >= 0:
        raise UsageError(
            f"count = {count}, most_alike = {most_alike}, variety = {variety}; allowed are a count of 1 or more, "
            "most_alike from 0 to 1 and a variety of 0 or more"
        )
    left = dict.fromkeys(range(len(texts)), 0.0)  # of each: likeness to the most alike one chosen
    chosen: list[int] = []
    while left and len(chosen) < count:
        best = min(left, key=lambda number: surprises[number].item() + variety * left[number])
        chosen.append(best)
        del left[best]
        alike = {number: max(before, likeness(texts[best], texts[number])) for number, before in left.items()}
        left = {number: now for number, now in alike.items() if now <= most_alike and now < 1}
    return chosen


def _pairs(text: str) -> set[tuple[str, str]]:
    return set(pairwise(["", *text.lower().split(), ""]))

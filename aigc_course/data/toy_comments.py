"""`toy-comments`: short forum comments from a known grammar, and the grader of comments that a model made.

>>> comments = make_toy_comments(num_comments=100)
>>> all(comment_grammar().parses(comment) for comment in comments.documents("train"))
True
"""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from random import Random

import numpy as np

from aigc_course.data.grammar import Grammar
from aigc_course.data.sets import TextSet
from aigc_course.data.splitting import SPLITS
from aigc_course.data.toy_comments_rules import comment_rules
from aigc_course.errors import UsageError
from aigc_course.metrics.copying import copied_shares

NAME = "toy-comments"


@lru_cache(maxsize=1)
def comment_grammar() -> Grammar:
    """The grammar that the comments come from.

    It is unambiguous, so `entropy_nats()` is exact for comments, and `entropy_per_character_nats()` is the floor
    under the loss of any character model on comments that each end with a newline.
    """
    return Grammar(comment_rules(), "comment")


def make_toy_comments(num_comments: int = 10_000, seed: int = 0) -> TextSet:
    """Independent comments: `num_comments` to train on, a tenth of that (at least 1) in validation and in test each.

    Validation holds nothing that stands in train; test nothing that stands in train or validation. The same
    arguments give the same set on every machine and Python.

    Raises: UsageError when `num_comments` < 1 or `seed` < 0.
    """
    if num_comments < 1 or seed < 0:
        raise UsageError(f"num_comments must be >= 1 and seed >= 0, but are {num_comments} and {seed}")
    splits: dict[str, list[str]] = {}
    seen: set[str] = set()
    for i, split in enumerate(SPLITS):
        stream = _comments(Random(len(SPLITS) * seed + i))
        size = num_comments if split == "train" else max(1, num_comments // 10)
        fresh = stream if split == "train" else (comment for comment in stream if comment not in seen)
        splits[split] = [next(fresh) for _ in range(size)]
        seen.update(splits[split])
    return TextSet(name=NAME, splits=splits)


def grade(comments: Sequence[str], training: Sequence[str]) -> dict[str, float]:
    """Grade generated comments against the grammar and against the comments that the model was trained on.

    Returns:
        parse_rate: share that the grammar can make.
        copied_rate: share of the parsed ones that stand verbatim in `training`.
        distinct_rate: share of different comments among all.
        mean_log_probability_nats: mean over the parsed ones; true comments have minus the grammar's entropy. A model
            that plays safe lies above it.
        longest_copied_share_median: longest stretch that also stands inside a training comment, as a share of the
            comment's length; median over all. Independent true comments have such stretches too: compare with those.
        Rates over the parsed ones are NaN when none parses.
    Raises: UsageError when `comments` or `training` is empty.
    """
    if not comments or not training:
        raise UsageError(f"grade needs comments and training comments, but got {len(comments)} and {len(training)}")
    known = set(training)
    scored = [(comment, comment_grammar().log_probability(comment)) for comment in comments]
    parsed = [(comment, score) for comment, score in scored if score > -math.inf]
    return {
        "parse_rate": len(parsed) / len(comments),
        "copied_rate": _mean([float(comment in known) for comment, _ in parsed]),
        "distinct_rate": len(set(comments)) / len(comments),
        "mean_log_probability_nats": _mean([score for _, score in parsed]),
        "longest_copied_share_median": float(np.median(copied_shares(comments, training))),
    }


def _comments(rng: Random) -> Iterator[str]:
    while True:
        yield comment_grammar().sample(rng)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan

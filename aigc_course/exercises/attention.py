"""Exercises on attention: its weights and the causal mask."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.exercises.compare import as_array
from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def attention_weights(q: Tensor, k: Tensor) -> Tensor:
    """softmax(q kᵀ / sqrt(D)) over the keys: q (T, D), k (S, D) -> (T, S)."""
    return F.softmax(q @ k.T / math.sqrt(q.shape[1]), dim=1)


def causal_weights(scores: Tensor) -> Tensor:
    """Scores (T, T) -> weights (T, T): row t sees the columns 0 to t, itself included, and sums to 1."""
    hidden = torch.ones_like(scores, dtype=torch.bool).triu(1)
    return F.softmax(scores.masked_fill(hidden, -math.inf), dim=1)


def _queries_and_keys(rng: Rng) -> tuple[Tensor, Tensor]:
    n_queries = int(rng.integers(2, 5))
    n_keys = n_queries + int(rng.integers(1, 4))
    d_head = int(rng.choice([4, 9, 16]))
    return normal(rng, n_queries, d_head), normal(rng, n_keys, d_head)


def _each_query_shares_out_one(answer: Answer, rng: Rng) -> bool:
    q, k = _queries_and_keys(rng)
    weights = as_array(answer(q, k))
    return weights is not None and weights.shape == (len(q), len(k)) and near(weights.sum(1), np.ones(len(q)))


def _repeated_features_change_nothing(answer: Answer, rng: Rng) -> bool:
    q, k = _queries_and_keys(rng)
    return near(answer(torch.cat([q, q], 1) / math.sqrt(2), torch.cat([k, k], 1)), answer(q, k))


WEIGHTS = Exercise(
    id="06.1",
    title="Attention weights",
    stars=1,
    minutes=6,
    inputs=_queries_and_keys,
    reference=attention_weights,
    extremes=((100 * torch.eye(4), 100 * torch.eye(4)),),
    hints=(
        "Begin with the scores: one row for each query, one column for each key. Which matrix product has that shape?",
        "Divide the scores by their standard deviation for random q and k. It was derived just above.",
        "Each query shares out a total of 1 among the keys. Along which axis of (T, S) do the keys lie?",
        "The scores are q @ k.T / math.sqrt(D), with D = q.shape[1]; torch.softmax takes the axis as dim.",
    ),
    properties=(
        Property(
            statement="each query has one row of weights, and shares out exactly 1 among the keys",
            holds=_each_query_shares_out_one,
        ),
        Property(
            statement="repeating every feature, with q divided by the square root of 2, changes nothing",
            holds=_repeated_features_change_nothing,
        ),
    ),
    misconceptions=(
        Misconception(
            name="softmax over the queries",
            wrong=lambda q, k: F.softmax(q @ k.T / math.sqrt(q.shape[1]), dim=0),
            message="Your columns sum to 1: each key shares itself out among the queries. "
            "It is the query that chooses, so look at which axis your softmax normalises.",
        ),
        Misconception(
            name="scaled by D",
            wrong=lambda q, k: F.softmax(q @ k.T / q.shape[1], dim=1),
            message="You divided by D. That is the variance of a score for random q and k; "
            "what brings the scores to unit size is their standard deviation.",
        ),
        Misconception(
            name="not scaled",
            wrong=lambda q, k: F.softmax(q @ k.T, dim=1),
            message="Your scores are not scaled. They grow with the number of features, "
            "so that in wide heads one key would take nearly all the weight.",
        ),
        Misconception(
            name="scaled the wrong way",
            wrong=lambda q, k: F.softmax(q @ k.T * math.sqrt(q.shape[1]), dim=1),
            message="You multiplied by the square root of D. The scores are too large already; the scale makes them "
            "smaller.",
        ),
        Misconception(
            name="keys ask queries",
            wrong=lambda q, k: F.softmax(k @ q.T / math.sqrt(q.shape[1]), dim=1),
            message="You have one row for each key. Rows belong to the queries: it is they that ask.",
        ),
    ),
)


def _scores(rng: Rng) -> tuple[Tensor]:
    n_tokens = int(rng.integers(3, 7))
    return (normal(rng, n_tokens, n_tokens),)


def _rows_sum_to_one(answer: Answer, rng: Rng) -> bool:
    (scores,) = _scores(rng)
    weights = as_array(answer(scores))
    return weights is not None and near(weights.sum(1), np.ones(len(scores)))


def _equal_scores_share_equally(answer: Answer, rng: Rng) -> bool:
    n = int(rng.integers(2, 7))
    return near(answer(torch.zeros(n, n)), torch.ones(n, n).tril() / torch.arange(1, n + 1)[:, None])


def _future_scores_do_not_matter(answer: Answer, rng: Rng) -> bool:
    (scores,) = _scores(rng)
    return near(answer(scores + 5 * normal(rng, *scores.shape).triu(1)), answer(scores))


def _masked_before(scores: Tensor, hidden: Tensor) -> Tensor:
    return F.softmax(scores.masked_fill(hidden.bool(), -math.inf), dim=1)


CAUSAL = Exercise(
    id="06.2",
    title="The causal mask",
    stars=2,
    minutes=8,
    inputs=_scores,
    reference=causal_weights,
    extremes=((torch.tensor([[-1000.0, 1000.0], [1000.0, -1000.0]]),),),
    hints=(
        "What must a score be so that its weight after the softmax is exactly 0? Think of exp.",
        "Token t sees the columns 0, ..., t. The hidden places lie strictly above the diagonal.",
        "torch.triu with diagonal=1 keeps what lies strictly above the diagonal; masked_fill takes a mask of booleans.",
        "Fill the hidden scores with -math.inf, and take the softmax of each row after that.",
    ),
    properties=(
        Property(statement="every row of the weights sums to 1", holds=_rows_sum_to_one),
        Property(
            statement="with equal scores, token t gives 1/(t+1) to each of the tokens 0 to t",
            holds=_equal_scores_share_equally,
        ),
        Property(statement="scores of later tokens have no influence", holds=_future_scores_do_not_matter),
    ),
    misconceptions=(
        Misconception(
            name="masked after the softmax",
            wrong=lambda scores: F.softmax(scores, dim=1).tril(),
            message="You set weights to 0 after the softmax, so your rows no longer sum to 1; and the hidden scores "
            "still act, because they stand in the softmax's denominator.",
        ),
        Misconception(
            name="zero instead of minus infinity",
            wrong=lambda scores: F.softmax(scores.tril(), dim=1),
            message="You set the hidden scores to 0. But exp(0) = 1, so hidden tokens still get weight. "
            "Which score has an exponential of 0?",
        ),
        Misconception(
            name="sees the next token",
            wrong=lambda scores: _masked_before(scores, torch.ones_like(scores).triu(2)),
            message="Your mask begins one place too late: each token sees the next one, "
            "the very token that it has to predict.",
        ),
        Misconception(
            name="does not see itself",
            wrong=lambda scores: _masked_before(scores, torch.ones_like(scores).triu(0)),
            message="Your mask begins one place too early: a token does not see itself, and the first one sees nothing "
            "at all, so that its row is 0/0.",
        ),
        Misconception(
            name="sees only the future",
            wrong=lambda scores: _masked_before(scores, torch.ones_like(scores).tril(-1)),
            message="You hid the past and left the future visible. In row t, the columns after t are the future.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (WEIGHTS, CAUSAL)

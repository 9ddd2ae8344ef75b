"""Exercises on drawing the next token: temperature, and the nucleus (top-p)."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.exercises.compare import as_array
from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Next-token probabilities (V,) from logits (V,), at a temperature > 0."""
    return F.softmax(logits / temperature, dim=0)


def nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """(V,) -> (V,): the likeliest tokens that reach the mass top_p together, rescaled to sum to 1; the others 0."""
    best, order = probabilities.sort(descending=True)
    kept = best * (best.cumsum(0) - best < top_p)  # what stands before a token has not reached top_p yet
    return torch.zeros_like(probabilities).scatter(0, order, kept / kept.sum())


def _logits_and_temperature(rng: Rng) -> tuple[Tensor, float]:
    temperature = rng.uniform(0.4, 0.8) if rng.random() < 0.5 else rng.uniform(1.25, 2.5)
    return 2 * normal(rng, int(rng.integers(4, 10))), float(temperature)


def _temperature_one_is_the_model(answer: Answer, rng: Rng) -> bool:
    logits, _ = _logits_and_temperature(rng)
    return near(answer(logits, 1.0), logits.softmax(0))


def _log_odds_are_divided(answer: Answer, rng: Rng) -> bool:
    logits, temperature = _logits_and_temperature(rng)
    given = as_array(answer(logits, temperature))
    assert given is not None
    odds = np.log(given[0] / given[1])
    return near(odds, (logits[0] - logits[1]).item() / temperature) and near(given.sum(), 1.0)


def _a_common_shift_does_not_matter(answer: Answer, rng: Rng) -> bool:
    logits, temperature = _logits_and_temperature(rng)
    return near(answer(logits + 1000, temperature), answer(logits, temperature), 1e-2)


TEMPERATURE = Exercise(
    id="06.8",
    title="Temperature",
    stars=1,
    minutes=4,
    inputs=_logits_and_temperature,
    reference=tempered,
    extremes=((torch.tensor([1000.0, 0.0, -1000.0]), 0.5),),
    hints=(
        "Low temperatures sharpen: the differences between logits must become larger when T becomes smaller.",
        "Temperature acts on the logits, before they become probabilities.",
        "One division and one torch.softmax over the vocabulary.",
    ),
    properties=(
        Property(statement="temperature 1 gives the model's own probabilities", holds=_temperature_one_is_the_model),
        Property(
            statement="the log-odds of two tokens are divided by the temperature, and all sum to 1",
            holds=_log_odds_are_divided,
        ),
        Property(
            statement="adding 1,000 to every logit changes nothing (no exponential overflows)",
            holds=_a_common_shift_does_not_matter,
        ),
    ),
    misconceptions=(
        Misconception(
            name="multiplied",
            wrong=lambda logits, temperature: F.softmax(logits * temperature, dim=0),
            message="You multiplied the logits by the temperature, so that heat sharpens and cold flattens. "
            "It is the other way round.",
        ),
        Misconception(
            name="probabilities divided",
            wrong=lambda logits, temperature: F.softmax(logits, dim=0) / temperature,
            message="You divided the probabilities. They no longer sum to 1, and their ratios are as before.",
        ),
        Misconception(
            name="divided and rescaled",
            wrong=lambda logits, _temperature: F.softmax(logits, dim=0),
            message="Your result is the model's own distribution at every temperature. A factor common to all "
            "probabilities cancels when they are made to sum to 1.",
        ),
        Misconception(
            name="softmax twice",
            wrong=lambda logits, temperature: F.softmax(F.softmax(logits, dim=0) / temperature, dim=0),
            message="You took the softmax of probabilities. They all lie between 0 and 1, so a second softmax makes "
            "them nearly equal; the temperature belongs into the first.",
        ),
    ),
)


def _probabilities_and_mass(rng: Rng) -> tuple[Tensor, float]:
    """A distribution whose likeliest token has less than top_p, and whose cumulative sums keep away from top_p."""
    while True:
        probabilities = torch.from_numpy(rng.dirichlet(np.full(8, 0.7)))
        top_p = float(rng.uniform(0.5, 0.95))
        reached = probabilities.sort(descending=True).values.cumsum(0)
        if reached[0] < top_p - 0.02 and (reached - top_p).abs().min() > 0.01:
            return probabilities, top_p


def _kept_tokens_keep_their_ratios(answer: Answer, rng: Rng) -> bool:
    probabilities, top_p = _probabilities_and_mass(rng)
    given = as_array(answer(probabilities, top_p))
    assert given is not None
    kept = given > 0
    p = probabilities.double().numpy()
    return near(given[kept], p[kept] / p[kept].sum()) and near(given.sum(), 1.0)


def _the_smallest_set_that_reaches_it(answer: Answer, rng: Rng) -> bool:
    probabilities, top_p = _probabilities_and_mass(rng)
    given = as_array(answer(probabilities, top_p))
    assert given is not None
    kept, p = given > 0, probabilities.double().numpy()
    return bool(p[kept].sum() >= top_p > p[kept].sum() - p[kept].min() and p[kept].min() >= p[~kept].max(initial=0.0))


def _everything_at_one(answer: Answer, rng: Rng) -> bool:
    probabilities = (normal(rng, 6) / 2).softmax(0)
    return near(answer(probabilities, 1.0), probabilities)


def _kept(keep_sorted: Tensor, probabilities: Tensor, order: Tensor) -> Tensor:
    keep = torch.zeros_like(keep_sorted).scatter(0, order, keep_sorted)
    return torch.where(keep, probabilities, 0.0)


def _crossing_token_left_out(probabilities: Tensor, top_p: float) -> Tensor:
    best, order = probabilities.sort(descending=True)
    kept = _kept(best.cumsum(0) <= top_p, probabilities, order)
    return kept / kept.sum()


def _unsorted(probabilities: Tensor, top_p: float) -> Tensor:
    kept = probabilities * (probabilities.cumsum(0) - probabilities < top_p)
    return kept / kept.sum()


def _unlikely_end(probabilities: Tensor, top_p: float) -> Tensor:
    worst, order = probabilities.sort()
    kept = _kept(worst.cumsum(0) - worst < top_p, probabilities, order)
    return kept / kept.sum()


def _left_sorted(probabilities: Tensor, top_p: float) -> Tensor:
    best = probabilities.sort(descending=True).values
    kept = best * (best.cumsum(0) - best < top_p)
    return kept / kept.sum()


NUCLEUS = Exercise(
    id="06.9",
    title="The nucleus (top-p)",
    stars=3,
    minutes=12,
    inputs=_probabilities_and_mass,
    reference=nucleus,
    hints=(
        "Sort by probability, the likeliest first, and watch the running total.",
        "A token stays while the total of those *before* it is below top_p: so the one that crosses top_p stays too.",
        "The total before each token is cumsum - p. torch.sort gives the order as well as the values.",
        "torch.zeros_like(probabilities).scatter(0, order, kept) brings the values back to their own places; "
        "divide by their sum.",
    ),
    properties=(
        Property(
            statement="the kept tokens keep their ratios and their places, and sum to 1",
            holds=_kept_tokens_keep_their_ratios,
        ),
        Property(
            statement="the kept tokens are the smallest set of likeliest ones that reaches top_p",
            holds=_the_smallest_set_that_reaches_it,
        ),
        Property(statement="top_p = 1 keeps everything", holds=_everything_at_one),
    ),
    misconceptions=(
        Misconception(
            name="the crossing token left out",
            wrong=_crossing_token_left_out,
            message="You left out the token that crosses top_p, so what you keep has less than that mass. "
            "Where the likeliest token alone has more than top_p, you would keep nothing.",
        ),
        Misconception(
            name="not rescaled",
            wrong=lambda probabilities, top_p: nucleus(probabilities, top_p) * _mass(probabilities, top_p),
            message="The right tokens are kept, but they no longer sum to 1.",
        ),
        Misconception(
            name="not sorted",
            wrong=_unsorted,
            message="You added up in the order of the vocabulary. Which tokens are kept must not depend on their ids.",
        ),
        Misconception(
            name="the unlikely end",
            wrong=_unlikely_end,
            message="You sorted the other way round and kept the unlikely tokens.",
        ),
        Misconception(
            name="left in sorted order",
            wrong=_left_sorted,
            message="The values are right, but they still stand in sorted order: place 0 of your result is the "
            "likeliest token, not the token with id 0.",
        ),
    ),
)


def _mass(probabilities: Tensor, top_p: float) -> Tensor:
    return probabilities[nucleus(probabilities, top_p) > 0].sum()


EXERCISES: tuple[Exercise, ...] = (TEMPERATURE, NUCLEUS)

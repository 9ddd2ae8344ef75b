"""Right answers of notebook 12 in other words, and the package's own versions of what they compute."""

import heapq

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise
from aigc_course.export import symmetric_grid
from aigc_course.models.gpt import GPT, GPTConfig


def weights_by_rows(weights, bits):
    rows = []
    for row in weights:
        step = (row.abs().max() / (2 ** (bits - 1) - 1)).item() or 1.0
        rows.append(torch.clamp(torch.round(row / step), -(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1) * step)
    return torch.stack(rows)


def weights_by_the_package(weights, bits):
    return symmetric_grid(weights.numpy(), bits, axis=0).rounded(weights.numpy())


def latency_by_a_heap(arrivals, durations, share):
    free, latencies = [0.0 if arrivals.min() >= 0 else float(arrivals.min())], []
    for arrival, duration in zip(arrivals.tolist(), durations.tolist(), strict=True):
        end = max(heapq.heappop(free), arrival) + duration
        heapq.heappush(free, end)
        latencies.append(end - arrival)
    return np.quantile(latencies, share, method="inverted_cdf")


def latency_by_the_largest_sum(arrivals, durations, share):
    """Lindley's recursion, unrolled: an end is the largest arrival and all work after it."""
    total = durations.cumsum(0)
    ends = (arrivals - total + durations).cummax(0).values + total
    return (ends - arrivals).sort().values[int(np.ceil(share * len(arrivals))) - 1]


def distance_by_scipy(reference, current):
    return ks_2samp(reference, current).statistic


def distance_by_bisection(reference, current):
    places = np.union1d(reference, current)
    first, second = (np.searchsorted(np.sort(x), places, side="left") / len(x) for x in (reference, current))
    return np.abs(first - second).max()


REWRITES = [
    ("12.1", weights_by_rows),
    ("12.1", weights_by_the_package),
    ("12.2", lambda layers, heads, width, tokens, texts, size: layers * texts * tokens * 2 * (heads * width) * size),
    ("12.3", latency_by_a_heap),
    ("12.3", latency_by_the_largest_sum),
    ("12.4", distance_by_scipy),
    ("12.4", distance_by_bisection),
]


@pytest.mark.parametrize(("exercise_id", "answer"), REWRITES)
def test_a_valid_rewrite_passes(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result


def test_the_cache_is_as_large_as_that_of_the_package():
    config = GPTConfig(vocab_size=5, context_length=9, d_model=12, n_layers=3, n_heads=2)
    store = GPT(config).new_cache(4).store
    assert store.nbytes == exercise("12.2").reference(3, 2, 6, 9, 4, 4)


def weights_with_the_lowest_number(weights, bits):
    """-128 too, which leaves the largest positive weight beyond the grid's end."""
    step = weights.abs().amax(dim=1, keepdim=True) / 2 ** (bits - 1)
    return (weights / step).round() * step


def latency_by_interpolation_of_the_work(arrivals, durations, share):
    return durations.quantile(share)


NOT_LISTED = [
    ("12.1", weights_with_the_lowest_number, "wrong value"),
    ("12.3", latency_by_interpolation_of_the_work, "wrong value"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "kind"), NOT_LISTED)
def test_a_mistake_that_is_not_listed_is_found(exercise_id, answer, kind):
    result = judge(exercise(exercise_id), answer, seed=0)
    assert (result.status, result.kind, result.misconception) == ("failed", kind, None), result

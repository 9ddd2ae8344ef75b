"""The exercise on how long the slow requests take."""

import math

import torch
from torch import Tensor

from aigc_course.exercises.draws import near
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def slow_latency(arrivals: Tensor, durations: Tensor, share: float) -> float:
    """The smallest latency that at least this share of the requests does not exceed.

    One worker takes the requests in their order; a request's latency is from its arrival to the end of its work.

    Args: arrivals: (N,) seconds, rising. durations: (N,) seconds of work. share: in (0, 1), 0.95 for p95.
    """
    return _rank(_latencies(arrivals, durations), share)


def _latencies(arrivals: Tensor, durations: Tensor) -> list[float]:
    found, end = [], -math.inf
    for arrival, duration in zip(arrivals.tolist(), durations.tolist(), strict=True):
        end = max(arrival, end) + duration
        found.append(end - arrival)
    return found


def _rank(latencies: list[float], share: float) -> float:
    return sorted(latencies)[math.ceil(share * len(latencies)) - 1]


def _requests(rng: Rng) -> tuple[Tensor, Tensor, float]:
    """A worker that is busy most of the time; share * N is no whole number, so that all ways to count agree."""
    share, count = ((0.5, 25), (0.9, 23), (0.9, 37), (0.95, 31), (0.95, 47))[int(rng.integers(0, 5))]
    durations = torch.from_numpy(rng.exponential(1.0, size=count))
    return torch.from_numpy(rng.exponential(1.3, size=count).cumsum()), durations, share


def _far_apart(answer: Answer, rng: Rng) -> bool:
    """Nobody waits: the latency is the duration."""
    arrivals, durations, share = _requests(rng)
    alone = 1000.0 * torch.arange(len(arrivals)).double()
    return near(answer(alone, durations, share), _rank(durations.tolist(), share))


def _all_at_once(answer: Answer, rng: Rng) -> bool:
    """The k-th of equal requests waits for k - 1 others."""
    arrivals, _, share = _requests(rng)
    duration = float(rng.uniform(0.5, 2))
    count = len(arrivals)
    equal = torch.full((count,), duration).double()
    return near(answer(torch.full((count,), 5.0).double(), equal, share), duration * math.ceil(share * count))


def _another_clock(answer: Answer, rng: Rng) -> bool:
    arrivals, durations, share = _requests(rng)
    return near(answer(3 * arrivals + 100, 3 * durations, share), 3 * float(answer(arrivals, durations, share)))


def _one_slow_request(answer: Answer, rng: Rng) -> bool:
    """Far from the others, the slowest 1 of many is above p95, however slow."""
    arrivals, durations, _ = _requests(rng)
    alone = 1000.0 * torch.arange(len(arrivals)).double()
    slower = durations.clone()
    slower[int(durations.argmax())] = 900.0
    return near(answer(alone, slower, 0.7), answer(alone, durations, 0.7))


def _mean(arrivals: Tensor, durations: Tensor, _: float) -> float:
    latencies = _latencies(arrivals, durations)
    return sum(latencies) / len(latencies)


def _largest(arrivals: Tensor, durations: Tensor, _: float) -> float:
    return max(_latencies(arrivals, durations))


def _work_alone(_: Tensor, durations: Tensor, share: float) -> float:
    return _rank(durations.tolist(), share)


def _waiting_alone(arrivals: Tensor, durations: Tensor, share: float) -> float:
    pairs = zip(_latencies(arrivals, durations), durations.tolist(), strict=True)
    return _rank([latency - duration for latency, duration in pairs], share)


def _never_idle(arrivals: Tensor, durations: Tensor, share: float) -> float:
    ends = arrivals[0] + durations.cumsum(0)
    return _rank((ends - arrivals).tolist(), share)


def _share_of_the_largest(arrivals: Tensor, durations: Tensor, share: float) -> float:
    return share * max(_latencies(arrivals, durations))


def _other_end(arrivals: Tensor, durations: Tensor, share: float) -> float:
    return _rank(_latencies(arrivals, durations), 1 - share + 1e-9)


SLOW_LATENCY = Exercise(
    id="12.3",
    title="The slow ones",
    stars=2,
    minutes=10,
    inputs=_requests,
    reference=slow_latency,
    hints=(
        "Go through the requests in their order and keep one number: when the worker ends what it does.",
        "Work on a request begins at its arrival, or when the worker is free, whichever is later: "
        "end = max(arrival, end) + duration.",
        "The latency is end - arrival: waiting and work together.",
        "Sort the N latencies. The one on place ceil(share * N), counted from 1, is not exceeded by that share.",
    ),
    properties=(
        Property(statement="requests that never meet take as long as their work", holds=_far_apart),
        Property(statement="the k-th of equal requests that come at once takes k times as long", holds=_all_at_once),
        Property(statement="another clock, or another unit of time, changes nothing else", holds=_another_clock),
        Property(
            statement="one request among many does not move the percentile, however slow it is",
            holds=_one_slow_request,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the mean",
            wrong=_mean,
            message="You gave the mean latency. It says little of the slow ones: nine requests of 0.1 s and one of "
            "10 s have a mean of 1.1 s, which nobody had.",
        ),
        Misconception(
            name="the largest",
            wrong=_largest,
            message="You gave the slowest request of all. It grows with the number of requests and depends on a single "
            "one; a percentile leaves a share of them out.",
        ),
        Misconception(
            name="work without waiting",
            wrong=_work_alone,
            message="You looked at the work alone. Whoever waits for an answer also waits for those before: the "
            "latency begins at the arrival.",
        ),
        Misconception(
            name="waiting without work",
            wrong=_waiting_alone,
            message="You counted until the work begins. The answer is there when it ends.",
        ),
        Misconception(
            name="a worker that is never idle",
            wrong=_never_idle,
            message="You added up all durations from the first arrival on, as if a worker could start on requests that "
            "have not come yet. Where it is free, it has to wait: max(arrival, end).",
        ),
        Misconception(
            name="a share of the largest",
            wrong=_share_of_the_largest,
            message="You took that share of the largest latency. A percentile counts requests: sort them.",
        ),
        Misconception(
            name="counted from the slow end",
            wrong=_other_end,
            message="You counted from the other end: that is the latency of the fast ones.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (SLOW_LATENCY,)

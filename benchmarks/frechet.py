"""Time of the Fréchet distance against scipy's square root of a matrix, and the memory that its statistics need.

Time: two sets of 10,000 × 512 features in float32, from features to distance; the limit is 1 s. The other way is that
of pytorch-fid: numpy's mean and covariance, then `scipy.linalg.sqrtm` of the product. The distances must agree.

Memory: statistics of 50,000 × 2048 features (as wide as Inception-v3's) in batches of 250, in a process of its own; the
limit is 2 GB. The features are random: their making is part of what is measured, a network is not.
Run it on an idle machine:

    python benchmarks/frechet.py [--rounds 5] [--json PATH]
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import torch
from measure import Row, Timing, ratio, rounds, show, side_by_side, write_result
from scipy.linalg import sqrtm

from aigc_course.metrics import frechet_distance

EXAMPLES, DIMS = 10_000, 512
LIMIT_SECONDS, LIMIT_MB = 1.0, 2_000
TITLE = f"Fréchet distance of 2 × {EXAMPLES:,} × {DIMS}"

_STREAM = """
import json, resource, sys, time
from pathlib import Path
import torch
from aigc_course.metrics import FeatureStatistics

def peak_mb():
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss counts what the parent had in memory when it started this process
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)

before, begin, seen = peak_mb(), time.perf_counter(), FeatureStatistics()
for _ in range(200):
    seen.update(torch.randn(250, 2048).relu())
trace = seen.covariance.trace().item()
seconds = time.perf_counter() - begin
print(json.dumps({"examples": seen.count, "seconds": seconds, "peak_mb": peak_mb(), "peak_mb_before": before}))
"""


def correlated(seed: int) -> torch.Tensor:
    """(EXAMPLES, DIMS) float32 >= 0, as the last layer of a network makes them: correlated, many zeros."""
    source = torch.Generator().manual_seed(seed)
    mixing = torch.randn(DIMS, DIMS, generator=torch.Generator().manual_seed(0)) / DIMS**0.5
    return (torch.randn(EXAMPLES, DIMS, generator=source) @ mixing + 0.1 * seed).relu()


def by_square_root(real: torch.Tensor, fake: torch.Tensor) -> float:
    """The distance as pytorch-fid computes it."""
    moments = [(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (real.double().numpy(), fake.double().numpy())]
    (first_mean, first), (second_mean, second) = moments
    root = sqrtm(first @ second).real
    shift = first_mean - second_mean
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * np.trace(root))


def main() -> None:
    """Compare, time, measure memory; the exit status is 1 when a limit is passed."""
    real, fake = correlated(1), correlated(2)
    distances = {"singular values": frechet_distance(real, fake), "scipy's sqrtm": by_square_root(real, fake)}
    print(f"distances {distances}")
    if not np.isclose(*distances.values(), rtol=1e-6):
        sys.exit("the two ways differ")

    def timed(way: Callable[[torch.Tensor, torch.Tensor], float]) -> Callable[[], int]:
        def run() -> int:
            way(real, fake)
            return 2 * EXAMPLES

        return run

    ways = {"singular values": timed(frechet_distance), "scipy's sqrtm": timed(by_square_root)}
    timings = side_by_side(ways, rounds=rounds(5), unit="examples")
    ours, theirs = timings["singular values"], timings["scipy's sqrtm"]
    show(TITLE, timings, {"ours / scipy's sqrtm": ratio(ours, theirs)})
    seconds = {name: statistics.median(seconds_of(t)) for name, t in timings.items()}
    print("  " + ", ".join(f"{name}: {value:.2f} s" for name, value in seconds.items()))

    done = subprocess.run([sys.executable, "-c", _STREAM], stdout=subprocess.PIPE, text=True, check=True)
    memory = json.loads(done.stdout)
    print(
        f"{memory['examples']:,} × 2048 streamed in {memory['seconds']:.1f} s: peak {memory['peak_mb']:,.0f} MB, of "
        f"which {memory['peak_mb_before']:,.0f} before the first batch"
    )
    write_result(TITLE, rows(ours, theirs, memory), peer="scipy's sqrtm")
    sys.exit(seconds["singular values"] > LIMIT_SECONDS or memory["peak_mb"] > LIMIT_MB)


def seconds_of(timing: Timing) -> tuple[float, ...]:
    """Of one distance, a number a round."""
    return tuple(2 * EXAMPLES / rate for rate in timing.rates)


def rows(ours: Timing, theirs: Timing, memory: dict[str, float]) -> list[Row]:
    """The time of a distance, and the memory of statistics."""
    both = {"ours": seconds_of(ours), "peer": seconds_of(theirs)}
    statistics_of = f"statistics of {memory['examples']:,} × 2048: peak of memory"
    return [
        Row(what="from features to distance", unit="s", **both, ratio="peer / ours", limit=LIMIT_SECONDS),
        Row(what=statistics_of, unit="MB", ours=(memory["peak_mb"],), limit=LIMIT_MB),
    ]


if __name__ == "__main__":
    main()

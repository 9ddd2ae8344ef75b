"""Time several ways of doing one thing side by side: alternating rounds, medians, ratios, the machine beside them.

What a script measured is written by `write_result` as a `Result`, from which results.py makes RESULTS.md.
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch

from aigc_course.config import to_dict
from aigc_course.files import write_json
from aigc_course.training.hardware import processor


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Rates of one way, one number a round."""

    name: str
    unit: str  # what is counted, as "images"
    rates: tuple[float, ...]  # units per second, in the order of the rounds

    @property
    def median(self) -> float:
        """Units per second."""
        return statistics.median(self.rates)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the figures depend on, besides the code."""

    processor: str
    cores: int  # of the machine
    threads: int  # of torch
    load: float  # how many processes wanted a processor in the last minute, the benchmark among them
    system: str
    python: str
    torch: str
    gpu: str = ""  # of a benchmark that runs on one


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one figure was in each round, or with each seed, of the course's way and, where there is one, the peer's."""

    what: str
    unit: str  # of the values, as "images/s"
    ours: tuple[float, ...]
    peer: tuple[float, ...] = ()
    ratio: Literal["ours / peer", "peer / ours", "none"] = "none"  # the one that is above 1 where ours is better
    limit: float | None = None  # the most that ours may be

    def __post_init__(self) -> None:
        if not self.ours:
            raise ValueError(f"{self.what!r} has no values in ours")
        if self.ratio != "none" and len(self.ours) != len(self.peer):
            raise ValueError(f"{self.what!r} has {len(self.ours)} values in ours and {len(self.peer)} in peer")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run of a benchmark, as --json PATH writes it."""

    script: str  # "generation.py"
    command: str  # that gave it, with PATH/TO in the place of this machine's folders
    title: str
    peer: str = ""  # the peer's name, where all rows have the same
    machine: Machine
    rows: tuple[Row, ...]


def side_by_side(ways: dict[str, Callable[[], int]], *, rounds: int, unit: str) -> dict[str, Timing]:
    """Run every way once a round, the order turned round each time, after one round that doesn't count.

    Args:
        ways: name -> function that does the work once and returns how many units it did.
        rounds: how many rounds count.
    """
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in ways if number % 2 else reversed(ways):
            begin = time.perf_counter()
            count = ways[name]()
            seconds = time.perf_counter() - begin
            if number:
                rates[name].append(count / seconds)
                print(f"round {number}/{rounds}  {name:32s} {count / seconds:12,.0f} {unit}/s", file=sys.stderr)
    return {name: Timing(name=name, unit=unit, rates=tuple(values)) for name, values in rates.items()}


def ratio(fast: Timing, slow: Timing) -> tuple[float, float, float]:
    """Median, smallest and largest ratio of rates over the rounds, each of two timings of the same round."""
    ratios = [a / b for a, b in zip(fast.rates, slow.rates, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def machine() -> dict[str, str | int | float]:
    """The fields of `Machine`; the load is unknown (NaN) on Windows."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "processor": processor(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "load": round(load, 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "",
    }


def show(title: str, timings: dict[str, Timing], ratios: dict[str, tuple[float, float, float]]) -> None:
    """Print a table."""
    print(f"{title}\n{json.dumps(machine())}")
    for timing in timings.values():
        low, high = min(timing.rates), max(timing.rates)
        print(f"  {timing.name:32s} {timing.median:12,.0f} {timing.unit}/s   ({low:,.0f} to {high:,.0f})")
    for name, (median, low, high) in ratios.items():
        print(f"  {name:32s} {median:12.2f} ×   ({low:.2f} to {high:.2f})")


def report(title: str, timings: dict[str, Timing], pairs: dict[str, tuple[Timing, Timing]], *, peer: str = "") -> None:
    """Print all timings and the ratio of each pair (ours, the peer's); the pairs are the rows of the result."""
    show(title, timings, {name: ratio(*pair) for name, pair in pairs.items()})
    write_result(title, [rate_row(name, *pair) for name, pair in pairs.items()], peer=peer)


def rate_row(what: str, ours: Timing, peer: Timing) -> Row:
    """Two timings as a row."""
    return Row(what=what, unit=f"{ours.unit}/s", ours=ours.rates, peer=peer.rates, ratio="ours / peer")


def write_result(title: str, rows: list[Row], *, peer: str = "") -> None:
    """Write a `Result` where --json PATH was given."""
    if path := json_path():
        found = Result(
            script=Path(sys.argv[0]).name,
            command=shown_command(sys.argv),
            title=title,
            peer=peer,
            machine=Machine(**machine()),  # type: ignore[arg-type]
            rows=tuple(rows),
        )
        write_json(path, to_dict(found))


def shown_command(arguments: list[str]) -> str:
    """A command line for others: without --json PATH, and with PATH/TO in the place of this machine's folders.

    >>> shown_command(["benchmarks/serving.py", "writer=/home/me/runs/7", "--json", "build/serving.json"])
    'python benchmarks/serving.py writer=PATH/TO/7'
    """
    shown: list[str] = []
    for before, argument in pairwise(arguments):
        if "--json" not in (before, argument.partition("=")[0]):
            name, equals, value = argument.rpartition("=")
            absolute = Path(value).is_absolute()
            shown.append(f"{name}{equals}PATH/TO/{Path(value).name}" if absolute else argument)
    return shlex.join(["python", f"benchmarks/{Path(arguments[0]).name}", *shown])


def json_path() -> Path | None:
    """The file of --json PATH."""
    return _arguments().json


def rounds(default: int) -> int:
    """The number of rounds: --rounds, else `default`."""
    return _arguments().rounds or default


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--rounds", type=int, help="how many rounds count")
    return parser.parse_known_args()[0]

"""Time several ways of doing one thing side by side: alternating rounds, medians, ratios, the machine beside them."""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

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
    """What the figures depend on, besides the code; `load` says how busy the machine was otherwise."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "processor": processor(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "load": round(load, 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def report(title: str, timings: dict[str, Timing], ratios: dict[str, tuple[float, float, float]]) -> None:
    """Print a table, and write it as JSON where --json PATH was given."""
    print(f"{title}\n{json.dumps(machine())}")
    for timing in timings.values():
        low, high = min(timing.rates), max(timing.rates)
        print(f"  {timing.name:32s} {timing.median:12,.0f} {timing.unit}/s   ({low:,.0f} to {high:,.0f})")
    for name, (median, low, high) in ratios.items():
        print(f"  {name:32s} {median:12.2f} ×   ({low:.2f} to {high:.2f})")
    if path := json_path():
        values = {"title": title, "machine": machine(), "ratios": ratios}
        write_json(path, values | {"timings": [asdict(timing) for timing in timings.values()]})


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

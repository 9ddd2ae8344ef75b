"""`aigc-course serve` under load: requests of text, images and sound from many clients at the same time.

A server in a process of its own answers 200 requests from 16 clients, and the generators alone do the same work in this
process, one piece after another. Counted are the answers by status; each must be what the generator makes of the same
seed. Then a server whose queue has two places gets the same load: it may refuse with 429, and what it answers must be
right. Run it on an idle machine:

    taskset -c 0,1 python benchmarks/serving.py [--requests 200] [--clients 16] [--rounds 3] [--json PATH] [RUN ...]

Without runs it serves the newest finished ones, as the command does.
"""

import argparse
import base64
import collections
import concurrent.futures
import contextlib
import json
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from measure import Row, machine, write_result

from aigc_course import serving

PLACES = 64  # in the queue of the first server: enough for all clients
FEW_PLACES = 2  # in that of the second


def requests_of(models: dict[str, serving.ServedModel], count: int) -> list[tuple[str, dict[str, Any]]]:
    """(route, arguments) of `count` requests, the kinds in turn, each with its own seed."""
    shapes = {
        "text": ("/v1/text", {"prompt": "the ", "max_length": 200}),
        "images": ("/v1/images", {"num_images": 16}),
        "audio": ("/v1/audio", {}),
    }
    made = []
    for seed in range(count):
        model = list(models.values())[seed % len(models)]
        route, arguments = shapes[model.kind]
        made.append((route, {"model": model.name, "seed": seed} | arguments))
    return made


def directly(models: dict[str, serving.ServedModel], route: str, arguments: dict[str, Any]) -> Any:
    """What the generator makes of the same arguments, in the form of the server's answer."""
    generator: Any = models[arguments["model"]].generator
    seed = arguments["seed"]
    if route == "/v1/text":
        return str(generator.generate(arguments["prompt"], max_length=arguments["max_length"], seed=seed))
    if route == "/v1/images":
        return generator.generate_images(arguments["num_images"], seed=seed).to_pngs()
    return generator.generate_audio(None, seed=seed).to_wav()


def content(answer: dict[str, Any]) -> Any:
    """The text, the images or the sound in an answer."""
    if answer["kind"] == "text":
        return answer["text"]
    if answer["kind"] == "images":
        return [base64.b64decode(image["png"]) for image in answer["images"]]
    return base64.b64decode(answer["wav"])


@contextlib.contextmanager
def server(runs: list[str], queue: int) -> Iterator[str]:
    """The address of `aigc-course serve` in a process of its own."""
    command = [sys.executable, "-u", "-m", "aigc_course.cli", "serve", *runs, "--port", "0", "--queue", str(queue)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        process.kill()


def load(address: str, asked: list[tuple[str, dict[str, Any]]], clients: int) -> tuple[list[httpx.Response], float]:
    """All answers, in the order of the requests, and the seconds that they took together."""
    pool = concurrent.futures.ThreadPoolExecutor(clients)
    with httpx.Client(base_url=address, timeout=120, limits=httpx.Limits(max_connections=clients)) as client, pool:
        client.get("/health/ready").raise_for_status()
        begin = time.perf_counter()
        answers = list(pool.map(lambda one: client.post(one[0], json=one[1]), asked))
        return answers, time.perf_counter() - begin


def check(answers: list[httpx.Response], expected: list[Any]) -> collections.Counter[int]:
    """How many answers have which status. Raises: SystemExit for one that is wrong or lacks its type."""
    for answer, right in zip(answers, expected, strict=True):
        if answer.status_code == 200 and content(answer.json()) != right:
            raise SystemExit("an answer is not what the generator makes of the same seed")
        if answer.status_code != 200 and "type" not in answer.json()["error"]:
            raise SystemExit(f"an error has no type: {answer.text}")
    return collections.Counter(answer.status_code for answer in answers)


def figures(answers: list[httpx.Response], seconds: float) -> dict[str, float]:
    """Requests/s and how long an answer took."""
    waited = sorted(answer.elapsed.total_seconds() for answer in answers if answer.status_code == 200)
    cuts = statistics.quantiles(waited, n=20, method="inclusive")
    return {
        "answered": len(waited),
        "answered/s": len(waited) / seconds,
        "p50 in ms": 1000 * statistics.median(waited),
        "p95 in ms": 1000 * cuts[18],
        "longest in ms": 1000 * waited[-1],
    }


def summary(found: dict[str, float]) -> str:
    """The figures as a line."""
    return (
        f"{found['answered/s']:7.1f} answered/s   p50 {found['p50 in ms']:6.0f} ms   "
        f"p95 {found['p95 in ms']:6.0f} ms   longest {found['longest in ms']:6.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="*", help="[NAME=]RUN, as of the command")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    given = parser.parse_args()
    models = serving.load_models(serving.named_runs(given.runs) if given.runs else serving.finished_runs())
    asked = requests_of(models, given.requests)
    print(f"{len(asked)} requests from {given.clients} clients to {', '.join(models)}\n{json.dumps(machine())}")
    found, alone_rates = [], []
    with server(given.runs, PLACES) as address:
        for number in range(given.rounds + 1):  # the first one doesn't count
            begin = time.perf_counter()
            expected = [directly(models, *one) for one in asked]
            alone = time.perf_counter() - begin
            answers, seconds = load(address, asked, given.clients)
            counts = dict(check(answers, expected))
            if number:
                found.append(figures(answers, seconds))
                alone_rates.append(len(asked) / alone)
                print(f"round {number}: {counts}  {summary(found[-1])}   generators alone {alone:.1f} s")
    ratios = [one["answered/s"] / alone_rate for one, alone_rate in zip(found, alone_rates, strict=True)]
    print(f"requests/s to those of the generators alone: {statistics.median(ratios):.2f} × "
          f"({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip
    with server(given.runs, FEW_PLACES) as address:
        answers, seconds = load(address, asked, given.clients)
        counts = dict(check(answers, expected))
        print(f"with {FEW_PLACES} places in the queue: {counts}  {summary(figures(answers, seconds))}")
    title = f"{len(asked)} requests from {given.clients} clients to {', '.join(models)}"
    write_result(title, rows_of(found, alone_rates, counts), peer="generators alone")


def rows_of(found: list[dict[str, float]], alone_rates: list[float], counts: dict[int, int]) -> list[Row]:
    """The figures of each round, and how the short queue answered."""
    many, few = f"{PLACES} places in the queue", f"{FEW_PLACES} places in the queue"
    values = {name: tuple(one[name] for one in found) for name in found[0]}
    rate = values.pop("answered/s")
    return [
        Row(what=many, unit="answered/s", ours=rate, peer=tuple(alone_rates), ratio="ours / peer"),
        *(Row(what=many, unit=name, ours=each) for name, each in values.items()),
        *(Row(what=few, unit=f"answers of status {status}", ours=(count,)) for status, count in counts.items()),
    ]


if __name__ == "__main__":
    main()

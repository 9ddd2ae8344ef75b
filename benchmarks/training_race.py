"""Training against nanoGPT in its own CPU setting: whole processes, start to evaluated model, in alternating rounds.

Both train on the first nine tenths of the text, as nanoGPT does, and are measured on the last one, in windows of the
model's context; the settings were chosen by training on the first eight and looking at the ninth. A loop's time is its
number of steps times the median of its steps' times. "same step" has nanoGPT's architecture, batch and optimizer, for
the tokens a second; "a minute" is what about a minute of training gives, still by characters; "quick profile" is what a
user gets who changes nothing: 1,536 byte pairs, context 64. Run it on an idle machine:

    python benchmarks/training_race.py PATH/TO/nanoGPT TEXT.txt [--rounds 3] [--json PATH]          (a round is a seed)
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import nanogpt
from measure import Row, machine, rounds, write_result

from aigc_course.training import checkpoint

PEER_TOKENS = 12 * 64  # of one of its steps
COMMON = ("documents=whole", "tokens=characters", "evaluation_documents=1000000", "model.context_length=64")
MODERN = (
    *COMMON,
    "model.activation=relu2",
    "model.qk_norm=true",
    "model.bias=false",
    "model.tied_head=false",
    "model.zero_init=true",
    "learning_rate=3e-2",
    "loop.warmup_steps=10",
)
WAYS = {
    "same size": (*MODERN, "model.n_layers=4", "loop.batch_size=16", "loop.steps=210"),
    "hashed n-grams": (
        *MODERN,
        "model.n_layers=1",
        "model.hashed_ngrams=8192",
        "model.ngram_sizes=[2,3,4]",
        "loop.batch_size=32",
        "loop.steps=60",
    ),
    "same step": (
        *COMMON,
        "model.n_layers=4",
        "model.position=learned",
        "model.bias=false",
        "optimizer=adamw",
        "learning_rate=1e-3",
        "loop.batch_size=12",
        "loop.steps=300",
        "loop.decay=cosine",
    ),
    "a minute": (
        *MODERN,
        "model.n_layers=3",
        "model.hashed_ngrams=4096",
        "model.ngram_sizes=[2]",
        "model.context_length=128",
        "learning_rate=1e-2",
        "loop.warmup_steps=30",
        "loop.batch_size=32",
        "loop.steps=800",
    ),
    "quick profile": ("documents=whole", "evaluation_documents=1000000"),
}


@dataclass(frozen=True, kw_only=True)
class Ours:
    """What one process of `aigc-course train` did."""

    seconds: float
    step_seconds: float
    steps: int
    tokens: int  # of a step
    loss: float  # nats per character on the last tenth, evaluated in the process itself
    parameters: int


def in_tenths(text: str, folder: Path) -> Path:
    """A folder of the text's first nine tenths for training and its last for validation, cut as nanoGPT does.

    The last one stands there as test split too: where there is none, the training text would be cut for it.
    """
    cut = int(len(text) * 0.9)
    for split, part in (("train", text[:cut]), ("validation", text[cut:]), ("test", text[cut:])):
        (folder / "text" / split).mkdir(parents=True)
        (folder / "text" / split / "text.txt").write_text(part, "utf-8")
    return folder / "text"


def train(text: Path, settings: tuple[str, ...], seed: int, folder: Path) -> Ours:
    """Run the command of a user, which evaluates at its end, and read what it left."""
    run_dir = folder / f"run-{time.monotonic_ns()}"
    options = [*settings, f"loop.seed={seed}", "loop.log_every=1", "loop.checkpoint_every=0"]
    command = [sys.executable, "-m", "aigc_course.cli", "train", "text-gpt", "--profile", "quick", "--data", str(text)]
    command += ["--run-dir", str(run_dir), *(part for option in options for part in ("--set", option))]
    environment = {**os.environ, "AIGC_RUNS": str(run_dir / "tokens")}  # the text is tokenized anew in each run
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return measured(run_dir, seconds)


def measured(run_dir: Path, seconds: float) -> Ours:
    tree = checkpoint.load(run_dir / "last.safetensors", only=("config", "model"))
    rows = json.loads((run_dir / "history.json").read_text())
    times = [row["seconds"] for row in rows]
    settings = tree["config"]["settings"]
    return Ours(
        seconds=seconds,
        step_seconds=statistics.median(b - a for a, b in pairwise(times)),
        steps=settings["loop"]["steps"],
        tokens=settings["loop"]["batch_size"] * settings["model"]["context_length"],
        loss=rows[-1]["validation_loss"],
        parameters=sum(weight.numel() for weight in tree["model"]["model"].values()),
    )


def main() -> None:
    if len(sys.argv) < 3 or sys.argv[1].startswith("-") or sys.argv[2].startswith("-"):
        raise SystemExit("give nanoGPT's folder and a text: python benchmarks/training_race.py PATH TEXT.txt")
    peer, text = Path(sys.argv[1]), Path(sys.argv[2])
    theirs: list[nanogpt.PeerRun] = []
    their_losses: list[float] = []
    ours: dict[str, list[Ours]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as scratch:
        copy = nanogpt.prepare(peer, text.read_text("utf-8"), Path(scratch))
        folder = in_tenths(text.read_text("utf-8"), Path(scratch))
        for number in range(rounds(3)):
            theirs.append(nanogpt.train(copy))
            their_losses.append(nanogpt.full_loss(theirs[-1]))
            print(f"round {number + 1}  nanoGPT {theirs[-1]} loss {their_losses[-1]:.4f}", file=sys.stderr)
            for name, settings in WAYS.items():
                ours[name].append(train(folder, settings, number, Path(scratch)))
                print(f"round {number + 1}  {name} {ours[name][-1]}", file=sys.stderr)
    values = results(theirs, their_losses, ours)
    print(json.dumps({"machine": machine(), **values}, indent=2))
    rows = [row for name, runs in ours.items() for row in rows_of(name, runs, theirs, their_losses)]
    write_result("training in nanoGPT's CPU setting", rows, peer="nanoGPT")


def results(theirs: list[nanogpt.PeerRun], their_losses: list[float], ours: dict[str, list[Ours]]) -> dict[str, Any]:
    """Medians over the rounds, and the medians of the ratios, each of two runs of the same round."""
    found: dict[str, Any] = {
        "nanoGPT": {
            "process_seconds": [round(run.seconds, 1) for run in theirs],
            "loop_seconds": median(run.steps * run.step_seconds for run in theirs),
            "step_ms": median(1000 * run.step_seconds for run in theirs),
            "loss": [round(loss, 4) for loss in their_losses],
        }
    }
    for name, runs in ours.items():
        pairs = list(zip(theirs, runs, strict=True))
        rate = median((r.tokens / r.step_seconds) / (PEER_TOKENS / t.step_seconds) for t, r in pairs)
        found[name] = {
            "parameters": runs[0].parameters,
            "process_seconds": [round(run.seconds, 1) for run in runs],
            "loop_seconds": median(run.steps * run.step_seconds for run in runs),
            "step_ms": median(1000 * run.step_seconds for run in runs),
            "loss": [round(run.loss, 4) for run in runs],
            "process_ratio": median(t.seconds / r.seconds for t, r in pairs),
            "loop_ratio": median(t.steps * t.step_seconds / (r.steps * r.step_seconds) for t, r in pairs),
            "tokens_a_second_ratio": rate,
        }
    return found


def rows_of(name: str, runs: list[Ours], theirs: list[nanogpt.PeerRun], their_losses: list[float]) -> list[Row]:
    """A way's whole process, loop, loss and tokens/s, each where it can be compared with nanoGPT's."""
    times = {
        "s, whole process": (tuple(run.seconds for run in runs), tuple(run.seconds for run in theirs)),
        "s, loop": tuple(tuple(run.steps * run.step_seconds for run in side) for side in (runs, theirs)),
    }
    rows = [Row(what=name, unit=unit, ours=a, peer=b, ratio="peer / ours") for unit, (a, b) in times.items()]
    losses = tuple(run.loss for run in runs)
    rows.append(Row(what=name, unit="nats per character", ours=losses, peer=tuple(their_losses)))
    rates = tuple(run.tokens / run.step_seconds for run in runs)
    peer_rates = tuple(PEER_TOKENS / run.step_seconds for run in theirs)
    rate = Row(what=name, unit="tokens/s", ours=rates, peer=peer_rates, ratio="ours / peer")
    return {"same step": [rate], "quick profile": rows}.get(name, [*rows, rate])


def median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 3)


if __name__ == "__main__":
    main()

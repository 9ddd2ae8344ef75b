"""What each part of the modern GPT is worth: each option switched alone, several seeds, the same number of steps.

The text is cut at 8 and 9 tenths: trained on the first eight, compared on the ninth. The last tenth is for claims
and isn't looked at. Prints the loss in nats per character (mean and standard deviation over the seeds), what the option
changed (paired by seed), and a step's time:

    python benchmarks/ablation.py TEXT.txt [--rounds 3] [--json PATH]          (a round is a seed)
"""

import json
import statistics
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from measure import Row, machine, rounds, write_result

from aigc_course import recipes

BASE = (
    "documents=whole",
    "tokens=characters",
    "evaluation_documents=1000000",
    "model.n_layers=4",
    "model.activation=relu2",
    "model.qk_norm=true",
    "model.bias=false",
    "model.tied_head=false",
    "model.zero_init=true",
    "loop.batch_size=32",
    "loop.steps=300",
    "loop.log_every=1",
    "loop.checkpoint_every=0",
)
SWITCHED = {
    "modern": (),
    "learned positions": ("model.position=learned",),
    "GELU": ("model.activation=gelu",),
    "no QK-norm": ("model.qk_norm=false",),
    "biases": ("model.bias=true",),
    "tied head": ("model.tied_head=true",),
    "no zero init": ("model.zero_init=false",),
    "hashed 2- and 3-grams": ("model.hashed_ngrams=8192",),
    "AdamW, rate 3e-3": ("optimizer=adamw", "learning_rate=3e-3"),
    "AdamW, rate 1e-2": ("optimizer=adamw",),
}


def one(text: str, settings: tuple[str, ...], seed: int, scratch: Path, number: int) -> dict[str, float]:
    """Validation loss and step time of one run."""
    overrides = [*BASE, *settings, f"loop.seed={seed}"]
    run = recipes.train("text-gpt", profile="quick", data=text, overrides=overrides, run_dir=scratch / str(number))
    times = [row["seconds"] for row in run.history.rows]
    return {
        "loss": run.metrics["validation_loss"],
        "step_ms": 1000 * statistics.median(b - a for a, b in pairwise(times)),
    }


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        raise SystemExit("give a text: python benchmarks/ablation.py TEXT.txt [--rounds 3]")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in SWITCHED}
    with tempfile.TemporaryDirectory() as scratch:
        number = 0
        for seed in range(rounds(3)):
            for name, settings in SWITCHED.items():
                found[name].append(one(sys.argv[1], settings, seed, Path(scratch), number))
                number += 1
    base = [run["loss"] for run in found["modern"]]
    rows: list[Row] = []
    for name, runs in found.items():
        losses = [run["loss"] for run in runs]
        changes = [loss - reference for loss, reference in zip(losses, base, strict=True)]
        times = [run["step_ms"] for run in runs]
        spread = statistics.stdev(losses) if len(losses) > 1 else float("nan")
        print(f"{name:24s} {statistics.mean(losses):.4f} ± {spread:.4f}  {statistics.median(times):.1f} ms", end="  ")
        print(f"{statistics.mean(changes):+.4f} {[round(change, 4) for change in changes]}")
        figures = {"nats per character": losses, "nats changed by it": changes, "ms a step": times}
        rows += [Row(what=name, unit=unit, ours=tuple(values)) for unit, values in figures.items()]
    print(json.dumps(machine()))
    write_result("each option of the modern GPT, switched alone", rows)


if __name__ == "__main__":
    main()

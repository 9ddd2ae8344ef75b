"""The preset modern against the preset dcgan of `image-gan` on CIFAR-10, each trained for the same time.

Laptop profile, all other settings the preset's; dcgan draws without classes, as in its paper (told the classes, it
ended in one image a class). How long a step of each takes is measured first, by a short run right before the real one,
whose number of steps follows from it; the learning rate's schedule is stretched to that number. Both are evaluated on
5,000 generated images by an `image-classifier` run on CIFAR-10, beside as many held-out ones, and leave a grid of 100
images, of modern a class a column. Run it on an idle machine:

    python benchmarks/image_gan.py --classifier RUN [--seconds 900] [--seeds 1] [--folder FOLDER] [--json PATH]

It needs CIFAR-10 (`aigc-course data download cifar10`, or import) and says so where it isn't there. FOLDER, by default
build/image_gan, keeps the runs and the grids.
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from measure import Row, machine, write_result

from aigc_course import recipes
from aigc_course.errors import CourseError
from aigc_course.generators import load_generator
from aigc_course.recipes.trained_classifier import TrainedClassifier, load_classifier

PRESETS = {"dcgan": ("conditional=false",), "modern": ()}
DATA, PROFILE = "cifar10", "laptop"
EVALUATED = 5_000  # generated images: half of the test split
CALIBRATION_ROWS, ROW_STEPS = 5, 10  # rows of the short run's history, the first one not counted; steps of a row
FIGURES = (
    "frechet_distance",
    "frechet_floor",
    "frechet_over_floor",
    "precision",
    "recall",
    "density",
    "coverage",
    "real_coverage",
    "class_accuracy",
    "classes_hit",
    "largest_class_share",
    "copied_share",
)
RATIOS = ("frechet_over_floor", "coverage")
UNITS: dict[str, tuple[str, Literal["ours / peer", "peer / ours", "none"]]] = {
    "frechet_over_floor": ("Fréchet distance over its floor", "peer / ours"),
    "coverage": ("coverage", "ours / peer"),
    "precision": ("precision", "none"),
    "recall": ("recall", "none"),
    "class_accuracy": ("class as asked for", "none"),
    "classes_hit": ("classes hit", "none"),
    "steps": ("rounds of both players", "none"),
}


def train(preset: str, seed: int, run_dir: Path, *overrides: str) -> recipes.Run:
    """One run of the laptop profile."""
    settings = (f"evaluation_samples={EVALUATED}", f"loop.seed={seed}", *PRESETS[preset], *overrides)
    return recipes.train("image-gan", profile=PROFILE, preset=preset, data=DATA, overrides=settings, run_dir=run_dir)


def step_seconds(preset: str) -> float:
    """Median of a short run's rows."""
    short = (f"loop.steps={CALIBRATION_ROWS * ROW_STEPS}", f"loop.log_every={ROW_STEPS}", "loop.evaluate_every=0")
    with tempfile.TemporaryDirectory() as scratch:
        rows = train(preset, 0, Path(scratch, "run"), *short).history.rows
    return statistics.median(b["seconds"] - a["seconds"] for a, b in pairwise(rows)) / ROW_STEPS


def one(preset: str, seed: int, seconds: float, classifier: TrainedClassifier, folder: Path) -> dict[str, Any]:
    """Calibrate, train, evaluate, draw."""
    each = step_seconds(preset)
    steps = max(1, round(seconds / each))
    run = train(preset, seed, folder / f"{preset}-{seed}", f"loop.steps={steps}")
    found = recipes.evaluate(run, classifier=classifier)
    images = load_generator(run).generate_images(100, seed=0)  # classes in turn: one a column
    grid = images.save(folder / f"{preset}-{seed}.png")
    times = {"steps": steps, "step_ms": 1000 * each, "seconds": run.seconds}
    print(f"{preset}, seed {seed}: {times}, {grid}", file=sys.stderr)
    return times | {"metrics": found, "grid": str(grid)}


def table(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print means over the seeds, then each ratio of the two presets: median, smallest and largest over the seeds."""
    print(f"{'':24s}" + "".join(f"{preset:>14s}" for preset in found))
    for name in ("steps", "step_ms", "seconds", *FIGURES):
        means = [
            statistics.mean(run.get(name, run["metrics"].get(name, math.nan)) for run in runs)
            for runs in found.values()
        ]
        print(f"{name:24s}" + "".join(f"{mean:14,.4g}" for mean in means))
    for name, ratios in ratios_of(found).items():
        print(f"{name:24s}{statistics.median(ratios):14.3f} ×   ({min(ratios):.3f} to {max(ratios):.3f})")


def ratios_of(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[float]]:
    """modern / dcgan, a number a seed."""
    pairs = list(zip(found["modern"], found["dcgan"], strict=True))
    return {
        f"{name}, ratio": [new["metrics"][name] / max(old["metrics"][name], 1e-12) for new, old in pairs]
        for name in RATIOS
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classifier", required=True, help="a run of image-classifier on CIFAR-10")
    parser.add_argument("--seconds", type=float, default=900, help="of training, for each preset and seed")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each preset")
    parser.add_argument("--folder", type=Path, default=Path("build/image_gan"), help="for the runs and the grids; new")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    if arguments.seconds <= 0 or arguments.seeds < 1:
        raise SystemExit("--seconds must be above 0, and --seeds at least 1")
    if arguments.folder.exists():
        raise SystemExit(f"{arguments.folder} exists already; give another --folder, or delete it")
    try:
        classifier = load_classifier(arguments.classifier)
        found: dict[str, list[dict[str, Any]]] = {preset: [] for preset in PRESETS}
        for seed in range(arguments.seeds):
            for preset in PRESETS if seed % 2 == 0 else reversed(PRESETS):
                found[preset].append(one(preset, seed, arguments.seconds, classifier, arguments.folder))
    except CourseError as error:
        raise SystemExit(str(error)) from error
    table(found)
    print(json.dumps(machine()))
    title = f"image GANs on CIFAR-10 after {arguments.seconds:,.0f} s of training each: modern against dcgan"
    write_result(title, rows_of(found), peer="dcgan")


def rows_of(found: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """A row a figure, a value a seed; dcgan draws without classes."""
    rows = []
    for name, (unit, ratio) in UNITS.items():
        ours, peer = (
            tuple(float(run.get(name, run["metrics"].get(name, math.nan))) for run in found[preset])
            for preset in ("modern", "dcgan")
        )
        rows.append(Row(what=unit, unit="", ours=ours, peer=() if any(map(math.isnan, peer)) else peer, ratio=ratio))
    return rows


if __name__ == "__main__":
    main()

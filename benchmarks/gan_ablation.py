"""What each part of the modern GAN is worth on CIFAR-10: each option switched alone, the same number of steps.

The laptop profile of `image-gan`, shortened, its averaging of weights and its learning rate's schedule too. Measured by
an `image-classifier` run on CIFAR-10, `recipes.image_evaluation`, beside as many held-out images. With some options a
step costs more or less; its time is printed too:

    python benchmarks/gan_ablation.py --classifier RUN [--steps 1000] [--seeds 1] [--only NAME ...] [--json PATH]
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from measure import Row, machine, write_result

from aigc_course import recipes
from aigc_course.errors import CourseError
from aigc_course.recipes.trained_classifier import TrainedClassifier, load_classifier

BASE = ("evaluation_samples=2500", "loop.ema_decay=0.99", "loop.evaluate_every=0", "loop.checkpoint_every=0")
SWITCHED = {
    "modern": (),
    "non-saturating loss": ("loss=non-saturating",),
    "hinge, spectral norm, no penalty": ("loss=hinge", "residual.spectral_norm=true", "gradient_penalty=0"),
    "no penalty": ("gradient_penalty=0",),
    "penalty x 5": ("gradient_penalty=0.1",),
    "penalty on all images": ("penalty_share=1",),
    "R1 alone": ("penalised=real",),
    "no augmentation": ("augment=[]",),
    "no averaging": ("loop.ema_decay=0",),
    "no batch norm": ("residual.generator_norm=none",),
    "class by maps": ("residual.conditioning=concatenation",),
    "no class": ("conditional=false",),
    "blocks at full side": ("residual.stem_stride=1",),
    "two steps of D": ("n_dis=2",),
    "D's rate x 2": ("discriminator_learning_rate=4e-3",),
    "D's rate / 2": ("discriminator_learning_rate=1e-3",),
}
FIGURES = ("frechet_over_floor", "coverage", "recall", "class_accuracy")
UNITS = {
    "frechet_over_floor": "Fréchet distance over its floor",
    "coverage": "coverage",
    "recall": "recall",
    "class_accuracy": "class as asked for",
    "step_ms": "ms a step",
}


def one(
    settings: tuple[str, ...], steps: int, seed: int, classifier: TrainedClassifier, run_dir: Path
) -> dict[str, float]:
    """The figures of one run, and the median time of its steps."""
    overrides = [*BASE, *settings, f"loop.steps={steps}", f"loop.seed={seed}"]
    run = recipes.train("image-gan", profile="laptop", overrides=overrides, run_dir=run_dir)
    rows = run.history.rows
    times = [(b["seconds"] - a["seconds"]) / (b["step"] - a["step"]) for a, b in pairwise(rows)]
    found = recipes.evaluate(run, classifier=classifier)
    figures = {name: found.get(name, float("nan")) for name in FIGURES}
    return figures | {"step_ms": 1000 * statistics.median(times)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classifier", required=True, help="a run of image-classifier on CIFAR-10")
    parser.add_argument("--steps", type=int, default=1000, help="of each run")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each option")
    parser.add_argument("--only", nargs="+", choices=SWITCHED, default=list(SWITCHED), help="some options alone")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    if arguments.steps < 101 or arguments.seeds < 1:
        raise SystemExit("--steps must be at least 101, and --seeds at least 1")
    table: dict[str, list[dict[str, float]]] = {}
    print(f"{'':34s}" + "".join(f"{name:>20s}" for name in (*FIGURES, "step_ms")))
    try:
        classifier = load_classifier(arguments.classifier)
        for name in arguments.only:
            with tempfile.TemporaryDirectory() as scratch:
                table[name] = [
                    one(SWITCHED[name], arguments.steps, seed, classifier, Path(scratch, str(seed)))
                    for seed in range(arguments.seeds)
                ]
            columns = ([run[figure] for run in table[name]] for figure in (*FIGURES, "step_ms"))
            print(f"{name:34s}" + "".join(f"{_with_spread(values):>20s}" for values in columns), flush=True)
    except CourseError as error:
        raise SystemExit(str(error)) from error
    print(json.dumps(machine()), file=sys.stderr)
    title = f"each option of the modern GAN on CIFAR-10, switched alone, {arguments.steps:,} steps"
    write_result(title, rows_of(table))


def rows_of(table: dict[str, list[dict[str, float]]]) -> list[Row]:
    """Each option's figures, a value a seed; of what draws without classes none says how often the class is right."""
    figures = ((name, figure, tuple(run[figure] for run in runs)) for name, runs in table.items() for figure in UNITS)
    return [
        Row(what=name, unit=UNITS[figure], ours=values)
        for name, figure, values in figures
        if not any(map(math.isnan, values))
    ]


def _with_spread(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4g}{spread}"


if __name__ == "__main__":
    main()

"""Steps of each recipe's profile `full` on this machine's GPU, beside a textbook loop and the GPU's own limit.

Ours is what `aigc-course train RECIPE --profile full` runs, batches and history included. The textbook loop takes the
same model, loss and optimizer through float32, batches that are made on the host and copied, and `loss.item()` in every
step. The multiply-adds of a step are counted by torch; their rate is put beside that of the fastest bf16 matrix product
that is measured here (8,192 x 8,192 twice; on a CPU 2,048). How long a GPU's kernels run is told by torch's profiler,
and how long a batch takes is measured without training. Run it on a GPU that does nothing else:

    python benchmarks/full_profiles.py [RECIPE[:PRESET] ...] [--profile full] [--steps 120] [--json PATH]

The data sets must be there (`aigc-course data list`). Without a GPU it runs too, for hours, or with `--profile smoke`.
"""

import argparse
import contextlib
import dataclasses
import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any
from unittest import mock

import torch
from measure import Row, write_result
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from aigc_course.config import override
from aigc_course.recipes import get_recipe
from aigc_course.recipes.recipe import Job
from aigc_course.training import History, Runtime
from aigc_course.training.runtime import has_bf16

RECIPES = ("text-gpt", "image-gan", "image-vae:conv-ladder", "image-classifier", "audio-vae", "vocoder")
UNITS = {"text": "tokens", "images": "images", "audio": "sounds"}
WARM_UP = 2  # of the parts that a run is timed in: kernels are chosen, steps are recorded or compiled
PLAIN = ("loop.precision=fp32", "loop.compile=false", "loop.cuda_graphs=false", "loop.device=cpu")  # the textbook's
SHORT = {  # evaluations come after what is timed
    "text-gpt": ("evaluation_documents=20",),
    "image-vae": ("validation_images=100",),
    "audio-vae": ("validation_sounds=20",),
    "vocoder": ("validation_sounds=10",),
}


@dataclass
class Parts:
    """What a recipe gives to its training loop."""

    arguments: tuple[Any, ...]  # of `fit`: model, optimizer, batches, step; of `fit_gan`: players, optimizers, batches
    options: dict[str, Any]

    @property
    def batches(self) -> Any:
        """The stream."""
        return self.arguments[4 if "draw" in self.options else 2]


class Handed(Exception):
    """Ends a recipe's training where its loop would begin."""


def job(name: str, profile_name: str, *changes: str) -> Job:
    """A run of RECIPE[:PRESET] that writes nothing."""
    recipe_name, _, preset = name.partition(":")
    recipe = get_recipe(recipe_name)
    settings = recipe.profile(profile_name)
    settings = recipe.presets[preset](settings) if preset else settings
    loop = ("loop.evaluate_every=0", "loop.warmup_steps=10", "loop.patience=0")
    settings = override(settings, (*SHORT.get(recipe_name, ()), *loop, *changes))
    return Job(recipe=recipe_name, profile=profile_name, settings=settings, run_dir=None, resume=False, on_log=None)


def parts_of(work: Job) -> Parts:
    """What the recipe would give to its loop."""
    recipe = get_recipe(work.recipe)
    module = import_module(recipe.train.__module__)
    loop = "fit_gan" if hasattr(module, "fit_gan") else "fit"
    found: list[Parts] = []

    def take(*arguments: Any, **options: Any) -> None:
        found.append(Parts(arguments, options))
        raise Handed

    with mock.patch.object(module, loop, take), contextlib.suppress(Handed):
        recipe.train(work)
    return found[0]


def ours(work: Job, watch: Callable[[History], None] | None = None) -> list[float]:
    """Steps a second of each part of a run, without the first ones."""
    with contextlib.redirect_stderr(io.StringIO()):
        rows = get_recipe(work.recipe).train(dataclasses.replace(work, on_log=watch)).history.rows
    marks = [(row["step"], row["seconds"]) for row in rows]
    return [(b[0] - a[0]) / (b[1] - a[1]) for a, b in pairwise(marks)][WARM_UP - 1 :]


def textbook_step(name: str, profile_name: str, device: torch.device) -> Callable[[int], None]:
    """One step of the textbook loop on batch k."""
    parts = parts_of(job(name, profile_name, *PLAIN))
    if "draw" not in parts.options:
        model, optimizer, batches, step_fn = parts.arguments
        model.to(device).train()

        def descend(k: int) -> None:
            batch = {name: tensor.to(device) for name, tensor in batches[k].items()}
            optimizer.zero_grad()
            loss, _ = step_fn(model, batch)
            loss.backward()
            optimizer.step()
            loss.item()

        return descend
    generator, discriminator, optimizer_g, optimizer_d, batches = parts.arguments
    generator.to(device).train()
    discriminator.to(device).train()
    options = parts.options

    def play(k: int) -> None:
        batch = {name: tensor.to(device) for name, tensor in batches[k].items()}
        fakes = options["draw"](generator, batch)
        for player, step, optimizer, images in (
            (discriminator, options["discriminator_step"], optimizer_d, fakes.detach()),
            (generator, options["generator_step"], optimizer_g, fakes),
        ):
            player.zero_grad()
            loss, _ = step(discriminator, batch, images)
            loss.backward()
            optimizer.step()
            loss.item()

    return play


def textbook(name: str, profile_name: str, device: torch.device, number: int, each: int) -> list[float]:
    """Steps a second of the textbook loop in `number` parts of `each` steps, after those that don't count."""
    step = textbook_step(name, profile_name, device)
    rates = []
    for part in range(WARM_UP + number):
        begin = time.perf_counter()
        for k in range(part * each, (part + 1) * each):
            step(k)
        rates.append(each / (time.perf_counter() - begin))
    return rates[WARM_UP:]


class Counter(TorchDispatchMode):
    """Counts floating-point operations as torch's FlopCounterMode does, which can't stand a gradient of a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count it."""
        result = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.operations += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=result)
        return result


def multiply_adds(name: str, profile_name: str, device: torch.device) -> float:
    """Products of a step, forward and backward, of the whole batch."""
    step = textbook_step(name, profile_name, device)
    with Counter() as counter:
        step(0)
    return counter.operations / 2


def matrix_peak(device: torch.device, repeats: int = 20) -> float:
    """Multiply-adds a second of a large matrix product in the precision that training takes."""
    side = 8192 if device.type == "cuda" else 2048
    dtype = torch.bfloat16 if has_bf16(device) else torch.float32
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best = 0.0
    for _ in range(5):
        settle(device)
        begin = time.perf_counter()
        for _ in range(repeats):
            a @ b
        settle(device)
        best = max(best, repeats * side**3 / (time.perf_counter() - begin))
    return best


def batch_seconds(work: Job, device: torch.device, count: int = 50) -> float:
    """Seconds to make a batch and bring it onto the device."""
    batches, runtime = parts_of(work).batches, Runtime(work.settings.loop)
    for k in range(2 * count):
        if k == count:
            settle(device)
            begin = time.perf_counter()
        runtime.to_device(batches[k])
    settle(device)
    return (time.perf_counter() - begin) / count


def busy_share(work: Job, first: int, last: int) -> float:
    """The share of the time from step `first` to `last`, both logged, in which the GPU runs a kernel."""
    watcher = profile(activities=[ProfilerActivity.CUDA])
    begin = end = 0.0

    def watch(history: History) -> None:
        nonlocal begin, end
        step = history.rows[-1]["step"]
        if step == first and not begin:
            watcher.start()
            begin = time.perf_counter()
        elif step == last and not end:
            end = time.perf_counter()
            watcher.stop()

    ours(work, watch)
    kernels = [event for event in watcher.events() if event.device_type == DeviceType.CUDA]
    return sum(event.time_range.elapsed_us() for event in kernels) / 1e6 / (end - begin)


def settle(device: torch.device) -> None:
    """Wait for what the device has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def measured(name: str, profile_name: str, steps: int, device: torch.device, peak: float) -> list[Row]:
    """All figures of a recipe."""
    each = max(1, steps // 6)
    run = job(name, profile_name, f"loop.steps={6 * each}", f"loop.log_every={each}")
    settings = run.settings
    units = settings.loop.batch_size * (settings.model.context_length if run.recipe == "text-gpt" else 1)
    fast = ours(run)
    slow = textbook(name, profile_name, device, len(fast), each)
    products = multiply_adds(name, profile_name, device)
    batch = batch_seconds(run, device)
    unit = UNITS[get_recipe(run.recipe).kind]
    shares = [
        Row(what=name, unit="% of the matrix peak", ours=tuple(100 * products * rate / peak for rate in fast)),
        Row(what=name, unit="% of a step to make its batch", ours=tuple(100 * batch * rate for rate in fast)),
    ]
    if device.type == "cuda":
        busy = busy_share(run, 3 * each, 4 * each)
        shares.append(Row(what=name, unit="% of the time a kernel runs", ours=(100 * busy,)))
    rates = Row(
        what=name,
        unit=f"{unit}/s",
        ours=tuple(units * rate for rate in fast),
        peer=tuple(units * rate for rate in slow),
        ratio="ours / peer",
    )
    for row in (rates, *shares):
        print(f"{name:24s} {row.unit:32s} {[round(v, 2) for v in row.ours]} {[round(v, 1) for v in row.peer]}")
    return [rates, *shares]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--profile", default="full")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--json", help="also write the results to this file")  # `write_result` does
    given = parser.parse_args()
    device = Runtime(job(given.recipes[0], "smoke").settings.loop).device
    peak = matrix_peak(device)
    print(f"matrix product: {2 * peak / 1e12:.1f} TFLOP/s")
    rows = [Row(what="matrix product, bf16", unit="TFLOP/s", ours=(2 * peak / 1e12,))]
    for name in given.recipes:
        rows += measured(name, given.profile, given.steps, device, peak)
        sys.stdout.flush()
        write_result(f"steps of the profiles `{given.profile}`", rows, peer="textbook loop")  # lest a later one fail


if __name__ == "__main__":
    main()

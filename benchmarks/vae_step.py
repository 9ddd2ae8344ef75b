"""Images a second in training a VAE on MNIST, against pytorch/examples' vae/main.py with its own loader.

Both train 784-400-20-400-784 with Adam, and every batch goes the whole way: from the stored images through loss and
gradients to new weights. The peer is its own main.py, its function `train` called for one epoch of 60,000 images in
batches of 128. Ours is `fit` with the recipe's batches, binarised anew each time, its history and averaged weights;
about as many images, in batches of 128 and of 1,000, in the precision that the loop chooses by itself and in float32.
Run it on an idle machine:

    python benchmarks/vae_step.py PATH/TO/pytorch/examples [--rounds 5] [--json PATH]

It needs MNIST (`aigc-course data download mnist`, or import) and says so where it isn't there.
"""

import contextlib
import dataclasses
import importlib.util
import io
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from measure import report, rounds, side_by_side

from aigc_course.data import load_dataset, store
from aigc_course.models.mlp_vae import MLPVAEConfig
from aigc_course.recipes import image_vae
from aigc_course.recipes.vae_likelihood import elbo_step
from aigc_course.training import Runtime, fit

PEER_IMAGES = 60_000
PEER = "pytorch/examples, batch 128"
WAYS = {  # name -> batch size, precision
    "ours, batch 128": (128, "auto"),
    "ours, batch 128, float32": (128, "fp32"),
    "ours, batch 1000": (1000, "auto"),
    "ours, batch 1000, float32": (1000, "fp32"),
}


def peer(examples: Path, folder: Path) -> Callable[[], int]:
    """One epoch of the peer's `train`. Its MNIST is where it looks for it, ../data, so nothing is downloaded."""
    script = examples / "vae" / "main.py"
    if not script.is_file():
        raise SystemExit(f"there is no {script}; give the folder of a clone of github.com/pytorch/examples")
    (folder / "vae").mkdir()
    (folder / "data" / "MNIST").mkdir(parents=True)
    (folder / "data" / "MNIST" / "raw").symlink_to(store.where("mnist") / "raw")
    spec = importlib.util.spec_from_file_location("peer_vae", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    arguments, sys.argv = sys.argv, ["main.py", "--no-accel"]
    before = Path.cwd()
    os.chdir(folder / "vae")
    with contextlib.redirect_stdout(io.StringIO()):
        spec.loader.exec_module(module)
    os.chdir(before)
    sys.argv = arguments

    def run() -> int:
        with contextlib.redirect_stdout(io.StringIO()):
            module.train(1)
        return PEER_IMAGES

    return run


def ours(batch_size: int, precision: str) -> Callable[[], int]:
    """As many steps as make the same number of images."""
    settings = image_vae.PRESETS["mlp"](image_vae.profile("laptop"))
    steps = PEER_IMAGES // batch_size
    loop = dataclasses.replace(settings.loop, steps=steps, batch_size=batch_size, precision=precision, device="cpu")
    settings = dataclasses.replace(settings, mlp=MLPVAEConfig(hidden=(400,), latent_dim=20), loop=loop)
    dataset = load_dataset(settings.data)
    config, runtime = image_vae.fitting_model(settings, dataset), Runtime(loop)

    def run() -> int:
        model = runtime.prepare(image_vae.network_of(config))
        with contextlib.redirect_stderr(io.StringIO()):  # the progress bar
            fit(
                model,
                image_vae.optimizer_of(model, settings),
                image_vae.training_batches(settings, config, dataset, runtime),
                partial(elbo_step, likelihood=settings.pixels),
                settings=loop,
                runtime=runtime,
            )
        return steps * batch_size

    return run


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        raise SystemExit("give the peer's folder: python benchmarks/vae_step.py PATH/TO/pytorch/examples")
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        ways = {PEER: peer(Path(sys.argv[1]), Path(scratch))}
        ways |= {name: ours(*chosen) for name, chosen in WAYS.items()}
        timings = side_by_side(ways, rounds=rounds(5), unit="images")
    pairs = {f"{name} / peer": (timings[name], timings[PEER]) for name in WAYS}
    report("Training 784-400-20-400-784 on MNIST", timings, pairs, peer="pytorch/examples")


if __name__ == "__main__":
    main()

"""A training process to be killed.

Steps and checkpoints are so quick that a kill at a random moment often hits a checkpoint being written.
"""

import os
from contextlib import redirect_stderr
from pathlib import Path

import torch

from tests.training import problem

BALLAST = 200_000  # extra numbers in each checkpoint, so that writing takes a while


def make_heavy_model() -> torch.nn.Module:
    model = problem.make_model()
    model.register_buffer("ballast", torch.zeros(BALLAST))
    return model


def train(run_dir: Path, steps: int) -> None:
    """Train to `steps` in `run_dir`, from its last checkpoint if there is one."""
    torch.set_num_threads(1)
    with open(os.devnull, "w") as null, redirect_stderr(null):  # the progress of fifty processes is noise
        problem.run_fit(
            run_dir,
            resume=(run_dir / "last.safetensors").exists(),
            model=make_heavy_model(),
            steps=steps,
            decay="constant",
            checkpoint_every=3,
            evaluate_every=0,
            log_every=1,
        )

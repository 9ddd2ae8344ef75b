"""Two processes under torchrun on CPU (gloo) against one process with the same global batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aigc_course.training import checkpoint

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="torchrun with gloo needs Unix here")


def run(processes: int, kind: str, run_dir: Path, steps: int, *extra: str) -> dict:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "tests.training.distributed_worker", kind, str(run_dir), str(steps), *extra]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return checkpoint.load(run_dir / "last.safetensors")


def losses(tree: dict) -> dict[str, torch.Tensor]:
    rows = tree["history"]["rows"]
    return {name: torch.tensor([row[name] for row in rows]) for name in rows[0] if "loss" in name or "norm" in name}


def assert_close(one: dict, two: dict) -> None:
    for name, values in losses(one).items():
        torch.testing.assert_close(losses(two)[name], values, rtol=2e-5, atol=2e-6)
    for player, weights in one["model"].items():
        for name, weight in weights.items():
            torch.testing.assert_close(two["model"][player][name], weight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["ddp", "fsdp", "gan", "gan-by-3", "ddp-in-4", "fsdp-in-4"])
def test_two_processes_equal_one_with_the_same_global_batch(tmp_path, kind):
    one = run(1, kind.partition("-in-")[0], tmp_path / "one", 12)
    two = run(2, kind, tmp_path / "two", 12)
    assert len(two["rng"]["cpu"]) == 2
    assert_close(one, two)
    half = losses(one)["discriminator_loss" if kind.startswith("gan") else "loss"]
    assert half.std() > 1e-3, "losses that do not move would agree for no reason"


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_processes_stopped_and_resumed_equal_the_straight_run(tmp_path, kind):
    straight = run(2, kind, tmp_path / "straight", 10)
    run(2, kind, tmp_path / "parts", 4)
    parts = run(2, kind, tmp_path / "parts", 10, "--resume")
    for name, weight in straight["model"]["model"].items():
        assert torch.equal(parts["model"]["model"][name], weight), name
    for name, weight in straight["ema"]["model"].items():
        assert torch.equal(parts["ema"]["model"][name], weight), name


def test_a_checkpoint_of_two_processes_goes_on_in_one(tmp_path):
    run(2, "fsdp", tmp_path / "run", 6)
    tree = run(1, "ddp", tmp_path / "run", 12, "--resume")
    straight = run(1, "ddp", tmp_path / "straight", 12)
    assert_close(straight, tree)

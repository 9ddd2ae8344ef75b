"""SIGKILL at fifty random moments: at most the steps since the last checkpoint are lost, and every file can be read."""

import multiprocessing
import os
import random
import signal
import sys
import time

import pytest
import torch

from aigc_course.training import checkpoint

from . import kill_worker

KILLS = 50


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a Unix signal")
def test_fifty_kills_lose_at_most_the_steps_since_the_last_checkpoint(tmp_path):
    """Train, kill, look, resume; at the end the survivor equals a run that nobody killed, bit for bit."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.kill_worker"])
    run_dir, steps = tmp_path / "run", 1_000_000
    chance = random.Random(20)
    reached, killed_while_writing = 0, 0
    for _ in range(KILLS):
        process = context.Process(target=kill_worker.train, args=(run_dir, steps))
        process.start()
        wait_until_past(run_dir, reached, process)
        time.sleep(chance.uniform(0, 0.08))
        seen = last_step(run_dir)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        killed_while_writing += bool(list(run_dir.glob(".*.part")))
        kept = last_step(run_dir)  # raises if the file could not be read
        assert kept >= seen >= reached
        assert kept % 3 == 0
        reached = kept
    assert killed_while_writing > 0, "no kill hit a checkpoint being written: the test proves nothing"

    kill_worker.train(run_dir, reached + 5)
    kill_worker.train(tmp_path / "straight", reached + 5)
    survivor, straight = (checkpoint.load(d / "last.safetensors") for d in (run_dir, tmp_path / "straight"))
    for name, value in straight["model"]["model"].items():
        assert torch.equal(survivor["model"]["model"][name], value), name
    assert not list(run_dir.glob(".*.part")), "the leftovers of killed writers are cleared"


def last_step(run_dir) -> int:
    return checkpoint.load(run_dir / "last.safetensors")["step"]


def wait_until_past(run_dir, step: int, process) -> None:
    """Wait for a checkpoint that is newer than `step`: the process is then in the middle of training."""
    deadline = time.monotonic() + 60
    while not (run_dir / "last.safetensors").exists() or last_step(run_dir) <= step:
        assert process.is_alive(), "the training process ended by itself"
        assert time.monotonic() < deadline, "no new checkpoint within a minute"
        time.sleep(0.01)

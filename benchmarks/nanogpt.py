"""nanoGPT as a peer: a copy of it with a text prepared, its training process, its steps' times, its checkpoint.

Its folder is an argument of the benchmarks and nothing of it is kept here.
"""

import importlib.util
import pickle
import re
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

# of its README, "I only have a macbook"; its config file says the rest
CPU_SETTING = [
    "--device=cpu",
    "--compile=False",
    "--eval_iters=20",
    "--log_interval=1",
    "--block_size=64",
    "--batch_size=12",
    "--n_layer=4",
    "--n_head=4",
    "--n_embd=128",
    "--max_iters=2000",
    "--lr_decay_iters=2000",
    "--dropout=0.0",
]


@dataclass(frozen=True, kw_only=True)
class PeerRun:
    """What one process of its train.py did."""

    seconds: float  # of the process, start to end
    step_seconds: float  # median of the iterations that it printed, evaluations left out
    steps: int
    folder: Path


def model_module(path: Path) -> ModuleType:
    """Its model.py as a module."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise SystemExit(f"there is no Python file {path}; give the path of nanoGPT's model.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["nanogpt_model"] = module  # its dataclass looks for itself there
    spec.loader.exec_module(module)
    return module


def prepare(peer: Path, text: str, folder: Path) -> Path:
    """A copy of nanoGPT in `folder` whose character data are `text`, as its prepare.py would write them."""
    if not (peer / "train.py").is_file():
        raise SystemExit(f"{peer} has no train.py; give the folder of nanoGPT")
    copy = folder / "nanoGPT"
    shutil.copytree(peer, copy, ignore=shutil.ignore_patterns(".git", "assets", "*.ipynb"))
    characters = sorted(set(text))
    ids = {character: number for number, character in enumerate(characters)}
    cut = int(len(text) * 0.9)
    data = copy / "data" / "shakespeare_char"
    for name, part in (("train", text[:cut]), ("val", text[cut:])):
        np.array([ids[c] for c in part], dtype=np.uint16).tofile(data / f"{name}.bin")
    meta = {"vocab_size": len(characters), "stoi": ids, "itos": dict(enumerate(characters))}
    (data / "meta.pkl").write_bytes(pickle.dumps(meta))
    return copy


def train(copy: Path, *options: str) -> PeerRun:
    """Run its train.py in the CPU setting, as its README says, with `options` added."""
    command = [sys.executable, "train.py", "config/train_shakespeare_char.py", *CPU_SETTING, *options]
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"nanoGPT's train.py failed:\n{done.stderr[-3000:]}")
    times = [float(t) / 1000 for t in re.findall(r"time ([\d.]+)ms", done.stdout)]
    return PeerRun(seconds=seconds, step_seconds=statistics.median(times), steps=len(times), folder=copy)


@torch.no_grad()
def full_loss(run: PeerRun, batch_size: int = 64) -> float:
    """Nats per character of its checkpoint on the whole validation split, in windows of its context."""
    module = model_module(run.folder / "model.py")
    saved = torch.load(run.folder / "out-shakespeare-char" / "ckpt.pt", map_location="cpu", weights_only=True)
    model = module.GPT(module.GPTConfig(**saved["model_args"])).eval()
    model.load_state_dict(saved["model"])
    ids = np.fromfile(run.folder / "data" / "shakespeare_char" / "val.bin", dtype=np.uint16).astype(np.int64)
    length = saved["model_args"]["block_size"]
    windows = torch.from_numpy(np.lib.stride_tricks.sliding_window_view(ids, length + 1)[::length].copy())
    total = 0.0
    for part in windows.split(batch_size):
        _, loss = model(part[:, :-1].contiguous(), part[:, 1:].contiguous())
        total += loss.item() * len(part)
    return total / len(windows)

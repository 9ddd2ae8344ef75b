"""The settings that every training loop shares."""

from dataclasses import dataclass
from typing import Literal

Decay = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopSettings:
    """How long to train, how fast to learn, and when to look; all counts are optimizer steps."""

    steps: int = 1000  # optimizer steps in all
    batch_size: int = 64  # examples per step, over all processes together
    accumulate: int = 1  # parts that each process's share of a batch is cut into, where memory holds no more at once
    warmup_steps: int = 0  # linear rise of the learning rate from 0
    decay: Decay = "constant"  # shape of the learning rate after the warm-up
    final_fraction: float = 0.0  # learning rate at the last step, as a share of the peak
    grad_clip: float = 0.0  # largest global gradient norm; 0 switches clipping off
    ema_decay: float = 0.0  # of the averaged weights; 0 switches averaging off
    log_every: int = 20  # steps between rows of the history
    evaluate_every: int = 0  # steps between evaluations; 0: only after the last step
    patience: int = 0  # evaluations in a row without a new best after which training ends; 0: it goes on
    checkpoint_every: int = 200  # steps between checkpoints; 0: only at the end
    seed: int = 0  # of the batches, the dropout and the initial weights
    device: str = "auto"  # "auto", "cpu", "cuda", "cuda:1", "mps"
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # "auto": bf16 where the processor has it
    compile: bool = False  # fuse operations by torch.compile: a minute at the start, faster steps after it
    cuda_graphs: bool = False  # on one GPU, record a step once and replay it: nothing waits for Python
    strategy: Literal["ddp", "fsdp"] = "ddp"  # how several processes share the work

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "log_every"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("warmup_steps", "evaluate_every", "patience", "checkpoint_every", "grad_clip", "seed"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "at least 0")
        _require(0 <= self.final_fraction <= 1, "final_fraction", self.final_fraction, "between 0 and 1")
        _require(0 <= self.ema_decay < 1, "ema_decay", self.ema_decay, "at least 0 and below 1")


def _require(holds: bool, name: str, value: object, allowed: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value}, but must be {allowed}")

"""The training loop for one model: what every paper means by "we trained it"."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from aigc_course.training.history import History
from aigc_course.training.runtime import Runtime
from aigc_course.training.schedules import set_learning_rate
from aigc_course.training.session import Evaluate, Session
from aigc_course.training.settings import LoopSettings

Batch = dict[str, torch.Tensor]
Metrics = Mapping[str, torch.Tensor | float]
StepFunction = Callable[[nn.Module, Batch], tuple[torch.Tensor, Metrics]]


class Batches(Protocol):
    """A stream whose k-th batch depends on nothing but k (and the seed and rank that it was made with)."""

    def __getitem__(self, k: int) -> Batch: ...


def fit(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    step_fn: StepFunction,
    *,
    settings: LoopSettings,
    runtime: Runtime,
    run_dir: Path | None = None,
    resume: bool = False,
    config: dict[str, Any] | None = None,
    evaluate: Evaluate | None = None,
    on_log: Callable[[History], None] | None = None,
    title: str = "training",
) -> Session:
    """Train `model`, which `runtime.prepare` made ready, for `settings.steps` steps.

    Args:
        batches: `batches[k]` is this process's part of the k-th batch.
        step_fn: `(model, batch) -> (loss, metrics)`, means over the batch. It must call `model(...)` itself, not a part
            of it: only then do several processes exchange gradients.
        run_dir: where checkpoints and history go; None keeps everything in memory.
        evaluate: `model -> {name: value}`, called in eval mode without gradients, on the averaged weights if there
            are any.

    Returns: the finished session: its `history`, `ema`, `step`, `interrupted` and `best`.
    Raises: TrainingError when the loss stops being finite; CheckpointError when `run_dir` does not fit.
    """
    session = Session(
        models={"model": model},
        optimizers={"optimizer": optimizer},
        settings=settings,
        runtime=runtime,
        run_dir=run_dir,
        resume=resume,
        config=config or {},
        evaluate=evaluate,
        on_log=on_log,
        title=title,
    )

    def descend(batch: list[Batch]) -> dict[str, torch.Tensor]:
        optimizer.zero_grad(set_to_none=True)
        measured = []
        for part in runtime.parts(batch[0], settings.accumulate, model):
            with runtime.autocast():
                loss, metrics = step_fn(model, part)
            (loss / settings.accumulate).backward()
            measured.append({"loss": loss, **metrics})
        values = runtime.means(*measured)
        return values | {"grad_norm": runtime.update(values["loss"], model, optimizer, clip=settings.grad_clip)}

    with session:
        descend_fast = runtime.recorded(descend, [optimizer])
        for step in session.steps():
            learning_rate = set_learning_rate(optimizer, step, settings)
            values = descend_fast([runtime.to_device(batches[step])])
            grad_norm = values.pop("grad_norm")
            session.finish_step(values | {"learning_rate": learning_rate}, grad_norm)
    return session

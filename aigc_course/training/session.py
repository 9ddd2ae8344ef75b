"""What surrounds the steps of any training loop: resume, history, evaluation, checkpoints, a clean stop."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from aigc_course.errors import CheckpointError, TrainingError
from aigc_course.files import write_json
from aigc_course.training import checkpoint, state
from aigc_course.training.ema import EMA
from aigc_course.training.hardware import describe
from aigc_course.training.history import History
from aigc_course.training.progress import progress_bar
from aigc_course.training.runtime import Runtime
from aigc_course.training.settings import LoopSettings
from aigc_course.training.signals import StopRequest

LAST, BEST = "last.safetensors", "best.safetensors"

Evaluate = Callable[[nn.Module], Mapping[str, float]]


@dataclass(kw_only=True)
class Session:
    """One run of a training loop. Use as a context manager; iterate over `steps()`; call `finish_step` in each.

    `models` and `optimizers` are what a checkpoint holds, by name. The first model is the one that is averaged
    (EMA) and evaluated. `config` is stored in every checkpoint and must agree on resume.
    """

    models: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    settings: LoopSettings
    runtime: Runtime
    run_dir: Path | None = None
    resume: bool = False
    config: dict[str, Any] = field(default_factory=dict)
    evaluate: Evaluate | None = None
    monitor: str = "validation_loss"  # the evaluation's entry that "best" means; lower is better
    on_log: Callable[[History], None] | None = None
    title: str = "training"

    def __post_init__(self) -> None:
        self.history = History(self.run_dir)
        self.step = 0  # steps done
        self.best: float | None = None
        self.interrupted = False
        self.out_of_patience = False  # stopped because evaluations brought no new best any more
        self._seconds_before = 0.0
        self.hardware = [describe(self.runtime.device, self.runtime.precision, self.runtime.world)]  # of each sitting
        self._main_name = next(iter(self.models))
        self.ema = EMA(self._main_model, self.settings.ema_decay) if self.settings.ema_decay else None
        self._stack = ExitStack()
        self._saved_at = -1
        # Steps whose numbers were not looked at yet.
        self._unchecked: list[tuple[int, dict[str, torch.Tensor | float], torch.Tensor]] = []

    @property
    def _main_model(self) -> nn.Module:
        return self.models[self._main_name]

    def __enter__(self) -> "Session":
        self.runtime.seed(self.settings.seed)
        if self.run_dir is not None:
            self._open_run_dir(self.run_dir)
        self._stop = self._stack.enter_context(StopRequest())
        self._bar = self._stack.enter_context(
            progress_bar(self.title, self.settings.steps, self.step, visible=self.runtime.is_main)
        )
        self._started = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stack.close()
        if kind is None and self.run_dir is not None and self._saved_at != self.step:
            self.save()

    def steps(self) -> Iterator[int]:
        """The numbers of the steps still to do; ends early when the user asked to stop, or patience is at its end."""
        for model in self.models.values():
            model.train()
        while self.step < self.settings.steps and not self.interrupted and not self.out_of_patience:
            yield self.step

    def finish_step(self, values: Mapping[str, torch.Tensor | float], grad_norm: torch.Tensor) -> None:
        """Record one step's scalars, then average, log, evaluate and save as the settings say.

        Raises: TrainingError when the loss or the gradient is not finite (the step was not taken). On a GPU that is
            looked at when something is logged, evaluated or saved: a look at every step would keep it waiting.
        """
        values = {name: v.detach() if isinstance(v, torch.Tensor) else v for name, v in values.items()}
        self._unchecked.append((self.step, values, grad_norm))
        if self.runtime.device.type != "cuda":
            self._require_finite()
        if self.ema:
            self.ema.update(self._main_model, self.step)
        self.history.add({**values, "grad_norm": grad_norm})
        self.step += 1
        self.interrupted = self.runtime.any(self._stop.requested)
        self._bar.update()
        last = self.step == self.settings.steps
        logs = _due(self.step, self.settings.log_every) or last
        evaluates = self.evaluate is not None and (_due(self.step, self.settings.evaluate_every) or last)
        saves = self.run_dir is not None and (
            _due(self.step, self.settings.checkpoint_every) or last or self.interrupted
        )
        if logs or evaluates or saves:
            self._require_finite()
        if logs:
            self._log()
        if evaluates:
            self._evaluate()
        if saves:
            self.save()

    @property
    def seconds(self) -> float:
        """Time in this loop, earlier sittings included."""
        return self._seconds_before + time.monotonic() - self._started

    def save(self) -> None:
        """Write the checkpoint `last.safetensors` and the history. Every process must call this."""
        self._save_as(LAST)
        self._saved_at = self.step

    def _save_as(self, name: str) -> None:
        assert self.run_dir is not None
        tree = {
            "config": self.config,
            "step": self.step,
            "best": self.best,
            "seconds": self.seconds,
            "hardware": self.hardware,
            "history": self.history.state_dict(),
            "model": {n: state.model_state(m, self.runtime) for n, m in self.models.items()},
            "ema": {self._main_name: state.full(self.ema.average)} if self.ema else None,
            "optimizer": {
                n: state.optimizer_state(o, m, self.runtime)
                for (n, o), m in zip(self.optimizers.items(), self.models.values(), strict=True)
            },
            "rng": state.rng_state(self.runtime),
        }
        if self.runtime.is_main:
            checkpoint.save(self.run_dir / name, tree)
            self.history.save(self.run_dir)

    def _log(self) -> None:
        row = self.history.flush(self.step, self.seconds)
        shown = [f"{name} {row[name]:.4g}" for name in row if "loss" in name and not name.startswith("validation")]
        self._bar.set_postfix_str(", ".join(shown[:3]), refresh=False)
        if self.on_log and self.runtime.is_main:
            self.on_log(self.history)

    def _evaluate(self) -> None:
        """Evaluate the averaged weights where there are any; the training's random numbers are not touched."""
        assert self.evaluate is not None
        devices = [self.runtime.device] if self.runtime.device.type == "cuda" else []
        model = self._main_model
        with (
            torch.random.fork_rng(devices=devices),
            self.ema.applied(model) if self.ema else nullcontext(),
            self.runtime.eager(),
        ):
            torch.manual_seed(self.settings.seed)
            model.eval()
            with torch.no_grad():
                metrics = dict(self.evaluate(model))
            model.train()
        self.history.append(self.step, self.seconds, metrics)
        value = metrics.get(self.monitor)
        if value is not None and (self.best is None or value < self.best):
            self.best = value
            if self.run_dir is not None:
                self._save_as(BEST)
        self.out_of_patience = self._is_out_of_patience()
        if self.on_log and self.runtime.is_main:
            self.on_log(self.history)

    def _is_out_of_patience(self) -> bool:
        """Whether the evaluations have gone `patience` times in a row without a new best, on any process."""
        values = self.history.column(self.monitor)[1]
        since_best = len(values) - 1 - values.index(min(values)) if values else 0
        return self.runtime.any(0 < self.settings.patience <= since_best)

    def _open_run_dir(self, run_dir: Path) -> None:
        last = run_dir / LAST
        if self.resume:
            self._restore(checkpoint.load(last), last)
        elif last.exists():
            raise CheckpointError(
                f"{run_dir} already holds a run; --resume goes on with it, or choose another --run-dir"
            )
        elif self.runtime.is_main:
            write_json(run_dir / "config.json", self.config)
        if self.runtime.is_main:
            for stale in run_dir.glob(".*.part"):
                stale.unlink(missing_ok=True)

    def _restore(self, tree: dict[str, Any], where: Path) -> None:
        state.check_same_config(tree["config"], self.config, str(where))
        for name, model in self.models.items():
            state.load_model(model, tree["model"][name], self.runtime, f"{where} ({name})")
        for (name, optimizer), model in zip(self.optimizers.items(), self.models.values(), strict=True):
            state.load_optimizer(optimizer, model, tree["optimizer"][name], self.runtime)
        if self.ema:
            state.load_average(self.ema.average, tree["ema"][self._main_name])
        self.history.load_state_dict(tree["history"])
        self.step, self.best, self._seconds_before = tree["step"], tree["best"], tree["seconds"]
        self.out_of_patience = self._is_out_of_patience()
        self._saved_at = self.step
        self.hardware = list(dict.fromkeys([*tree.get("hardware", []), *self.hardware]))
        state.restore_rng(tree["rng"], self.runtime, self.settings.seed + self.step)

    def _require_finite(self) -> None:
        """Raise TrainingError for the first step since the last look whose loss or gradient was not finite."""
        steps, self._unchecked = self._unchecked, []
        finite = torch.stack([torch.isfinite(norm) for _, _, norm in steps]).tolist() if steps else []
        if not all(finite):
            step, values, _ = steps[finite.index(False)]
            raise TrainingError(self._explain_divergence(step, values))

    def _explain_divergence(self, step: int, values: Mapping[str, torch.Tensor | float]) -> str:
        losses = ", ".join(f"{name} {float(v):.4g}" for name, v in values.items() if "loss" in name)
        if self.run_dir is not None and (self.run_dir / LAST).exists():
            kept = f"The last good checkpoint is {self.run_dir / LAST}"
        else:
            kept = "No checkpoint had been written yet"
        return (
            f"step {step}: the loss or its gradient is not finite ({losses}); the step was not taken. {kept}. "
            "Usual causes: a learning rate that is too high (try a half), no gradient clipping (grad_clip=1), or "
            "data that holds NaN or infinity."
        )


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0

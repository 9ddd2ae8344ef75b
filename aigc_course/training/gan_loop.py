"""The training loop for two players: draw once, then one step of the discriminator and one of the generator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from aigc_course.errors import UsageError
from aigc_course.training.history import History
from aigc_course.training.loop import Batch, Batches, Metrics
from aigc_course.training.runtime import Runtime
from aigc_course.training.schedules import set_learning_rate
from aigc_course.training.session import Evaluate, Session
from aigc_course.training.settings import LoopSettings

Draw = Callable[[nn.Module, Batch], torch.Tensor]
PlayerStep = Callable[[nn.Module, Batch, torch.Tensor], tuple[torch.Tensor, Metrics]]


def fit_gan(
    generator: nn.Module,
    discriminator: nn.Module,
    generator_optimizer: torch.optim.Optimizer,
    discriminator_optimizer: torch.optim.Optimizer,
    batches: Batches,
    *,
    draw: Draw,
    discriminator_step: PlayerStep,
    generator_step: PlayerStep,
    settings: LoopSettings,
    runtime: Runtime,
    run_dir: Path | None = None,
    resume: bool = False,
    config: dict[str, Any] | None = None,
    evaluate: Evaluate | None = None,
    on_log: Callable[[History], None] | None = None,
    title: str = "training",
) -> Session:
    """Train both players, which `runtime.prepare` made ready, for `settings.steps` steps of each.

    `draw(generator, batch)` makes the fakes that both steps of the round learn from: drawing is a large part of the
    work, so it is done once. The two step functions get `(discriminator, batch, fakes)` and return `(loss, metrics)`,
    means over the batch. The discriminator's step gets the fakes cut off from the generator; in the generator's step
    the discriminator's weights are frozen, so that no gradient is computed or left behind for them.

    Returns and raises: as `fit`; the generator is the model that is averaged and evaluated.
    """
    if settings.strategy == "fsdp" and runtime.world > 1:
        raise UsageError("fit_gan shares its work by strategy 'ddp' only, not 'fsdp'")
    if settings.accumulate > 1:
        raise UsageError(f"fit_gan takes whole batches (accumulate=1), but accumulate is {settings.accumulate}")
    session = Session(
        models={"generator": generator, "discriminator": discriminator},
        optimizers={"generator": generator_optimizer, "discriminator": discriminator_optimizer},
        settings=settings,
        runtime=runtime,
        run_dir=run_dir,
        resume=resume,
        config=config or {},
        evaluate=evaluate,
        on_log=on_log,
        title=title,
    )
    clip = settings.grad_clip
    with session:
        for step in session.steps():
            learning_rate = set_learning_rate(generator_optimizer, step, settings)
            set_learning_rate(discriminator_optimizer, step, settings)
            batch = runtime.to_device(batches[step])

            with runtime.autocast():
                fakes = draw(generator, batch)
                loss_d, metrics_d = discriminator_step(discriminator, batch, fakes.detach())
            norm_d = runtime.step(loss_d, discriminator, discriminator_optimizer, clip=clip)

            discriminator.requires_grad_(False)
            with runtime.autocast():
                loss_g, metrics_g = generator_step(runtime.unwrap(discriminator), batch, fakes)
            norm_g = runtime.step(loss_g, generator, generator_optimizer, clip=clip)
            discriminator.requires_grad_(True)

            losses = {"discriminator_loss": loss_d, "generator_loss": loss_g}
            values = runtime.means({**losses, **metrics_d, **metrics_g})
            session.finish_step(values | {"learning_rate": learning_rate}, norm_d + norm_g)
    return session

"""The training loop for two players: draw, then step the discriminator; after n_dis times, step the generator."""

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
    n_dis: int = 1,
    settings: LoopSettings,
    runtime: Runtime,
    run_dir: Path | None = None,
    resume: bool = False,
    config: dict[str, Any] | None = None,
    evaluate: Evaluate | None = None,
    on_log: Callable[[History], None] | None = None,
    title: str = "training",
) -> Session:
    """Train both players, which `runtime.prepare` made ready, for `settings.steps` rounds.

    A round is `n_dis` steps of the discriminator, each on a batch of its own, then one of the generator, on the last
    of these batches: round k takes the batches n_dis k to n_dis k + n_dis - 1. `draw(generator, batch)` makes a
    batch's fakes; the last ones teach both players, because drawing is a large part of the work.

    The two step functions get `(discriminator, batch, fakes)` and return `(loss, metrics)`, means over the batch. The
    discriminator's step gets the fakes cut off from the generator; in the generator's step the discriminator's weights
    are frozen, so that no gradient is computed or left behind for them.

    Returns and raises: as `fit`; the generator is the model that is averaged and evaluated.
    """
    if settings.strategy == "fsdp" and runtime.world > 1:
        raise UsageError("fit_gan shares its work by strategy 'ddp' only, not 'fsdp'")
    if n_dis < 1:
        raise UsageError(f"fit_gan takes at least one discriminator step a round, but n_dis is {n_dis}")
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

    def play(several: list[Batch]) -> dict[str, torch.Tensor]:
        judged = []
        for batch in several:
            with runtime.autocast():
                fakes = draw(generator, batch)
                loss_d, metrics_d = discriminator_step(discriminator, batch, fakes.detach())
            norm_d = runtime.step(loss_d, discriminator, discriminator_optimizer, clip=clip)
            judged.append({"discriminator_loss": loss_d, **metrics_d, "discriminator_grad_norm": norm_d})

        discriminator.requires_grad_(False)
        with runtime.autocast():
            loss_g, metrics_g = generator_step(runtime.unwrap(discriminator), several[-1], fakes)
        norm_g = runtime.step(loss_g, generator, generator_optimizer, clip=clip)
        discriminator.requires_grad_(True)

        drawn = {"generator_loss": loss_g, **metrics_g, "generator_grad_norm": norm_g}
        return runtime.means(*judged) | runtime.means(drawn)

    with session:
        play_fast = runtime.recorded(play, [generator_optimizer, discriminator_optimizer])
        for step in session.steps():
            learning_rate = set_learning_rate(generator_optimizer, step, settings)
            set_learning_rate(discriminator_optimizer, step, settings)
            values = play_fast([runtime.to_device(batches[k]) for k in range(n_dis * step, n_dis * (step + 1))])
            # Not finite when any step's was not.
            grad_norm = values["discriminator_grad_norm"] + values["generator_grad_norm"]
            session.finish_step(values | {"learning_rate": learning_rate}, grad_norm)
    return session

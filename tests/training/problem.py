"""A small regression problem that touches what a checkpoint must restore: dropout, batch norm, schedule, EMA."""

import torch
from torch import nn

from aigc_course.training import LoopSettings, Runtime, fit, fit_gan


def assert_equal(first: nn.Module, second: nn.Module) -> None:
    """Equal weights and buffers, bit for bit."""
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


class Stream:
    """The k-th batch as a function of k, for one of `world` processes."""

    def __init__(self, batch_size: int = 16, rank: int = 0, world: int = 1) -> None:
        self.batch_size, self.rank, self.world = batch_size, rank, world

    def __getitem__(self, k: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(1000 + k)
        x = torch.randn(self.batch_size, 4, generator=generator)
        z = torch.randn(self.batch_size, 3, generator=generator)
        share = slice(self.rank * self.batch_size // self.world, (self.rank + 1) * self.batch_size // self.world)
        return {"x": x[share], "y": x[share].sum(1, keepdim=True).sin(), "z": z[share]}


def make_model(*, dropout: float = 0.2, batch_norm: bool = True) -> nn.Module:
    torch.manual_seed(7)
    norm = nn.BatchNorm1d(16) if batch_norm else nn.Identity()
    return nn.Sequential(nn.Linear(4, 16), norm, nn.GELU(), nn.Dropout(dropout), nn.Linear(16, 1))


def step_fn(model, batch):
    loss = (model(batch["x"]) - batch["y"]).square().mean()
    return loss, {"loss_again": loss}


def settings(**changes) -> LoopSettings:
    base = {"steps": 30, "batch_size": 16, "warmup_steps": 5, "decay": "cosine", "grad_clip": 0.5, "ema_decay": 0.9}
    base |= {
        "log_every": 7,
        "checkpoint_every": 11,
        "evaluate_every": 10,
        "precision": "fp32",
        "device": "cpu",
        "seed": 3,
    }
    return LoopSettings(**{**base, **changes})


def evaluate(model) -> dict[str, float]:
    torch.rand(3)  # an evaluation that draws random numbers must not disturb training
    return {"validation_loss": float(step_fn(model, Stream()[999])[0])}


def run_fit(run_dir=None, *, resume=False, evaluation=evaluate, model=None, step=step_fn, **changes):
    loop = settings(**changes)
    runtime = Runtime(loop)
    model = runtime.prepare(model or make_model())
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    session = fit(
        model,
        optimizer,
        Stream(rank=runtime.rank, world=runtime.world),
        step,
        settings=loop,
        runtime=runtime,
        run_dir=run_dir,
        resume=resume,
        config={"name": "test", "loop": {"steps": loop.steps}},
        evaluate=evaluation,
    )
    return session, runtime.unwrap(model)


def make_players(*, plain: bool = False):
    """Two small players; plain ones have neither batch norm nor dropout, which differ between one process and two."""
    torch.manual_seed(11)
    norm = nn.Identity() if plain else nn.BatchNorm1d(8)
    rate = 0.0 if plain else 0.1
    generator = nn.Sequential(nn.Linear(3, 8), norm, nn.ReLU(), nn.Dropout(rate), nn.Linear(8, 4))
    discriminator = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Dropout(rate), nn.Linear(8, 1))
    return generator, discriminator


def draw(generator, batch):
    return generator(batch["z"])


def discriminator_step(discriminator, batch, fakes):
    softplus = nn.functional.softplus
    return softplus(-discriminator(batch["x"])).mean() + softplus(discriminator(fakes)).mean(), {}


def generator_step(discriminator, batch, fakes):
    return nn.functional.softplus(-discriminator(fakes)).mean(), {}


def run_fit_gan(
    run_dir=None,
    *,
    resume=False,
    plain=False,
    discriminator_step=discriminator_step,
    generator_step=generator_step,
    n_dis=1,
    **changes,
):
    loop = settings(**{"grad_clip": 0.0, "evaluate_every": 0, **changes})
    runtime = Runtime(loop)
    generator, discriminator = (runtime.prepare(player) for player in make_players(plain=plain))
    session = fit_gan(
        generator,
        discriminator,
        torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999)),
        torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999)),
        Stream(rank=runtime.rank, world=runtime.world),
        draw=draw,
        discriminator_step=discriminator_step,
        generator_step=generator_step,
        n_dis=n_dis,
        settings=loop,
        runtime=runtime,
        run_dir=run_dir,
        resume=resume,
    )
    return session, runtime.unwrap(generator), runtime.unwrap(discriminator)

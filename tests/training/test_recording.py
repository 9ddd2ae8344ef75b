"""CUDA graphs: a recorded step does what the plain one does. What needs a GPU is skipped without one."""

import dataclasses

import pytest
import torch
from torch import nn

from aigc_course.errors import TrainingError, UsageError
from aigc_course.training import LoopSettings, Runtime, fit, fit_gan
from aigc_course.training.recording import RecordedStep

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
LOOP = LoopSettings(
    steps=12, batch_size=16, log_every=4, precision="fp32", warmup_steps=9, grad_clip=1.0, ema_decay=0.9
)


class Numbers:
    """Batch k, a function of k alone; not a number in batch `bad`."""

    def __init__(self, bad=-1):
        self.bad = bad

    def __getitem__(self, k):
        x = torch.randn(16, 6, generator=torch.Generator().manual_seed(k))
        return {"x": x if k != self.bad else x * float("nan")}


def regression(model, batch):
    prediction = model(batch["x"])
    loss = (prediction[:, 0] - batch["x"].sin().sum(dim=1)).square().mean()
    return loss, {"largest": prediction.detach().abs().max()}


def trained(recorded, bad=-1, steps=12, **where):
    loop = dataclasses.replace(LOOP, cuda_graphs=recorded, steps=steps)
    runtime = Runtime(loop)
    torch.manual_seed(0)
    model = runtime.prepare(nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 1)))
    adam = torch.optim.Adam(model.parameters(), lr=1e-2, fused=True)
    return model, fit(model, adam, Numbers(bad), regression, settings=loop, runtime=runtime, **where)


def test_without_a_gpu_the_step_is_not_recorded():
    runtime = Runtime(dataclasses.replace(LOOP, cuda_graphs=True, device="cpu"))

    def step(batches):
        return {}

    assert runtime.recorded(step, []) is step


def test_an_optimizer_that_is_not_fused_is_refused():
    layer = nn.Linear(2, 2)
    with pytest.raises(UsageError, match=r"cuda_graphs=true records fused optimizers.*SGD.*cuda_graphs=false"):
        RecordedStep(dict, [torch.optim.SGD(layer.parameters(), lr=0.1)])


@needs_gpu
def test_recorded_steps_do_what_plain_ones_do():
    (plain, before), (recorded, after) = trained(False), trained(True)
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(recorded.state_dict()[name], weight, rtol=1e-4, atol=1e-6)
    for name in ("loss", "largest", "grad_norm", "learning_rate"):
        assert after.history.column(name)[1] == pytest.approx(before.history.column(name)[1], rel=1e-3)
    assert len(set(after.history.column("learning_rate")[1])) == 3
    for name, average in before.ema.average.items():
        torch.testing.assert_close(after.ema.average[name], average, rtol=1e-4, atol=1e-6)


@needs_gpu
def test_a_recorded_run_goes_on_where_it_was_stopped(tmp_path):
    straight, _ = trained(True)
    trained(True, steps=6, run_dir=tmp_path)
    resumed, session = trained(True, run_dir=tmp_path, resume=True)
    assert session.step == 12
    for name, weight in straight.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], weight, rtol=1e-4, atol=1e-6)


@needs_gpu
@pytest.mark.parametrize("recorded", [False, True])
def test_a_step_that_is_not_finite_leaves_the_weights_and_is_named(recorded):
    with pytest.raises(TrainingError, match=r"step 9: .*not finite"):
        trained(recorded, bad=9)


class Players:
    @staticmethod
    def draw(generator, batch):
        return generator(batch["x"])

    @staticmethod
    def judge(discriminator, batch, fakes):
        real, fake = discriminator(batch["x"]), discriminator(fakes)
        images = batch["x"].clone().requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
        return (fake - real).mean() + slope.square().sum(dim=1).mean(), {}

    @staticmethod
    def fool(discriminator, batch, fakes):
        return (discriminator(batch["x"]).detach() - discriminator(fakes)).mean(), {}


@needs_gpu
def test_a_recorded_game_is_the_plain_one():
    weights = []
    for recorded in (False, True):
        loop = dataclasses.replace(LOOP, cuda_graphs=recorded)
        runtime = Runtime(loop)
        torch.manual_seed(0)
        players = [runtime.prepare(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, n))) for n in (6, 1)]
        optimizers = [torch.optim.Adam(p.parameters(), lr=1e-2, fused=True) for p in players]
        roles = Players()
        fit_gan(
            *players,
            *optimizers,
            Numbers(),
            draw=roles.draw,
            discriminator_step=roles.judge,
            generator_step=roles.fool,
            n_dis=2,
            settings=loop,
            runtime=runtime,
        )
        weights.append([w.clone() for player in players for w in player.parameters()])
    for plain, recorded in zip(*weights, strict=True):
        torch.testing.assert_close(recorded, plain, rtol=1e-4, atol=1e-6)

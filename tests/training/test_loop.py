"""`fit` against the loop written out, bit for bit; stop and resume against the straight run."""

import math
import os
import shutil
import signal

import pytest
import torch

from aigc_course.errors import CheckpointError, TrainingError, UsageError
from aigc_course.training import checkpoint
from aigc_course.training.schedules import learning_rate_factor

from . import problem
from .problem import assert_equal


def without_time(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_fit_equals_the_naive_loop_bit_for_bit():
    session, trained = problem.run_fit(evaluation=None)

    loop = problem.settings()
    model = problem.make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    torch.manual_seed(loop.seed)
    average = {k: v.clone() for k, v in model.state_dict().items()}
    for step in range(loop.steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * learning_rate_factor(step, loop)
        loss, _ = problem.step_fn(model, problem.Stream()[step])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), loop.grad_clip)
        optimizer.step()
        weight = 1 - min(loop.ema_decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            average[name] = torch.lerp(average[name], value, weight) if value.is_floating_point() else value.clone()

    assert_equal(trained, model)
    for name, value in average.items():
        assert torch.equal(session.ema.average[name], value), name
    assert session.history.rows[-1]["step"] == loop.steps


def stop_at(step: int):
    """A step function that sends this process a Ctrl-C while step `step` (0-based) runs."""

    def interrupted(model, batch):
        interrupted.count += 1
        if interrupted.count == step + 1:
            os.kill(os.getpid(), signal.SIGINT)
        return problem.step_fn(model, batch)

    interrupted.count = 0
    return interrupted


@pytest.mark.parametrize("step", [1, 10, 13, 28])
def test_ctrl_c_saves_and_resume_equals_the_straight_run(tmp_path, step):
    straight, expected = problem.run_fit(tmp_path / "straight")
    first, _ = problem.run_fit(tmp_path / "parts", step=stop_at(step))
    assert first.interrupted
    assert first.step == step + 1
    torch.manual_seed(99)  # whatever happened in between
    second, actual = problem.run_fit(tmp_path / "parts", resume=True)
    assert not second.interrupted
    assert_equal(actual, expected)
    for name, value in straight.ema.average.items():
        assert torch.equal(second.ema.average[name], value), name
    assert without_time(second.history.rows) == without_time(straight.history.rows)
    assert second.best == straight.best


def test_resume_in_bf16_is_bit_exact(tmp_path):
    _, expected = problem.run_fit(tmp_path / "straight", precision="bf16")
    problem.run_fit(tmp_path / "parts", precision="bf16", step=stop_at(13))
    _, actual = problem.run_fit(tmp_path / "parts", precision="bf16", resume=True)
    assert_equal(actual, expected)


@pytest.mark.parametrize("part", ["optimizer", "rng", "step", "ema", "model"])
def test_leaving_out_any_part_of_the_checkpoint_breaks_equality(tmp_path, monkeypatch, part):
    """The equality above depends on each thing that is stored."""
    from aigc_course.training.session import Session

    straight, expected = problem.run_fit(tmp_path / "straight")
    problem.run_fit(tmp_path / "parts", step=stop_at(13))
    restore = Session._restore

    def forgetful(self, tree, where):
        kept = {name: value.clone() for name, value in self.models["model"].state_dict().items()}
        average = {name: value.clone() for name, value in self.ema.average.items()}
        before = torch.get_rng_state()
        restore(self, tree, where)
        if part == "model":
            self.models["model"].load_state_dict(kept)
        elif part == "optimizer":
            self.optimizers["optimizer"].state.clear()
        elif part == "rng":
            torch.set_rng_state(before)
        elif part == "step":
            self.step -= 1
        else:
            self.ema.average.update(average)

    monkeypatch.setattr(Session, "_restore", forgetful)
    resumed, actual = problem.run_fit(tmp_path / "parts", resume=True)
    same = all(
        torch.equal(a, b) for a, b in zip(actual.state_dict().values(), expected.state_dict().values(), strict=True)
    )
    same_average = all(torch.equal(resumed.ema.average[k], v) for k, v in straight.ema.average.items())
    assert not (same and same_average)


def test_a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(tmp_path):
    def diverging(model, batch):
        diverging.count += 1
        loss, metrics = problem.step_fn(model, batch)
        return (loss * math.nan if diverging.count == 15 else loss), metrics

    diverging.count = 0
    with pytest.raises(TrainingError, match=r"step 14: .*not finite.*last\.safetensors.*learning rate"):
        problem.run_fit(tmp_path, step=diverging)
    resumed, model = problem.run_fit(tmp_path, resume=True)
    assert resumed.step == 30
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_best_is_the_lowest_evaluation(tmp_path):
    values = iter([3.0, 1.0, 2.0])
    session, _ = problem.run_fit(tmp_path, evaluation=lambda _: {"validation_loss": next(values)})
    assert session.best == 1.0
    assert checkpoint.load(tmp_path / "best.safetensors")["step"] == 20
    assert checkpoint.load(tmp_path / "last.safetensors")["step"] == 30


def test_an_existing_run_is_not_overwritten(tmp_path):
    problem.run_fit(tmp_path)
    before = (tmp_path / "last.safetensors").read_bytes()
    with pytest.raises(CheckpointError, match="already holds a run"):
        problem.run_fit(tmp_path)
    assert (tmp_path / "last.safetensors").read_bytes() == before


def test_resume_without_a_checkpoint_says_so(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        problem.run_fit(tmp_path / "nothing", resume=True)


def test_resume_with_another_model_loads_nothing(tmp_path):
    problem.run_fit(tmp_path)
    other = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.GELU(), torch.nn.Linear(16, 1))
    before = [p.clone() for p in other.parameters()]
    with pytest.raises(CheckpointError, match="another model"):
        problem.run_fit(tmp_path, resume=True, model=other)
    assert all(torch.equal(a, b) for a, b in zip(before, other.parameters(), strict=True))


def test_history_csv_has_a_row_for_every_interval(tmp_path):
    session, _ = problem.run_fit(tmp_path)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0].startswith("step,seconds,")
    assert [int(line.split(",")[0]) for line in lines[1:]] == [7, 10, 14, 20, 21, 28, 30]
    steps, losses = session.history.column("validation_loss")
    assert steps == [10, 20, 30]
    assert all(0 < v < 5 for v in losses)


def plain_model():
    """Without batch norm and dropout, for which a part of a batch is not the batch."""
    return problem.make_model(dropout=0.0, batch_norm=False)


@pytest.mark.parametrize("parts", [2, 4, 16])
def test_a_batch_in_parts_is_the_same_step(parts):
    whole, expected = problem.run_fit(evaluation=None, model=plain_model())
    session, model = problem.run_fit(evaluation=None, model=plain_model(), accumulate=parts)
    for name, weight in expected.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], weight, rtol=1e-4, atol=1e-6)
    for name in ("loss", "loss_again", "grad_norm"):
        assert session.history.column(name)[1] == pytest.approx(whole.history.column(name)[1], rel=1e-4)


def test_a_batch_that_cannot_be_cut_equally_is_refused(tmp_path):
    with pytest.raises(UsageError, match="16 examples cannot be cut into 3 equal parts for each of 1 processes"):
        problem.run_fit(tmp_path, accumulate=3)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="accumulate is 0, but must be at least 1"):
        problem.settings(accumulate=0)
    with pytest.raises(UsageError, match="fit_gan takes whole batches"):
        problem.run_fit_gan(accumulate=2)


SCRIPT = (3.0, 2.0, 2.5, 1.5, 1.6, 1.5, 1.7, 1.0)  # validation losses; 1.5 again is no new best


@pytest.mark.parametrize(("patience", "evaluations"), [(0, 8), (1, 3), (2, 6), (3, 7), (4, 8)])
def test_training_ends_when_patience_does(tmp_path, patience, evaluations):
    values = iter(SCRIPT)
    options = {"evaluate_every": 5, "steps": 40, "patience": patience, "decay": "constant"}
    session, _ = problem.run_fit(tmp_path, evaluation=lambda _: {"validation_loss": next(values)}, **options)
    best = min(SCRIPT[:evaluations])
    assert session.step == 5 * evaluations
    assert session.out_of_patience == (evaluations < 8)
    assert session.best == best
    assert checkpoint.load(tmp_path / "best.safetensors")["step"] == 5 * (SCRIPT.index(best) + 1)
    assert checkpoint.load(tmp_path / "last.safetensors")["step"] == session.step
    resumed, _ = problem.run_fit(tmp_path, resume=True, evaluation=lambda _: {"validation_loss": 0.0}, **options)
    assert resumed.step == session.step


@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # of torch's own compiler
def test_compiled_steps_are_the_same_mathematics():
    plain, expected = problem.run_fit(model=plain_model())
    session, model = problem.run_fit(model=plain_model(), compile=True)
    assert list(model.state_dict()) == list(expected.state_dict())
    for name in ("loss", "validation_loss"):
        assert session.history.column(name)[1] == pytest.approx(plain.history.column(name)[1], rel=1e-3)


def test_compile_without_a_compiler_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(UsageError, match=r"compile=true needs a C\+\+ compiler"):
        problem.run_fit(compile=True)

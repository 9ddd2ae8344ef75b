"""`fit_gan` against the loop written out, bit for bit; what it records; stop and resume against the straight run."""

import math

import pytest
import torch

from aigc_course.errors import TrainingError, UsageError

from . import problem
from .problem import assert_equal


@pytest.mark.parametrize("n_dis", [1, 3])
def test_fit_gan_equals_the_naive_loop_bit_for_bit(n_dis):
    session, generator, discriminator = problem.run_fit_gan(n_dis=n_dis, warmup_steps=0, decay="constant", log_every=1)

    g, d = problem.make_players()
    optimizer_g = torch.optim.Adam(g.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(d.parameters(), lr=1e-3, betas=(0.5, 0.999))
    torch.manual_seed(3)
    for step in range(30):
        for k in range(n_dis):
            batch = problem.Stream()[n_dis * step + k]
            fakes = g(batch["z"])
            loss_d, _ = problem.discriminator_step(d, batch, fakes.detach())
            optimizer_d.zero_grad()
            loss_d.backward()
            optimizer_d.step()
        loss_g, _ = problem.generator_step(d, batch, fakes)
        optimizer_g.zero_grad()
        loss_g.backward()
        optimizer_g.step()
    assert_equal(generator, g)
    assert_equal(discriminator, d)
    norm = torch.nn.utils.get_total_norm([p.grad for p in g.parameters()]).item()
    assert session.history.rows[-1]["generator_grad_norm"] == pytest.approx(norm, rel=1e-6)


def test_fit_gan_records_the_mean_over_the_discriminators_steps_and_both_gradient_norms():
    """Step losses of 1, 2, 3 and a slope that is theirs: the history has their means, however many a round has."""
    seen = iter(range(1, 100))

    def discriminator_step(discriminator, batch, fakes):
        number = next(seen)
        weight = next(discriminator.parameters())[0, 0]
        return number * (weight - weight.detach() + 1), {"seen": number}

    session, *_ = problem.run_fit_gan(discriminator_step=discriminator_step, n_dis=3, steps=2, log_every=1)
    first, second = session.history.rows
    for name in ("discriminator_loss", "seen", "discriminator_grad_norm"):
        assert (first[name], second[name]) == (pytest.approx(2.0), pytest.approx(5.0))
    total = first["discriminator_grad_norm"] + first["generator_grad_norm"]
    assert first["grad_norm"] == pytest.approx(total, rel=1e-6)


def test_a_round_ends_when_any_of_its_discriminator_steps_is_not_finite():
    seen = iter(range(100))

    def discriminator_step(discriminator, batch, fakes):
        loss, metrics = problem.discriminator_step(discriminator, batch, fakes)
        return (loss * math.nan if next(seen) == 7 else loss), metrics

    with pytest.raises(TrainingError, match=r"step 2: .*not finite"):
        problem.run_fit_gan(discriminator_step=discriminator_step, n_dis=3)


def test_a_round_has_a_discriminator_step_at_least():
    with pytest.raises(UsageError, match="n_dis is 0"):
        problem.run_fit_gan(n_dis=0)


@pytest.mark.parametrize("n_dis", [1, 3])
def test_two_players_resume_bit_for_bit(tmp_path, n_dis):
    options = {"ema_decay": 0.8, "decay": "constant", "n_dis": n_dis}
    straight, *expected = problem.run_fit_gan(tmp_path / "straight", **options)
    problem.run_fit_gan(tmp_path / "parts", steps=13, **options)
    resumed, *actual = problem.run_fit_gan(tmp_path / "parts", resume=True, **options)
    for one, other in zip(actual, expected, strict=True):
        assert_equal(one, other)
    for name, value in straight.ema.average.items():
        assert torch.equal(resumed.ema.average[name], value), name


def test_each_step_of_fit_gan_reaches_its_own_player_alone():
    seen = []

    def discriminator_step(discriminator, batch, fakes):
        seen.append(("discriminator", fakes.requires_grad, [p.requires_grad for p in discriminator.parameters()]))
        return problem.discriminator_step(discriminator, batch, fakes)

    def generator_step(discriminator, batch, fakes):
        seen.append(("generator", fakes.requires_grad, [p.requires_grad for p in discriminator.parameters()]))
        return problem.generator_step(discriminator, batch, fakes)

    _, generator, discriminator = problem.run_fit_gan(
        steps=1, discriminator_step=discriminator_step, generator_step=generator_step
    )
    assert seen == [("discriminator", False, [True] * 4), ("generator", True, [False] * 4)]
    assert all(p.requires_grad and p.grad is not None for p in discriminator.parameters())
    assert all(p.grad is not None for p in generator.parameters())

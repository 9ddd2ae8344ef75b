"""The planar GAN: its mixtures against closed forms, its counting, its losses, its training step."""

import math
from dataclasses import replace

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.models.planar_gan import (
    MIXTURES,
    PlanarGAN,
    PlanarGANSettings,
    PlanarMixture,
    grid,
    line,
    planar_mixture,
    planar_network,
    ring,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", MIXTURES)
def test_samples_have_the_mixtures_mean_and_variance(name):
    mixture = planar_mixture(name)
    samples = mixture.sample(40_000, seeded())
    centres = torch.tensor(mixture.centres)
    torch.testing.assert_close(samples.mean(0), centres.mean(0), atol=0.03, rtol=0)
    variance = centres.var(0, correction=0) + mixture.std**2
    torch.testing.assert_close(samples.var(0), variance, atol=0.03, rtol=0)


def test_the_named_mixtures():
    assert ring(4, radius=3.0).centres[1] == pytest.approx((0.0, 3.0))
    assert grid(3, spacing=2.0).centres[:4] == ((-2.0, -2.0), (-2.0, 0.0), (-2.0, 2.0), (0.0, -2.0))
    assert line(2).centres == ((-0.5, 0.0), (0.5, 0.0))
    assert [planar_mixture(name).n_modes for name in ("ring", "grid", "line")] == [8, 25, 5]


def test_log_density_equals_torchs_own():
    mixture = PlanarMixture(centres=((0.0, 1.0), (2.0, -1.0), (0.5, 0.5)), std=0.7)
    parts = torch.distributions.MultivariateNormal(torch.tensor(mixture.centres), 0.49 * torch.eye(2))
    reference = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(torch.ones(3)), parts)
    points = torch.randn(20, 2, generator=seeded()) * 2
    torch.testing.assert_close(mixture.log_density(points), reference.log_prob(points))


def test_real_samples_hit_every_mode_and_reach_the_share_within_three_standard_deviations():
    mixture = ring()
    samples = mixture.sample(20_000, seeded())
    assert mixture.modes_hit(samples) == 8
    assert mixture.good_share(samples) == pytest.approx(1 - math.exp(-4.5), abs=0.003)  # Rayleigh
    torch.testing.assert_close(mixture.shares(samples), torch.full((8,), 0.989 / 8), atol=0.01, rtol=0)


def test_a_mode_is_hit_by_a_tenth_of_an_equal_share_near_it():
    mixture = ring()
    at_the_first = torch.tensor(mixture.centres[0]).repeat(1000, 1)
    assert mixture.modes_hit(at_the_first) == 1 and mixture.good_share(at_the_first) == 1

    def with_the_second(n: int, distance_stds: float = 0.0) -> int:
        samples = at_the_first.clone()
        samples[:n] = torch.tensor(mixture.centres[1]) + torch.tensor([0.0, distance_stds * mixture.std])
        return mixture.modes_hit(samples)

    assert [with_the_second(n) for n in (12, 13)] == [1, 2]  # a tenth of 1000 / 8 is 12.5
    assert [with_the_second(500, stds) for stds in (2.9, 3.1)] == [2, 1]
    assert mixture.modes_hit(torch.zeros(100, 2)) == 0 and mixture.good_share(torch.zeros(100, 2)) == 0


def test_overlapping_modes_count_each_sample_once():
    mixture = PlanarMixture(centres=((0.0, 0.0), (0.1, 0.0)), std=1.0)
    assert mixture.shares(torch.tensor([[0.0, 0.0], [0.2, 0.0], [9.0, 0.0], [-1.0, 0.0]])).tolist() == [0.5, 0.25]


def losses(gan: PlanarGAN, real: torch.Tensor, fake: torch.Tensor, **changes: object) -> tuple[float, float]:
    gan.settings = replace(gan.settings, **changes)
    return gan.discriminator_loss(real, fake).item(), gan.generator_loss(real, fake).item()


def linear_gan() -> PlanarGAN:
    """A GAN whose discriminator is logit(x, y) = 3 x + 4 y, with gradient (3, 4) everywhere."""
    gan = PlanarGAN(ring(), PlanarGANSettings())
    gan.discriminator = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False))
    gan.discriminator[0].weight.data = torch.tensor([[3.0, 4.0]])
    return gan


def test_losses_of_a_linear_discriminator_in_closed_form():
    real, fake = torch.tensor([[0.5, 0.0], [0.0, 0.5]]), torch.tensor([[-0.1, 0.0], [0.0, -0.2]])
    sigmoid = [[1 / (1 + math.exp(-3 * x - 4 * y)) for x, y in points.tolist()] for points in (real, fake)]
    bce = -sum(math.log(d) for d in sigmoid[0]) / 2 - sum(math.log(1 - d) for d in sigmoid[1]) / 2
    saturating = sum(math.log(1 - d) for d in sigmoid[1]) / 2
    non_saturating = -sum(math.log(d) for d in sigmoid[1]) / 2
    gan = linear_gan()
    assert losses(gan, real, fake, loss="saturating") == pytest.approx((bce, saturating))
    assert losses(gan, real, fake, loss="non-saturating") == pytest.approx((bce, non_saturating))
    assert losses(gan, real, fake, loss="Wasserstein") == pytest.approx((-0.55 - 1.75, 0.55))
    gaps = [1.5 + 0.3, 2.0 + 0.8]
    relativistic = [sum(math.log1p(math.exp(sign * gap)) for gap in gaps) / 2 for sign in (-1, 1)]
    assert losses(gan, real, fake, loss="relativistic") == pytest.approx(tuple(relativistic))


@pytest.mark.parametrize(
    ("loss", "added"),
    [("saturating", 25.0), ("non-saturating", 25.0), ("relativistic", 25.0), ("Wasserstein", 16.0)],
)
def test_penalties_of_a_linear_discriminator_in_closed_form(loss, added):
    """The gradient's norm is 5 everywhere: (5^2 + 5^2) / 2 for R1 + R2, (5 - 1)^2 for Wasserstein."""
    gan = linear_gan()
    real, fake = torch.randn(6, 2, generator=seeded(1)), torch.randn(6, 2, generator=seeded(2))
    without, generator_loss = losses(gan, real, fake, loss=loss, penalty=0.0)
    with_penalty, same = losses(gan, real, fake, loss=loss, penalty=0.1)
    assert with_penalty - without == pytest.approx(0.1 * added, rel=1e-4)
    assert same == generator_loss


@pytest.mark.parametrize("penalty", [0.0, 0.1])
@pytest.mark.parametrize("loss", ["saturating", "non-saturating", "relativistic", "Wasserstein"])
def test_steps_train_both_players_and_are_the_same_for_the_same_seed(loss, penalty):
    def trained(seed: int) -> PlanarGAN:
        gan = PlanarGAN(ring(), PlanarGANSettings(loss=loss, penalty=penalty, width=8, batch_size=16, seed=seed))
        for _ in range(3):
            assert all(math.isfinite(value) for value in gan.step().values())
        return gan

    one, same, other = trained(0), trained(0), trained(1)
    start = PlanarGAN(ring(), one.settings)
    points = torch.randn(5, 2, generator=seeded())
    assert one.steps_done == 3
    torch.testing.assert_close(one.sample(7), same.sample(7), rtol=0, atol=0)
    torch.testing.assert_close(one.logits(points), same.logits(points), rtol=0, atol=0)
    assert not torch.allclose(one.sample(7), other.sample(7))
    assert not torch.allclose(one.sample(7), start.sample(7))
    assert not torch.allclose(one.logits(points), start.logits(points))


def test_a_learning_rate_of_zero_freezes_one_player():
    gan = PlanarGAN(ring(), PlanarGANSettings(rate_ratio=0.0, width=8, batch_size=16))
    samples, logits = gan.sample(5), gan.logits(torch.ones(1, 2))
    gan.step()
    assert torch.equal(gan.logits(torch.ones(1, 2)), logits) and not torch.equal(gan.sample(5), samples)
    assert all(parameter.requires_grad for parameter in gan.discriminator.parameters())


def test_making_and_training_one_leaves_torchs_global_random_state_alone():
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    PlanarGAN(ring(), PlanarGANSettings(width=4, batch_size=4)).step()
    assert torch.equal(torch.randn(3), expected)


@pytest.mark.parametrize("loss", ["saturating", "non-saturating", "relativistic", "Wasserstein"])
def test_the_generator_learns_where_one_gaussian_lies(loss):
    mixture = PlanarMixture(centres=((1.5, -1.0),), std=0.5)
    settings = PlanarGANSettings(loss=loss, penalty=0.5, learning_rate=3e-3, width=16, batch_size=64)
    gan = PlanarGAN(mixture, settings)
    before = gan.mixture.good_share(gan.sample(500))
    for _ in range(200):
        gan.step()
    assert gan.mixture.good_share(gan.sample(500)) > 0.7 > 0.4 > before


def test_noise_blurs_what_both_players_see():
    """A discriminator that knows nothing but the second moment sees it grow by the variance of the noise."""
    gan = PlanarGAN(ring(), PlanarGANSettings(noise=2.0, batch_size=4096, width=4))
    seen = []
    gan.discriminator.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
    gan.step()
    judged, through = seen
    real_spread = 2.0**2 / 2 + 0.1**2  # of one coordinate of the ring
    assert judged[:4096].var(dim=0).tolist() == pytest.approx([real_spread + 4.0] * 2, rel=0.1)
    made = gan.generator(torch.randn(4096, 2, generator=seeded())).var(dim=0).tolist()
    for points in (judged[4096:], through):
        assert points.var(dim=0).tolist() == pytest.approx([variance + 4.0 for variance in made], rel=0.25)


def test_a_packed_discriminator_judges_points_of_one_kind_together():
    gan = PlanarGAN(ring(), PlanarGANSettings(pack=2, batch_size=4, width=8))
    points = torch.randn(4, 2, generator=seeded())
    layers = gan.discriminator[1:]
    together = layers(torch.cat([points[0::2], points[1::2]], dim=1))
    torch.testing.assert_close(gan.discriminator(points), together)
    of_equal_points = layers(torch.cat([points, points], dim=1))[:, 0]
    torch.testing.assert_close(gan.logits(points), of_equal_points.detach())


def test_he_weights_keep_the_spread():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = planar_network(2, 512, 1)
    hidden = network[:4](torch.randn(1000, 2, generator=seeded()))
    assert hidden.square().mean().sqrt().item() == pytest.approx(1.0, abs=0.25)


def test_what_is_refused():
    with pytest.raises(UsageError, match="did you mean 'ring'"):
        planar_mixture("rings")
    with pytest.raises(UsageError, match="did you mean 'relativistic'"):
        PlanarGANSettings(loss="relativistc")
    for wrong in (
        {"penalty": -1.0},
        {"learning_rate": math.inf},
        {"rate_ratio": math.nan},
        {"width": 0},
        {"noise": -1.0},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            PlanarGANSettings(**wrong)
    with pytest.raises(ValueError, match="multiple of pack"):
        PlanarGANSettings(pack=3, batch_size=256)
    with pytest.raises(ValueError, match="std"):
        PlanarMixture(centres=((0.0, 0.0),), std=0.0)
    for points in (torch.zeros(3), torch.zeros(3, 3)):
        with pytest.raises(UsageError, match="N, 2"):
            ring().modes_hit(points)

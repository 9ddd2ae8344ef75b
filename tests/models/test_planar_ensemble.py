"""Planar GANs trained side by side: each is the GAN of its seed alone."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.models.planar_ensemble import PlanarEnsemble, StackedNetwork
from aigc_course.models.planar_gan import PlanarGAN, PlanarGANSettings, planar_network, ring

LOSSES = ["saturating", "non-saturating", "relativistic", "Wasserstein"]


def settings(seed: int = 0, loss: str = "non-saturating", penalty: float = 0.1, **more: float) -> PlanarGANSettings:
    # Adam turns rounding errors of tiny gradients into steps; a small rate keeps these small.
    return PlanarGANSettings(
        loss=loss, penalty=penalty, learning_rate=1e-4, width=16, batch_size=12, latent_dim=3, seed=seed, **more
    )


@pytest.mark.parametrize("more", [{}, {"penalty": 0.0}, {"noise": 0.7}, {"pack": 3}], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_each_copy_is_the_gan_of_its_seed(loss, more):
    together = PlanarEnsemble(ring(), settings(loss=loss, **more), seeds=(3, 1, 4))
    alone = [PlanarGAN(ring(), settings(seed, loss, **more)) for seed in (3, 1, 4)]
    before = together.sample(20)
    for _ in range(4):
        report, reports = together.step(), [gan.step() for gan in alone]
        for name, value in report.items():
            assert value == pytest.approx(sum(one[name] for one in reports) / 3, abs=1e-3)
    for mine, gan, first in zip(together.sample(20), alone, before, strict=True):
        torch.testing.assert_close(mine, gan.sample(20), rtol=0, atol=2e-4)
        assert (mine - first).abs().max() > 5e-4, "it was trained"


@pytest.mark.parametrize("pack", [1, 2])
def test_each_copys_discriminator_answers_each_point(pack):
    together, points = PlanarEnsemble(ring(), settings(pack=pack), seeds=(3, 1)), torch.randn(7, 2)
    alone = [PlanarGAN(ring(), settings(seed, pack=pack)).logits(points) for seed in (3, 1)]
    torch.testing.assert_close(together.logits(points), torch.stack(alone))


def test_rows_go_through_the_networks_in_turn():
    torch.manual_seed(0)
    networks = [planar_network(3, 8, 2) for _ in range(4)]
    x = torch.randn(20, 3)
    y = StackedNetwork(networks)(x)
    for row in range(20):
        torch.testing.assert_close(y[row], networks[row % 4](x[row]))


def test_copies_of_one_seed_stay_the_same_and_others_do_not():
    gan = PlanarEnsemble(ring(), settings(), seeds=(5, 5, 6))
    gan.step()
    first, second, third = gan.sample(10)
    torch.testing.assert_close(first, second)
    assert not torch.allclose(first, third, atol=0.1)


def test_it_needs_a_seed():
    with pytest.raises(UsageError, match="seeds"):
        PlanarEnsemble(ring(), settings(), seeds=())

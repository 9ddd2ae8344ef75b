"""The Dirac-GAN against autograd through the package's losses, and its linearisation against its steps."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses import (
    discriminator_bce,
    discriminator_wasserstein,
    generator_hinge,
    generator_non_saturating,
    generator_saturating,
    gradient_penalty,
)
from aigc_course.models.dirac_gan import DiracGAN

GENERATOR = {
    "saturating": generator_saturating,
    "non-saturating": generator_non_saturating,
    "Wasserstein": generator_hinge,
}


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("penalty", [0.0, 0.7])
@pytest.mark.parametrize("loss", GENERATOR)
def test_the_field_is_the_descent_of_both_losses(loss, penalty):
    theta, psi = numbers(0.8).requires_grad_(), numbers(-1.3).requires_grad_()
    real = numbers(0.0)[None].requires_grad_()  # one example of one number
    logits_real = psi * real[:, 0]
    discriminate = discriminator_wasserstein if loss == "Wasserstein" else discriminator_bce
    loss_d = discriminate(logits_real=logits_real, logits_fake=psi * theta)
    loss_d = loss_d + penalty / 2 * gradient_penalty(logits=logits_real, images=real).mean()
    loss_g = GENERATOR[loss](logits_fake=psi * theta)
    expected = -torch.cat([torch.autograd.grad(loss_g, theta)[0], torch.autograd.grad(loss_d, psi)[0]])
    torch.testing.assert_close(DiracGAN(loss=loss, penalty=penalty).field(numbers(0.8, -1.3)), expected)


@pytest.mark.parametrize("penalty", [0.0, 0.4, 1.0, 2.5])
@pytest.mark.parametrize("loss", GENERATOR)
def test_jacobian_and_eigenvalues(loss, penalty):
    gan = DiracGAN(loss=loss, penalty=penalty)
    by_autograd = torch.autograd.functional.jacobian(gan.field, numbers(0.0, 0.0))
    torch.testing.assert_close(gan.jacobian(), by_autograd)
    mine = gan.eigenvalues()
    torch.testing.assert_close(mine.sum().real, gan.jacobian().trace())
    torch.testing.assert_close(mine.prod().real, torch.linalg.det(gan.jacobian()))
    assert bool((mine.real < 0).all()) == (penalty > 0)


@pytest.mark.parametrize("alternating", [False, True])
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_small_steps_follow_the_matrix(penalty, alternating):
    gan = DiracGAN(penalty=penalty)
    start = numbers(1e-5, -2e-5)
    end = gan.path(start, 0.2, 3, alternating=alternating)[-1]
    matrix = torch.linalg.matrix_power(gan.step_matrix(0.2, alternating=alternating), 3)
    torch.testing.assert_close(end, matrix @ start, rtol=1e-6, atol=1e-14)


def test_steps_at_once_spiral_outward_and_alternating_ones_stay():
    assert DiracGAN(loss="Wasserstein").step_factor(0.1) == pytest.approx(math.sqrt(1.01))
    assert DiracGAN().step_factor(0.1) == pytest.approx(math.sqrt(1 + 0.05**2))
    assert DiracGAN().step_factor(0.1, alternating=True) == pytest.approx(1.0)
    radii = DiracGAN(loss="Wasserstein").path(numbers(1.0, 0.0), 0.1, 50).norm(dim=1)
    torch.testing.assert_close(radii, 1.01 ** (torch.arange(51).double() / 2))
    around = DiracGAN(loss="Wasserstein").path(numbers(1.0, 0.0), 0.1, 2000, alternating=True).norm(dim=1)
    assert 0.9 < around.min() < 1 < around.max() < 1.1


def test_critical_damping():
    factors = {penalty: DiracGAN(penalty=penalty).step_factor(0.1) for penalty in (0.5, 0.99, 1.0, 1.01, 2.0)}
    assert min(factors, key=factors.__getitem__) == 1.0
    assert factors[1.0] == pytest.approx(0.95, abs=1e-6)


def test_the_discriminator_moves_first():
    gan, start = DiracGAN(loss="Wasserstein"), numbers(1.0, 0.0)
    torch.testing.assert_close(gan.path(start, 0.1, 1)[1], numbers(1.0, -0.1))
    torch.testing.assert_close(gan.path(start, 0.1, 1, alternating=True)[1], numbers(0.99, -0.1))


def test_many_starts_at_once():
    starts = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(0))
    path = DiracGAN(penalty=0.2).path(starts, 0.1, 5)
    assert path.shape == (6, 4, 3, 2)
    torch.testing.assert_close(path[:, 2, 1], DiracGAN(penalty=0.2).path(starts[2, 1], 0.1, 5))


def test_what_is_refused():
    with pytest.raises(UsageError, match="did you mean 'Wasserstein'"):
        DiracGAN(loss="wasserstein")
    with pytest.raises(UsageError, match="penalty"):
        DiracGAN(penalty=-1.0)
    for start, steps in ((torch.zeros(3), 1), (torch.zeros(2), -1)):
        with pytest.raises(UsageError, match="steps"):
            DiracGAN().path(start, 0.1, steps)

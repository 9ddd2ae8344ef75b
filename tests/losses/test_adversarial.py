"""Adversarial losses: closed forms, exact gradients where the discriminator is sure, no positional arguments."""

import math

import pytest
import torch
import torch.nn.functional as F

from aigc_course import losses
from aigc_course.errors import UsageError

PAIRED = [
    "discriminator_wasserstein",
    "discriminator_bce",
    "discriminator_hinge",
    "discriminator_relativistic",
    "generator_relativistic",
]
FAKE_ALONE = ["generator_non_saturating", "generator_saturating", "generator_hinge"]


def gradient(name: str, logit: float) -> float:
    """d loss / d logit_fake of a generator's loss."""
    logits = torch.tensor([logit], requires_grad=True)
    getattr(losses, name)(logits_fake=logits).backward()
    return logits.grad.item()


def test_bce_equals_torch_with_labels_real_one_and_fake_zero():
    torch.manual_seed(0)
    real, fake = torch.randn(6, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    expected = F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
    expected = expected + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    torch.testing.assert_close(losses.discriminator_bce(logits_real=real, logits_fake=fake), expected)


def test_an_undecided_discriminator():
    zero = torch.zeros(3)
    assert losses.discriminator_bce(logits_real=zero, logits_fake=zero).item() == pytest.approx(2 * math.log(2))
    assert losses.generator_non_saturating(logits_fake=zero).item() == pytest.approx(math.log(2))
    assert losses.generator_saturating(logits_fake=zero).item() == pytest.approx(-math.log(2))
    assert losses.discriminator_hinge(logits_real=zero, logits_fake=zero).item() == 2.0
    assert losses.generator_hinge(logits_fake=zero).item() == 0.0
    assert losses.discriminator_relativistic(logits_real=zero, logits_fake=zero).item() == pytest.approx(math.log(2))
    assert losses.generator_relativistic(logits_real=zero, logits_fake=zero).item() == pytest.approx(math.log(2))


def test_the_minimax_loss_saturates_where_the_non_saturating_one_learns():
    """At logit -20 the discriminator has found the fake out: log(sigmoid + eps) would leave 0.17 of the gradient."""
    assert gradient("generator_non_saturating", -20.0) == pytest.approx(-1.0, abs=1e-6)
    assert gradient("generator_saturating", -20.0) == pytest.approx(-math.exp(-20), rel=1e-4)
    assert gradient("generator_non_saturating", 20.0) == pytest.approx(-math.exp(-20), rel=1e-4)
    assert gradient("generator_saturating", 20.0) == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize("name", ["generator_non_saturating", "generator_saturating", "generator_hinge"])
def test_generators_gain_by_looking_more_real(name):
    for logit in (-5.0, 0.0, 5.0):
        assert gradient(name, logit) < 0


@pytest.mark.parametrize("logit", [200.0, -200.0])
def test_bce_is_exact_at_extreme_logits(logit):
    real, fake = (torch.tensor([v], requires_grad=True) for v in (logit, logit))
    loss = losses.discriminator_bce(logits_real=real, logits_fake=fake)
    loss.backward()
    assert loss.item() == 200.0
    assert (real.grad.item(), fake.grad.item()) == ((0.0, 1.0) if logit > 0 else (-1.0, 0.0))


def test_the_critic_gains_what_it_scores_real_above_fake():
    loss = losses.discriminator_wasserstein(
        logits_real=torch.tensor([2.0, 4.0]), logits_fake=torch.tensor([-1.0, 0.0, 1.0])
    )
    assert loss.item() == -3.0


def test_the_hinge_has_a_margin_of_one_on_each_side():
    loss = losses.discriminator_hinge(logits_real=torch.tensor([2.0, 0.5]), logits_fake=torch.tensor([-3.0, 0.5, -1.0]))
    assert loss.item() == pytest.approx((0 + 0.5) / 2 + (0 + 1.5 + 0) / 3)
    assert losses.generator_hinge(logits_fake=torch.tensor([1.0, 2.0])).item() == -1.5


def test_the_relativistic_pair_looks_at_differences_alone():
    torch.manual_seed(0)
    real, fake = torch.randn(2, 5, dtype=torch.float64)
    loss = losses.discriminator_relativistic(logits_real=real, logits_fake=fake)
    torch.testing.assert_close(loss, F.softplus(fake - real).mean())
    torch.testing.assert_close(loss, losses.discriminator_relativistic(logits_real=real + 7, logits_fake=fake + 7))
    torch.testing.assert_close(loss, losses.generator_relativistic(logits_real=fake, logits_fake=real))


@pytest.mark.parametrize("name", PAIRED)
def test_real_and_fake_go_by_keyword_and_matter(name):
    loss = getattr(losses, name)
    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    with pytest.raises(TypeError, match="positional"):
        loss(real, fake)
    right = loss(logits_real=real, logits_fake=fake).item()
    swapped = loss(logits_real=fake, logits_fake=real).item()
    assert right < swapped - 1 if name.startswith("discriminator") else right > swapped + 1


@pytest.mark.parametrize("name", FAKE_ALONE)
def test_generator_losses_take_no_positional_argument(name):
    with pytest.raises(TypeError, match="positional"):
        getattr(losses, name)(torch.zeros(1))


def test_the_penalty_of_a_linear_discriminator_is_its_squared_weight():
    torch.manual_seed(0)
    weight = torch.randn(3, 4, 4, dtype=torch.float64, requires_grad=True)
    images = torch.randn(5, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    penalty = losses.gradient_penalty(logits=(images * weight).sum(dim=(1, 2, 3)), images=images)
    torch.testing.assert_close(penalty, weight.square().sum().expand(5))
    penalty.mean().backward()
    torch.testing.assert_close(weight.grad, 2 * weight)


def test_the_penalty_is_per_example():
    images = torch.tensor([[1.0], [3.0]], requires_grad=True)
    assert losses.gradient_penalty(logits=images.square().sum(dim=1), images=images).tolist() == [4.0, 36.0]


def test_the_penalty_says_what_it_needs():
    images, other = torch.zeros(2, 3), torch.zeros(2, 3, requires_grad=True)
    with pytest.raises(UsageError, match="requires_grad"):
        losses.gradient_penalty(logits=images.sum(dim=1), images=images)
    images.requires_grad_()
    with pytest.raises(UsageError, match="these very images"):
        losses.gradient_penalty(logits=other.sum(dim=1), images=images)


def test_the_relativistic_pair_needs_pairs():
    with pytest.raises(UsageError, match=r"logits_real \(2,\), logits_fake \(1,\)"):
        losses.discriminator_relativistic(logits_real=torch.zeros(2), logits_fake=torch.zeros(1))
    with pytest.raises(UsageError, match=r"logits_real \(2,\), logits_fake \(1,\)"):
        losses.generator_relativistic(logits_real=torch.zeros(2), logits_fake=torch.zeros(1))

"""The two steps of image-gan: who learns, what is penalised, what is augmented, what the history is told."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from aigc_course import losses
from aigc_course.models.augmentation import augment
from aigc_course.models.gan import Discriminator, GANConfig, Generator
from aigc_course.recipes.gan_steps import discriminator_step, draw, generator_step

CONFIG = GANConfig(latent_dim=4, width=4, n_classes=10)
POLICY = ("brightness", "translation", "cutout")


def make_batch(count: int = 8) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "images": torch.rand(count, CONFIG.channels, CONFIG.image_size, CONFIG.image_size) * 2 - 1,
        "z": torch.randn(count, CONFIG.latent_dim),
        "labels": torch.arange(count) % CONFIG.n_classes,
    }


def players() -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    return Generator(CONFIG).eval(), Discriminator(CONFIG).eval()


@pytest.mark.parametrize("policy", [(), POLICY])
def test_steps_leave_the_other_player_alone(policy: tuple[str, ...]) -> None:
    (generator, discriminator), batch = players(), make_batch()
    fakes = draw(generator, batch)
    discriminator_step(discriminator, batch, fakes.detach(), gamma=1.0, policy=policy)[0].backward()
    assert all(p.grad is None for p in generator.parameters())
    assert all(p.grad is not None for p in discriminator.parameters())
    discriminator.zero_grad()
    discriminator.requires_grad_(False)
    generator_step(discriminator, batch, fakes, policy=policy)[0].backward()
    assert all(p.grad is not None and (p.grad != 0).any() for p in generator.parameters())
    assert all(p.grad is None for p in discriminator.parameters())


@pytest.mark.parametrize(
    ("loss", "of_discriminator", "of_generator"),
    [
        ("non-saturating", losses.discriminator_bce, losses.generator_non_saturating),
        ("relativistic", losses.discriminator_relativistic, losses.generator_relativistic),
        ("hinge", losses.discriminator_hinge, losses.generator_hinge),
        ("wasserstein", losses.discriminator_wasserstein, losses.generator_hinge),
    ],
)
def test_the_loss_is_that_of_the_name(loss: str, of_discriminator: Any, of_generator: Any) -> None:
    (generator, discriminator), batch = players(), make_batch()
    fakes = draw(generator, batch).detach()
    logits = {
        "logits_real": discriminator(batch["images"], batch["labels"]),
        "logits_fake": discriminator(fakes, batch["labels"]),
    }
    total, _ = discriminator_step(discriminator, batch, fakes, loss=loss)
    torch.testing.assert_close(total, of_discriminator(**logits))
    if loss != "relativistic":
        del logits["logits_real"]
    torch.testing.assert_close(generator_step(discriminator, batch, fakes, loss=loss)[0], of_generator(**logits))


@pytest.mark.parametrize(("penalised", "parts"), [("both", (0, 1)), ("real", (0,)), ("fake", (1,))])
@pytest.mark.parametrize("policy", [(), POLICY])
def test_a_penalty_on_a_share_of_the_images_is_that_of_these_images(
    penalised: str, parts: tuple[int, ...], policy: tuple[str, ...]
) -> None:
    """With gamma, the loss exceeds the plain one by gamma / 2 times R1, R2 or both, here from two images of eight."""
    (generator, discriminator), batch = players(), make_batch()
    fakes, options = draw(generator, batch).detach(), {"gamma": 3.0, "penalty_share": 0.25, "penalised": penalised}
    torch.manual_seed(1)
    plain, _ = discriminator_step(discriminator, batch, fakes, policy=policy)
    torch.manual_seed(1)
    total, _ = discriminator_step(discriminator, batch, fakes, policy=policy, **options)  # type: ignore[arg-type]
    torch.manual_seed(1)
    seen, slopes = [augment(images, policy)[:2] for images in (batch["images"], fakes)], []
    for images in (seen[part].clone().requires_grad_() for part in parts):
        (slope,) = torch.autograd.grad(discriminator(images, batch["labels"][:2]).sum(), images)
        slopes.append(slope.square().sum(dim=(1, 2, 3)).mean())
    torch.testing.assert_close(total - plain, 1.5 * sum(slopes), rtol=1e-3, atol=1e-6)


def test_real_and_generated_images_go_through_the_augmentation() -> None:
    seen: list[torch.Tensor] = []

    class Watching(torch.nn.Module):
        def forward(self, images: torch.Tensor, _labels: torch.Tensor) -> torch.Tensor:
            seen.append(images)
            return images.mean(dim=(1, 2, 3))

    batch = make_batch()
    fakes = torch.rand_like(batch["images"]).requires_grad_()
    torch.manual_seed(1)
    discriminator_step(Watching(), batch, fakes.detach(), policy=POLICY)
    generator_step(Watching(), batch, fakes, loss="relativistic", policy=POLICY)
    torch.manual_seed(1)
    expected = [augment(images, POLICY) for images in (batch["images"], fakes, fakes, batch["images"])]
    for images, right in zip(seen, expected, strict=True):
        torch.testing.assert_close(images, right)
    assert [images.requires_grad for images in seen] == [False, False, True, False]


class Scoring(torch.nn.Module):
    """A discriminator whose logit is the image's mean."""

    def forward(self, images: torch.Tensor, _labels: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(1, 2, 3))


def test_the_history_says_who_is_ahead() -> None:
    batch = make_batch(4)
    levels = {"real": [1.0, 0.5, -0.5, 2.0], "fake": [-1.0, 1.0, -2.0, -3.0]}
    real, fake = (torch.tensor(values)[:, None, None, None].expand(4, 3, 32, 32) for values in levels.values())
    _, metrics = discriminator_step(Scoring(), batch | {"images": real}, fake)
    assert metrics["real_judged_real"].item() == 0.75
    assert metrics["fake_judged_real"].item() == 0.25
    assert metrics["real_above_fake"].item() == 0.75


def test_the_alarm_rings_for_copies_alone() -> None:
    batch = make_batch(16)
    varied = torch.rand_like(batch["images"]) * 2 - 1
    _, metrics = discriminator_step(Scoring(), batch, varied)
    assert metrics["collapsed"].item() == 0 and metrics["relative_distance"].item() == pytest.approx(1, abs=0.1)
    _, metrics = discriminator_step(Scoring(), batch, varied[:4].repeat(4, 1, 1, 1))
    assert metrics["collapsed"].item() == 1 and metrics["relative_distance"].item() < 0.02
    _, metrics = discriminator_step(Scoring(), make_batch(1), varied[:1])
    assert "collapsed" not in metrics


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic", "hinge", "wasserstein"])
def test_a_step_of_each_player_goes_down_its_loss(loss: str) -> None:
    torch.manual_seed(0)
    config = replace(CONFIG, discriminator_norm="none", upsample="nearest")
    generator, discriminator, batch = Generator(config), Discriminator(config), make_batch()
    optimizers = [torch.optim.Adam(p.parameters(), lr=2e-3) for p in (discriminator, generator)]
    fakes, values = draw(generator, batch).detach(), []
    for _ in range(20):
        value, _ = discriminator_step(discriminator, batch, fakes, loss=loss, gamma=0.1)
        optimizers[0].zero_grad()
        value.backward()
        optimizers[0].step()
        values.append(value.item())
    assert values[-1] < values[0] - 0.05
    values = []
    for _ in range(20):
        value, _ = generator_step(discriminator, batch, draw(generator, batch), loss=loss)
        optimizers[1].zero_grad()
        value.backward()
        optimizers[1].step()
        values.append(value.item())
    assert values[-1] < values[0] - 0.05

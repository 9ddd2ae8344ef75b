"""image-gan: its two steps, its data handling, and a run from start to evaluation."""

from pathlib import Path
from typing import Any

import pytest
import torch

from aigc_course import recipes
from aigc_course.data.sets import ImageSet
from aigc_course.data.toy_shapes import make_toy_shapes
from aigc_course.errors import UsageError
from aigc_course.models.gan import Discriminator, GANConfig, Generator
from aigc_course.recipes import image_gan
from aigc_course.training import LoopSettings, Runtime, checkpoint

CONFIG = GANConfig(latent_dim=4, width=4, n_classes=10)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    return recipes.train("image-gan", profile="smoke", run_dir=tmp_path_factory.mktemp("run") / "smoke")


def test_smoke_run_and_evaluation(run: recipes.Run) -> None:
    result = recipes.evaluate(run)
    assert set(result) == {"valid_rate", "classes_hit", "largest_class_share", "label_accuracy", "real_valid_rate"}
    assert result["real_valid_rate"] == 1.0


def test_resumed_run_is_the_straight_run(run: recipes.Run, tmp_path: Path) -> None:
    def stop(history: Any) -> None:
        if history.rows[-1]["step"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recipes.train(
            "image-gan", profile="smoke", run_dir=tmp_path, overrides=["loop.checkpoint_every=3"], on_log=stop
        )
    assert checkpoint.load(tmp_path / "last.safetensors")["step"] == 3
    recipes.train("image-gan", run_dir=tmp_path, resume=True)
    straight, resumed = (checkpoint.load(d / "last.safetensors") for d in (run.directory, tmp_path))
    for player in ("generator", "discriminator"):
        for name, weight in straight["model"][player].items():
            assert torch.equal(weight, resumed["model"][player][name]), name


def test_the_ranks_together_make_the_batch() -> None:
    settings, dataset = image_gan.profile("smoke"), make_toy_shapes(32, 1, 1)
    runtime = Runtime(LoopSettings(device="cpu"))
    whole = image_gan.training_batches(settings, CONFIG, dataset, runtime)[1]
    assert set(whole) == {"images", "labels", "z"}
    runtime.world, parts = 2, []
    for rank in range(2):
        runtime.rank = rank
        parts.append(image_gan.training_batches(settings, CONFIG, dataset, runtime)[1])
    for name, tensor in whole.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), tensor), name


def test_steps_leave_the_other_player_alone() -> None:
    generator, discriminator = Generator(CONFIG), Discriminator(CONFIG)
    runtime = Runtime(LoopSettings(device="cpu"))
    batch = image_gan.training_batches(image_gan.profile("smoke"), CONFIG, make_toy_shapes(32, 1, 1), runtime)[0]
    fakes = image_gan.draw(generator, batch)
    image_gan.discriminator_step(discriminator, batch, fakes.detach(), gamma=1.0)[0].backward()
    assert all(p.grad is None for p in generator.parameters())
    assert all(p.grad is not None for p in discriminator.parameters())
    discriminator.zero_grad()
    discriminator.requires_grad_(False)
    image_gan.generator_step(discriminator, batch, fakes)[0].backward()
    assert all(p.grad is not None for p in generator.parameters())
    assert all(p.grad is None for p in discriminator.parameters())


def test_a_penalty_on_a_share_of_the_images_is_that_of_these_images() -> None:
    """With gamma, the loss exceeds the plain one by gamma / 2 times R1 + R2, here taken from two images of eight."""
    torch.manual_seed(0)
    generator, discriminator = Generator(CONFIG).eval(), Discriminator(CONFIG).eval()
    batch = {
        "images": torch.rand(8, CONFIG.channels, CONFIG.image_size, CONFIG.image_size) * 2 - 1,
        "z": torch.randn(8, CONFIG.latent_dim),
        "labels": torch.arange(8) % CONFIG.n_classes,
    }
    fake = image_gan.draw(generator, batch).detach()
    plain, _ = image_gan.discriminator_step(discriminator, batch, fake)
    penalised, _ = image_gan.discriminator_step(discriminator, batch, fake, gamma=3.0, penalty_share=0.25)
    slopes = []
    for images in (batch["images"][:2], fake[:2]):
        images = images.clone().requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(images, batch["labels"][:2]).sum(), images)
        slopes.append(slope.square().sum(dim=(1, 2, 3)).mean())
    torch.testing.assert_close(penalised - plain, 1.5 * sum(slopes), rtol=1e-4, atol=1e-6)


def test_padding_is_black_centred_and_comes_off() -> None:
    images = torch.randint(1, 256, (2, 1, 28, 28), dtype=torch.uint8)
    padded = image_gan.pad_to(images, 32)
    assert torch.equal(image_gan.crop_to(padded, 28), images) and torch.equal(padded[..., 2:30, 2:30], images)
    assert padded.sum() == images.sum()


def test_images_must_be_square() -> None:
    images = {"train": torch.zeros(2, 3, 5, 6, dtype=torch.uint8)}
    dataset = ImageSet(name="mine", images=images, labels={"train": torch.arange(2)}, class_names=("a", "b"))
    with pytest.raises(UsageError, match="5 x 6"):
        image_gan.fitting_model(image_gan.profile("quick"), dataset)


@pytest.mark.parametrize("setting", ["beta1=1.0", "gradient_penalty=-1.0", "penalty_share=0.0", "evaluation_samples=0"])
def test_settings_out_of_range(setting: str) -> None:
    with pytest.raises(UsageError, match=setting.partition("=")[0]):
        recipes.train("image-gan", profile="smoke", overrides=[setting])

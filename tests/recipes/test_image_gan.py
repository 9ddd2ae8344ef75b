"""image-gan: its two steps, its data handling, and a run from start to evaluation."""

import dataclasses
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_course import load_generator, recipes
from aigc_course.config import from_dict
from aigc_course.data.sets import ImageSet
from aigc_course.data.toy_shapes import make_toy_shapes
from aigc_course.errors import CheckpointError, UsageError
from aigc_course.models.gan import GANConfig, Generator
from aigc_course.models.residual_gan import ResidualGANConfig
from aigc_course.recipes import gan_settings, image_gan
from aigc_course.recipes.recipe import weights_of
from aigc_course.recipes.trained_classifier import load_classifier
from aigc_course.training import LoopSettings, Runtime, checkpoint

CONFIG = GANConfig(latent_dim=4, width=4, n_classes=10)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    return recipes.train("image-gan", profile="smoke", run_dir=tmp_path_factory.mktemp("run") / "smoke")


def test_smoke_run_and_evaluation(run: recipes.Run) -> None:
    result = recipes.evaluate(run)
    assert set(result) == {"valid_rate", "classes_hit", "largest_class_share", "label_accuracy", "real_valid_rate"}
    assert result["real_valid_rate"] == 1.0


def test_a_lower_temperature_draws_images_that_are_nearer_to_each_other(run: recipes.Run) -> None:
    tree = checkpoint.load(recipes.checkpoint_path(run))
    model = image_gan.rebuild(tree)
    model.load_state_dict(weights_of(tree, "generator"))
    model, labels = model.eval(), torch.zeros(8, dtype=torch.int64)
    spread = {
        t: image_gan.sample_images(model, labels, 3, temperature=t).std(dim=0).mean().item() for t in (0.0, 0.5, 1.0)
    }
    assert spread[0.0] == pytest.approx(0, abs=1e-6) and 0.2 < spread[0.5] / spread[1.0] < 0.9
    assert torch.equal(
        image_gan.sample_images(model, labels, 3), image_gan.sample_images(model, labels, 3, temperature=1)
    )
    with pytest.raises(UsageError, match="temperature must be at least 0"):
        image_gan.sample_images(model, labels, 3, temperature=-0.5)


def test_a_run_is_measured_and_sampled_at_its_temperature(run: recipes.Run, tmp_path: Path) -> None:
    tree = checkpoint.load(recipes.checkpoint_path(run))
    tree["config"]["settings"]["temperature"] = 0.0
    cold = tmp_path / "cold.safetensors"
    checkpoint.save(cold, tree)
    generator = load_generator(cold)
    first, second = (generator.generate_images(10, seed=seed).tensor for seed in (1, 2))
    assert torch.equal(first, second)
    warm = [generator.generate_images(10, seed=seed, temperature=1.0).tensor for seed in (1, 2)]
    assert not torch.equal(*warm)
    assert torch.equal(warm[0], load_generator(run).generate_images(10, seed=1).tensor)
    assert recipes.evaluate(cold)["classes_hit"] <= recipes.evaluate(run)["classes_hit"]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    return recipes.train("image-classifier", profile="smoke", run_dir=tmp_path_factory.mktemp("classifier") / "smoke")


def test_a_classifier_adds_its_figures_to_the_oracles(run: recipes.Run, classifier: recipes.Run) -> None:
    oracle, both = recipes.evaluate(run), recipes.evaluate(run, classifier)
    assert both == both | oracle and list(both)[: len(oracle)] == list(oracle)
    assert {"frechet_over_floor", "precision", "class_accuracy", "copied_share"} <= set(both) - set(oracle)
    assert both["n"] == 20 and both["feature_dim"] == 8
    assert both["real_class_accuracy"] == pytest.approx(recipes.evaluate(classifier)["test_accuracy"])
    assert both == recipes.evaluate(run.directory, load_classifier(classifier.directory))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder of 10 x 10 images in two classes: 30 to learn from, 10 for validation, 24 for the test."""
    source = np.random.default_rng(0)
    for split, count in {"train": 30, "validation": 10, "test": 24}.items():
        for number in range(count):
            path = tmp_path / "small" / split / ("dark", "light")[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            level = 100 * (number % 2)
            Image.fromarray(source.integers(level, level + 150, (10, 10, 3), dtype=np.uint8)).save(path)
    return tmp_path / "small"


def test_images_without_an_oracle_need_a_classifier_and_lose_their_padding(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network draws 16 x 16 pixels; the newest classifier of 10 x 10 ones, found by itself, takes them."""
    monkeypatch.setenv("AIGC_RUNS", str(tmp_path / "runs"))
    run = recipes.train("image-gan", profile="smoke", data=small)
    recipes.train("image-classifier", profile="smoke")
    assert recipes.newest_classifier(run) is None
    with pytest.raises(UsageError, match=f"image-classifier --profile smoke --data {small}"):
        recipes.evaluate(run)
    first, newest = (recipes.train("image-classifier", profile="smoke", data=small) for _ in range(2))
    os.utime(first.directory / "card.json", (1, 1))
    assert recipes.newest_classifier(run) == newest.directory
    result = recipes.evaluate(run)
    assert result == recipes.evaluate(run, newest)
    assert result["n"] == 12 and "class_accuracy" in result and "valid_rate" not in result


def test_images_of_one_class_cannot_be_measured(small: Path, tmp_path: Path) -> None:
    for path in small.glob("*/light/*"):
        path.rename(path.parent.with_name("dark") / path.name)
    run = recipes.train("image-gan", profile="smoke", data=small, run_dir=tmp_path / "run")
    with pytest.raises(UsageError, match=r"all are of one class, 'dark', .* two classes or more"):
        recipes.evaluate(run)


def test_a_classifier_of_other_images_is_refused(run: recipes.Run, tmp_path: Path) -> None:
    digits = recipes.train("image-classifier", profile="smoke", data="digits", run_dir=tmp_path / "digits")
    with pytest.raises(UsageError, match=r"takes images of shape \(1, 8, 8\), but those of toy-shapes are"):
        recipes.evaluate(run, digits)
    with pytest.raises(CheckpointError, match="made by 'image-gan', not by 'image-classifier'"):
        recipes.evaluate(run, run)


def assert_resumes(tmp_path: Path, **options: Any) -> None:
    """A run stopped after 4 of 6 rounds, its last checkpoint after 3, goes on as if it had never been stopped."""

    def stop(history: Any) -> None:
        if history.rows[-1]["step"] == 4:
            raise KeyboardInterrupt

    options = {"profile": "smoke", **options}
    straight = recipes.train("image-gan", run_dir=tmp_path / "straight", **options)
    options["overrides"] = [*options.get("overrides", ()), "loop.checkpoint_every=3"]
    with pytest.raises(KeyboardInterrupt):
        recipes.train("image-gan", run_dir=tmp_path / "parts", on_log=stop, **options)
    assert checkpoint.load(tmp_path / "parts" / "last.safetensors")["step"] == 3
    torch.manual_seed(99)  # whatever happened in between
    recipes.train("image-gan", run_dir=tmp_path / "parts", resume=True)
    expected, resumed = (checkpoint.load(d / "last.safetensors") for d in (straight.directory, tmp_path / "parts"))
    for player in ("generator", "discriminator"):
        for name, weight in expected["model"][player].items():
            assert torch.equal(weight, resumed["model"][player][name]), name


def test_resumed_run_is_the_straight_run(tmp_path: Path) -> None:
    assert_resumes(tmp_path)


def test_a_run_with_augmentation_and_several_discriminator_steps_resumes_bit_for_bit(tmp_path: Path) -> None:
    policy = 'augment=["brightness", "saturation", "contrast", "translation", "cutout"]'
    assert_resumes(tmp_path, preset="sngan", overrides=["loop.batch_size=8", "n_dis=2", policy])


@pytest.mark.parametrize("preset", ["dcgan", "sngan", "modern"])
def test_each_preset_trains_and_its_generator_loads(preset: str, tmp_path: Path) -> None:
    run = recipes.train("image-gan", profile="smoke", preset=preset, run_dir=tmp_path / "run")
    row = run.history.rows[-1]
    names = ("discriminator_grad_norm", "generator_grad_norm", "real_above_fake", "relative_distance", "collapsed")
    assert all(math.isfinite(row[name]) for name in names)
    assert 0 <= row["real_above_fake"] <= 1 and row["relative_distance"] > 0 and 0 <= row["collapsed"] <= 1
    settings = checkpoint.load(run.directory / "last.safetensors", only=("config",))["config"]["settings"]
    assert settings["architecture"] == ("dcgan" if preset == "dcgan" else "residual")
    images = load_generator(run).generate_images(3, seed=0).tensor
    assert images.shape == (3, 3, 32, 32)


def test_a_preset_keeps_the_profiles_data_sizes_and_steps() -> None:
    for name in ("quick", "laptop", "full"):
        profile = image_gan.profile(name)
        for preset in gan_settings.PRESETS.values():
            settings = preset(profile)
            assert (settings.data, settings.flip, settings.loop.steps) == (
                profile.data,
                profile.flip,
                profile.loop.steps,
            )
            assert settings.network.width == (profile.model if preset is gan_settings.dcgan else profile.residual).width
        for paper in (gan_settings.dcgan, gan_settings.sngan):
            loop = paper(profile).loop
            assert (loop.batch_size, loop.warmup_steps, loop.ema_decay) == (64, 0, 0.0)
    sngan = gan_settings.sngan(image_gan.profile("quick"))
    assert (sngan.loss, sngan.n_dis, sngan.beta1, sngan.beta2) == ("hinge", 5, 0.0, 0.9)
    assert sngan.residual.spectral_norm and not gan_settings.modern(sngan).residual.spectral_norm


def test_the_order_of_presets_does_not_matter() -> None:
    """Whatever a preset decides, it decides in full: nothing of the one before is left, but the profile's part."""
    quick = image_gan.profile("quick")
    assert gan_settings.sngan(gan_settings.dcgan(quick)).residual == gan_settings.sngan(quick).residual
    for last in (gan_settings.dcgan, gan_settings.sngan):
        for before in (gan_settings.dcgan, gan_settings.sngan, gan_settings.modern):
            first, then = last(quick), last(before(quick))
            for name in ("architecture", "loss", "n_dis", "gradient_penalty", "augment", "beta1", "beta2", "network"):
                assert getattr(first, name) == getattr(then, name), (last, before, name)


def test_an_unknown_preset_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown preset 'sgan'; did you mean 'sngan'"):
        recipes.train("image-gan", profile="smoke", preset="sgan", run_dir=tmp_path / "run")
    with pytest.raises(UsageError, match="text-gpt has no presets"):
        recipes.train("text-gpt", profile="smoke", preset="sngan", run_dir=tmp_path / "run")


def test_a_run_does_not_go_on_with_another_preset(run: recipes.Run) -> None:
    with pytest.raises(CheckpointError, match="other settings"):
        recipes.train("image-gan", preset="sngan", run_dir=run.directory, resume=True)


def test_a_checkpoint_from_before_there_were_architectures_still_loads(run: recipes.Run) -> None:
    tree = checkpoint.load(run.directory / "last.safetensors")
    settings = tree["config"]["settings"]
    for name in ("architecture", "residual", "beta2", "n_dis", "penalised", "augment"):
        del settings[name]
    del settings["model"]["spectral_norm"], tree["config"]["model"]["spectral_norm"]
    model = image_gan.rebuild(tree)
    model.load_state_dict(tree["model"]["generator"])
    assert isinstance(model, Generator)
    smoke = dataclasses.replace(image_gan.profile("smoke"), residual=ResidualGANConfig())
    assert from_dict(image_gan.ImageGANSettings, settings) == smoke


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


@pytest.mark.parametrize(
    "setting",
    ["beta1=1.0", "gradient_penalty=-1.0", "penalty_share=0.0", "evaluation_samples=0", "n_dis=0", "beta2=1.0"],
)
def test_settings_out_of_range(setting: str) -> None:
    with pytest.raises(UsageError, match=setting.partition("=")[0]):
        recipes.train("image-gan", profile="smoke", overrides=[setting])


def test_an_unknown_change_is_refused() -> None:
    with pytest.raises(UsageError, match="augment is 'colour', but must be one of brightness"):
        recipes.train("image-gan", profile="smoke", overrides=['augment=["colour"]'])

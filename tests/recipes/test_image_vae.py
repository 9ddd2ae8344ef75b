"""image-vae: its data handling, its presets, and a run from start to evaluation."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from aigc_course import recipes
from aigc_course.data.digits import make_digits
from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError
from aigc_course.models.vae import ConvVAE, VAEConfig
from aigc_course.recipes import image_vae
from aigc_course.recipes.recipe import weights_of
from aigc_course.training import LoopSettings, Runtime, checkpoint

CONFIG = VAEConfig(image_size=8, latent_dim=3, width=4, n_classes=10)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    return recipes.train("image-vae", profile="smoke", run_dir=tmp_path_factory.mktemp("run") / "smoke")


def model(config: VAEConfig = CONFIG) -> ConvVAE:
    torch.manual_seed(0)
    return ConvVAE(config).eval()


def test_smoke_run_and_evaluation(run: recipes.Run) -> None:
    assert {"loss", "reconstruction_nats", "kl_nats"} <= run.history.rows[0].keys()
    metrics = run.metrics
    terms = metrics["validation_reconstruction_nats"] + metrics["validation_kl_nats"]
    assert metrics["validation_loss"] == pytest.approx(terms, rel=1e-5)
    result = recipes.evaluate(run)
    bounds = {f"negative_{name}_{what}" for name in ("elbo", "iwae_10") for what in ("nats", "standard_error")}
    assert set(result) == bounds | {"reconstruction_nats", "kl_nats", "recognised_rate", "classifier_accuracy"}
    assert result["negative_elbo_nats"] == pytest.approx(result["reconstruction_nats"] + result["kl_nats"], rel=1e-5)
    assert result["negative_iwae_10_nats"] < result["negative_elbo_nats"]
    for name in ("elbo", "iwae_10"):
        assert 0.1 < result[f"negative_{name}_standard_error"] < 1
    assert result == recipes.evaluate(run.directory)


def test_a_classifier_adds_its_figures(run: recipes.Run, tmp_path: Path) -> None:
    classifier = recipes.train("image-classifier", profile="smoke", data="digits", run_dir=tmp_path / "classifier")
    alone, both = recipes.evaluate(run), recipes.evaluate(run, classifier)
    assert both == both | alone
    assert both["n"] == 20 and {"frechet_over_floor", "coverage", "class_accuracy"} <= set(both)
    other = recipes.train("image-classifier", profile="smoke", run_dir=tmp_path / "other")
    with pytest.raises(UsageError, match=r"takes images of shape \(3, 32, 32\), but those of digits are \(1, 8, 8\)"):
        recipes.evaluate(run, other)


def test_resumed_run_is_the_straight_run(run: recipes.Run, tmp_path: Path) -> None:
    torch.manual_seed(5)
    straight = checkpoint.load(run.directory / "last.safetensors")

    def stop(history: Any) -> None:
        if history.rows[-1]["step"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recipes.train(
            "image-vae", profile="smoke", run_dir=tmp_path, overrides=["loop.checkpoint_every=3"], on_log=stop
        )
    saved = checkpoint.load(tmp_path / "last.safetensors")
    assert saved["step"] == 3
    recipes.train("image-vae", run_dir=tmp_path, resume=True)
    resumed = checkpoint.load(tmp_path / "last.safetensors")
    assert resumed["step"] == straight["step"] == 6
    for name, weight in straight["model"]["model"].items():
        assert torch.equal(weight, resumed["model"]["model"][name]), name


def test_rebuilt_model_draws(run: recipes.Run) -> None:
    tree = checkpoint.load(run.directory / "best.safetensors")
    rebuilt = image_vae.rebuild(tree)
    rebuilt.load_state_dict(weights_of(tree))
    images = image_vae.sample_images(rebuilt.eval(), torch.arange(10), seed=0)
    assert images.shape == (10, 1, 8, 8) and images.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    assert tree["config"]["data"]["class_names"] == list("0123456789")


def test_samples_depend_on_seed_and_label_alone() -> None:
    vae, labels = model(), torch.arange(10)
    vae.decoder.convolutions[-1].weight.data.normal_(generator=torch.Generator().manual_seed(0))
    first = image_vae.sample_images(vae, labels, seed=3)
    torch.randn(7)
    assert torch.equal(image_vae.sample_images(vae, labels, seed=3), first)
    assert not torch.allclose(image_vae.sample_images(vae, labels, seed=4), first)
    assert not torch.allclose(image_vae.sample_images(vae, labels.flip(0), seed=3), first)


def test_unconditional_samples_need_a_number() -> None:
    vae = model(VAEConfig(image_size=8, latent_dim=3, width=4))
    assert image_vae.sample_images(vae, None, 0, num_images=4).shape == (4, 1, 8, 8)
    with pytest.raises(UsageError, match="num_images"):
        image_vae.sample_images(vae, None, 0)


def image_set(height: int, width: int) -> ImageSet:
    labels = {split: torch.arange(2) for split in ("train", "validation", "test")}
    images = {split: torch.zeros(2, 3, height, width, dtype=torch.uint8) for split in labels}
    return ImageSet(name="mine", images=images, labels=labels, class_names=("a", "b"))


def test_the_model_fits_the_data() -> None:
    settings = image_vae.profile("quick")
    config = image_vae.fitting_model(settings, image_set(5, 5))
    assert (config.channels, config.image_size, config.n_classes) == (3, 5, 2)
    for height, width in ((5, 6), (3, 3)):
        with pytest.raises(UsageError, match=f"{height} x {width}"):
            image_vae.fitting_model(settings, image_set(height, width))


def test_the_ranks_together_make_the_batch() -> None:
    settings, dataset = image_vae.profile("smoke"), make_digits()
    runtime = Runtime(LoopSettings(device="cpu"))
    whole = image_vae.training_batches(settings, CONFIG, dataset, runtime)[1]
    runtime.world, parts = 2, []
    for rank in range(2):
        runtime.rank = rank
        parts.append(image_vae.training_batches(settings, CONFIG, dataset, runtime)[1])
    for name, tensor in whole.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), tensor), name


@pytest.mark.parametrize(
    "setting",
    [
        "points_per_pixel=0",
        "beta=-1.0",
        "free_nats=-1.0",
        "evaluation_samples=0",
        "importance_samples=0",
        "importance_images=1",
        "learning_rate=0.0",
        "likelihood=poisson",
    ],
)
def test_settings_out_of_range(setting: str) -> None:
    with pytest.raises(UsageError, match=setting.partition("=")[0]):
        recipes.train("image-vae", profile="smoke", overrides=[setting])


def test_points_belong_to_the_binomial_likelihood() -> None:
    with pytest.raises(UsageError, match="points_per_pixel is 4, but the likelihood 'gaussian' has no points"):
        recipes.train("image-vae", profile="smoke", overrides=["likelihood=gaussian"])


@pytest.mark.parametrize("preset", ["mlp", "conv", "ladder", "conv-ladder"])
def test_presets_are_unconditional_models_of_binarised_images(preset: str) -> None:
    quick = image_vae.profile("quick")
    settings = image_vae.PRESETS[preset](quick)
    assert (settings.architecture, settings.likelihood, settings.conditional) == (preset, "bernoulli-dynamic", False)
    assert (settings.data, settings.loop.steps, settings.beta) == (quick.data, quick.loop.steps, 1.0)
    for other in image_vae.PRESETS.values():  # whatever a preset decides, it decides in full
        assert image_vae.PRESETS[preset](other(quick)) == settings


@pytest.mark.parametrize(
    ("preset", "likelihood"), [("mlp", "gaussian"), ("ladder", "logistic"), ("conv-ladder", "logistic")]
)
def test_a_preset_with_a_likelihood_of_8_bit_images(preset: str, likelihood: str, tmp_path: Path) -> None:
    overrides = [f"likelihood={likelihood}", "loop.batch_size=8"]
    run = recipes.train("image-vae", profile="smoke", preset=preset, overrides=overrides, run_dir=tmp_path / "run")
    result = recipes.evaluate(run)
    for name in ("elbo", "iwae_10"):
        bits = result[f"negative_{name}_nats"] / 64 / math.log(2)
        assert result[f"negative_{name}_bits_per_dim"] == pytest.approx(bits)
    assert 2 < bits < 12  # untrained; 8 is what uniform levels cost
    assert ("kl_3_nats" in result) == (preset != "mlp")
    if preset != "mlp":
        assert result["kl_nats"] == pytest.approx(sum(result[f"kl_{k}_nats"] for k in (1, 2, 3)), rel=1e-5)
    tree = checkpoint.load(run.directory / "last.safetensors")
    rebuilt = image_vae.rebuild(tree)
    rebuilt.load_state_dict(weights_of(tree))
    images = image_vae.sample_images(rebuilt, None, seed=0, num_images=3)
    assert images.shape == (3, 1, 8, 8) and images.min() >= 0 and images.max() <= 1


def test_a_run_made_before_architectures_had_names_goes_on(run: recipes.Run) -> None:
    tree = checkpoint.load(run.directory / "last.safetensors")
    new = {
        "architecture",
        "mlp",
        "ladder",
        "conv_ladder",
        "likelihood",
        "free_nats",
        "importance_samples",
        "importance_images",
    }
    old = {**tree["config"], "settings": {k: v for k, v in tree["config"]["settings"].items() if k not in new}}
    old["model"] = {k: v for k, v in old["model"].items() if k != "outputs"}
    assert image_vae.rebuild({"config": old}).config == image_vae.rebuild(tree).config
    result, expected = image_vae.evaluate({**tree, "config": old}), image_vae.evaluate(tree)
    assert result["negative_elbo_nats"] == expected["negative_elbo_nats"]

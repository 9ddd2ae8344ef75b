"""image-classifier: its loss, its batches, a run from start to card, and the classifier that the metrics use."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import aigc_course as aigc
from aigc_course import recipes
from aigc_course.cli import main
from aigc_course.data.sets import ImageSet
from aigc_course.data.toy_shapes import make_toy_shapes
from aigc_course.errors import CheckpointError, UsageError
from aigc_course.files import sha256
from aigc_course.models.image_classifier import ImageClassifier, ImageClassifierConfig
from aigc_course.recipes import image_classifier
from aigc_course.recipes.classification import nesterov_sgd, smoothed_targets
from aigc_course.recipes.trained_classifier import TrainedClassifier, load_classifier
from aigc_course.training import LoopSettings, Runtime, checkpoint


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    return recipes.train("image-classifier", profile="smoke", run_dir=tmp_path_factory.mktemp("run") / "smoke")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return make_toy_shapes().split("test")[0][:40]


def image_set(height: int, width: int, names: tuple[str, ...] = ("a", "b")) -> ImageSet:
    labels = {split: torch.arange(2) % len(names) for split in ("train", "validation", "test")}
    pixels = {split: torch.zeros(2, 3, height, width, dtype=torch.uint8) for split in labels}
    return ImageSet(name="mine", images=pixels, labels=labels, class_names=names)


def test_the_loss_is_torchs_smoothed_cross_entropy() -> None:
    torch.manual_seed(0)
    model, labels = torch.nn.Flatten(), torch.tensor([2, 0, 1, 1])
    batch = {"images": torch.randn(4, 3, 1, 1), "labels": labels}
    loss, metrics = image_classifier.classifier_step(model, batch, label_smoothing=0.3)
    logits = batch["images"].flatten(1)
    torch.testing.assert_close(loss, F.cross_entropy(logits, labels, label_smoothing=0.3))
    assert metrics["accuracy"] == (logits.argmax(dim=1) == labels).float().mean()


def test_smoothed_targets_are_probabilities() -> None:
    targets = smoothed_targets(torch.tensor([1, 3]), 4, 0.2)
    torch.testing.assert_close(targets, torch.tensor([[0.05, 0.85, 0.05, 0.05], [0.05, 0.05, 0.05, 0.85]]))


def test_vectors_do_not_decay() -> None:
    settings = image_classifier.profile("smoke")
    model = ImageClassifier(settings.model)
    weights, vectors = nesterov_sgd(model, settings).param_groups
    assert weights["weight_decay"] == settings.weight_decay and vectors["weight_decay"] == 0
    assert {p.dim() for p in weights["params"]} == {2, 4} and {p.dim() for p in vectors["params"]} == {1}
    assert len(weights["params"]) + len(vectors["params"]) == len(list(model.parameters()))


def test_smoke_run_and_evaluation(run: recipes.Run) -> None:
    assert {"loss", "accuracy", "learning_rate"} <= run.history.rows[0].keys()
    assert {"validation_loss", "validation_accuracy"} <= run.metrics.keys()
    result = recipes.evaluate(run)
    assert result == recipes.evaluate(run.directory)
    pair = list(result)[-1]
    assert "_named_" in pair and 0 < result[pair] <= 1
    assert 0 <= result["test_accuracy"] <= 1 and 0 <= result["flip_averaged_accuracy"] <= 1
    assert 1 < result["test_loss"] < 6
    p = result["test_accuracy"]
    assert result["test_accuracy_standard_error"] == pytest.approx((p * (1 - p) / 1999) ** 0.5, rel=1e-6)


def test_evaluation_is_that_of_the_loaded_classifier(run: recipes.Run) -> None:
    images, labels = make_toy_shapes().split("test")
    probabilities = load_classifier(run).probabilities(images)
    result = recipes.evaluate(run)
    assert result["test_accuracy"] == pytest.approx((probabilities.argmax(1) == labels).double().mean().item())
    assert result["test_loss"] == pytest.approx(F.nll_loss(probabilities.log(), labels).item(), rel=1e-4)


def test_the_card_says_what_the_checkpoint_is(run: recipes.Run) -> None:
    card = json.loads((run.directory / "card.json").read_text(encoding="utf-8"))
    assert card["sha256"] == sha256(run.directory / card["checkpoint"])
    assert card["test_metrics"] == recipes.evaluate(run)
    assert card["data"]["name"] == "toy-shapes" and card["data"]["licence"].startswith("MIT")
    assert card["steps"] <= 6 and card["model"]["feature_dim"] == 8 and len(card["class_names"]) == 10
    model = ImageClassifier(ImageClassifierConfig(**card["model"]))
    assert card["numbers"] == sum(tensor.numel() for tensor in model.state_dict().values())


def test_resumed_run_is_the_straight_run(run: recipes.Run, tmp_path: Path) -> None:
    torch.manual_seed(5)
    straight = checkpoint.load(run.directory / "last.safetensors")

    def stop(history: Any) -> None:
        if history.rows[-1]["step"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recipes.train(
            "image-classifier", profile="smoke", run_dir=tmp_path, overrides=["loop.checkpoint_every=3"], on_log=stop
        )
    assert checkpoint.load(tmp_path / "last.safetensors")["step"] == 3
    assert not (tmp_path / "card.json").exists()
    recipes.train("image-classifier", run_dir=tmp_path, resume=True)
    resumed = checkpoint.load(tmp_path / "last.safetensors")
    assert resumed["step"] == straight["step"] == 6
    for part in ("model", "ema"):
        for name, weight in straight[part]["model"].items():
            assert torch.equal(weight, resumed[part]["model"][name]), name
    assert (tmp_path / "card.json").exists()


def test_the_ranks_together_make_the_batch() -> None:
    settings, dataset = image_classifier.profile("smoke"), make_toy_shapes()
    runtime = Runtime(LoopSettings(device="cpu"))
    whole = image_classifier.training_batches(settings, dataset, runtime)[1]
    runtime.world, parts = 2, []
    for rank in range(2):
        runtime.rank = rank
        parts.append(image_classifier.training_batches(settings, dataset, runtime)[1])
    for name, tensor in whole.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), tensor), name


def test_results_do_not_depend_on_the_batch_size(run: recipes.Run, images: torch.Tensor) -> None:
    classifier = load_classifier(run)
    features, probabilities = classifier.features(images), classifier.probabilities(images)
    assert features.shape == (40, classifier.feature_dim) and features.dtype == torch.float32
    assert probabilities.shape == (40, 10)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(40))
    assert features.std(dim=0).max() > 0.01
    for batch_size in (1, 7, 40):
        torch.testing.assert_close(classifier.features(images, batch_size), features, atol=1e-6, rtol=1e-5)
    backward = classifier.features(images.flip(0), 16).flip(0)
    torch.testing.assert_close(backward, features, atol=1e-6, rtol=1e-5)
    assert torch.equal(classifier.features(images), features)
    assert torch.equal(load_classifier(run.directory).features(images), features)
    assert not features.requires_grad


def test_bytes_and_floats_are_the_same_images(run: recipes.Run, images: torch.Tensor) -> None:
    classifier, before = load_classifier(run), images.clone()
    floats = images.float() / 127.5 - 1
    torch.testing.assert_close(classifier.features(floats), classifier.features(images), atol=1e-5, rtol=1e-4)
    assert torch.equal(images, before)
    classifier.features(floats.double())


def test_an_image_is_turned_into_what_it_was_in_training(run: recipes.Run, images: torch.Tensor) -> None:
    seen: list[torch.Tensor] = []

    class Recorder(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return x.flatten(1)

    config = load_classifier(run).config
    TrainedClassifier(Recorder(1, 1), config).logits(images, batch_size=30)
    settings = image_classifier.ImageClassifierSettings(loop=LoopSettings(batch_size=10))
    labels = torch.zeros(len(images), dtype=torch.int64)
    dataset = ImageSet(name="mine", images={"train": images}, labels={"train": labels}, class_names=("a", "b"))
    batch = image_classifier.training_batches(settings, dataset, Runtime(LoopSettings(device="cpu")))[0]["images"]
    assert [len(part) for part in seen] == [30, 10]
    trained_on = {tuple(image.flatten().tolist()) for image in batch}
    assert trained_on <= {tuple(image.flatten().tolist()) for image in torch.cat(seen)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:, :1], r"\(40, 1, 32, 32\), but this classifier takes \(N, 3, 32, 32\)"),
        (lambda x: x[..., :28, :28], r"\(40, 3, 28, 28\), but"),
        (lambda x: x[0], r"\(3, 32, 32\), but"),
        (lambda x: x.permute(0, 2, 3, 1), r"\(40, 32, 32, 3\), but"),
        (lambda x: torch.cat([x, x[:, :1]], 1), r"\(40, 4, 32, 32\), but"),
        (lambda x: x[:0], "no images"),
        (lambda x: x.long(), "uint8 .* or floating point .*, but are torch.int64"),
        (lambda x: x.float(), "from 16 to 250; give bytes 0..255 as uint8"),
        (lambda x: (x.float() / 127.5 - 1).where(x > 20, torch.nan), "NaN comes from a model that diverged"),
        (lambda x: x.float() / 255, r"looks like \[0, 1\]"),
        (lambda x: x.numpy(), "must be a torch.Tensor, but are ndarray"),
    ],
)
def test_images_that_do_not_fit_are_refused(run: recipes.Run, images: torch.Tensor, change: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_classifier(run).features(change(images))


def test_images_all_equal_and_a_single_bright_one_are_taken(run: recipes.Run) -> None:
    classifier = load_classifier(run)
    assert classifier.features(torch.ones(20, 3, 32, 32)).std(dim=0).max() < 1e-6
    assert classifier.features(torch.rand(1, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, True])
def test_batch_sizes_are_checked(run: recipes.Run, images: torch.Tensor, batch_size: Any) -> None:
    with pytest.raises(UsageError, match="batch_size must be a whole number"):
        load_classifier(run).features(images, batch_size)


def test_the_model_fits_the_data() -> None:
    settings = image_classifier.profile("quick")
    config = image_classifier.fitting_model(settings, image_set(9, 9))
    assert (config.channels, config.image_size, config.n_classes) == (3, 9, 2)
    for height, width in ((8, 9), (7, 7)):
        with pytest.raises(UsageError, match=f"at least 8 x 8 .* are {height} x {width}"):
            image_classifier.fitting_model(settings, image_set(height, width))
    with pytest.raises(UsageError, match="mine has one class alone, 'a'"):
        image_classifier.fitting_model(settings, image_set(9, 9, names=("a",)))


@pytest.mark.parametrize(
    "setting", ["learning_rate=0", "momentum=1.0", "weight_decay=-1", "label_smoothing=1.0", "pad=-1", "model.width=0"]
)
def test_settings_out_of_range(setting: str) -> None:
    with pytest.raises(UsageError, match=setting.partition("=")[0].removeprefix("model.")):
        recipes.train("image-classifier", profile="smoke", overrides=[setting])


def test_it_generates_nothing_and_says_so(run: recipes.Run, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(CheckpointError, match="'image-classifier', which generates nothing"):
        aigc.load_generator(run)
    with pytest.raises(SystemExit) as caught:
        main(["generate", str(run.directory)])
    assert caught.value.code == 2
    assert "generates nothing; `aigc-course evaluate` measures it" in capsys.readouterr().err


def test_the_command_line_says_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["train", "image-classifier", "--profile", "smoke", "--run-dir", str(tmp_path / "run")])
    assert f"Measure it: aigc-course evaluate {tmp_path / 'run'}" in capsys.readouterr().out


def test_a_run_of_another_recipe_holds_no_classifier(tmp_path: Path) -> None:
    other = recipes.train("image-vae", profile="smoke", run_dir=tmp_path / "run")
    with pytest.raises(CheckpointError, match="made by 'image-vae', not by 'image-classifier'"):
        load_classifier(other)

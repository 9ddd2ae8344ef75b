"""The classification accuracy score: real images score as real ones, useless ones as chance."""

from typing import Any

import pytest
import torch

from aigc_course.data.batches import generator
from aigc_course.data.sets import ImageSet
from aigc_course.data.toy_shapes import make_toy_shapes
from aigc_course.errors import DataError, UsageError
from aigc_course.recipes import image_classifier
from aigc_course.recipes.accuracy_score import classification_accuracy_score

SMALL = ("loop.steps=15", "loop.batch_size=32", "model.width=8", "model.feature_dim=32", "learning_rate=0.05", "pad=0")


@pytest.fixture(scope="module")
def shapes() -> ImageSet:
    return make_toy_shapes(400, 20, 300)


def bright(shapes: ImageSet) -> ImageSet:
    """Two classes that a small network tells apart at once: dark and bright images."""
    images, labels = {}, {}
    for split in ("train", "validation", "test"):
        labels[split] = shapes.labels[split] % 2
        images[split] = shapes.images[split] // 2 + 127 * labels[split].view(-1, 1, 1, 1).byte()
    return ImageSet(name="bright", images=images, labels=labels, class_names=("dark", "bright"))


def test_real_images_teach_and_wrong_labels_mislead(shapes: ImageSet) -> None:
    data = bright(shapes)
    images, labels = data.split("train")
    floats = images.float() / 127.5 - 1
    good = classification_accuracy_score(floats, labels, data, profile="smoke", overrides=SMALL)
    assert good.n == 400 and good.generated > 0.9 and good.real > 0.9
    bad = classification_accuracy_score(floats, 1 - labels, data, profile="smoke", overrides=SMALL)
    assert bad.generated < 0.1 and bad.real == good.real
    assert bad.real_standard_error == pytest.approx((bad.real * (1 - bad.real) / 299) ** 0.5)


def test_real_images_as_generated_ones_give_the_same_score_twice(shapes: ImageSet) -> None:
    """The two trainings differ in the images alone: with all training images in the same order, in nothing."""
    settings = image_classifier.profile("smoke")
    order = torch.randperm(400, generator=generator(settings.loop.seed, "accuracy score", 0))
    images, labels = (part[order] for part in shapes.split("train"))
    score = classification_accuracy_score(images, labels, shapes, profile="smoke")
    assert score.generated == score.real and score.generated_standard_error == score.real_standard_error


def test_as_many_real_images_are_learned_from(shapes: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ImageSet] = []
    original = image_classifier.train_on

    def watched(dataset: ImageSet, job: Any) -> Any:
        seen.append(dataset)
        return original(dataset, job)

    monkeypatch.setattr(image_classifier, "train_on", watched)
    generated = torch.linspace(-1, 1, 30 * 3 * 32 * 32).view(30, 3, 32, 32)
    classification_accuracy_score(generated, torch.arange(30) % 10, shapes, profile="smoke")
    first, second = (data.split("train")[0] for data in seen)
    assert len(first) == len(second) == 30
    assert (first.min(), first.max()) == (0, 255)
    torch.testing.assert_close(first.float() / 127.5 - 1, generated, atol=1 / 255 + 1e-5, rtol=0)
    real = {image.numpy().tobytes() for image in shapes.split("train")[0]}
    assert len({image.numpy().tobytes() for image in second} & real) == 30
    for data in seen:
        assert torch.equal(data.split("test")[0], shapes.split("test")[0])


def test_the_averaged_weights_are_tested(shapes: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    original = image_classifier.train_on

    def forgetful(dataset: ImageSet, job: Any) -> Any:
        session = original(dataset, job)
        for average in session.ema.average.values():
            average.zero_()
        return session

    monkeypatch.setattr(image_classifier, "train_on", forgetful)
    score = classification_accuracy_score(*shapes.split("train"), shapes, profile="smoke")
    first_class = (shapes.split("test")[1] == 0).double().mean().item()
    assert score.generated == score.real == pytest.approx(first_class), "weights of 0 name everything as class 0"


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(4, 3, 28, 28), torch.arange(4), r"\(4, 3, 28, 28\), but those of toy-shapes are \('N', 3, 32, 32"),
        (torch.zeros(401, 3, 32, 32), torch.zeros(401).long(), "401 generated images .* 400 training images"),
        (torch.zeros(0, 3, 32, 32), torch.zeros(0).long(), "give from 1 to 400"),
        (torch.full((4, 3, 32, 32), 2.0), torch.arange(4), r"from 2 to 2; give uint8, or float in \[-1, 1\]"),
        (torch.full((4, 3, 32, 32), torch.nan), torch.arange(4), "from nan to nan"),
        (torch.zeros(4, 3, 32, 32).long(), torch.arange(4), "images are torch.int64"),
    ],
)
def test_images_that_do_not_fit_are_refused(
    shapes: ImageSet, images: torch.Tensor, labels: torch.Tensor, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        classification_accuracy_score(images, labels, shapes, profile="smoke")


@pytest.mark.parametrize("labels", [torch.arange(3), torch.arange(4) + 7])
def test_labels_that_are_no_classes_are_refused(shapes: ImageSet, labels: torch.Tensor) -> None:
    with pytest.raises(DataError, match="toy-shapes/train labels must be"):
        classification_accuracy_score(torch.zeros(4, 3, 32, 32), labels, shapes, profile="smoke")

"""Generated images measured by a classifier: real images at the floor, bad ones far from it, and what does not fit."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from aigc_course.data.sets import ImageSet
from aigc_course.data.toy_shapes import make_toy_shapes
from aigc_course.errors import UsageError
from aigc_course.metrics import frechet_distance
from aigc_course.models.image_classifier import ImageClassifier, ImageClassifierConfig
from aigc_course.recipes.image_evaluation import classifier_of, copied_share, image_quality, require_fitting
from aigc_course.recipes.trained_classifier import TrainedClassifier

DISTANCES = {
    f"{network}frechet_{name}"
    for network in ("", "random_network_")
    for name in ("distance", "floor", "floor_deviation", "over_floor")
}


@pytest.fixture(scope="module")
def shapes() -> ImageSet:
    return make_toy_shapes(300, 200, 400)


def classifier(feature_dim: int = 8, seed: int = 1, **about: object) -> TrainedClassifier:
    torch.manual_seed(seed)
    config = ImageClassifierConfig(width=4, feature_dim=feature_dim, stages=2)
    return TrainedClassifier(ImageClassifier(config).eval().requires_grad_(False), config, **about)  # type: ignore[arg-type]


class Knowing(TrainedClassifier):
    """Is sure of every test image's class, which it knows by its features."""

    def __init__(self, shapes: ImageSet) -> None:
        plain = classifier()
        super().__init__(plain.model, plain.config)
        images, self.labels = shapes.split("test")
        self.known = plain.features(images)

    def probabilities_of(self, features: Tensor) -> Tensor:
        nearest = torch.cdist(features, self.known, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)
        return torch.nn.functional.one_hot(self.labels[nearest], 10).float()


@pytest.fixture(scope="module")
def real(shapes: ImageSet) -> dict[str, float]:
    return image_quality(*shapes.split("validation"), shapes, classifier())


def test_real_images_come_out_at_the_floor(real: dict[str, float]) -> None:
    assert real["n"] == 200 and real["feature_dim"] == 8
    for network in ("", "random_network_"):
        distance, floor, deviation = (real[f"{network}frechet_{x}"] for x in ("distance", "floor", "floor_deviation"))
        assert abs(distance - floor) < 4 * deviation
        assert real[f"{network}frechet_over_floor"] == pytest.approx(distance / floor)
    for name in ("precision", "recall", "density", "coverage"):
        assert real[name] == pytest.approx(real[f"real_{name}"], abs=0.1)
    assert real["classifier_score"] == pytest.approx(real["real_classifier_score"], rel=0.05)
    assert real["copied_share"] == pytest.approx(real["real_copied_share"], abs=0.05)


def test_blurred_and_collapsed_images_are_far_from_it(shapes: ImageSet, real: dict[str, float]) -> None:
    images, labels = shapes.split("validation")
    blurred = torch.nn.functional.avg_pool2d(images.float(), 5, stride=1, padding=2).round().byte()
    bad = image_quality(blurred, labels, shapes, classifier())
    for name in ("frechet_over_floor", "random_network_frechet_over_floor"):
        assert bad[name] > 3 * real[name]
    noise = torch.randint(0, 256, images.shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    nothing = image_quality(noise, labels, shapes, classifier())
    assert nothing["kernel_distance"] > 20 * abs(real["kernel_distance"])
    assert nothing["precision"] < 0.1 and nothing["density"] < 0.1 and nothing["coverage"] < 0.1
    few = image_quality(images[:4].repeat(50, 1, 1, 1), labels[:4].repeat(50), shapes, classifier())
    assert few["coverage"] < 0.2 and few["recall"] < 0.2 and few["precision"] == 1.0


def test_the_distance_is_that_of_the_features_to_both_halves_of_the_test_split() -> None:
    shapes = make_toy_shapes(20, 20, 40)
    images, fitting = shapes.split("validation")[0], classifier()
    result = image_quality(images, None, shapes, fitting)
    # n = 20 takes all: the mean over disjoint halves of whatever order lies between those of any two halves
    real, fake = fitting.features(shapes.split("test")[0]).double(), fitting.features(images).double()
    draws = [real[torch.randperm(40, generator=torch.Generator().manual_seed(s))] for s in range(200)]
    means = [(frechet_distance(x[:20], fake) + frechet_distance(x[20:], fake)) / 2 for x in draws]
    assert min(means) * 0.99 <= result["frechet_distance"] <= max(means) * 1.01


def test_class_figures_count_all_images(shapes: ImageSet) -> None:
    """A classifier that knows every test image, shown 300 of them with one label in four wrong."""
    images, labels = (part[:300] for part in shapes.split("test"))
    asked = torch.where(torch.arange(300) % 4 == 0, (labels + 1) % 10, labels)
    result = image_quality(images, asked, shapes, Knowing(shapes))
    assert result["class_accuracy"] == pytest.approx(0.75)
    assert result["real_class_accuracy"] == 1.0
    assert result["n"] == 200 and result["classes_hit"] == 10
    assert result["largest_class_share"] == pytest.approx(torch.bincount(labels).max().item() / 300)
    assert result["classifier_score"] == pytest.approx(10, rel=0.05)
    one_class = image_quality(images[labels == 3], None, shapes, Knowing(shapes))
    assert one_class["classes_hit"] == 1 and one_class["largest_class_share"] == 1.0
    assert one_class["classifier_score"] == pytest.approx(1)
    assert "class_accuracy" not in one_class and "real_class_accuracy" not in one_class


def test_the_seed_alone_chooses_for_bytes_and_for_floats(shapes: ImageSet, real: dict[str, float]) -> None:
    images, labels = shapes.split("validation")
    torch.manual_seed(5)
    assert image_quality(images, labels, shapes, classifier()) == real
    floats = image_quality(images.float() / 127.5 - 1, labels, shapes, classifier())
    assert floats == pytest.approx(real, rel=1e-3, abs=1e-5)
    assert image_quality(images, labels, shapes, classifier(), seed=1)["frechet_floor"] != real["frechet_floor"]


def test_the_untrained_network_is_always_the_same(shapes: ImageSet, real: dict[str, float]) -> None:
    other = image_quality(*shapes.split("validation"), shapes, classifier(seed=2))
    assert other["frechet_distance"] != pytest.approx(real["frechet_distance"], rel=1e-3)
    assert other["random_network_frechet_distance"] == pytest.approx(real["random_network_frechet_distance"])


def test_the_classifier_never_sees_a_training_image(shapes: ImageSet) -> None:
    blank = torch.zeros_like(shapes.images["train"])
    without = ImageSet(
        name=shapes.name,
        images=shapes.images | {"train": blank},
        labels=shapes.labels,
        class_names=shapes.class_names,
    )
    images, labels = shapes.split("validation")
    first, second = (image_quality(images, labels, data, classifier()) for data in (shapes, without))
    same = {name for name in first if first[name] == second[name]}
    assert same >= set(first) - {"copied_share", "real_copied_share"}


def test_frechet_distances_are_left_out_where_features_outnumber_the_images(shapes: ImageSet) -> None:
    images, labels = (part[:30] for part in shapes.split("validation"))
    assert set(image_quality(images, labels, shapes, classifier(feature_dim=29))) >= DISTANCES
    result = image_quality(images, labels, shapes, classifier(feature_dim=30))
    assert result["n"] == result["feature_dim"] == 30
    assert not DISTANCES & set(result) and {"precision", "kernel_distance", "class_accuracy"} <= set(result)


def test_n_is_bounded_by_half_of_the_test_split() -> None:
    small = make_toy_shapes(20, 60, 31)
    images, labels = small.split("validation")
    assert image_quality(images, labels, small, classifier())["n"] == 15
    with pytest.raises(UsageError, match=r"60 generated images and 11 test images make n = 5.*at least 6"):
        image_quality(images, labels, make_toy_shapes(20, 1, 11), classifier())
    with pytest.raises(UsageError, match=r"5 generated images and 31 test images make n = 5"):
        image_quality(images[:5], labels[:5], small, classifier())


def test_copies_are_found() -> None:
    source = torch.Generator().manual_seed(0)
    training, other = torch.randint(0, 256, (2, 100, 3, 32, 32), generator=source, dtype=torch.uint8)
    assert copied_share(training[:10], training) == 1.0
    assert copied_share(other, training) == 0.0
    assert copied_share(torch.cat([training[:10], other[:30]]), training) == 0.25
    noisy = training[:20].float() / 127.5 - 1 + 0.1 * torch.randn(20, 3, 32, 32, generator=source)
    assert copied_share(noisy.clamp(-1, 1), training) == 1.0
    assert copied_share(torch.zeros(10, 3, 32, 32), training) == 0.0, "dull images are near to all alike"
    assert copied_share(training[:10], training.repeat(2, 1, 1, 1)) == 1.0, "a copy of an image that is there twice"
    small = torch.randint(0, 256, (50, 1, 5, 5), generator=source, dtype=torch.uint8)
    assert copied_share(small[:4], small) == 1.0


def test_a_third_is_the_limit() -> None:
    training = torch.tensor([0.0, 0.4]).view(2, 1, 1, 1).expand(2, 1, 8, 8)
    for place, copied in ((0.09, 1.0), (0.11, 0.0)):  # 0.09 : 0.31 and 0.11 : 0.29
        assert copied_share(torch.full((1, 1, 8, 8), place), training) == copied


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"data_name": "cifar10"}, "was trained on cifar10, not on toy-shapes; .*--data toy-shapes"),
        ({"class_names": ("cat", "dog")}, "knows the classes cat, dog, but those of toy-shapes are"),
    ],
)
def test_a_classifier_of_other_data_is_refused(shapes: ImageSet, about: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        image_quality(*shapes.split("validation"), shapes, classifier(**about))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=message):
        classifier_of(shapes, classifier(**about), torch.device("cpu"))  # type: ignore[arg-type]
    require_fitting(shapes, classifier(data_name="toy-shapes", class_names=shapes.class_names))


def test_a_classifier_of_another_shape_is_refused(shapes: ImageSet) -> None:
    config = ImageClassifierConfig(channels=1, image_size=28, width=4, feature_dim=8, stages=2)
    with pytest.raises(UsageError, match=r"takes images of shape \(1, 28, 28\), but those of toy-shapes are \(3, 32"):
        require_fitting(shapes, TrainedClassifier(ImageClassifier(config), config))


def test_images_and_labels_are_checked(shapes: ImageSet, tmp_path: Path) -> None:
    images, labels = shapes.split("validation")
    with pytest.raises(UsageError, match=r"labels must be one per image, shape \(200,\), not \(199,\)"):
        image_quality(images, labels[1:], shapes, classifier())
    with pytest.raises(UsageError, match="this classifier takes"):
        image_quality(images[:, :, :28, :28], labels, shapes, classifier())
    with pytest.raises(UsageError, match="diverged"):
        image_quality(torch.full((200, 3, 32, 32), torch.nan), labels, shapes, classifier())

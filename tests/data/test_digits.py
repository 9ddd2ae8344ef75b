"""digits: the fixed split of scikit-learn's images, and a classifier that knows digits from noise."""

import math

import pytest
import torch
from sklearn.datasets import load_digits

from aigc_course.data.digits import MIN_CONFIDENCE, classifier_accuracy, classify, grade, make_digits
from aigc_course.errors import UsageError


def keys(images):
    return {image.numpy().tobytes() for image in images}


def test_splits_hold_every_image_once_with_its_label():
    digits, bunch = make_digits(), load_digits()
    assert [len(digits.labels[s]) for s in ("train", "validation", "test")] == [1197, 300, 300]
    everything = torch.cat([digits.images[s] for s in digits.images])
    source = (torch.from_numpy(bunch.images) * 255 / 16).round().to(torch.uint8)[:, None]
    assert keys(everything) == keys(source) and len(keys(source)) == 1797
    label_of = {image.numpy().tobytes(): label for image, label in zip(source, bunch.target, strict=True)}
    for split in digits.images:
        images, labels = digits.split(split)
        assert [label_of[image.numpy().tobytes()] for image in images] == labels.tolist()


def test_splits_are_stratified_and_pinned():
    digits = make_digits()
    for split, expected in (("train", 119.7), ("validation", 30), ("test", 30)):
        counts = torch.bincount(digits.labels[split], minlength=10)
        assert (counts - expected).abs().max() <= 4, split
    assert digits.image_shape == (1, 8, 8) and digits.images["train"].max() == 255
    assert digits.labels["test"][:10].tolist() == [2, 2, 0, 8, 8, 3, 4, 0, 2, 1]


def test_the_classifier_is_right_on_images_it_has_not_seen():
    for split in ("validation", "test"):
        assert 0.97 <= classifier_accuracy(split) <= 1
    images, labels = make_digits().split("test")
    mirrored, _ = classify(images.flip(3))
    assert (mirrored == labels).float().mean() < 0.6


def test_confidence_knows_digits_from_nonsense():
    generator = torch.Generator().manual_seed(0)
    images, _ = make_digits().split("test")
    order = torch.rand(300, 64, generator=generator).argsort(1)
    nonsense = {
        "uniform noise": torch.randint(0, 256, (300, 1, 8, 8), generator=generator, dtype=torch.uint8),
        "shuffled pixels": images.flatten(1).gather(1, order).view(-1, 1, 8, 8),
        "black": torch.zeros(1, 1, 8, 8, dtype=torch.uint8),
        "grey": torch.full((1, 1, 8, 8), 128, dtype=torch.uint8),
        "inverted": 255 - images,
    }
    for kind, foreign in nonsense.items():
        assert (classify(foreign)[1] >= MIN_CONFIDENCE).float().mean() <= 0.01, kind
    assert (classify(images)[1] >= MIN_CONFIDENCE).float().mean() >= 0.95


def test_float_images_are_classified_like_uint8():
    images, _ = make_digits().split("validation")
    labels, confidence = classify(images)
    float_labels, float_confidence = classify(images.float() / 127.5 - 1)
    assert torch.equal(labels, float_labels)
    assert torch.allclose(confidence, float_confidence, atol=1e-4)
    assert 0 <= confidence.min() <= confidence.max() <= 1


def test_images_that_are_not_finite_are_no_digits():
    images = make_digits().images["test"][:3].float() / 127.5 - 1
    images[0, 0, 0, 0], images[1, 0, 7, 7] = math.nan, math.inf
    assert classify(images)[1][:2].tolist() == [0, 0] and classify(images)[1][2] > MIN_CONFIDENCE


def test_grade_counts_what_was_drawn():
    images, labels = make_digits().split("train")
    three, eight = images[labels == 3][:2], images[labels == 8][:1]
    drawn = torch.cat([three, eight, torch.zeros_like(eight)])
    result = grade(drawn, torch.tensor([3, 8, 8, 0]))
    assert result["confident_rate"] == pytest.approx(3 / 4)
    assert result["classes_hit"] == 2
    assert result["largest_class_share"] == pytest.approx(2 / 3) == result["class_shares"]["3"]
    assert result["recognised_rate"] in (pytest.approx(2 / 4), pytest.approx(3 / 4))  # black may be named 0
    assert result["confidently_recognised_rate"] == pytest.approx(2 / 4)
    assert result["classifier_accuracy"] == classifier_accuracy("test")
    assert "recognised_rate" not in grade(drawn)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 1, 28, 28), r"\(N, 1, 8, 8\)"),
        (torch.zeros(2, 8, 8), r"\(N, 1, 8, 8\)"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.int64), "int64"),
    ],
)
def test_images_of_another_form_are_refused(images, message):
    with pytest.raises(UsageError, match=message):
        classify(images)


def test_grade_refuses_what_does_not_match():
    images = torch.zeros(1, 1, 8, 8)
    with pytest.raises(UsageError, match="one per image"):
        grade(images, torch.tensor([1, 2]))
    with pytest.raises(UsageError, match="at least one"):
        grade(images[:0])
    with pytest.raises(UsageError, match="train"):
        classifier_accuracy("trian")

"""Splits of image sets: what is held out, and what a recipe asks for."""

import numpy as np
import pytest
import torch

from aigc_course.data.image_splits import classes_to_learn, image_set, require_images, with_validation
from aigc_course.data.sets import ImageSet
from aigc_course.errors import DataError


def labelled(class_names: tuple[str, ...] = ("a", "b"), **labels: list[int]) -> ImageSet:
    images = {split: torch.zeros(len(values), 1, 4, 4, dtype=torch.uint8) for split, values in labels.items()}
    codes = {split: torch.tensor(values, dtype=torch.int64) for split, values in labels.items()}
    return ImageSet(name="mine", images=images, labels=codes, class_names=class_names)


def test_validation_is_every_tenth_of_each_class():
    labels = np.array([0, 1] * 20)
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    arrays = with_validation(images, labels, images[:3], labels[:3])
    dataset = image_set("mine", arrays, ("a", "b"))
    assert dataset.split("validation")[0].flatten().tolist() == [18, 19, 38, 39]
    assert len(dataset.split("train")[0]) == 36 and len(dataset.split("test")[0]) == 3


def test_enough_is_accepted_and_too_little_counted():
    dataset = labelled(train=[0, 1], test=[0])
    require_images(dataset, "image-gan", every_class=True, train=2)
    require_images(dataset, "image-gan", every_class=True, train=1, test=1)
    with pytest.raises(DataError, match=r"vae needs .*: 1 in train, 1 in validation; but mine has 2 in train, 0 in"):
        require_images(dataset, "image-vae", every_class=True, train=1, validation=1)
    with pytest.raises(DataError, match=r"2 in test; but mine has 1 in test\. Add some .*folders train, validation"):
        require_images(dataset, "image-classifier", every_class=True, test=2)


def test_a_class_that_training_never_sees_is_named():
    dataset = labelled(("a", "b", "c"), train=[0, 0], test=[1, 2])
    require_images(dataset, "image-gan", every_class=False, train=1)
    with pytest.raises(DataError, match=r"of mine, these classes have no training image: b, c\. Add images"):
        require_images(dataset, "image-gan", every_class=True, train=1)


def test_one_class_is_nothing_to_ask_for():
    assert classes_to_learn(labelled(("all",), train=[0]), True) == 0
    assert classes_to_learn(labelled(train=[0, 1]), True) == 2
    assert classes_to_learn(labelled(train=[0, 1]), False) == 0

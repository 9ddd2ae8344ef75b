"""The splits of image sets: cut validation from a training part, and see that there is enough in each."""

import numpy as np
import torch

from aigc_course.data.sets import ImageSet
from aigc_course.data.splitting import SPLITS, require_examples, tenth_of_each_class


def with_validation(
    train_images: np.ndarray, train_labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> dict[str, np.ndarray]:
    """{split}_images (N, C, H, W) and {split}_labels (N,) int64 of three splits.

    Every tenth training example of each class, in order of appearance, goes to validation.
    """
    held_out = tenth_of_each_class(train_labels)
    return {
        "train_images": train_images[~held_out],
        "train_labels": train_labels[~held_out].astype(np.int64),
        "validation_images": train_images[held_out],
        "validation_labels": train_labels[held_out].astype(np.int64),
        "test_images": test_images.copy(),
        "test_labels": test_labels.astype(np.int64),
    }


def image_set(name: str, arrays: dict[str, np.ndarray], class_names: tuple[str, ...]) -> ImageSet:
    """The set of arrays from `with_validation`; memory-mapped ones stay so."""
    return ImageSet(
        name=name,
        images={split: torch.from_numpy(arrays[f"{split}_images"]) for split in SPLITS},
        labels={split: torch.from_numpy(arrays[f"{split}_labels"]) for split in SPLITS},
        class_names=class_names,
    )


def classes_to_learn(dataset: ImageSet, conditional: bool) -> int:
    """How many classes a generator is told: none where it is not conditional, or there is only one to ask for."""
    n_classes = len(dataset.class_names)
    return n_classes if conditional and n_classes > 1 else 0


def require_images(dataset: ImageSet, recipe: str, *, every_class: bool, **fewest: int) -> None:
    """See that `recipe` has enough to work with: `fewest` images of each split that is named (train=1, test=2, …).

    Args: every_class: whether each class must have a training image.
    Raises: DataError saying what there is and what is missing.
    """
    require_examples(dataset, "image", recipe, every_class=every_class, **fewest)

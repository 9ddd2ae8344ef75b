"""The classification accuracy score: how well a classifier that learned from generated images alone names real ones."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course import config
from aigc_course.data.batches import generator
from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError
from aigc_course.metrics import mean_and_standard_error
from aigc_course.recipes import image_classifier
from aigc_course.recipes.recipe import Job
from aigc_course.recipes.runs import profile_name
from aigc_course.recipes.trained_classifier import NAME, TrainedClassifier

_ROUNDING = 1e-3  # beyond [-1, 1], as a decoded image may be


@dataclass(frozen=True, kw_only=True)
class AccuracyScore:
    """The accuracies on real test images of two classifiers that differ in what they learned from alone."""

    generated: float  # [0, 1], having learned from generated images: the classification accuracy score
    generated_standard_error: float  # of the choice of the test images; other weights to begin with change it too
    real: float  # [0, 1], having learned from as many real training images: what a perfect generator scores
    real_standard_error: float
    n: int  # images that each learned from


def classification_accuracy_score(
    images: Tensor, labels: Tensor, dataset: ImageSet, *, profile: str | None = None, overrides: Iterable[str] = ()
) -> AccuracyScore:
    """Train an image-classifier on generated images, another on as many real ones, and test both on the test split.

    A model that draws too few kinds of a class, or the wrong class, teaches less than real images do, however good each
    image looks. Weights after the last step count, averaged ones where there are any: no real image chooses them.

    Args:
        images: (N, C, H, W), uint8 or floating point in [-1, 1], of the data's shape, N at most the number of training
            images. labels: (N,) int64, the classes that were asked for.
        dataset: what the generator learned from.
        profile, overrides: of the image-classifier recipe, as in `recipes.train`.
    Raises: UsageError for other shapes or numbers, DataError for labels that are no classes of the data.
    Source: Ravuri & Vinyals 2019, arXiv:1905.10887.
    """
    profile = profile_name(profile)
    settings = config.override(image_classifier.profile(profile), overrides)
    job = Job(recipe=NAME, profile=profile, settings=settings, run_dir=None, resume=False, on_log=None)
    real_images, real_labels = dataset.split("train")
    _require(images, dataset, len(real_images))
    chosen = torch.randperm(len(real_images), generator=generator(settings.loop.seed, "accuracy score", 0))
    chosen = chosen[: len(images)]
    generated = _with_training_images(dataset, _as_bytes(images), labels.cpu())
    real = _with_training_images(dataset, real_images[chosen], real_labels[chosen])
    of_generated, of_real = (_tested(data, job) for data in (generated, real))
    return AccuracyScore(
        generated=of_generated[0],
        generated_standard_error=of_generated[1],
        real=of_real[0],
        real_standard_error=of_real[1],
        n=len(images),
    )


def _tested(dataset: ImageSet, job: Job) -> tuple[float, float]:
    """Accuracy on the test split, and its standard error, of a classifier that learned from the training split."""
    session = image_classifier.train_on(dataset, job)
    if session.interrupted:
        raise KeyboardInterrupt
    images, labels = dataset.split("test")
    model = session.runtime.unwrap(session.models["model"]).eval()
    with session.ema.applied(model) if session.ema else nullcontext():
        named = TrainedClassifier(model, model.config).logits(images).argmax(dim=1)  # type: ignore[arg-type]
    session.runtime.close()
    return mean_and_standard_error((named == labels).double())


def _with_training_images(dataset: ImageSet, images: Tensor, labels: Tensor) -> ImageSet:
    """The data set with another training split."""
    return ImageSet(
        name=dataset.name,
        images=dataset.images | {"train": images},
        labels=dataset.labels | {"train": labels},
        class_names=dataset.class_names,
    )


def _require(images: Tensor, dataset: ImageSet, num_training: int) -> None:
    """Raise UsageError unless a classifier of the data's images can learn from these, and from as many real ones."""
    if images.ndim != 4 or tuple(images.shape[1:]) != dataset.image_shape:
        raise UsageError(
            f"images are {tuple(images.shape)}, but those of {dataset.name} are {('N', *dataset.image_shape)}; take "
            "off what a model adds, such as padding"
        )
    if not 1 <= len(images) <= num_training:
        raise UsageError(
            f"{len(images)} generated images cannot be compared with as many of the {num_training} training images of "
            f"{dataset.name}; give from 1 to {num_training}"
        )
    if images.dtype != torch.uint8:
        low, high = (value.item() for value in images.detach().aminmax())
        if not (images.is_floating_point() and low >= -1 - _ROUNDING and high <= 1 + _ROUNDING):
            raise UsageError(f"images are {images.dtype} from {low:.4g} to {high:.4g}; give uint8, or float in [-1, 1]")


def _as_bytes(images: Tensor) -> Tensor:
    """(N, C, H, W) uint8 on the CPU, as an image file holds them."""
    images = images.detach().cpu()
    return images if images.dtype == torch.uint8 else images.float().add(1).mul(127.5).round().clamp(0, 255).byte()

"""What generated images are worth beside held-out real ones, measured by a classifier that was trained on real ones.

Everything is measured on the test split: the classifier has seen the training images, and features of images that it
knows are unlike those of any others.
"""

import math
import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course.data.batches import generator
from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError
from aigc_course.metrics import (
    class_histogram,
    classifier_score,
    frechet_distance,
    frechet_floor,
    kernel_distance_in_subsets,
    nearest_neighbours,
    precision_recall,
)
from aigc_course.models.image_classifier import ImageClassifier
from aigc_course.recipes.classification import require_same_data
from aigc_course.recipes.runs import Run
from aigc_course.recipes.trained_classifier import NAME, TrainedClassifier, load_classifier

GivenClassifier = TrainedClassifier | Run | str | Path

_NEIGHBOURS = 5  # whose distance is a ball's radius, in precision, recall, density and coverage
_SUBSET = 1000  # images, in each part of the kernel distance
_FLOOR_DRAWS = 20  # of two halves of the real images
_NETWORK_SEED = 0  # of the network that nobody trained
_SHRUNK = 8  # pixels at which images are compared with the training images: a small shift changes little
_COPY_RATIO = 1 / 3  # of the distance to the second nearest training image
_COPY_QUERIES = 2000  # images, looked for in the training images
_AT_ONCE = 2000  # images, made smaller at once


def image_quality(
    images: Tensor, labels: Tensor | None, dataset: ImageSet, classifier: TrainedClassifier, *, seed: int = 0
) -> dict[str, float]:
    """Distance, fidelity, variety and classes of generated images, each beside what as many real ones get.

    Distances, precision to coverage and scores are of n generated images and n of the test split, and beside them of n
    and n of the test split: n = min(N, half of the test split). What the figures mean is said where they are computed,
    in `aigc_course.metrics`. None can be compared with figures by another classifier or at another n.

    Args:
        images: (N, C, H, W), uint8 or floating point in [-1, 1], of the data's shape. labels: (N,) classes that were
            asked for; None for a model without classes.
        dataset: what the generator and the classifier learned from.  seed: chooses which images are compared.
    Returns:
        `n`; `feature_dim`;
        `frechet_distance`; `frechet_floor`, its mean for real images, and `frechet_floor_deviation`, the standard
        deviation of single real values around it; `frechet_over_floor`; the same four `random_network_…`, by features
        that nobody trained. All eight need n > feature_dim, and are left out otherwise;
        `kernel_distance`, 0 on average for real images, and its standard error;
        `precision`, `recall`, `density`, `coverage`, each with `real_…`;
        `classifier_score`, `real_classifier_score`;
        `classes_hit`: classes that the classifier sees in at least one image; `largest_class_share` of the N images;
        with labels `class_accuracy`: the share of the N images that it names as what was asked for, and
        `real_class_accuracy`, the same of all test images;
        `copied_share`, `real_copied_share`: see `copied_share`.
    Raises: UsageError where images, labels, data and classifier don't belong together, or n is below 6.
    """
    require_fitting(dataset, classifier)
    real_images, real_labels = dataset.split("test")
    n = min(len(images), len(real_images) // 2)
    _require_enough(n, images, labels, real_images)
    source = generator(seed, "image quality", 0)
    chosen = torch.randperm(len(images), generator=source)[:n]
    held_out = torch.randperm(len(real_images), generator=source)[: 2 * n]
    all_fake, all_real = classifier.features(images), classifier.features(real_images)
    fake, real = all_fake[chosen], all_real[held_out]

    result: dict[str, float] = {"n": n, "feature_dim": classifier.feature_dim}
    if n > classifier.feature_dim:
        result |= frechet_scores(real, fake, source)
        untrained = _untrained(classifier)
        features = untrained.features(real_images[held_out]), untrained.features(images[chosen])
        result |= {f"random_network_{name}": value for name, value in frechet_scores(*features, source).items()}
    result |= _kernel(real[:n], fake, source) | _manifold(real, fake)
    fake_probabilities, real_probabilities = (classifier.probabilities_of(x) for x in (all_fake, all_real))
    result["classifier_score"] = classifier_score(fake_probabilities[chosen])
    result["real_classifier_score"] = classifier_score(real_probabilities[held_out[:n]])
    named = fake_probabilities.argmax(dim=1)
    counts = class_histogram(named, len(dataset.class_names))
    result |= {"classes_hit": int((counts > 0).sum()), "largest_class_share": counts.max().item() / len(named)}
    if labels is not None:
        result["class_accuracy"] = (named == labels.cpu()).double().mean().item()
        result["real_class_accuracy"] = (real_probabilities.argmax(dim=1) == real_labels).double().mean().item()
    training = dataset.split("train")[0]
    result["copied_share"] = copied_share(images[chosen[:_COPY_QUERIES]], training)
    result["real_copied_share"] = copied_share(real_images[held_out[:n][:_COPY_QUERIES]], training)
    return result


def copied_share(images: Tensor, training: Tensor) -> float:
    """The share of images that lie less than a third as far from the nearest training image as from the second nearest.

    In pixels, of images shrunk to 8 x 8. A ratio, because a dull image is near to all others. Some held-out images
    pass for copies too: look at their share first.

    Args: images (N, C, H, W) and training (M, C, H, W), M >= 2: uint8, or floating point in [-1, 1].
    Raises: UsageError for other shapes, NaN or infinity.
    Source: Yoon et al. 2023; Gu et al. 2023, arXiv:2310.02664, Sec. 2 (there at full size).
    """
    nearest, second = nearest_neighbours(_shrunk(images), _shrunk(training), k=2).distances.unbind(dim=1)
    return ((nearest < _COPY_RATIO * second) | (nearest == 0)).double().mean().item()


def classifier_of(dataset: ImageSet, given: GivenClassifier, device: torch.device) -> TrainedClassifier:
    """The classifier that was given, loaded onto `device` where it is a run's. Raises: as `require_fitting`."""
    classifier = given if isinstance(given, TrainedClassifier) else load_classifier(given, device)
    require_fitting(dataset, classifier)
    return classifier


def require_fitting(dataset: ImageSet, classifier: TrainedClassifier) -> None:
    """Raise UsageError unless the classifier was trained on images like those of `dataset`, with the same classes."""
    train_one = f"train one on the same data: aigc-course train {NAME} --data {dataset.name}"
    if classifier.image_shape != dataset.image_shape:
        raise UsageError(
            f"the classifier takes images of shape {classifier.image_shape}, but those of {dataset.name} are "
            f"{dataset.image_shape} (channels, height, width); {train_one}"
        )
    require_same_data(dataset, classifier, train_one)


def _require_enough(n: int, images: Tensor, labels: Tensor | None, real_images: Tensor) -> None:
    if n <= _NEIGHBOURS:
        raise UsageError(
            f"{len(images)} generated images and {len(real_images)} test images make n = {n}, the smaller of the first "
            f"and half of the second; to measure anything it must be at least {_NEIGHBOURS + 1}: take more"
        )
    if labels is not None and labels.shape != (len(images),):
        raise UsageError(f"labels must be one per image, shape ({len(images)},), not {tuple(labels.shape)}")


def frechet_scores(real: Tensor, fake: Tensor, source: torch.Generator) -> dict[str, float]:
    """The Fréchet distance of real (2n, D) and fake (n, D) features beside its floor, as `image_quality` names them."""
    n = len(fake)
    distance = sum(frechet_distance(half, fake) for half in (real[:n], real[n:])) / 2
    floor = frechet_floor(real, n, _FLOOR_DRAWS, source)
    return {
        "frechet_distance": distance,
        "frechet_floor": floor.mean,
        "frechet_floor_deviation": floor.standard_error * math.sqrt(_FLOOR_DRAWS),
        "frechet_over_floor": distance / max(floor.mean, sys.float_info.min),  # 0 where all real images are equal
    }


def _kernel(real: Tensor, fake: Tensor, source: torch.Generator) -> dict[str, float]:
    """Of real and fake features, (n, D) each."""
    estimate = kernel_distance_in_subsets(real, fake, subset_size=min(_SUBSET, len(fake) // 2), generator=source)
    return {"kernel_distance": estimate.mean, "kernel_distance_standard_error": estimate.standard_error}


def _manifold(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Of real (2n, D) and fake (n, D) features."""
    n = len(fake)
    result: dict[str, float] = {}
    scores = precision_recall(real=real[:n], fake=fake, k=_NEIGHBOURS)
    of_real = precision_recall(real=real[:n], fake=real[n:], k=_NEIGHBOURS)
    for name in ("precision", "recall", "density", "coverage"):
        result |= {name: getattr(scores, name), f"real_{name}": getattr(of_real, name)}
    return result


def _untrained(classifier: TrainedClassifier) -> TrainedClassifier:
    """A classifier of the same architecture with random weights, always the same ones."""
    with torch.random.fork_rng(devices=[classifier.device] if classifier.device.type == "cuda" else []):
        torch.manual_seed(_NETWORK_SEED)
        model = ImageClassifier(classifier.config)
    model = model.to(classifier.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TrainedClassifier(model.eval().requires_grad_(False), classifier.config)


def _shrunk(images: Tensor) -> Tensor:
    """(N, C, 8, 8) float32 on the CPU, in [-1, 1] where the images are bytes; smaller images stay as they are."""
    side = min(_SHRUNK, *images.shape[-2:])
    parts = []
    for part in images.split(_AT_ONCE):
        pixels = part.detach().cpu().float()
        pixels = pixels / 127.5 - 1 if images.dtype == torch.uint8 else pixels
        parts.append(F.adaptive_avg_pool2d(pixels, side))
    return torch.cat(parts)

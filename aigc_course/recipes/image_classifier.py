"""`image-classifier`: a residual network that names what an image shows; its features carry the metrics of images."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from aigc_course.config import from_dict
from aigc_course.data.batches import ImageBatches
from aigc_course.data.image_splits import require_images
from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError
from aigc_course.models.augmentation import augment, require_policy
from aigc_course.models.image_classifier import ImageClassifier, ImageClassifierConfig
from aigc_course.recipes.classification import (
    held_out_metrics,
    most_confused_pair,
    nesterov_sgd,
    require_descent,
    smoothed_loss,
    validation_metrics,
    write_card,
)
from aigc_course.recipes.recipe import Job, Recipe, load_set, smoke
from aigc_course.recipes.trained_classifier import NAME, TrainedClassifier, from_tree
from aigc_course.training import LoopSettings, Runtime, Session, fit


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageClassifierSettings:
    """Everything that decides what an `image-classifier` run does."""

    data: str = "toy-shapes"  # an image data set, or a folder of images, all square
    model: ImageClassifierConfig = field(
        default_factory=ImageClassifierConfig
    )  # channels, image_size, n_classes: data's
    loop: LoopSettings = field(default_factory=LoopSettings)
    learning_rate: float = 0.1  # peak, of SGD with Nesterov momentum
    momentum: float = 0.9
    weight_decay: float = 5e-4  # of convolutions and the head, not of batch norm
    label_smoothing: float = 0.1  # share of the probability that the target spreads evenly over all classes
    flip: bool = False  # show the images mirrored half of the time; not where left and right make a class
    pad: int = 0  # pixels that the images are moved by at most, along each axis
    augment: tuple[str, ...] = ()  # more random changes of training images, as `models.augmentation` names them

    def __post_init__(self) -> None:
        require_descent(self)
        require_policy(self.augment)
        if self.pad < 0:
            raise ValueError(f"pad is {self.pad}, but must be at least 0")


def profile(name: str) -> ImageClassifierSettings:
    """The settings of a profile."""
    quick = ImageClassifierSettings(
        model=ImageClassifierConfig(width=16, feature_dim=128),
        loop=LoopSettings(
            steps=200, batch_size=64, warmup_steps=40, decay="linear", log_every=20, evaluate_every=100, ema_decay=0.95
        ),
        pad=2,
    )
    laptop = dataclasses.replace(
        quick,
        data="cifar10",
        model=ImageClassifierConfig(width=48, feature_dim=192),
        loop=dataclasses.replace(
            quick.loop, steps=4900, batch_size=128, warmup_steps=980, evaluate_every=980, ema_decay=0.98
        ),
        flip=True,
    )
    full = dataclasses.replace(
        laptop,
        model=ImageClassifierConfig(width=96, feature_dim=320, depth=2),
        loop=dataclasses.replace(
            laptop.loop,
            steps=7000,
            batch_size=512,
            warmup_steps=1400,
            evaluate_every=700,
            checkpoint_every=3500,
            ema_decay=0.99,
            cuda_graphs=True,
        ),
        learning_rate=0.2,
        pad=4,
        augment=("cutout",),
    )
    small = smoke(quick, model=ImageClassifierConfig(width=4, feature_dim=8), flip=True, pad=1)
    return {"smoke": small, "quick": quick, "laptop": laptop, "full": full}[name]


def classifier_step(
    model: nn.Module, batch: dict[str, Tensor], *, label_smoothing: float, policy: Sequence[str] = ()
) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy against smoothed labels, in nats per image, after the augmentation `policy`.

    The batch holds images (B, C, H, W) in [-1, 1] and labels (B,).
    """
    return smoothed_loss(model(augment(batch["images"], policy)), batch["labels"], label_smoothing)


def train(job: Job) -> Session:
    """Train a classifier on the images of `settings.data`; at the end write its card beside the checkpoint."""
    dataset = load_set(job.settings.data, ImageSet)
    require_images(dataset, NAME, every_class=True, train=1, validation=1, test=2)
    session = train_on(dataset, job)
    if job.run_dir is not None and session.runtime.is_main and not session.interrupted:
        write_card(job.run_dir, evaluate)
    return session


def train_on(dataset: ImageSet, job: Job) -> Session:
    """Train a classifier on the images of `dataset`, whatever `settings.data` is."""
    settings: ImageClassifierSettings = job.settings
    loop = settings.loop
    model_config = fitting_model(settings, dataset)
    runtime = Runtime(loop)
    torch.manual_seed(loop.seed)
    network = ImageClassifier(model_config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model = runtime.prepare(network)
    return fit(
        model,
        nesterov_sgd(model, settings),
        training_batches(settings, dataset, runtime),
        partial(classifier_step, label_smoothing=settings.label_smoothing, policy=settings.augment),
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(model=model_config, data={"name": dataset.name, "class_names": list(dataset.class_names)}),
        evaluate=lambda m: _validation(m, model_config, dataset, runtime),
        on_log=job.on_log,
        title=job.recipe,
    )


def training_batches(settings: ImageClassifierSettings, dataset: ImageSet, runtime: Runtime) -> ImageBatches:
    """This process's part of what `classifier_step` takes, batch after batch."""
    images, labels = dataset.split("train")
    return ImageBatches(
        images,
        labels,
        settings.loop.batch_size,
        seed=settings.loop.seed,
        rank=runtime.rank,
        world=runtime.world,
        flip=settings.flip,
        pad=settings.pad,
        device=runtime.device,
    )


def fitting_model(settings: ImageClassifierSettings, dataset: ImageSet) -> ImageClassifierConfig:
    """The settings' model with the data's channels, size and number of classes.

    Raises: UsageError when the images aren't square or too small, or show one class alone.
    """
    channels, height, width = dataset.image_shape
    if height != width or height < 2**settings.model.stages:
        smallest = 2**settings.model.stages
        raise UsageError(
            f"{NAME} takes square images of at least {smallest} x {smallest} pixels with "
            f"{settings.model.stages} stages, but those of {dataset.name} are {height} x {width} (height x width); "
            "cut and resize them by: aigc-course data resize FOLDER NEW, or set model.stages lower"
        )
    n_classes = len(dataset.class_names)
    if n_classes < 2:
        raise UsageError(
            f"{dataset.name} has one class alone, {dataset.class_names[0]!r}: there is nothing to tell apart; sort the "
            "images into folders that name their classes"
        )
    return dataclasses.replace(settings.model, channels=channels, image_size=height, n_classes=n_classes)


def _validation(
    model: nn.Module, config: ImageClassifierConfig, dataset: ImageSet, runtime: Runtime
) -> dict[str, float]:
    """Cross-entropy against the true labels, and accuracy, on the validation split."""
    images, labels = dataset.split("validation")
    with runtime.autocast():
        return validation_metrics(TrainedClassifier(model, config).logits(images), labels)


def evaluate(tree: dict[str, Any]) -> dict[str, float]:
    """Loss and accuracy on the test split, with the accuracy's standard error, and where it errs most.

    `flip_averaged_accuracy` is an extra: that of the mean of an image's and its mirror image's logits. The last entry
    is the most confused pair, such as cat_named_dog: of one class's images, the share that is named as the other.
    """
    settings = from_dict(ImageClassifierSettings, tree["config"]["settings"])
    dataset = load_set(settings.data, ImageSet)
    images, labels = dataset.split("test")
    classifier = from_tree(tree, "the checkpoint", Runtime(settings.loop).device)
    logits = classifier.logits(images)
    result = held_out_metrics(logits, labels)
    if settings.flip:
        both = logits + classifier.logits(images.flip(-1))
        result["flip_averaged_accuracy"] = (both.argmax(dim=1) == labels).double().mean().item()
    return result | most_confused_pair(logits, labels, dataset.class_names)


RECIPE = Recipe(
    name=NAME,
    kind="images",
    summary="a residual network that names what an image shows; its features carry the metrics of images",
    settings_type=ImageClassifierSettings,
    profile=profile,
    train=train,
    evaluate=evaluate,
    generates=False,
)

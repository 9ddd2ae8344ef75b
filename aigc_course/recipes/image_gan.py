"""`image-gan`: a GAN that draws images of a class asked for."""

import dataclasses
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from aigc_course.config import from_dict
from aigc_course.data import toy_shapes
from aigc_course.data.batches import ImageBatches
from aigc_course.data.image_splits import classes_to_learn, require_images
from aigc_course.data.noise import NoiseBatches
from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError
from aigc_course.models.gan import Discriminator, GANConfig, Generator
from aigc_course.models.residual_gan import ResidualDiscriminator, ResidualGANConfig, ResidualGenerator
from aigc_course.recipes.gan_settings import PRESETS, ImageGANSettings, profile
from aigc_course.recipes.gan_steps import discriminator_step, draw, generator_step
from aigc_course.recipes.image_evaluation import GivenClassifier, classifier_of, image_quality
from aigc_course.recipes.prior import images_from_prior
from aigc_course.recipes.recipe import Job, Recipe, load_set, weights_of
from aigc_course.recipes.timelapse import NUM_IMAGES, Timelapse, classes_in_rows
from aigc_course.recipes.trained_classifier import NAME as CLASSIFIER
from aigc_course.training import Runtime, Session, fit_gan

NetworkConfig = GANConfig | ResidualGANConfig
AnyGenerator = Generator | ResidualGenerator

_BLACK = 0  # what images are padded with, a grey level; -1 for the networks


def train(job: Job) -> Session:
    """Train a generator against a discriminator on the images of `settings.data`."""
    settings: ImageGANSettings = job.settings
    loop = settings.loop
    dataset = load_set(settings.data, ImageSet)
    model_config = fitting_model(settings, dataset)
    runtime = Runtime(loop)
    torch.manual_seed(loop.seed)
    drawing = runtime.prepare(_channels_last(generator_of(model_config)))
    judging = runtime.prepare(_channels_last(discriminator_of(model_config)))
    rates = (settings.generator_learning_rate, settings.discriminator_learning_rate)
    adam_g, adam_d = (
        torch.optim.Adam(player.parameters(), lr=rate, betas=(settings.beta1, settings.beta2), fused=True)
        for player, rate in zip((drawing, judging), rates, strict=True)
    )
    lapse = _timelapse(job, runtime, model_config, dataset)
    session = fit_gan(
        drawing,
        judging,
        adam_g,
        adam_d,
        training_batches(settings, model_config, dataset, runtime),
        draw=draw,
        discriminator_step=partial(
            discriminator_step,
            loss=settings.loss,
            gamma=settings.gradient_penalty,
            penalised=settings.penalised,
            penalty_share=settings.penalty_share,
            policy=settings.augment,
        ),
        generator_step=partial(generator_step, loss=settings.loss, policy=settings.augment),
        n_dis=settings.n_dis,
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(model=model_config, data=_description(dataset)),
        evaluate=lapse.evaluate,
        on_log=lapse.on_log,
        title=job.recipe,
    )
    lapse.finish()
    return session


def _timelapse(job: Job, runtime: Runtime, config: NetworkConfig, dataset: ImageSet) -> Timelapse:
    """Pictures of the same z and classes while the generator learns, of the data's size."""
    labels = classes_in_rows(config.n_classes)

    def drawn(model: nn.Module) -> torch.Tensor:
        images = sample_images(cast(AnyGenerator, model), labels, job.settings.loop.seed, num_images=NUM_IMAGES)
        return crop_to((images + 1) / 2, dataset.image_shape[-1])

    return Timelapse(job, runtime, drawn)


def generator_of(config: NetworkConfig) -> AnyGenerator:
    """A new generator of the architecture that the settings are for."""
    return ResidualGenerator(config) if isinstance(config, ResidualGANConfig) else Generator(config)


def discriminator_of(config: NetworkConfig) -> Discriminator | ResidualDiscriminator:
    """A new discriminator of the architecture that the settings are for."""
    return ResidualDiscriminator(config) if isinstance(config, ResidualGANConfig) else Discriminator(config)


def _channels_last(model: nn.Module) -> nn.Module:
    """The model with its convolutions' weights in the layout that CPUs and GPUs run fastest."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def training_batches(
    settings: ImageGANSettings, config: NetworkConfig, dataset: ImageSet, runtime: Runtime
) -> NoiseBatches:
    """This process's part of what both steps take, batch after batch."""
    images, labels = dataset.split("train")
    size, seed, rank, world = settings.loop.batch_size, settings.loop.seed, runtime.rank, runtime.world
    stream = ImageBatches(
        pad_to(images, config.image_size),
        labels if config.n_classes else None,
        size,
        seed=seed,
        rank=rank,
        world=world,
        flip=settings.flip,
        device=runtime.device,
    )
    z = {"z": config.latent_dim}
    return NoiseBatches(stream, z, size, seed=seed, rank=rank, world=world, device=runtime.device)


def fitting_model(settings: ImageGANSettings, dataset: ImageSet) -> NetworkConfig:
    """The settings' model with the data's channels and classes, and the next power of two as its image size.

    Raises: UsageError when the images aren't square; DataError when there is none to learn from, or of some class.
    """
    channels, height, width = dataset.image_shape
    if height != width:
        raise UsageError(
            f"image-gan takes square images, but those of {dataset.name} are {height} x {width} (height x width); "
            "cut them square by: aigc-course data resize FOLDER NEW (sizes that are no power of two are padded)"
        )
    image_size = max(8, 1 << (height - 1).bit_length())
    n_classes = classes_to_learn(dataset, settings.conditional)
    require_images(dataset, "image-gan", every_class=n_classes > 0, train=1)
    return dataclasses.replace(settings.network, channels=channels, image_size=image_size, n_classes=n_classes)


def pad_to(images: torch.Tensor, size: int) -> torch.Tensor:
    """Square uint8 images (N, C, S, S) in the middle of black ones (N, C, size, size), size >= S.

    An odd pixel goes to the right and below, as in `crop_to`.
    """
    before = (size - images.shape[-1]) // 2
    after = size - images.shape[-1] - before
    return nn.functional.pad(images, (before, after, before, after), value=_BLACK)


def crop_to(images: torch.Tensor, size: int) -> torch.Tensor:
    """The middle (N, C, size, size) of square images (N, C, S, S): takes off what `pad_to` added."""
    before = (images.shape[-1] - size) // 2
    return images[..., before : before + size, before : before + size]


def sample_images(
    model: AnyGenerator,
    labels: torch.Tensor | None,
    seed: int,
    *,
    num_images: int | None = None,
    temperature: float = 1.0,
) -> torch.Tensor:
    """Draw z from N(0, temperature² I) and make an image of each.

    Args: labels: (B,) int64, one image each; None for an unconditional model. seed: the same seed gives the same
        images. num_images: how many, without labels. temperature: below 1 gives more typical images.
    Returns: (B, C, image_size, image_size) float32 on the CPU, in [-1, 1]; padding is still there.
    Raises: UsageError when the labels don't fit the model, nobody says how many images, or the temperature is negative.
    """
    device = next(model.parameters()).device
    return images_from_prior(model, model.config.latent_dim, device, labels, seed, num_images, temperature)


def rebuild(tree: dict[str, Any]) -> AnyGenerator:
    """The generator of a loaded checkpoint, without its weights."""
    architecture = tree["config"]["settings"].get("architecture", "dcgan")  # older checkpoints know no other
    kind: type = {"dcgan": GANConfig, "residual": ResidualGANConfig}[architecture]
    return generator_of(from_dict(kind, tree["config"]["model"]))


def evaluate(tree: dict[str, Any], given: GivenClassifier | None = None) -> dict[str, float]:
    """What the oracle of toy-shapes says of generated images, and what they are worth by a classifier: `image_quality`.

    They are drawn with the settings' temperature. Both count classes; on toy-shapes `classes_hit` and
    `largest_class_share` are the oracle's, of valid images alone.

    Raises: UsageError when there is neither an oracle nor a classifier, or one of other images.
    """
    settings = from_dict(ImageGANSettings, tree["config"]["settings"])
    dataset, device = load_set(settings.data, ImageSet), Runtime(settings.loop).device
    has_oracle = dataset.name == toy_shapes.NAME
    if given is None and not has_oracle:
        raise _no_classifier(dataset, settings.data, tree["config"]["profile"])
    classifier = None if given is None else classifier_of(dataset, given, device)
    model = rebuild(tree)
    model.load_state_dict(weights_of(tree, "generator"))
    asked = torch.arange(settings.evaluation_samples) % len(dataset.class_names)
    labels = asked if model.config.n_classes else None
    model, seed = model.to(device).eval(), settings.loop.seed
    padded = sample_images(model, labels, seed, num_images=len(asked), temperature=settings.temperature)
    images = crop_to(padded, dataset.image_shape[-1])
    grades = _grades(images, labels, dataset) if has_oracle else {}
    quality = image_quality(images, labels, dataset, classifier) if classifier else {}
    return grades | quality | grades


def _no_classifier(dataset: ImageSet, data: str, profile_name: str) -> UsageError:
    """What to do about images that nothing can measure."""
    if len(dataset.class_names) < 2:
        return UsageError(
            f"images of {dataset.name} are measured by a classifier, but all are of one class, "
            f"{dataset.class_names[0]!r}, and it would have nothing to tell apart; sort them into folders of two "
            "classes or more"
        )
    return UsageError(
        f"images of {dataset.name} are measured by a classifier, and there is none; train one on the same data, and "
        f"evaluate finds it: aigc-course train image-classifier --profile {profile_name} --data {data}"
    )


def _grades(images: torch.Tensor, labels: torch.Tensor | None, dataset: ImageSet) -> dict[str, float]:
    """By the oracle of toy-shapes."""
    grades = toy_shapes.grade(images, labels)
    real, _ = dataset.split("test")
    result = {name: cast(float, value) for name, value in grades.items() if name != "class_shares"}
    return result | {"real_valid_rate": cast(float, toy_shapes.grade(real[: len(images)])["valid_rate"])}


def _description(dataset: ImageSet) -> dict[str, Any]:
    """What a checkpoint says of its data; `image_size` is the original one, to take the padding off."""
    channels, side, _ = dataset.image_shape
    return {
        "name": dataset.name,
        "class_names": list(dataset.class_names),
        "image_size": side,
        "channels": channels,
    }


RECIPE = Recipe(
    name="image-gan",
    kind="images",
    summary="a GAN that draws images of a class asked for",
    settings_type=ImageGANSettings,
    profile=profile,
    presets=PRESETS,
    train=train,
    evaluate=evaluate,
    classifier=CLASSIFIER,
)

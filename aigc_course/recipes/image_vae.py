"""`image-vae`: a VAE that draws images of a class asked for; with a preset, a model of how probable images are.

By default a pixel is the number of white points among n, a binomial variable, so that the loss is a likelihood. Grey
images become such counts by rounding n times the brightness up or down at random, anew in every batch, once and for all
in the evaluations. n = 1 is the dynamic binarisation of Salakhutdinov & Murray 2008, which figures for MNIST use. The
decoder's probabilities, which are what `sample_images` shows, are brightnesses again.

The larger n, the more a pixel weighs against the KL term, and the more of each image z keeps. Too much of it, and the
prior meets z that no training image had: on `digits` (1,197 to learn from) a classifier recognised 99.8 % of the drawn
images with n = 1, all much alike (KL 1.7 nats), 95.5 % with 4 (6.2 nats) and 69.9 % with 16 (14.4 nats); z of length 8,
seed 0. Bounds of different likelihoods, or different n, measure different data: don't compare them.
"""

import dataclasses
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from aigc_course.config import from_dict
from aigc_course.data import digits
from aigc_course.data.batches import ImageBatches
from aigc_course.data.image_splits import classes_to_learn, require_images
from aigc_course.data.noise import NoiseBatches
from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError
from aigc_course.metrics.likelihood import mean_and_standard_error, two_phase_mean
from aigc_course.models.conv_ladder_vae import ConvLadderVAE, ConvLadderVAEConfig
from aigc_course.models.ladder_vae import LadderVAE, LadderVAEConfig
from aigc_course.models.mlp_vae import MLPVAE, MLPVAEConfig
from aigc_course.models.vae import ConvVAE, ImageVAEConfig
from aigc_course.recipes.elbo import mean_metrics
from aigc_course.recipes.image_evaluation import GivenClassifier, classifier_of, image_quality
from aigc_course.recipes.prior import images_from_prior
from aigc_course.recipes.recipe import Job, Recipe, load_set, weights_of
from aigc_course.recipes.timelapse import NUM_IMAGES, Timelapse, classes_in_rows
from aigc_course.recipes.trained_classifier import NAME as CLASSIFIER
from aigc_course.recipes.vae_likelihood import (
    HeldOut,
    elbo_step,
    held_out,
    held_out_terms,
    importance_bound,
    once_binarised,
    summary,
)
from aigc_course.recipes.vae_settings import PRESETS, ImageVAESettings, NetworkConfig, profile
from aigc_course.training import Runtime, Session, fit

AnyVAE = ConvVAE | MLPVAE | LadderVAE | ConvLadderVAE


def train(job: Job) -> Session:
    """Train a VAE on the images of `settings.data`."""
    settings: ImageVAESettings = job.settings
    loop = settings.loop
    dataset = load_set(settings.data, ImageSet)
    model_config = fitting_model(settings, dataset)
    runtime = Runtime(loop)
    torch.manual_seed(loop.seed)
    model = runtime.prepare(network_of(model_config))
    batches = training_batches(settings, model_config, dataset, runtime)
    validation = _held_out(settings, model_config, dataset, "validation", settings.validation_images)
    shown = classes_in_rows(model_config.n_classes)
    lapse = Timelapse(job, runtime, lambda m: sample_images(cast(AnyVAE, m), shown, loop.seed, num_images=NUM_IMAGES))
    session = fit(
        model,
        optimizer_of(model, settings),
        batches,
        partial(elbo_step, likelihood=settings.pixels, beta=settings.beta, free_nats=settings.free_nats),
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(model=model_config, data={"name": dataset.name, "class_names": list(dataset.class_names)}),
        evaluate=lambda m: _validation(m, validation, settings, runtime) | lapse.evaluate(m),
        on_log=lapse.on_log,
        title=job.recipe,
    )
    lapse.finish()
    return session


def optimizer_of(model: nn.Module, settings: ImageVAESettings) -> torch.optim.Adam:
    """Adam; fused, which on a CPU too is one pass over the weights."""
    return torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)


def training_batches(
    settings: ImageVAESettings, config: NetworkConfig, dataset: ImageSet, runtime: Runtime
) -> NoiseBatches:
    """This process's part of what `elbo_step` takes, batch after batch."""
    images, labels = dataset.split("train")
    size, seed, rank, world = settings.loop.batch_size, settings.loop.seed, runtime.rank, runtime.world
    stream = ImageBatches(
        once_binarised(images, "train") if settings.likelihood == "bernoulli-fixed" else images,
        labels if config.n_classes else None,
        size,
        seed=seed,
        rank=rank,
        world=world,
        value_range=(0.0, 1.0),
        device=runtime.device,
    )
    normal, uniform = {"noise": config.latent_dim}, {"thresholds": dataset.image_shape}
    return NoiseBatches(stream, normal, size, seed=seed, rank=rank, world=world, uniform=uniform, device=runtime.device)


def fitting_model(settings: ImageVAESettings, dataset: ImageSet) -> NetworkConfig:
    """The settings' model with the data's channels, size and number of classes, and the outputs of its likelihood.

    Raises: UsageError when the images aren't square, or have less than 4 pixels a side; DataError when a split is
        empty, or a class has no training image.
    """
    channels, height, width = dataset.image_shape
    if height != width or height < 4:
        raise UsageError(
            f"image-vae takes square images of at least 4 x 4 pixels, but those of {dataset.name} are "
            f"{height} x {width} (height x width); cut them square by: aigc-course data resize FOLDER NEW"
        )
    n_classes = classes_to_learn(dataset, settings.conditional)
    require_images(dataset, "image-vae", every_class=n_classes > 0, train=1, validation=1, test=2)
    return dataclasses.replace(
        settings.network, channels=channels, image_size=height, n_classes=n_classes, outputs=settings.pixels.outputs
    )


def network_of(config: NetworkConfig) -> AnyVAE:
    """A new network of the architecture that the settings are for."""
    if isinstance(config, LadderVAEConfig):
        return LadderVAE(config)
    if isinstance(config, ConvLadderVAEConfig):
        return ConvLadderVAE(config)
    return MLPVAE(config) if isinstance(config, MLPVAEConfig) else ConvVAE(config)


def sample_images(
    model: AnyVAE,
    labels: torch.Tensor | None,
    seed: int,
    *,
    num_images: int | None = None,
    temperature: float = 1.0,
) -> torch.Tensor:
    """Draw the latent variables from their prior and decode them to the mean image.

    Args: labels: (B,) int64, one image each; None for an unconditional model. seed: the same seed gives the same
        images, whatever the device. num_images: how many, without labels. temperature: of the prior's deviations;
        below 1 gives more typical images.
    Returns: (B, C, H, W) float32 on the CPU: the mean of each pixel (of a white one, its probability), in [0, 1].
    Raises: UsageError when the labels don't fit the model, nobody says how many images, or the temperature is negative.
    """
    device = next(model.parameters()).device
    logits = images_from_prior(model.decode, model.config.latent_dim, device, labels, seed, num_images, temperature)
    return logits[:, : model.config.channels].sigmoid()


def rebuild(tree: dict[str, Any]) -> AnyVAE:
    """The model of a loaded checkpoint, without its weights."""
    settings = from_dict(ImageVAESettings, tree["config"]["settings"])
    return network_of(from_dict(type(settings.network), tree["config"]["model"]))


def evaluate(tree: dict[str, Any], given: GivenClassifier | None = None) -> dict[str, float]:
    """Bounds on -log p(x) of test images, in nats; on digits also what its classifier recognises of generated ones.

    With a classifier given, also what generated images are worth by it: `image_quality`.
    """
    settings = from_dict(ImageVAESettings, tree["config"]["settings"])
    dataset = load_set(settings.data, ImageSet)
    # Sums of logarithms, many of them for each image: float32, whatever the training's precision.
    runtime = Runtime(dataclasses.replace(settings.loop, precision="fp32"))
    classifier = None if given is None else classifier_of(dataset, given, runtime.device)
    model = rebuild(tree)
    model.load_state_dict(weights_of(tree))
    model = model.to(runtime.device).eval()
    result = _bounds(model, settings, dataset, runtime)
    asked = torch.arange(settings.evaluation_samples) % len(dataset.class_names)
    labels = asked if model.config.n_classes else None
    images = 2 * sample_images(model, labels, settings.loop.seed, num_images=len(asked)) - 1
    if dataset.name == digits.NAME and labels is not None:
        grades = digits.grade(images, labels)
        result |= {name: cast(float, grades[name]) for name in ("recognised_rate", "classifier_accuracy")}
    return result | (image_quality(images, labels, dataset, classifier) if classifier else {})


def _bounds(model: AnyVAE, settings: ImageVAESettings, dataset: ImageSet, runtime: Runtime) -> dict[str, float]:
    """The negative ELBO of all test images with its terms, and the importance weighted bound, taken of some of them."""
    n_dims, samples = dataset.images["test"][0].numel(), settings.importance_samples
    terms = held_out_terms(model, _held_out(settings, model.config, dataset, "test", None), settings.pixels, runtime)
    elbo = terms.pop("negative_elbo_nats")
    result = summary("negative_elbo", mean_and_standard_error(elbo), settings.pixels, n_dims)
    result |= {name: values.mean().item() for name, values in terms.items()}
    chosen = _held_out(settings, model.config, dataset, "test", settings.importance_images)
    bound = importance_bound(model, chosen, settings.pixels, runtime, samples=samples)
    return result | summary(f"negative_iwae_{samples}", two_phase_mean(elbo, -bound), settings.pixels, n_dims)


def _validation(model: nn.Module, data: HeldOut, settings: ImageVAESettings, runtime: Runtime) -> dict[str, float]:
    """The negative ELBO, as `validation_loss` by which the best checkpoint is chosen, and its terms."""
    terms = mean_metrics(model, data.batches(), partial(elbo_step, likelihood=settings.pixels), runtime)
    return {f"validation_{name}": value for name, value in terms.items()}


def _held_out(
    settings: ImageVAESettings, config: ImageVAEConfig, dataset: ImageSet, split: str, limit: int | None
) -> HeldOut:
    return held_out(
        dataset,
        split,
        limit=limit,
        fixed=settings.likelihood == "bernoulli-fixed",
        latent_dim=config.latent_dim,
        conditional=config.n_classes > 0,
    )


RECIPE = Recipe(
    name="image-vae",
    kind="images",
    summary="a VAE that draws images of a class asked for, or measures how probable images are",
    settings_type=ImageVAESettings,
    profile=profile,
    presets=PRESETS,
    train=train,
    evaluate=evaluate,
    classifier=CLASSIFIER,
)

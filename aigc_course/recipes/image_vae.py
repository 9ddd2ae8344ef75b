"""`image-vae`: a convolutional VAE that draws images of a class asked for.

A pixel is the number of white points among n, a binomial variable, so that the loss is a likelihood. Grey images become
such counts by rounding n times the brightness up or down at random, anew in every batch, once and for all in the
evaluations. n = 1 is the dynamic binarisation of Salakhutdinov & Murray 2008, which figures for MNIST use. The
decoder's probabilities, which are what `sample_images` shows, are brightnesses again.

The larger n, the more a pixel weighs against the KL term, and the more of each image z keeps. Too much of it, and the
prior meets z that no training image had: on `digits` (1,197 to learn from) a classifier recognised 99.8 % of the drawn
images with n = 1, all much alike (KL 1.7 nats), 95.5 % with 4 (6.2 nats) and 69.9 % with 16 (14.4 nats); z of length 8,
seed 0. Losses with different n measure different data: don't compare them.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from aigc_course.config import from_dict
from aigc_course.data import digits
from aigc_course.data.batches import ImageBatches, generator
from aigc_course.data.image_splits import classes_to_learn, require_images
from aigc_course.data.noise import NoiseBatches
from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError
from aigc_course.losses.reconstruction import bernoulli_nll
from aigc_course.losses.variational import kl_standard_normal, negative_elbo
from aigc_course.models.vae import ConvVAE, VAEConfig
from aigc_course.recipes.elbo import mean_metrics
from aigc_course.recipes.image_evaluation import GivenClassifier, classifier_of, image_quality
from aigc_course.recipes.prior import images_from_prior
from aigc_course.recipes.recipe import Job, Recipe, load_set, smoke, weights_of
from aigc_course.recipes.timelapse import NUM_IMAGES, Timelapse, classes_in_rows
from aigc_course.training import LoopSettings, Runtime, Session, fit

_AT_ONCE = 500  # images, where there is no gradient


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageVAESettings:
    """Everything that decides what an `image-vae` run does."""

    data: str = "digits"  # an image data set, or a folder of images, all square
    conditional: bool = True  # on the class
    model: VAEConfig = field(default_factory=VAEConfig)  # channels, image_size, n_classes: taken from the data
    points_per_pixel: int = 1  # n: 1 makes pixels black or white
    loop: LoopSettings = field(default_factory=LoopSettings)
    learning_rate: float = 2e-3  # peak
    beta: float = 1.0  # weight of the KL term in training; with 1 the loss is the negative ELBO
    validation_images: int = 2000  # of the validation split, for the evaluations during training
    evaluation_samples: int = 1000  # drawn from the prior by `evaluate`

    def __post_init__(self) -> None:
        for name in ("points_per_pixel", "validation_images", "evaluation_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be at least 1")
        if self.beta < 0:
            raise ValueError(f"beta is {self.beta}, but must be at least 0")


def profile(name: str) -> ImageVAESettings:
    """The settings of a profile."""
    quick = ImageVAESettings(
        model=VAEConfig(image_size=8, latent_dim=8, width=32),
        points_per_pixel=4,
        loop=LoopSettings(
            steps=1000, batch_size=64, warmup_steps=50, decay="cosine", log_every=50, evaluate_every=250, ema_decay=0.99
        ),
    )
    laptop = ImageVAESettings(
        data="mnist",
        model=VAEConfig(latent_dim=16, width=32),
        loop=dataclasses.replace(quick.loop, steps=4000, batch_size=128, warmup_steps=200, evaluate_every=500),
    )
    full = ImageVAESettings(
        data="mnist",
        model=VAEConfig(latent_dim=32, width=64),
        loop=dataclasses.replace(laptop.loop, steps=40000, evaluate_every=2000, ema_decay=0.999),
        learning_rate=1e-3,
    )
    small = smoke(
        quick, model=VAEConfig(image_size=8, latent_dim=4, width=8), validation_images=20, evaluation_samples=20
    )
    return {"smoke": small, "quick": quick, "laptop": laptop, "full": full}[name]


def elbo_step(
    model: nn.Module, batch: dict[str, torch.Tensor], *, points: int, beta: float = 1.0
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Make images of counts, encode, sample z, decode; the loss is the negative ELBO, in nats per image.

    The batch holds images (B, C, H, W) in [0, 1], thresholds of the same shape uniform in [0, 1), noise
    (B, latent_dim) from N(0, I) and, where the model is conditional, labels (B,).
    """
    counts = (points * batch["images"] + batch["thresholds"]).floor().clamp(max=points)
    logits, mu, logvar, _ = model(counts / points, batch.get("labels"), batch["noise"])
    reconstruction = binomial_nll(logits, counts, points)  # (B,)
    kl = kl_standard_normal(mu, logvar)  # (B,)
    loss = negative_elbo(reconstruction, kl, beta).mean()
    return loss, {"reconstruction_nats": reconstruction.detach().mean(), "kl_nats": kl.detach().mean()}


def binomial_nll(logits: torch.Tensor, counts: torch.Tensor, points: int) -> torch.Tensor:
    """-log p(counts) per image, in nats, each pixel the number of successes in `points` trials; summed over pixels.

    log p(k) = log C(n, k) + n (k/n log p + (1 - k/n) log(1 - p)): n Bernoulli terms and a constant.

    Args: logits: (B, ...) of a success. counts: (B, ...), whole numbers in [0, points].  Returns: (B,), >= 0.
    """
    n = torch.tensor(float(points), device=counts.device)
    arrangements = torch.lgamma(n + 1) - torch.lgamma(counts + 1) - torch.lgamma(n - counts + 1)  # log C(n, k)
    return points * bernoulli_nll(logits, counts / points) - arrangements.flatten(1).sum(dim=1)


def train(job: Job) -> Session:
    """Train a VAE on the images of `settings.data`."""
    settings: ImageVAESettings = job.settings
    loop = settings.loop
    dataset = load_set(settings.data, ImageSet)
    model_config = fitting_model(settings, dataset)
    runtime = Runtime(loop)
    torch.manual_seed(loop.seed)
    model = runtime.prepare(ConvVAE(model_config))
    batches = training_batches(settings, model_config, dataset, runtime)
    shown = classes_in_rows(model_config.n_classes)
    lapse = Timelapse(job, runtime, lambda m: sample_images(cast(ConvVAE, m), shown, loop.seed, num_images=NUM_IMAGES))
    session = fit(
        model,
        torch.optim.Adam(model.parameters(), lr=settings.learning_rate),
        batches,
        partial(elbo_step, points=settings.points_per_pixel, beta=settings.beta),
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(model=model_config, data={"name": dataset.name, "class_names": list(dataset.class_names)}),
        evaluate=lambda m: _validation(m, model_config, settings, dataset, runtime) | lapse.evaluate(m),
        on_log=lapse.on_log,
        title=job.recipe,
    )
    lapse.finish()
    return session


def training_batches(
    settings: ImageVAESettings, config: VAEConfig, dataset: ImageSet, runtime: Runtime
) -> NoiseBatches:
    """This process's part of what `elbo_step` takes, batch after batch."""
    images, labels = dataset.split("train")
    size, seed, rank, world = settings.loop.batch_size, settings.loop.seed, runtime.rank, runtime.world
    labels_or_none = labels if config.n_classes else None
    stream = ImageBatches(images, labels_or_none, size, seed=seed, rank=rank, world=world, value_range=(0.0, 1.0))
    normal, uniform = {"noise": config.latent_dim}, {"thresholds": dataset.image_shape}
    return NoiseBatches(stream, normal, size, seed=seed, rank=rank, world=world, uniform=uniform)


def fitting_model(settings: ImageVAESettings, dataset: ImageSet) -> VAEConfig:
    """The settings' model with the data's channels, size and number of classes.

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
    require_images(dataset, "image-vae", every_class=n_classes > 0, train=1, validation=1, test=1)
    return dataclasses.replace(settings.model, channels=channels, image_size=height, n_classes=n_classes)


def held_out_elbo(
    model: nn.Module, config: VAEConfig, dataset: ImageSet, split: str, points: int, runtime: Runtime, limit: int | None
) -> dict[str, float]:
    """Negative ELBO (`loss`), `reconstruction_nats` and `kl_nats` per image of a split's first `limit` images.

    Rounding and noise are the same at every call, so that figures of one run can be compared.
    """
    images, labels = (tensor[:limit] for tensor in dataset.split(split))

    def batches() -> Iterator[dict[str, torch.Tensor]]:
        for number, rows in enumerate(torch.arange(len(images)).split(_AT_ONCE)):
            source = generator(0, f"held-out/{split}", number)
            part = images[rows].float() / 255
            batch = {
                "images": part,
                "thresholds": torch.rand(part.shape, generator=source),
                "noise": torch.randn((len(part), config.latent_dim), generator=source),
            }
            yield batch | ({"labels": labels[rows]} if config.n_classes else {})

    return mean_metrics(model, batches(), partial(elbo_step, points=points), runtime)


def _validation(
    model: nn.Module, config: VAEConfig, settings: ImageVAESettings, dataset: ImageSet, runtime: Runtime
) -> dict[str, float]:
    points, limit = settings.points_per_pixel, settings.validation_images
    terms = held_out_elbo(model, config, dataset, "validation", points, runtime, limit)
    return {f"validation_{name}": value for name, value in terms.items()}


def sample_images(
    model: ConvVAE, labels: torch.Tensor | None, seed: int, *, num_images: int | None = None
) -> torch.Tensor:
    """Draw z from N(0, I) and decode it to the mean image.

    Args: labels: (B,) int64, one image each; None for an unconditional model. seed: the same seed gives the same
        images, whatever the device. num_images: how many, without labels.
    Returns: (B, C, H, W) float32 on the CPU: the probability of each pixel to be white, in [0, 1].
    Raises: UsageError when the labels don't fit the model, or nobody says how many images.
    """
    device = next(model.parameters()).device
    logits = images_from_prior(model.decode, model.config.latent_dim, device, labels, seed, num_images)
    return logits.sigmoid()


def rebuild(tree: dict[str, Any]) -> ConvVAE:
    """The model of a loaded checkpoint, without its weights."""
    return ConvVAE(from_dict(VAEConfig, tree["config"]["model"]))


def evaluate(tree: dict[str, Any], given: GivenClassifier | None = None) -> dict[str, float]:
    """Negative ELBO and its terms on the test split, nats per image; on digits also what its classifier recognises.

    With a classifier given, also what drawn images are worth by it: `image_quality`.
    """
    settings = from_dict(ImageVAESettings, tree["config"]["settings"])
    dataset, runtime = load_set(settings.data, ImageSet), Runtime(settings.loop)
    classifier = None if given is None else classifier_of(dataset, given, runtime.device)
    model = rebuild(tree)
    model.load_state_dict(weights_of(tree))
    model = model.to(runtime.device).eval()
    terms = held_out_elbo(model, model.config, dataset, "test", settings.points_per_pixel, runtime, None)
    asked = torch.arange(settings.evaluation_samples) % len(dataset.class_names)
    labels = asked if model.config.n_classes else None
    images = 2 * sample_images(model, labels, settings.loop.seed, num_images=len(asked)) - 1
    result = {"test_loss": terms.pop("loss")} | terms
    if dataset.name == digits.NAME and labels is not None:
        grades = digits.grade(images, labels)
        result |= {name: cast(float, grades[name]) for name in ("recognised_rate", "classifier_accuracy")}
    return result | (image_quality(images, labels, dataset, classifier) if classifier else {})


RECIPE = Recipe(
    name="image-vae",
    kind="images",
    summary="a convolutional VAE that draws images of a class asked for",
    settings_type=ImageVAESettings,
    profile=profile,
    train=train,
    evaluate=evaluate,
    takes_classifier=True,
)

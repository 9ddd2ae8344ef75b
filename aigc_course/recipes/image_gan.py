"""`image-gan`: a GAN that draws images of a class asked for."""

import dataclasses
import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import nn

from aigc_course.config import from_dict
from aigc_course.data import toy_shapes
from aigc_course.data.batches import ImageBatches
from aigc_course.data.noise import NoiseBatches
from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError
from aigc_course.losses.adversarial import (
    discriminator_bce,
    discriminator_relativistic,
    generator_non_saturating,
    generator_relativistic,
    gradient_penalty,
)
from aigc_course.models.gan import Discriminator, GANConfig, Generator
from aigc_course.recipes.prior import images_from_prior
from aigc_course.recipes.recipe import Job, Recipe, load_set, smoke, weights_of
from aigc_course.training import LoopSettings, Runtime, Session, fit_gan

_BLACK = 0  # what images are padded with, a grey level; -1 for the networks


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageGANSettings:
    """Everything that decides what an `image-gan` run does."""

    data: str = "toy-shapes"  # an image data set, or a folder of images, all square
    conditional: bool = True  # on the class
    model: GANConfig = field(default_factory=GANConfig)  # channels, image_size, n_classes: taken from the data
    loop: LoopSettings = field(default_factory=LoopSettings)
    generator_learning_rate: float = 2e-4  # peak
    discriminator_learning_rate: float = 2e-4  # peak
    beta1: float = 0.5  # Adam's memory of the gradient
    loss: Literal["non-saturating", "relativistic"] = "non-saturating"  # DCGAN's, or R3GAN's comparison of pairs
    gradient_penalty: float = 0.0  # gamma of R1 + R2, on real and on generated images; 0 switches them off
    penalty_share: float = 1.0  # of a batch's images, those that the penalty is measured on
    flip: bool = False  # show the images mirrored half of the time
    evaluation_samples: int = 1000  # drawn by `evaluate`

    def __post_init__(self) -> None:
        for name in ("generator_learning_rate", "discriminator_learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be above 0")
        if not 0 <= self.beta1 < 1:
            raise ValueError(f"beta1 is {self.beta1}, but must be at least 0 and below 1")
        if self.gradient_penalty < 0:
            raise ValueError(f"gradient_penalty is {self.gradient_penalty}, but must be at least 0")
        if not 0 < self.penalty_share <= 1:
            raise ValueError(f"penalty_share is {self.penalty_share}, but must be above 0 and at most 1")
        if self.evaluation_samples < 1:
            raise ValueError(f"evaluation_samples is {self.evaluation_samples}, but must be at least 1")


def profile(name: str) -> ImageGANSettings:
    """The settings of a profile."""
    quick = ImageGANSettings(
        model=GANConfig(latent_dim=16, width=24, upsample="nearest", discriminator_norm="none"),
        loop=LoopSettings(
            steps=1450, batch_size=32, decay="linear", log_every=50, checkpoint_every=500, ema_decay=0.997
        ),
        generator_learning_rate=2e-3,
        discriminator_learning_rate=2e-3,
        beta1=0.0,
        loss="relativistic",
        gradient_penalty=0.1,
        penalty_share=0.25,
    )
    laptop = dataclasses.replace(
        quick,
        data="cifar10",
        flip=True,
        model=dataclasses.replace(quick.model, latent_dim=64, width=32),
        loop=dataclasses.replace(quick.loop, steps=10000, batch_size=64, ema_decay=0.999),
        generator_learning_rate=4e-4,
        discriminator_learning_rate=4e-4,
    )
    full = dataclasses.replace(
        laptop,
        model=dataclasses.replace(quick.model, latent_dim=128, width=128),
        loop=dataclasses.replace(laptop.loop, steps=100000, ema_decay=0.9995),
        generator_learning_rate=2e-4,
        discriminator_learning_rate=2e-4,
    )
    small = smoke(quick, model=dataclasses.replace(quick.model, latent_dim=4, width=4), evaluation_samples=20)
    return {"smoke": small, "quick": quick, "laptop": laptop, "full": full}[name]


def draw(generator: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Images (B, C, H, W) in [-1, 1] for the batch's z (B, latent_dim) from N(0, I) and, if it has them, its labels."""
    return generator(batch["z"], batch.get("labels"))


def discriminator_step(
    discriminator: nn.Module,
    batch: dict[str, torch.Tensor],
    fakes: torch.Tensor,
    *,
    loss: str = "non-saturating",
    gamma: float = 0.0,
    penalty_share: float = 1.0,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Tell real images from generated ones, which have the same labels and no graph behind them.

    The batch holds images (B, C, H, W) in [-1, 1] and, where the models are conditional, labels (B,); the fakes are
    like the images. `gamma` weighs R1 + R2, gamma / 2 times the mean penalties of the first `penalty_share` of the
    images: as large on average, for less work.
    """
    real, labels = batch["images"].contiguous(memory_format=torch.channels_last), batch.get("labels")
    fakes = fakes.float()
    logits_real = discriminator(real, labels).float()
    logits_fake = discriminator(fakes, labels).float()
    judge = discriminator_relativistic if loss == "relativistic" else discriminator_bce
    total = judge(logits_real=logits_real, logits_fake=logits_fake)
    metrics = {
        "real_judged_real": (logits_real.detach() > 0).float().mean(),
        "fake_judged_real": (logits_fake.detach() > 0).float().mean(),
    }
    if gamma > 0:
        few = math.ceil(penalty_share * len(real))
        images = torch.cat([real[:few], fakes[:few]]).requires_grad_()
        both = None if labels is None else labels[:few].repeat(2)
        penalties = gradient_penalty(logits=discriminator(images, both).float(), images=images)
        total = total + gamma * penalties.mean()  # the mean over both halves is half of R1 + R2
    return total, metrics


def generator_step(
    discriminator: nn.Module, batch: dict[str, torch.Tensor], fakes: torch.Tensor, *, loss: str = "non-saturating"
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss is how surely the discriminator takes the generated images for fakes."""
    labels = batch.get("labels")
    logits_fake = discriminator(fakes, labels)
    if loss == "non-saturating":
        return generator_non_saturating(logits_fake=logits_fake), {}
    with torch.no_grad():
        logits_real = discriminator(batch["images"], labels)
    return generator_relativistic(logits_real=logits_real, logits_fake=logits_fake), {}


def train(job: Job) -> Session:
    """Train a generator against a discriminator on the images of `settings.data`."""
    settings: ImageGANSettings = job.settings
    loop = settings.loop
    dataset = load_set(settings.data, ImageSet)
    model_config = fitting_model(settings, dataset)
    runtime = Runtime(loop)
    torch.manual_seed(loop.seed)
    drawing = runtime.prepare(_channels_last(Generator(model_config)))
    judging = runtime.prepare(_channels_last(Discriminator(model_config)))
    rates = (settings.generator_learning_rate, settings.discriminator_learning_rate)
    adam_g, adam_d = (
        torch.optim.Adam(player.parameters(), lr=rate, betas=(settings.beta1, 0.99))
        for player, rate in zip((drawing, judging), rates, strict=True)
    )
    return fit_gan(
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
            penalty_share=settings.penalty_share,
        ),
        generator_step=partial(generator_step, loss=settings.loss),
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(model=model_config, data=_description(dataset)),
        on_log=job.on_log,
        title=job.recipe,
    )


def _channels_last(model: nn.Module) -> nn.Module:
    """The model with its convolutions' weights in the layout that CPUs and GPUs run fastest."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def training_batches(
    settings: ImageGANSettings, config: GANConfig, dataset: ImageSet, runtime: Runtime
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
    )
    return NoiseBatches(stream, {"z": config.latent_dim}, size, seed=seed, rank=rank, world=world)


def fitting_model(settings: ImageGANSettings, dataset: ImageSet) -> GANConfig:
    """The settings' model with the data's channels and classes, and the next power of two as its image size.

    Raises: UsageError when the images aren't square.
    """
    channels, height, width = dataset.image_shape
    if height != width:
        raise UsageError(
            f"image-gan takes square images, but those of {dataset.name} are {height} x {width} (height x width); "
            "crop or resize them first (sizes that are no power of two are padded)"
        )
    image_size = max(8, 1 << (height - 1).bit_length())
    n_classes = len(dataset.class_names) if settings.conditional else 0
    return dataclasses.replace(settings.model, channels=channels, image_size=image_size, n_classes=n_classes)


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
    model: Generator, labels: torch.Tensor | None, seed: int, *, num_images: int | None = None
) -> torch.Tensor:
    """Draw z from N(0, I) and make an image of each.

    Args: labels: (B,) int64, one image each; None for an unconditional model. seed: the same seed gives the same
        images. num_images: how many, without labels.
    Returns: (B, C, image_size, image_size) float32 on the CPU, in [-1, 1]; padding is still there.
    Raises: UsageError when the labels don't fit the model, or nobody says how many images.
    """
    device = next(model.parameters()).device
    return images_from_prior(model, model.config.latent_dim, device, labels, seed, num_images)


def rebuild(tree: dict[str, Any]) -> Generator:
    """The generator of a loaded checkpoint, without its weights."""
    return Generator(from_dict(GANConfig, tree["config"]["model"]))


def evaluate(tree: dict[str, Any]) -> dict[str, float]:
    """What the oracle of toy-shapes says of generated images, and of as many real ones; of other data, nothing."""
    settings = from_dict(ImageGANSettings, tree["config"]["settings"])
    if tree["config"]["data"]["name"] != toy_shapes.NAME:
        return {}
    model = rebuild(tree)
    model.load_state_dict(weights_of(tree, "generator"))
    model = model.to(Runtime(settings.loop).device).eval()
    asked = torch.arange(settings.evaluation_samples) % len(toy_shapes.CLASS_NAMES)
    labels = asked if model.config.n_classes else None
    images = sample_images(model, labels, settings.loop.seed, num_images=len(asked))
    grades = toy_shapes.grade(images, labels)
    real, _ = load_set(settings.data, ImageSet).split("test")
    result = {name: cast(float, value) for name, value in grades.items() if name != "class_shares"}
    return result | {"real_valid_rate": cast(float, toy_shapes.grade(real[: len(asked)])["valid_rate"])}


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
    train=train,
    evaluate=evaluate,
)

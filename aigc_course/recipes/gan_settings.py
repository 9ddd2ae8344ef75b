"""The settings of `image-gan`: its profiles, and the presets that stand for a paper."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from aigc_course.models.augmentation import require_policy
from aigc_course.models.gan import GANConfig
from aigc_course.models.residual_gan import ResidualGANConfig
from aigc_course.recipes.recipe import smoke
from aigc_course.training import LoopSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageGANSettings:
    """Everything that decides what an `image-gan` run does."""

    data: str = "toy-shapes"  # an image data set, or a folder of images, all square
    conditional: bool = True  # on the class
    architecture: Literal["dcgan", "residual"] = "dcgan"  # sized by `model`, or by `residual`
    model: GANConfig = field(default_factory=GANConfig)  # channels, image_size, n_classes: taken from the data
    residual: ResidualGANConfig = field(default_factory=ResidualGANConfig)  # the same
    loop: LoopSettings = field(default_factory=LoopSettings)
    generator_learning_rate: float = 2e-4  # peak
    discriminator_learning_rate: float = 2e-4  # peak
    beta1: float = 0.5  # Adam's memory of the gradient
    beta2: float = 0.99  # Adam's memory of its square
    loss: Literal["non-saturating", "relativistic", "hinge", "wasserstein"] = "non-saturating"  # DCGAN's, R3GAN's, …
    n_dis: int = 1  # discriminator steps, each on a batch of its own, per generator step
    gradient_penalty: float = 0.0  # gamma of R1 and R2; 0 switches them off
    penalised: Literal["both", "real", "fake"] = "both"  # R1 + R2; R1, on real images; R2, on generated ones
    penalty_share: float = 1.0  # of a batch's images, those that the penalty is measured on
    augment: tuple[str, ...] = ()  # changes that real and generated images go through before the discriminator
    flip: bool = False  # show the images mirrored half of the time
    temperature: float = 1.0  # of z where images are drawn from the finished model: below 1 they are more typical
    evaluation_samples: int = 1000  # drawn by `evaluate`

    def __post_init__(self) -> None:
        for name in ("generator_learning_rate", "discriminator_learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be above 0")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be at least 0 and below 1")
        for name in ("gradient_penalty", "temperature"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be at least 0")
        if not 0 < self.penalty_share <= 1:
            raise ValueError(f"penalty_share is {self.penalty_share}, but must be above 0 and at most 1")
        for name in ("n_dis", "evaluation_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be at least 1")
        require_policy(self.augment)

    @property
    def network(self) -> GANConfig | ResidualGANConfig:
        """The size of the architecture that was chosen."""
        return self.model if self.architecture == "dcgan" else self.residual


def profile(name: str) -> ImageGANSettings:
    """The settings of a profile."""
    quick = ImageGANSettings(
        model=GANConfig(
            latent_dim=16, width=24, discriminator_width=16, upsample="nearest", discriminator_norm="none", hidden=128
        ),
        residual=ResidualGANConfig(latent_dim=16, width=8),
        loop=LoopSettings(
            steps=2500,
            batch_size=32,
            decay="linear",
            log_every=50,
            evaluate_every=300,
            checkpoint_every=500,
            ema_decay=0.997,
        ),
        generator_learning_rate=4e-3,
        discriminator_learning_rate=4e-3,
        beta1=0.0,
        loss="relativistic",
        gradient_penalty=0.05,
        penalty_share=0.25,
    )
    laptop = modern(
        dataclasses.replace(
            quick,
            data="cifar10",
            flip=True,
            model=dataclasses.replace(quick.model, latent_dim=64, width=32, discriminator_width=0, hidden=0),
            residual=ResidualGANConfig(latent_dim=64, width=16, stem_stride=2),
            loop=dataclasses.replace(
                quick.loop, steps=7000, batch_size=64, warmup_steps=200, evaluate_every=200, ema_decay=0.999
            ),
            generator_learning_rate=2e-3,
            discriminator_learning_rate=2e-3,
            evaluation_samples=5000,
        )
    )
    full = modern(
        dataclasses.replace(
            laptop,
            model=dataclasses.replace(laptop.model, latent_dim=128, width=128),
            residual=ResidualGANConfig(latent_dim=64, width=64, stem_stride=2),
            loop=dataclasses.replace(
                laptop.loop,
                steps=25_000,
                batch_size=256,
                warmup_steps=500,
                evaluate_every=1250,
                checkpoint_every=2500,
                grad_clip=5.0,
                ema_decay=0.9995,
                cuda_graphs=True,
            ),
            generator_learning_rate=2.5e-4,
            discriminator_learning_rate=2.5e-4,
            temperature=0.8,
            evaluation_samples=10000,
        )
    )
    small = smoke(
        quick,
        model=dataclasses.replace(quick.model, latent_dim=4, width=4, discriminator_width=4, hidden=8),
        residual=dataclasses.replace(quick.residual, latent_dim=4, width=2),
        evaluation_samples=20,
    )
    return {"smoke": small, "quick": quick, "laptop": laptop, "full": full}[name]


def dcgan(settings: ImageGANSettings) -> ImageGANSettings:
    """The networks and the training of DCGAN (Radford et al. 2016, arXiv:1511.06434, Sec. 4), at the profile's size.

    Departures: networks of the profile's width, and a batch of 64.
    """
    return dataclasses.replace(
        settings,
        architecture="dcgan",
        model=dataclasses.replace(
            settings.model,
            discriminator_width=0,
            upsample="transposed",
            discriminator_norm="batch",
            spectral_norm=False,
            hidden=0,
        ),
        loop=dataclasses.replace(settings.loop, batch_size=64, warmup_steps=0, decay="constant", ema_decay=0.0),
        generator_learning_rate=2e-4,
        discriminator_learning_rate=2e-4,
        beta1=0.5,
        beta2=0.999,
        loss="non-saturating",
        n_dis=1,
        gradient_penalty=0.0,
        augment=(),
    )


def sngan(settings: ImageGANSettings) -> ImageGANSettings:
    """SNGAN with residual networks (Miyato et al. 2018, arXiv:1802.05957, App. B.4), its class by projection.

    Departures: see `residual_gan`; networks of the profile's width, the class beside z in the generator.
    """
    return dataclasses.replace(
        settings,
        architecture="residual",
        residual=dataclasses.replace(
            settings.residual,
            conditioning="projection",
            generator_norm="batch",
            spectral_norm=True,
            activation="relu",
        ),
        loop=dataclasses.replace(settings.loop, batch_size=64, warmup_steps=0, decay="linear", ema_decay=0.0),
        generator_learning_rate=2e-4,
        discriminator_learning_rate=2e-4,
        beta1=0.0,
        beta2=0.9,
        loss="hinge",
        n_dis=5,
        gradient_penalty=0.0,
        augment=(),
    )


def modern(settings: ImageGANSettings) -> ImageGANSettings:
    """In the line of R3GAN (Huang et al. 2024, arXiv:2501.05441): residual networks, a relativistic loss with R1 + R2.

    Batch, learning rates, the decay of the generator's average and the schedule are the profile's. Departures: see
    `residual_gan`; batch norm in the generator, because it learned more in minutes (`benchmarks/gan_ablation.py`);
    translation as differentiable augmentation; the class by projection.
    """
    return dataclasses.replace(
        settings,
        architecture="residual",
        residual=dataclasses.replace(
            settings.residual,
            conditioning="projection",
            generator_norm="batch",
            spectral_norm=False,
            activation="leaky_relu",
        ),
        beta1=0.0,
        beta2=0.99,
        loss="relativistic",
        n_dis=1,
        gradient_penalty=0.02,
        penalised="both",
        augment=("translation",),
    )


PRESETS: dict[str, Callable[[ImageGANSettings], ImageGANSettings]] = {"dcgan": dcgan, "sngan": sngan, "modern": modern}
"""By name: what a paper chose, put into a profile's settings. Data, sizes and steps stay the profile's."""

"""The settings of `image-vae`: which network, which likelihood, for how long; profiles and presets."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from aigc_course.models.conv_ladder_vae import ConvLadderVAEConfig
from aigc_course.models.ladder_vae import LadderVAEConfig
from aigc_course.models.likelihoods import Likelihood, LikelihoodName, likelihood
from aigc_course.models.mlp_vae import MLPVAEConfig
from aigc_course.models.vae import VAEConfig
from aigc_course.recipes.recipe import smoke
from aigc_course.training import LoopSettings

NetworkConfig = VAEConfig | MLPVAEConfig | LadderVAEConfig | ConvLadderVAEConfig
Architecture = Literal["conv", "mlp", "ladder", "conv-ladder"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageVAESettings:
    """Everything that decides what an `image-vae` run does."""

    data: str = "digits"  # an image data set, or a folder of images, all square
    conditional: bool = True  # on the class; likelihoods in papers are of unconditional models
    architecture: Architecture = "conv"
    model: VAEConfig = field(default_factory=VAEConfig)  # of "conv"; channels, image_size, n_classes, outputs: data's
    mlp: MLPVAEConfig = field(default_factory=MLPVAEConfig)  # of "mlp", the same
    ladder: LadderVAEConfig = field(default_factory=LadderVAEConfig)  # of "ladder", the same
    conv_ladder: ConvLadderVAEConfig = field(default_factory=ConvLadderVAEConfig)  # of "conv-ladder", the same
    likelihood: LikelihoodName = "binomial"  # "bernoulli-…": of images binarised anew in each batch, or once
    points_per_pixel: int = 1  # n of "binomial": 1 makes pixels black or white
    loop: LoopSettings = field(default_factory=LoopSettings)
    learning_rate: float = 2e-3  # peak
    beta: float = 1.0  # weight of the KL term in training; with 1 the loss is the negative ELBO
    free_nats: float = 0.0  # of each latent layer's KL term, the part that costs nothing in training ("free bits")
    validation_images: int = 2000  # drawn from the validation split, for the evaluations during training
    evaluation_samples: int = 1000  # drawn from the prior by `evaluate`
    importance_samples: int = 500  # z per image for the importance weighted bound of `evaluate`
    importance_images: int = 1000  # of the test split, that the bound is taken of; the ELBO is of all

    def __post_init__(self) -> None:
        counts = ("points_per_pixel", "validation_images", "evaluation_samples")
        for name in (*counts, "importance_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be at least 1")
        if self.importance_images < 2:  # one image has no standard error
            raise ValueError(f"importance_images is {self.importance_images}, but must be at least 2")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate is {self.learning_rate}, but must be above 0")
        for name in ("beta", "free_nats"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be at least 0")
        if self.points_per_pixel > 1 and self.likelihood != "binomial":
            raise ValueError(
                f"points_per_pixel is {self.points_per_pixel}, but the likelihood {self.likelihood!r} has no points; "
                "use likelihood=binomial, or points_per_pixel=1"
            )

    @property
    def network(self) -> NetworkConfig:
        """The size of the architecture that was chosen."""
        networks: dict[Architecture, NetworkConfig] = {
            "conv": self.model,
            "mlp": self.mlp,
            "ladder": self.ladder,
            "conv-ladder": self.conv_ladder,
        }
        return networks[self.architecture]

    @property
    def pixels(self) -> Likelihood:
        """The likelihood that was chosen."""
        return likelihood(self.likelihood, self.points_per_pixel)


def profile(name: str) -> ImageVAESettings:
    """The settings of a profile."""
    quick = ImageVAESettings(
        model=VAEConfig(image_size=8, latent_dim=8, width=32),
        mlp=MLPVAEConfig(image_size=8, latent_dim=8, hidden=(256, 256)),
        ladder=LadderVAEConfig(image_size=8, latent_dims=(4, 4, 8), width=128),
        conv_ladder=ConvLadderVAEConfig(image_size=8, top_dim=4, coarse_maps=(2,), fine_maps=(1,), width=16),
        points_per_pixel=4,
        loop=LoopSettings(
            steps=1000, batch_size=64, warmup_steps=50, decay="cosine", log_every=50, evaluate_every=250, ema_decay=0.99
        ),
    )
    laptop = ImageVAESettings(
        data="mnist",
        model=VAEConfig(latent_dim=32, width=32),
        loop=LoopSettings(
            steps=15000,
            batch_size=128,
            warmup_steps=200,
            decay="cosine",
            log_every=50,
            evaluate_every=1000,
            checkpoint_every=1000,
            ema_decay=0.999,
        ),
    )
    full = dataclasses.replace(
        laptop,
        model=VAEConfig(latent_dim=32, width=64),
        mlp=MLPVAEConfig(hidden=(1024, 1024)),
        ladder=LadderVAEConfig(width=1024),
        conv_ladder=ConvLadderVAEConfig(coarse_maps=(4,) * 5, fine_maps=(2,) * 3, width=64, blocks=2),
        loop=dataclasses.replace(
            laptop.loop,
            steps=40000,
            evaluate_every=2000,
            checkpoint_every=4000,
            grad_clip=200.0,  # ten times what is usual: for a batch whose KL explodes
            ema_decay=0.9995,
            compile=True,
            cuda_graphs=True,
        ),
    )
    small = smoke(
        quick,
        model=VAEConfig(image_size=8, latent_dim=4, width=8),
        mlp=MLPVAEConfig(image_size=8, latent_dim=4, hidden=(16,)),
        ladder=LadderVAEConfig(image_size=8, latent_dims=(2, 2, 2), width=16),
        conv_ladder=ConvLadderVAEConfig(image_size=8, top_dim=2, coarse_maps=(1,), fine_maps=(1,), width=4),
        validation_images=20,
        evaluation_samples=20,
        importance_samples=10,
        importance_images=20,
    )
    return {"smoke": small, "quick": quick, "laptop": laptop, "full": full}[name]


def _measured(
    settings: ImageVAESettings, architecture: Architecture, *, batch_size: int, free_nats: float = 0.0
) -> ImageVAESettings:
    """What figures for MNIST are of: an unconditional model of images that are binarised anew in each batch."""
    return dataclasses.replace(
        settings,
        architecture=architecture,
        conditional=False,
        likelihood="bernoulli-dynamic",
        points_per_pixel=1,
        loop=dataclasses.replace(settings.loop, batch_size=batch_size),
        beta=1.0,
        free_nats=free_nats,
    )


def mlp(settings: ImageVAESettings) -> ImageVAESettings:
    """784-512-512-z and back (in the line of Kingma & Welling 2014 and Burda et al. 2016), for likelihoods.

    On MNIST's test split, with the laptop profile and seed 0: negative ELBO 91.2 ± 0.2 nats, importance weighted bound
    of 500 samples 86.9 ± 0.3.
    """
    return _measured(settings, "mlp", batch_size=500)


def conv(settings: ImageVAESettings) -> ImageVAESettings:
    """Convolutions with one latent vector, for likelihoods."""
    return _measured(settings, "conv", batch_size=200)


def ladder(settings: ImageVAESettings) -> ImageVAESettings:
    """Three layers of latent variables on a shared path down (Sønderby et al. 2016, Child 2021), for likelihoods.

    Free bits keep the upper layers in use while the lower ones learn (Kingma et al. 2016). On MNIST's test split, with
    the laptop profile and seed 0: negative ELBO 87.4 ± 0.3 nats, importance weighted bound of 1,000 samples 84.3 ± 0.3
    (`importance_samples=1000`). The weights are those of step 12,000: validation got no better after it.
    """
    return _measured(settings, "ladder", batch_size=300, free_nats=0.5)


def conv_ladder(settings: ImageVAESettings) -> ImageVAESettings:
    """A latent vector and below it layers of latent feature maps (Vahdat & Kautz 2020, Child 2021), for likelihoods.

    On MNIST's test split, with the profile full stopped after 19,395 steps (four minutes of an H200, beside others):
    seed 0, negative ELBO 80.8 ± 0.2 nats, importance weighted bound of 1,000 samples 78.3 ± 0.3.
    """
    return _measured(settings, "conv-ladder", batch_size=256, free_nats=0.5)


PRESETS: dict[str, Callable[[ImageVAESettings], ImageVAESettings]] = {
    "mlp": mlp,
    "conv": conv,
    "ladder": ladder,
    "conv-ladder": conv_ladder,
}
"""By name: a network and what its likelihood is of, put into a profile's settings, whose data and steps stay."""

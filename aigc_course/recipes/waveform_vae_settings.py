"""The settings of `waveform-vae`: which sounds, which likelihood, how large a model; profiles and presets."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from aigc_course.audio import SpectrogramConfig
from aigc_course.models.settings import require_choice
from aigc_course.models.waveform_vae import WaveformVAEConfig
from aigc_course.recipes.recipe import smoke
from aigc_course.training import LoopSettings

Likelihood = Literal["samples", "spectrum"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WaveformVAESettings:
    """Everything that decides what a `waveform-vae` run does."""

    data: str = "dtmf-digits"  # an audio data set, or a folder of WAV files
    max_seconds: float = 1.0  # of every sound: longer ones are cut, shorter ones filled with silence
    likelihood: Likelihood = "samples"
    spectrogram: SpectrogramConfig = field(default_factory=SpectrogramConfig)  # of the likelihood "spectrum"
    # n_samples, n_classes, n_speakers: taken from the data
    model: WaveformVAEConfig = field(default_factory=lambda: WaveformVAEConfig(n_samples=1))
    loop: LoopSettings = field(default_factory=LoopSettings)
    learning_rate: float = 1e-3  # peak
    beta: float = 1.0  # weight of the KL term in training; with 1 the loss is the negative ELBO
    validation_sounds: int = 500  # of the validation split, for the evaluations during training
    evaluation_samples: int = 500  # drawn from the prior by `evaluate`

    def __post_init__(self) -> None:
        require_choice(("samples", "spectrum"), likelihood=self.likelihood)
        for name, least in (("validation_sounds", 1), ("evaluation_samples", 2)):  # one sound has no standard error
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be at least {least}")
        if not self.max_seconds > 0:
            raise ValueError(f"max_seconds is {self.max_seconds}, but must be above 0")
        if not self.beta >= 0:
            raise ValueError(f"beta is {self.beta}, but must be at least 0")


def profile(name: str) -> WaveformVAESettings:
    """The settings of a profile."""
    quick = WaveformVAESettings(
        spectrogram=SpectrogramConfig(n_fft=256, hop_length=64, floor_db=-60.0),
        model=WaveformVAEConfig(n_samples=1, latent_dim=16, width=16),
        loop=LoopSettings(
            steps=600,
            batch_size=32,
            warmup_steps=50,
            decay="cosine",
            grad_clip=1000.0,
            ema_decay=0.98,
            log_every=25,
            evaluate_every=300,
        ),
        learning_rate=5e-3,
    )
    laptop = dataclasses.replace(
        quick,
        data="fsdd",
        spectrogram=SpectrogramConfig(n_fft=256, hop_length=64, floor_db=-80.0),
        model=WaveformVAEConfig(n_samples=1, latent_dim=32, width=16),
        loop=dataclasses.replace(quick.loop, steps=2000, warmup_steps=200, evaluate_every=500, ema_decay=0.99),
        learning_rate=3e-3,
        evaluation_samples=600,
    )
    full = dataclasses.replace(
        laptop,
        model=WaveformVAEConfig(n_samples=1, latent_dim=64, width=32),
        loop=dataclasses.replace(laptop.loop, steps=20_000, batch_size=64, evaluate_every=1000, ema_decay=0.999),
    )
    small = smoke(
        quick,
        model=WaveformVAEConfig(n_samples=1, latent_dim=4, width=2),
        validation_sounds=20,
        evaluation_samples=20,
    )
    return {"smoke": small, "quick": quick, "laptop": laptop, "full": full}[name]


def spectral_likelihood(settings: WaveformVAESettings) -> WaveformVAESettings:
    """The spectrogram of the mean in the place of its samples, and a KL term that counts twice."""
    return dataclasses.replace(settings, likelihood="spectrum", beta=2.0)


PRESETS: dict[str, Callable[[WaveformVAESettings], WaveformVAESettings]] = {"spectrum": spectral_likelihood}
"""By name: what is a Gaussian variable, put into a profile's settings, whose data and sizes stay."""

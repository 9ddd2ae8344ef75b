"""`audio-vae`: a VAE of log-magnitude spectrograms that speaks (or dials) the class asked for.

A sound becomes a spectrogram in dB, standardised by the mean and deviation of the training sounds; the VAE learns its
density. To make sound, a drawn spectrogram is turned back into a waveform by Griffin-Lim, which finds the phases.

Neighbouring points of a spectrogram tell nearly the same (frames overlap, and a tone fills several bins), yet the
likelihood counts each as new evidence. With beta = 1, z then holds so much detail that the prior meets z that no
training sound had. So training weighs the KL term more: of sounds drawn after `quick` training on dtmf-digits, the
exchange decoded 1 % rightly with beta = 1, 36 % with 10, 94 % with 40 (z of length 8) and 99 % with 80 (of length 4).
What is measured on held-out sounds is always the ELBO, with beta = 1.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional as F

from aigc_course import config
from aigc_course.audio import SpectrogramConfig
from aigc_course.data import dtmf_digits
from aigc_course.data.batches import TensorBatches, generator
from aigc_course.data.noise import NoiseBatches
from aigc_course.data.sets import AudioSet
from aigc_course.errors import UsageError
from aigc_course.losses.reconstruction import gaussian_nll
from aigc_course.losses.variational import kl_standard_normal, negative_elbo
from aigc_course.models.audio_vae import SpectrogramVAE, SpectrogramVAEConfig
from aigc_course.recipes.elbo import mean_metrics
from aigc_course.recipes.recipe import Job, Recipe, load_set, smoke, weights_of
from aigc_course.recipes.spectrogram_scale import Scale
from aigc_course.training import LoopSettings, Runtime, Session, fit

_AT_ONCE = 100  # sounds, where there is no gradient


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioVAESettings:
    """Everything that decides what an `audio-vae` run does."""

    data: str = "dtmf-digits"  # an audio data set, or a folder of WAV files
    max_seconds: float = 1.0  # longer sounds are cut, shorter ones filled with silence up to the set's longest
    spectrogram: SpectrogramConfig = field(default_factory=SpectrogramConfig)  # sample_rate_hz: taken from the data
    # n_bins, n_frames, n_classes, n_speakers: taken from the data and the spectrogram
    model: SpectrogramVAEConfig = field(default_factory=lambda: SpectrogramVAEConfig(n_bins=1, n_frames=1))
    loop: LoopSettings = field(default_factory=LoopSettings)
    learning_rate: float = 2e-3  # peak
    beta: float = 1.0  # weight of the KL term in training; with 1 the loss is the negative ELBO
    validation_sounds: int = 500  # of the validation split, for the evaluations during training
    evaluation_samples: int = 500  # drawn from the prior by `evaluate`

    def __post_init__(self) -> None:
        for name in ("validation_sounds", "evaluation_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be at least 1")
        if not self.max_seconds > 0:
            raise ValueError(f"max_seconds is {self.max_seconds}, but must be above 0")
        if self.beta < 0:
            raise ValueError(f"beta is {self.beta}, but must be at least 0")


def profile(name: str) -> AudioVAESettings:
    """The settings of a profile."""
    quick = AudioVAESettings(
        spectrogram=SpectrogramConfig(n_fft=256, hop_length=64, floor_db=-60.0),
        model=SpectrogramVAEConfig(n_bins=1, n_frames=1, latent_dim=4, width=8),
        loop=LoopSettings(
            steps=500,
            batch_size=32,
            warmup_steps=50,
            decay="cosine",
            grad_clip=1000.0,
            ema_decay=0.98,
            log_every=25,
            evaluate_every=250,
        ),
        learning_rate=3e-3,
        beta=80.0,
    )
    laptop = dataclasses.replace(
        quick,
        data="fsdd",
        model=SpectrogramVAEConfig(n_bins=1, n_frames=1, latent_dim=32, width=16),
        spectrogram=SpectrogramConfig(n_fft=256, hop_length=64, floor_db=-80.0),
        loop=dataclasses.replace(
            quick.loop, steps=3000, batch_size=64, warmup_steps=200, evaluate_every=500, ema_decay=0.99
        ),
        learning_rate=1e-3,
        beta=10.0,
    )
    full = dataclasses.replace(
        laptop,
        model=SpectrogramVAEConfig(n_bins=1, n_frames=1, latent_dim=64, width=32),
        loop=dataclasses.replace(laptop.loop, steps=20000, evaluate_every=1000, ema_decay=0.999),
    )
    small = smoke(
        quick,
        model=SpectrogramVAEConfig(n_bins=1, n_frames=1, latent_dim=4, width=2),
        validation_sounds=20,
        evaluation_samples=20,
    )
    return {"smoke": small, "quick": quick, "laptop": laptop, "full": full}[name]


def elbo_step(
    model: nn.Module, batch: dict[str, torch.Tensor], beta: float = 1.0
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Encode, sample z, decode; the loss is the negative ELBO, in nats per standardised spectrogram.

    The batch holds spectrograms (B, n_bins, n_frames), noise (B, latent_dim) from N(0, I) and, where there are
    several, labels (B,) and speakers (B,). The decoder's variance is learned, so the loss is a density and may be
    negative.
    """
    x = batch["spectrograms"]
    output = model(x, batch.get("labels"), batch["noise"], batch.get("speakers"))
    reconstruction = gaussian_nll(output.mean, output.log_sigma2, x)  # (B,)
    kl = kl_standard_normal(output.mu, output.logvar)  # (B,)
    loss = negative_elbo(reconstruction, kl, beta).mean()
    return loss, {"reconstruction_nats": reconstruction.detach().mean(), "kl_nats": kl.detach().mean()}


def train(job: Job) -> Session:
    """Train a VAE on the sounds of `settings.data`."""
    settings: AudioVAESettings = job.settings
    loop = settings.loop
    dataset = load_set(settings.data, AudioSet)
    n_samples = window_length(settings, dataset)
    scale = measure_scale(settings, dataset, n_samples)
    model_config = fitting_model(settings, dataset, scale.spectrogram, n_samples)
    runtime = Runtime(loop)
    torch.manual_seed(loop.seed)
    model = runtime.prepare(SpectrogramVAE(model_config))
    batches = training_batches(settings, model_config, dataset, scale, n_samples, runtime)
    data = {
        "name": dataset.name,
        "class_names": list(dataset.class_names),
        "speaker_names": list(dataset.speaker_names),
        "sample_rate_hz": dataset.sample_rate_hz,
        "n_samples": n_samples,
        "scale": config.to_dict(scale),
    }
    return fit(
        model,
        torch.optim.Adam(model.parameters(), lr=settings.learning_rate),
        batches,
        partial(elbo_step, beta=settings.beta),
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(model=model_config, data=data),
        evaluate=lambda m: {
            f"validation_{name}": value
            for name, value in held_out_elbo(
                m, model_config, dataset, "validation", scale, n_samples, runtime, settings.validation_sounds
            ).items()
        },
        on_log=job.on_log,
        title=job.recipe,
    )


def training_batches(
    settings: AudioVAESettings,
    model_config: SpectrogramVAEConfig,
    dataset: AudioSet,
    scale: Scale,
    n_samples: int,
    runtime: Runtime,
) -> NoiseBatches:
    """This process's part of what `elbo_step` takes, batch after batch."""

    def to_spectrograms(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return batch | {"spectrograms": scale.spectrograms(batch.pop("waveforms"))}

    tensors = fixed_window(dataset, "train", n_samples)
    size, seed, rank, world = settings.loop.batch_size, settings.loop.seed, runtime.rank, runtime.world
    stream = TensorBatches(tensors, size, seed=seed, rank=rank, world=world, transform=to_spectrograms)
    return NoiseBatches(stream, {"noise": model_config.latent_dim}, size, seed=seed, rank=rank, world=world)


def window_length(settings: AudioVAESettings, dataset: AudioSet) -> int:
    """Samples of every sound that the model sees: the set's longest, at most max_seconds, at least two frames."""
    longest = next(iter(dataset.waveforms.values())).shape[1]
    return max(min(longest, round(settings.max_seconds * dataset.sample_rate_hz)), 2 * settings.spectrogram.n_fft)


def fixed_window(dataset: AudioSet, split: str, n_samples: int) -> dict[str, torch.Tensor]:
    """A split as tensors for batches: waveforms (N, n_samples) and, where there are several, labels and speakers (N,).

    With one class or one speaker alone there is nothing to ask for: the model isn't told of it.
    """
    waveforms, _, labels = dataset.split(split)
    tensors = {"waveforms": F.pad(waveforms, (0, n_samples - waveforms.shape[1]))}
    tensors |= {"labels": labels} if len(dataset.class_names) > 1 else {}
    return tensors | ({"speakers": dataset.speakers[split]} if len(dataset.speaker_names) > 1 else {})


def measure_scale(settings: AudioVAESettings, dataset: AudioSet, n_samples: int) -> Scale:
    """The scale of the training sounds. Raises: UsageError when they are all silent."""
    spectrogram = dataclasses.replace(settings.spectrogram, sample_rate_hz=dataset.sample_rate_hz)
    return Scale.measure(fixed_window(dataset, "train", n_samples)["waveforms"], spectrogram)


def fitting_model(
    settings: AudioVAESettings, dataset: AudioSet, spectrogram: SpectrogramConfig, n_samples: int
) -> SpectrogramVAEConfig:
    """The settings' model with the spectrogram's size and the data's numbers of classes and speakers."""
    return dataclasses.replace(
        settings.model,
        n_bins=spectrogram.n_bins,
        n_frames=spectrogram.n_frames(n_samples),
        n_classes=_several(dataset.class_names),
        n_speakers=_several(dataset.speaker_names),
    )


def _several(names: Sequence[str]) -> int:
    """How many there are to choose from; 0 for one alone."""
    return len(names) if len(names) > 1 else 0


def held_out_elbo(
    model: nn.Module,
    model_config: SpectrogramVAEConfig,
    dataset: AudioSet,
    split: str,
    scale: Scale,
    n_samples: int,
    runtime: Runtime,
    limit: int | None = None,
) -> dict[str, float]:
    """Negative ELBO (`loss`), `reconstruction_nats` and `kl_nats` per sound of a split's first `limit` sounds.

    The noise is the same at every call, so that figures of one run can be compared.
    """
    tensors = {name: tensor[:limit] for name, tensor in fixed_window(dataset, split, n_samples).items()}

    def batches() -> Iterator[dict[str, torch.Tensor]]:
        for number, rows in enumerate(torch.arange(len(tensors["waveforms"])).split(_AT_ONCE)):
            batch = {name: tensor[rows] for name, tensor in tensors.items()}
            batch["spectrograms"] = scale.spectrograms(batch.pop("waveforms"))
            source = generator(0, f"held-out/{split}", number)
            yield batch | {"noise": torch.randn((len(rows), model_config.latent_dim), generator=source)}

    return mean_metrics(model, batches(), elbo_step, runtime)


@torch.no_grad()
def sample_waveforms(
    model: SpectrogramVAE,
    data_config: dict[str, Any],
    labels: torch.Tensor,
    *,
    seed: int,
    speakers: torch.Tensor | None = None,
    temperature: float = 1.0,
) -> torch.Tensor:
    """Draw z from N(0, temperature² I), decode it to a spectrogram and that to sound.

    Args: data_config: the `data` part of the checkpoint's config. labels: (B,) int64, one sound each, not read by a
        model of one class alone. seed: the same seed gives the same sounds. speakers: (B,) int64; None draws them at
        random where the model knows speakers. temperature: below 1 gives more typical sounds, above 1 more unusual
        ones.
    Returns: (B, n_samples) float32 on the CPU, in [-0.95, 0.95].
    Raises: UsageError when labels or speakers don't fit the model, or temperature is negative.
    """
    if not temperature >= 0:
        raise UsageError(f"temperature must be at least 0, but is {temperature}")
    scale = config.from_dict(Scale, data_config["scale"])
    device = next(model.parameters()).device
    count, source = len(labels), generator(seed, "sample", 0)
    z = temperature * torch.randn((count, model.config.latent_dim), generator=source)
    if speakers is None and model.config.n_speakers:
        speakers = torch.randint(0, model.config.n_speakers, (count,), generator=source)
    parts = []
    for number, rows in enumerate(torch.arange(count).split(_AT_ONCE)):
        by_whom = None if speakers is None else speakers[rows].to(device)
        what = labels[rows].to(device) if model.config.n_classes else None
        spectrograms = model.decode(z[rows].to(device), what, by_whom).float().cpu()
        phases = generator(seed, "phases", number).initial_seed()
        parts.append(scale.waveforms(spectrograms, data_config["n_samples"], phases))
    return torch.cat(parts)


def rebuild(tree: dict[str, Any]) -> SpectrogramVAE:
    """The model of a loaded checkpoint, without its weights."""
    return SpectrogramVAE(config.from_dict(SpectrogramVAEConfig, tree["config"]["model"]))


def evaluate(tree: dict[str, Any]) -> dict[str, float]:
    """Negative ELBO and its terms on the test split, nats per sound; on dtmf-digits also what the exchange decodes.

    `ceiling_accuracy` is what it decodes of real test sounds after their own way to spectrograms and back.
    """
    settings = config.from_dict(AudioVAESettings, tree["config"]["settings"])
    data_config = tree["config"]["data"]
    scale = config.from_dict(Scale, data_config["scale"])
    dataset = load_set(settings.data, AudioSet)
    model = rebuild(tree)
    model.load_state_dict(weights_of(tree))
    runtime = Runtime(settings.loop)
    model = model.to(runtime.device).eval()
    n_samples = data_config["n_samples"]
    terms = held_out_elbo(model, model.config, dataset, "test", scale, n_samples, runtime)
    result = {"test_loss": terms.pop("loss")} | terms
    if dataset.name == dtmf_digits.NAME:
        labels = torch.arange(settings.evaluation_samples) % len(dtmf_digits.CLASS_NAMES)
        grades = dtmf_digits.grade(sample_waveforms(model, data_config, labels, seed=settings.loop.seed), labels)
        result |= {name: cast(float, grades[name]) for name in ("label_accuracy", "decoded_rate")}
        real = {name: t[: settings.evaluation_samples] for name, t in fixed_window(dataset, "test", n_samples).items()}
        again = [
            scale.waveforms(scale.spectrograms(part), n_samples, seed=number)
            for number, part in enumerate(real["waveforms"].split(_AT_ONCE))
        ]
        result["ceiling_accuracy"] = cast(float, dtmf_digits.grade(torch.cat(again), real["labels"])["label_accuracy"])
    return result


RECIPE = Recipe(
    name="audio-vae",
    kind="audio",
    summary="a VAE of spectrograms that makes the sound of a class asked for",
    settings_type=AudioVAESettings,
    profile=profile,
    train=train,
    evaluate=evaluate,
)

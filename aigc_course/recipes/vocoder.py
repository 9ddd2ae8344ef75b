"""`vocoder`: a network that turns log-spectrograms into sound, learned from sounds and their own spectrograms.

It does what Griffin-Lim does (`audio.invert`), in a fraction of the time. Griffin-Lim spreads each mel band over its
frequencies by least squares; the network has learned from the training sounds where in a band the harmonics lie. It
learns magnitudes, so training makes no sound at all and takes minutes, and no discriminator is needed.
"""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from aigc_course import audio, config
from aigc_course.audio import SpectrogramConfig, log_spectrogram
from aigc_course.data.batches import Batch
from aigc_course.data.sets import AudioSet
from aigc_course.data.splitting import require_examples
from aigc_course.losses.spectral import log_magnitude_distance, spectral_convergence, stft_magnitudes
from aigc_course.models.vocoder import VocoderConfig
from aigc_course.recipes.audio_evaluation import GivenAudioClassifier, audio_classifier_of
from aigc_course.recipes.elbo import mean_metrics
from aigc_course.recipes.inversion import Way, compare_inversions
from aigc_course.recipes.recipe import Job, Recipe, load_set, smoke
from aigc_course.recipes.sound_segments import PEAK, SoundSegments, cut, segment_length
from aigc_course.recipes.trained_audio_classifier import NAME as CLASSIFIER
from aigc_course.recipes.trained_vocoder import NAME, from_tree, untrained
from aigc_course.training import LoopSettings, Runtime, Session, fit

GRIFFIN_LIM_ITERATIONS = 32  # of what a trained vocoder is compared with

_DB_PER_NEPER = 20 / math.log(10)
_AT_ONCE = 100  # sounds, where there is no gradient


@dataclass(frozen=True, kw_only=True, slots=True)
class VocoderSettings:
    """Everything that decides what a `vocoder` run does."""

    data: str = "dtmf-digits"  # an audio data set, or a folder of WAV files
    segment_seconds: float = 0.5  # of the pieces that it learns from, rounded to whole hops
    quietest_db: float = 20.0  # how far below 0.95 the peak of a training sound is set, at most
    # sample_rate_hz: taken from the data
    spectrogram: SpectrogramConfig = field(default_factory=lambda: SpectrogramConfig(n_mels=64))
    # n_bins, n_fft, hop_length, floor_db: the spectrogram's
    model: VocoderConfig = field(default_factory=VocoderConfig)
    loop: LoopSettings = field(default_factory=LoopSettings)
    learning_rate: float = 1e-3  # peak, of AdamW
    validation_sounds: int = 100  # of the validation split, for the evaluations during training

    def __post_init__(self) -> None:
        for name in ("segment_seconds", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be above 0")
        if not self.quietest_db >= 0:
            raise ValueError(f"quietest_db is {self.quietest_db}, but must be at least 0")
        if not self.spectrogram.n_mels:
            raise ValueError(
                "spectrogram.n_mels is 0, but a spectrogram without mel bands hides nothing that could be learned; "
                "set it, as spectrogram.n_mels=64"
            )
        if self.validation_sounds < 1:
            raise ValueError(f"validation_sounds is {self.validation_sounds}, but must be at least 1")


def profile(name: str) -> VocoderSettings:
    """The settings of a profile."""
    quick = VocoderSettings(
        spectrogram=SpectrogramConfig(n_fft=256, hop_length=64, n_mels=64, floor_db=-60.0),
        model=VocoderConfig(width=32, depth=1),
        loop=LoopSettings(
            steps=300,
            batch_size=16,
            warmup_steps=30,
            decay="cosine",
            grad_clip=10.0,
            ema_decay=0.98,
            log_every=20,
            evaluate_every=150,
        ),
        segment_seconds=0.25,
        learning_rate=2e-3,
    )
    laptop = dataclasses.replace(
        quick,
        data="fsdd",
        spectrogram=SpectrogramConfig(n_fft=256, hop_length=64, n_mels=64, floor_db=-80.0),
        model=VocoderConfig(),
        loop=dataclasses.replace(quick.loop, steps=3000, warmup_steps=100, evaluate_every=500, ema_decay=0.995),
        segment_seconds=0.5,
    )
    full = dataclasses.replace(
        laptop,
        model=VocoderConfig(width=192, depth=6),
        loop=dataclasses.replace(
            laptop.loop, steps=12_000, batch_size=64, evaluate_every=1000, ema_decay=0.999, cuda_graphs=True
        ),
    )
    small = smoke(quick, model=VocoderConfig(width=8, depth=1, rounds=1), validation_sounds=10)
    return {"smoke": small, "quick": quick, "laptop": laptop, "full": full}[name]


def vocoder_step(model: nn.Module, batch: Batch, *, spectrogram: SpectrogramConfig) -> tuple[Tensor, dict[str, Tensor]]:
    """Say which magnitudes lie behind a spectrogram; the loss compares them with those of the sound that it is of.

    The batch holds waveforms (B, T) and their spectrograms (B, n_bins, n_frames) in dB. Loud points count by the first
    term, quiet ones as much as loud ones by the second.
    """
    fake = model(batch["spectrograms"])
    real = stft_magnitudes(batch["waveforms"], spectrogram.n_fft, spectrogram.hop_length)
    convergence = spectral_convergence(fake, real).mean()
    nepers = log_magnitude_distance(fake, real, spectrogram.floor_db).mean()
    return convergence + nepers, {"convergence": convergence.detach(), "distance_db": nepers.detach() * _DB_PER_NEPER}


def train(job: Job) -> Session:
    """Train a vocoder on the sounds of `settings.data`."""
    settings: VocoderSettings = job.settings
    loop = settings.loop
    dataset = load_set(settings.data, AudioSet)
    require_examples(dataset, "recording", NAME, every_class=False, train=1, validation=1, test=1)
    spectrogram = dataclasses.replace(settings.spectrogram, sample_rate_hz=dataset.sample_rate_hz)
    model_config = dataclasses.replace(
        settings.model,
        n_bins=spectrogram.n_bins,
        n_fft=spectrogram.n_fft,
        hop_length=spectrogram.hop_length,
        floor_db=spectrogram.floor_db,
    )
    runtime = Runtime(loop)
    torch.manual_seed(loop.seed)
    model = runtime.prepare(untrained(model_config, spectrogram))
    segments = SoundSegments(
        dataset, spectrogram, loop, runtime, seconds=settings.segment_seconds, quietest_db=settings.quietest_db
    )
    step = partial(vocoder_step, spectrogram=spectrogram)
    return fit(
        model,
        torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=0.01, fused=True),
        segments,
        step,
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(
            model=model_config,
            data={"name": dataset.name, "class_names": list(dataset.class_names)}
            | {"spectrogram": config.to_dict(spectrogram)},
        ),
        evaluate=lambda m: {
            f"validation_{name}": value
            for name, value in mean_metrics(
                m, _validation_batches(settings, dataset, spectrogram), step, runtime
            ).items()
        },
        on_log=job.on_log,
        title=job.recipe,
    )


def _validation_batches(
    settings: VocoderSettings, dataset: AudioSet, spectrogram: SpectrogramConfig
) -> Iterator[Batch]:
    """The beginnings of validation sounds, a second of each at most, with their peaks at 0.95."""
    waveforms, lengths, _ = (tensor[: settings.validation_sounds] for tensor in dataset.split("validation"))
    longest = min(int(lengths.max()), dataset.sample_rate_hz)
    n_samples = max(
        -(-longest // spectrogram.hop_length) * spectrogram.hop_length,
        segment_length(settings.segment_seconds, spectrogram),
    )
    waveforms = audio.normalise_peak(waveforms, peak=PEAK)
    for rows in torch.arange(len(waveforms)).split(_AT_ONCE):
        pieces = cut(waveforms[rows], lengths[rows], torch.zeros(len(rows)), n_samples)
        yield {"waveforms": pieces, "spectrograms": log_spectrogram(pieces, spectrogram)}


def evaluate(tree: dict[str, Any], given: GivenAudioClassifier | None = None) -> dict[str, float]:
    """`inversion.compare_inversions` of the vocoder and of Griffin-Lim (32 rounds) on the test split."""
    settings = config.from_dict(VocoderSettings, tree["config"]["settings"])
    dataset = load_set(settings.data, AudioSet)
    device = Runtime(settings.loop).device
    vocoder = from_tree(tree, "the checkpoint", device)
    classifier = None if given is None else audio_classifier_of(dataset, given, device)
    ways: dict[str, Way] = {
        "learned": vocoder.waveforms,
        "griffin_lim": partial(audio.invert, config=vocoder.spectrogram, n_iterations=GRIFFIN_LIM_ITERATIONS),
    }
    return compare_inversions(dataset, vocoder.spectrogram, ways, classifier)


RECIPE = Recipe(
    name=NAME,
    kind="audio",
    summary="a network that turns mel spectrograms into sound, in the place of Griffin-Lim",
    settings_type=VocoderSettings,
    profile=profile,
    train=train,
    evaluate=evaluate,
    generates=False,
    classifier=CLASSIFIER,
)

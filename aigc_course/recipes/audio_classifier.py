"""`audio-classifier`: a residual network that names what a sound is; its features carry the metrics of sounds."""

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from aigc_course import config
from aigc_course.audio import SpectrogramConfig
from aigc_course.data.audio_splits import with_held_out_speaker
from aigc_course.data.sets import AudioSet
from aigc_course.data.splitting import require_examples
from aigc_course.errors import UsageError
from aigc_course.models.audio_classifier import AudioClassifier, AudioClassifierConfig
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
from aigc_course.recipes.sound_batches import SoundBatches, SoundChanges
from aigc_course.recipes.trained_audio_classifier import NAME, TrainedAudioClassifier, from_tree
from aigc_course.training import LoopSettings, Runtime, Session, fit


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioClassifierSettings:
    """Everything that decides what an `audio-classifier` run does."""

    data: str = "dtmf-digits"  # an audio data set, or a folder of WAV files
    held_out_speaker: str = ""  # whose recordings are left out of training and make the test split; "": nobody's
    max_seconds: float = 1.0  # what goes beyond is cut off in training
    # Of sample_rate_hz: the data's. floor_db counts from a sound's loudest point.
    spectrogram: SpectrogramConfig = field(
        default_factory=lambda: SpectrogramConfig(n_fft=256, hop_length=80, n_mels=40, floor_db=-60.0)
    )
    model: AudioClassifierConfig = field(default_factory=AudioClassifierConfig)  # n_bins, n_classes: the data's
    changes: SoundChanges = field(default_factory=SoundChanges)
    loop: LoopSettings = field(default_factory=LoopSettings)
    learning_rate: float = 0.1  # peak, of SGD with Nesterov momentum
    momentum: float = 0.9
    weight_decay: float = 5e-4  # of convolutions and the head, not of batch norm
    label_smoothing: float = 0.1  # share of the probability that the target spreads evenly over all classes

    def __post_init__(self) -> None:
        require_descent(self)
        if not self.max_seconds > 0:
            raise ValueError(f"max_seconds is {self.max_seconds}, but must be above 0")


def profile(name: str) -> AudioClassifierSettings:
    """The settings of a profile."""
    quick = AudioClassifierSettings(
        model=AudioClassifierConfig(width=8, feature_dim=32),
        loop=LoopSettings(
            steps=100, batch_size=32, warmup_steps=20, decay="linear", log_every=10, evaluate_every=50, ema_decay=0.9
        ),
    )
    laptop = dataclasses.replace(
        quick,
        data="fsdd",
        model=AudioClassifierConfig(width=16, feature_dim=64),
        loop=dataclasses.replace(
            quick.loop, steps=600, batch_size=64, warmup_steps=120, log_every=20, evaluate_every=150, ema_decay=0.98
        ),
        changes=SoundChanges(noise=0.1, masked_frames=20, masked_bins=8, moved_bins=3),
    )
    full = dataclasses.replace(
        laptop,
        model=AudioClassifierConfig(width=32, feature_dim=64, depth=2),
        loop=dataclasses.replace(laptop.loop, steps=4000, warmup_steps=800, evaluate_every=400, ema_decay=0.99),
    )
    small = smoke(
        quick,
        model=AudioClassifierConfig(width=2, feature_dim=8),
        changes=SoundChanges(noise=0.1, masked_frames=4, masked_bins=4, moved_bins=1),
    )
    return {"smoke": small, "quick": quick, "laptop": laptop, "full": full}[name]


def classifier_step(
    model: nn.Module, batch: dict[str, Tensor], *, label_smoothing: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy against smoothed labels, in nats per sound.

    The batch holds spectrograms (B, n_bins, T), n_frames (B,) and labels (B,).
    """
    return smoothed_loss(model(batch["spectrograms"], batch["n_frames"]), batch["labels"], label_smoothing)


def train(job: Job) -> Session:
    """Train a classifier on the sounds of `settings.data`; at the end write its card beside the checkpoint."""
    settings: AudioClassifierSettings = job.settings
    loop = settings.loop
    dataset = sounds_of(settings)
    spectrogram = dataclasses.replace(settings.spectrogram, sample_rate_hz=dataset.sample_rate_hz)
    model_config = dataclasses.replace(settings.model, n_bins=spectrogram.n_bins, n_classes=len(dataset.class_names))
    runtime = Runtime(loop)
    torch.manual_seed(loop.seed)
    model = runtime.prepare(AudioClassifier(model_config))
    data = {
        "name": dataset.name,
        "class_names": list(dataset.class_names),
        "spectrogram": config.to_dict(spectrogram),
    }
    session = fit(
        model,
        nesterov_sgd(model, settings),
        training_batches(settings, dataset, spectrogram, runtime),
        partial(classifier_step, label_smoothing=settings.label_smoothing),
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(model=model_config, data=data),
        evaluate=lambda m: _validation(TrainedAudioClassifier(m, model_config, spectrogram), dataset, runtime),
        on_log=job.on_log,
        title=job.recipe,
    )
    if job.run_dir is not None and runtime.is_main and not session.interrupted:
        write_card(job.run_dir, evaluate)
    return session


def sounds_of(settings: AudioClassifierSettings) -> AudioSet:
    """The data set, with the held-out speaker's recordings in the test split alone.

    Raises: UsageError for one class alone, or an unknown speaker; DataError where a split or a class has too few.
    """
    dataset = load_set(settings.data, AudioSet)
    if len(dataset.class_names) < 2:
        raise UsageError(
            f"{dataset.name} has one class alone, {dataset.class_names[0]!r}: there is nothing to tell apart; sort the "
            "recordings into folders that name their classes"
        )
    if settings.held_out_speaker:
        dataset = with_held_out_speaker(dataset, settings.held_out_speaker)
    require_examples(dataset, "recording", NAME, every_class=True, train=1, validation=1, test=2)
    return dataset


def training_batches(
    settings: AudioClassifierSettings, dataset: AudioSet, spectrogram: SpectrogramConfig, runtime: Runtime
) -> SoundBatches:
    """This process's part of what `classifier_step` takes, batch after batch."""
    waveforms, lengths, labels = dataset.split("train")
    most = min(int(lengths.max()), max(1, round(settings.max_seconds * dataset.sample_rate_hz)))
    return SoundBatches(
        {"waveforms": waveforms[:, :most], "lengths": lengths.clamp(max=most), "labels": labels},
        spectrogram,
        settings.changes,
        settings.loop.batch_size,
        seed=settings.loop.seed,
        rank=runtime.rank,
        world=runtime.world,
    )


def _validation(classifier: TrainedAudioClassifier, dataset: AudioSet, runtime: Runtime) -> dict[str, float]:
    """Cross-entropy against the true labels, and accuracy, on the validation split."""
    waveforms, lengths, labels = dataset.split("validation")
    with runtime.autocast():
        return validation_metrics(classifier.logits(waveforms, lengths, dataset.sample_rate_hz), labels)


def evaluate(tree: dict[str, Any]) -> dict[str, float]:
    """Loss and accuracy on the test split, with the accuracy's standard error, and where it errs most.

    With a held-out speaker the test split is all that this speaker said.
    """
    settings = config.from_dict(AudioClassifierSettings, tree["config"]["settings"])
    dataset = sounds_of(settings)
    waveforms, lengths, labels = dataset.split("test")
    classifier = from_tree(tree, "the checkpoint", Runtime(settings.loop).device)
    logits = classifier.logits(waveforms, lengths, dataset.sample_rate_hz)
    return held_out_metrics(logits, labels) | most_confused_pair(logits, labels, dataset.class_names)


RECIPE = Recipe(
    name=NAME,
    kind="audio",
    summary="a residual network that names what a sound is; its features carry the metrics of sounds",
    settings_type=AudioClassifierSettings,
    profile=profile,
    train=train,
    evaluate=evaluate,
    generates=False,
)

"""`waveform-vae`: a VAE of waveforms, the alternative to spectrograms, that speaks (or dials) the class asked for.

With `likelihood` "samples" each sample is a Gaussian variable. Two sounds that nobody can tell apart, one of them a
quarter of a period later, are then as far apart as two different ones; so z would have to hold every phase, and what it
doesn't hold the mean is averaged over, to silence. That is what this model is here to show.

With "spectrum" (`--preset spectrum`) the points of the mean's log-spectrogram are the Gaussian variables: phases are
free, and the decoder chooses some. It is a density of spectrograms: its nats can't be compared with those of samples.

Measured, one seed each: after `quick` training with "samples" z holds 0.00 nats and the exchange decodes none of 500
drawn sounds. With "spectrum" the strongest frequencies are about those of the digits, but none decodes after the 600
steps of `quick`, and 7.6 % after 1,500. Spoken digits, after 600 steps of `laptop` with "spectrum", a classifier
recognises as often as by chance, 11.3 ± 1.3 %. Both are nearly all right with `audio-vae`, which has spectrograms.
"""

import dataclasses
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from aigc_course import config
from aigc_course.audio import SpectrogramConfig, log_spectrogram
from aigc_course.data import dtmf_digits
from aigc_course.data.batches import Batch, TensorBatches
from aigc_course.data.noise import NoiseBatches
from aigc_course.data.sets import AudioSet
from aigc_course.losses.reconstruction import gaussian_nll
from aigc_course.losses.variational import kl_standard_normal, negative_elbo
from aigc_course.models.waveform_vae import WaveformVAE, WaveformVAEConfig
from aigc_course.recipes.audio_evaluation import GivenAudioClassifier, audio_classifier_of, speech_quality
from aigc_course.recipes.recipe import Job, Recipe, load_set, weights_of
from aigc_course.recipes.sound_vae import asked_in_turn, described, dialled, held_out_terms, longest_sound, several
from aigc_course.recipes.trained_audio_classifier import NAME as CLASSIFIER
from aigc_course.recipes.waveform_samples import reconstructed, sample_sounds, windows
from aigc_course.recipes.waveform_vae_settings import PRESETS, Likelihood, WaveformVAESettings, profile
from aigc_course.training import Runtime, Session, fit
from aigc_course.training.loop import StepFunction

_STEP_DB = 20.0  # one unit of the spectrograms


def elbo_step(
    model: nn.Module, batch: Batch, *, likelihood: Likelihood, spectrogram: SpectrogramConfig, beta: float = 1.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """Encode, sample z, decode; the loss is the negative ELBO, in nats per sound.

    The batch holds waveforms (B, n_samples), noise (B, latent_dim) from N(0, I) and, where there are several, labels
    (B,) and speakers (B,). The decoder's variance is learned, so the loss is a density and may be negative.
    """
    x = batch["waveforms"]
    output = model(x, batch.get("labels"), batch["noise"], batch.get("speakers"))
    mean = output.mean.float()
    if likelihood == "spectrum":
        with torch.autocast(x.device.type, enabled=False):
            mean, x = (log_spectrogram(sound, spectrogram) / _STEP_DB for sound in (mean, x))
    reconstruction = gaussian_nll(mean, output.log_sigma2, x)  # (B,)
    kl = kl_standard_normal(output.mu, output.logvar)  # (B,)
    loss = negative_elbo(reconstruction, kl, beta).mean()
    return loss, {"reconstruction_nats": reconstruction.detach().mean(), "kl_nats": kl.detach().mean()}


def train(job: Job) -> Session:
    """Train a VAE on the sounds of `settings.data`."""
    settings: WaveformVAESettings = job.settings
    loop = settings.loop
    dataset = load_set(settings.data, AudioSet)
    model_config = fitting_model(settings, dataset)
    spectrogram = dataclasses.replace(settings.spectrogram, sample_rate_hz=dataset.sample_rate_hz)
    runtime = Runtime(loop)
    torch.manual_seed(loop.seed)
    model = runtime.prepare(WaveformVAE(model_config))
    size, seed, rank, world = loop.batch_size, loop.seed, runtime.rank, runtime.world
    stream = TensorBatches(windows(dataset, "train", model_config), size, seed=seed, rank=rank, world=world)
    step = partial(elbo_step, likelihood=settings.likelihood, spectrogram=spectrogram)
    return fit(
        model,
        torch.optim.Adam(model.parameters(), lr=settings.learning_rate),
        NoiseBatches(stream, {"noise": model_config.latent_dim}, size, seed=seed, rank=rank, world=world),
        partial(step, beta=settings.beta),
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(model=model_config, data=described(dataset)),
        evaluate=lambda m: {
            f"validation_{name}": value
            for name, value in held_out_elbo(
                m, model_config, dataset, "validation", step, runtime, settings.validation_sounds
            ).items()
        },
        on_log=job.on_log,
        title=job.recipe,
    )


def fitting_model(settings: WaveformVAESettings, dataset: AudioSet) -> WaveformVAEConfig:
    """The settings' model for sounds as long as the longest, at most max_seconds, at least two windows of the FFT."""
    return dataclasses.replace(
        settings.model,
        n_samples=longest_sound(dataset, settings.max_seconds, settings.spectrogram.n_fft),
        n_classes=several(dataset.class_names),
        n_speakers=several(dataset.speaker_names),
    )


def held_out_elbo(
    model: nn.Module,
    model_config: WaveformVAEConfig,
    dataset: AudioSet,
    split: str,
    step: StepFunction,
    runtime: Runtime,
    limit: int | None = None,
) -> dict[str, float]:
    """Negative ELBO (`loss`) and its terms per sound of a split's first `limit` sounds, in nats."""
    sounds = {name: tensor[:limit] for name, tensor in windows(dataset, split, model_config).items()}
    return held_out_terms(model, sounds, model_config.latent_dim, split, step, runtime)


def rebuild(tree: dict[str, Any]) -> WaveformVAE:
    """The model of a loaded checkpoint, without its weights."""
    return WaveformVAE(config.from_dict(WaveformVAEConfig, tree["config"]["model"]))


def evaluate(tree: dict[str, Any], given: GivenAudioClassifier | None = None) -> dict[str, float]:
    """Negative ELBO and its terms on the test split, nats per sound, and what the sounds are worth.

    On dtmf-digits `label_accuracy` is how often the exchange decodes a generated sound as the digit asked for, and
    `reconstruction_accuracy` how often a test sound, after encoder and decoder, as the digit that it was. With a
    classifier `speech_quality` of the generated sounds, and `reconstruction_class_accuracy`, by it.
    """
    settings = config.from_dict(WaveformVAESettings, tree["config"]["settings"])
    dataset = load_set(settings.data, AudioSet)
    runtime = Runtime(settings.loop)
    classifier = None if given is None else audio_classifier_of(dataset, given, runtime.device)
    model = rebuild(tree)
    model.load_state_dict(weights_of(tree))
    model = model.to(runtime.device).eval()
    spectrogram = dataclasses.replace(settings.spectrogram, sample_rate_hz=dataset.sample_rate_hz)
    step = partial(elbo_step, likelihood=settings.likelihood, spectrogram=spectrogram)
    terms = held_out_elbo(model, model.config, dataset, "test", step, runtime)
    result = {"negative_elbo_nats": terms.pop("loss")} | terms
    labels, speakers = asked_in_turn(settings.evaluation_samples, dataset)
    rate = dataset.sample_rate_hz
    sounds = sample_sounds(model, rate, labels, seed=settings.loop.seed, speakers=speakers)
    again, real_labels = reconstructed(model, dataset, rate), dataset.labels["test"]
    if dataset.name == dtmf_digits.NAME:
        result |= dialled(sounds.waveforms, labels)
        of_real = dtmf_digits.grade(again.waveforms, real_labels)["label_accuracy"]
        result["reconstruction_accuracy"] = cast(float, of_real)
    if classifier:
        named = classifier.logits(*again, rate).argmax(dim=1)
        result["reconstruction_class_accuracy"] = (named == real_labels).double().mean().item()
        result |= speech_quality(*sounds, labels, dataset, classifier)
    return result


RECIPE = Recipe(
    name="waveform-vae",
    kind="audio",
    summary="a VAE of waveforms, the alternative to spectrograms that loses its phases",
    settings_type=WaveformVAESettings,
    profile=profile,
    presets=PRESETS,
    train=train,
    evaluate=evaluate,
    classifier=CLASSIFIER,
)

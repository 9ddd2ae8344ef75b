"""`audio-vae`: a VAE of spectrograms and their lengths that speaks (or dials) the class asked for.

A sound becomes a spectrogram in dB, standardised by the mean and deviation of the training sounds; the VAE learns its
density, and the probability of its length. To make sound, a drawn spectrogram of a drawn length is turned back into a
waveform by Griffin-Lim, which finds the phases, or by a run of `vocoder`, which has learned to (`--set vocoder=RUN`;
its weights are then a part of the checkpoint); with the preset `complex` they are a part of the spectrogram.

Neighbouring points of a spectrogram tell nearly the same (frames overlap, and a tone fills several bins), yet the
likelihood counts each as new evidence. With beta = 1, z then holds so much detail that the prior meets z that no
training sound had. So training weighs the KL term more. What is measured on held-out sounds is always the ELBO, with
beta = 1, which prefers the small beta: of sounds drawn after 2,500 steps of the `laptop` profile, one seed, a
classifier recognised 90.5 % with beta = 20, 95.0 % with 40 and 96.5 % with 60, at validation negative ELBOs of 1451,
1653 and 1686 nats per sound.
"""

import dataclasses
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from aigc_course import config
from aigc_course.data import dtmf_digits
from aigc_course.data.batches import TensorBatches
from aigc_course.data.noise import NoiseBatches
from aigc_course.data.sets import AudioSet
from aigc_course.losses.reconstruction import gaussian_nll
from aigc_course.losses.variational import kl_standard_normal, negative_elbo
from aigc_course.models.audio_vae import SpectrogramVAE, SpectrogramVAEConfig
from aigc_course.models.lengths import length_nll, own_frames
from aigc_course.recipes.audio_evaluation import GivenAudioClassifier, audio_classifier_of, speech_report
from aigc_course.recipes.audio_samples import sample_sounds
from aigc_course.recipes.audio_vae_model import fitting_model, rebuild, trained_vocoder
from aigc_course.recipes.audio_vae_settings import PRESETS, AudioVAESettings, profile
from aigc_course.recipes.recipe import Job, Recipe, load_set, weights_of
from aigc_course.recipes.sound_vae import asked_in_turn, described, dialled, held_out_terms, longest_sound, told
from aigc_course.recipes.spectrogram_scale import Scale, Sounds
from aigc_course.recipes.trained_audio_classifier import NAME as CLASSIFIER
from aigc_course.training import Runtime, Session, fit


def elbo_step(
    model: nn.Module, batch: dict[str, torch.Tensor], beta: float = 1.0
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Encode, sample z, decode; the loss is the negative ELBO, in nats per sound.

    The batch holds spectrograms (B, n_bins, max_frames), n_frames (B,), noise (B, latent_dim) from N(0, I) and, where
    there are several, labels (B,) and speakers (B,). -log p(x, n | z) has two terms: of a sound's own frames and of how
    many they are. The decoder's variance is learned, so the loss is a density and may be negative.
    """
    x, n_frames = batch["spectrograms"], batch["n_frames"]
    output = model(x, n_frames, batch.get("labels"), batch["noise"], batch.get("speakers"))
    own = own_frames(n_frames, x.shape[2])[:, None]  # (B, 1, max_frames)
    spectrogram = gaussian_nll(output.mean, output.log_sigma2, x, mask=own)  # (B,)
    length = length_nll(output.length, n_frames, x.shape[2])  # (B,)
    kl = kl_standard_normal(output.mu, output.logvar)  # (B,)
    loss = negative_elbo(spectrogram + length, kl, beta).mean()
    terms = {"spectrogram_nats": spectrogram, "length_nats": length, "kl_nats": kl}
    return loss, {name: values.detach().mean() for name, values in terms.items()}


def train(job: Job) -> Session:
    """Train a VAE on the sounds of `settings.data`."""
    settings: AudioVAESettings = job.settings
    loop = settings.loop
    dataset = load_set(settings.data, AudioSet)
    scale = measure_scale(settings, dataset)
    model_config = fitting_model(settings, dataset, scale)
    runtime = Runtime(loop)
    vocoder = trained_vocoder(settings, scale)
    torch.manual_seed(loop.seed)
    model = runtime.prepare(SpectrogramVAE(model_config, vocoder))
    data = described(dataset) | {
        "scale": config.to_dict(scale),
        "vocoder": None if vocoder is None else config.to_dict(vocoder.config),
    }
    return fit(
        model,
        torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=settings.learning_rate, fused=True),
        training_batches(settings, model_config, dataset, scale, runtime),
        partial(elbo_step, beta=settings.beta),
        settings=loop,
        runtime=runtime,
        run_dir=job.run_dir,
        resume=job.resume,
        config=job.config(model=model_config, data=data),
        evaluate=lambda m: {
            f"validation_{name}": value
            for name, value in held_out_elbo(
                m, model_config, dataset, "validation", scale, runtime, settings.validation_sounds
            ).items()
        },
        on_log=job.on_log,
        title=job.recipe,
    )


def training_batches(
    settings: AudioVAESettings, model_config: SpectrogramVAEConfig, dataset: AudioSet, scale: Scale, runtime: Runtime
) -> NoiseBatches:
    """This process's part of what `elbo_step` takes, batch after batch."""
    size, seed, rank, world = settings.loop.batch_size, settings.loop.seed, runtime.rank, runtime.world
    stream = TensorBatches(
        tensors_of(dataset, "train"), size, seed=seed, rank=rank, world=world, transform=partial(seen, scale)
    )
    return NoiseBatches(stream, {"noise": model_config.latent_dim}, size, seed=seed, rank=rank, world=world)


def tensors_of(dataset: AudioSet, split: str, limit: int | None = None) -> dict[str, torch.Tensor]:
    """A split's first `limit` sounds: waveforms (N, T), lengths (N,) and what the model is `told` of them."""
    waveforms, lengths, _ = dataset.split(split)
    tensors = {"waveforms": waveforms, "lengths": lengths} | told(dataset, split)
    return {name: tensor[:limit] for name, tensor in tensors.items()}


def seen(scale: Scale, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The batch with spectrograms and n_frames in the place of waveforms and lengths."""
    spectrograms, n_frames = scale.spectrograms(batch["waveforms"], batch["lengths"])
    kept = {name: tensor for name, tensor in batch.items() if name not in ("waveforms", "lengths")}
    return {"spectrograms": spectrograms, "n_frames": n_frames} | kept


def measure_scale(settings: AudioVAESettings, dataset: AudioSet) -> Scale:
    """The scale of the training sounds, up to the longest of all, or max_seconds, and at least two windows of the FFT.

    Raises: UsageError when they are all silent.
    """
    spectrogram = dataclasses.replace(settings.spectrogram, sample_rate_hz=dataset.sample_rate_hz)
    n_samples = longest_sound(dataset, settings.max_seconds, spectrogram.n_fft)
    sounds = Sounds(*dataset.split("train")[:2])
    return Scale.measure(sounds, spectrogram, spectrogram.n_frames(n_samples), settings.representation)


def held_out_elbo(
    model: nn.Module,
    model_config: SpectrogramVAEConfig,
    dataset: AudioSet,
    split: str,
    scale: Scale,
    runtime: Runtime,
    limit: int | None = None,
) -> dict[str, float]:
    """Negative ELBO (`loss`) and its terms per sound of a split's first `limit` sounds, in nats."""
    sounds = tensors_of(dataset, split, limit)
    return held_out_terms(model, sounds, model_config.latent_dim, split, elbo_step, runtime, partial(seen, scale))


def evaluate(tree: dict[str, Any], given: GivenAudioClassifier | None = None) -> dict[str, float]:
    """Negative ELBO and its terms on the test split, nats per sound; how long generated sounds are, beside real ones.

    On dtmf-digits also what the exchange decodes of generated sounds; `ceiling_accuracy` is what it decodes of real
    test sounds after their own way to spectrograms and back. With a classifier also what they are worth by it:
    `speech_report`.
    """
    settings = config.from_dict(AudioVAESettings, tree["config"]["settings"])
    data_config = tree["config"]["data"]
    scale = config.from_dict(Scale, data_config["scale"])
    dataset = load_set(settings.data, AudioSet)
    runtime = Runtime(settings.loop)
    classifier = None if given is None else audio_classifier_of(dataset, given, runtime.device)
    model = rebuild(tree)
    model.load_state_dict(weights_of(tree))
    model = model.to(runtime.device).eval()
    terms = held_out_elbo(model, model.config, dataset, "test", scale, runtime)
    result = {"negative_elbo_nats": terms.pop("loss")} | terms
    labels, speakers = asked_in_turn(settings.evaluation_samples, dataset)
    sounds = sample_sounds(model, data_config, labels, seed=settings.loop.seed, speakers=speakers)
    for name, lengths in (("", sounds.lengths), ("real_", dataset.lengths["test"])):
        seconds = lengths.double() / dataset.sample_rate_hz
        deviation = seconds.std(correction=0).item()
        result |= {f"{name}mean_seconds": seconds.mean().item(), f"{name}seconds_deviation": deviation}
    scale = scale.with_vocoder(model.vocoder)
    if dataset.name == dtmf_digits.NAME:
        result |= _dialled(sounds, labels, dataset, scale)
    return result | (speech_report(sounds, labels, dataset, scale, classifier) if classifier else {})


def _dialled(sounds: Sounds, labels: torch.Tensor, dataset: AudioSet, scale: Scale) -> dict[str, float]:
    """What the exchange decodes of generated sounds, and of as many real ones after there and back."""
    waveforms, lengths, real_labels = (tensor[: len(labels)] for tensor in dataset.split("test"))
    again = scale.there_and_back(Sounds(waveforms, lengths), seed=0)
    ceiling = dtmf_digits.grade(again.waveforms, real_labels)["label_accuracy"]
    return dialled(sounds.waveforms, labels) | {"ceiling_accuracy": cast(float, ceiling)}


RECIPE = Recipe(
    name="audio-vae",
    kind="audio",
    summary="a VAE of spectrograms that makes the sound of a class asked for",
    settings_type=AudioVAESettings,
    profile=profile,
    presets=PRESETS,
    train=train,
    evaluate=evaluate,
    classifier=CLASSIFIER,
)

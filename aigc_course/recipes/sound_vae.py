"""What the two VAEs of sounds share: what they are told and asked for, and how they are measured."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from aigc_course.data import dtmf_digits
from aigc_course.data.batches import Batch, generator
from aigc_course.data.sets import AudioSet
from aigc_course.recipes.elbo import mean_metrics
from aigc_course.training import Runtime
from aigc_course.training.loop import StepFunction

AT_ONCE = 100  # sounds, where there is no gradient


def several(names: Sequence[str]) -> int:
    """How many there are to choose from; 0 for one alone."""
    return len(names) if len(names) > 1 else 0


def told(dataset: AudioSet, split: str) -> Batch:
    """Labels (N,) and speakers (N,) of a split, each where there are several.

    With one class or one speaker alone there is nothing to ask for: a model isn't told of it.
    """
    conditions = {"labels": dataset.labels[split]} if several(dataset.class_names) else {}
    return conditions | ({"speakers": dataset.speakers[split]} if several(dataset.speaker_names) else {})


def described(dataset: AudioSet) -> dict[str, Any]:
    """What a checkpoint says of the sounds that its model learned from."""
    return {
        "name": dataset.name,
        "class_names": list(dataset.class_names),
        "speaker_names": list(dataset.speaker_names),
        "sample_rate_hz": dataset.sample_rate_hz,
    }


def longest_sound(dataset: AudioSet, max_seconds: float, n_fft: int) -> int:
    """Samples of the longest sound, at most max_seconds, and at least two windows of the FFT."""
    longest = max(int(lengths.max()) for lengths in dataset.lengths.values())
    return max(min(longest, round(max_seconds * dataset.sample_rate_hz)), 2 * n_fft)


def held_out_terms(
    model: nn.Module,
    sounds: Batch,
    latent_dim: int,
    purpose: str,
    step_fn: StepFunction,
    runtime: Runtime,
    transform: Callable[[Batch], Batch] = lambda batch: batch,
) -> dict[str, float]:
    """The step's loss and terms, means over `sounds`, of which `transform` makes what the step takes.

    The noise (N, latent_dim) is the same at every call, so that figures of one run can be compared.
    """

    def batches() -> Iterator[Batch]:
        count = len(next(iter(sounds.values())))
        for number, rows in enumerate(torch.arange(count).split(AT_ONCE)):
            noise = torch.randn((len(rows), latent_dim), generator=generator(0, f"held-out/{purpose}", number))
            yield transform({name: tensor[rows] for name, tensor in sounds.items()}) | {"noise": noise}

    return mean_metrics(model, batches(), step_fn, runtime)


def anyone(speakers: Tensor | None, count: int, n_speakers: int, source: torch.Generator) -> Tensor | None:
    """The speakers who were asked for, or (count,) at random; None where the model knows none."""
    if speakers is None and n_speakers:
        return torch.randint(0, n_speakers, (count,), generator=source)
    return speakers


def asked_in_turn(count: int, dataset: AudioSet) -> tuple[Tensor, Tensor | None]:
    """Labels (count,) and speakers (count,), every speaker saying every class equally often, up to a remainder.

    Speakers are None where there are not several to choose from.
    """
    number, n_classes, n_speakers = torch.arange(count), len(dataset.class_names), several(dataset.speaker_names)
    return number % n_classes, number // n_classes % n_speakers if n_speakers else None


def dialled(waveforms: Tensor, labels: Tensor) -> dict[str, float]:
    """How often the telephone exchange decodes generated sounds as the digit asked for, and as any."""
    grades = dtmf_digits.grade(waveforms, labels)
    return {name: cast(float, grades[name]) for name in ("label_accuracy", "decoded_rate")}

"""How long a redraw of each explorer takes, from a moved control to the PNG: the limit is 100 ms on two cores.

    python benchmarks/widgets.py [--rounds 15] [--json PATH]

Explorers are found in aigc_course.widgets; those that need data get small random ones. Exits with 1 above the limit.
"""

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable

import torch
from measure import Row, machine, rounds, write_result

from aigc_course import audio, widgets
from aigc_course.data import load_dataset
from aigc_course.data.sets import ImageSet
from aigc_course.data.tokenizer import BPETokenizer
from aigc_course.generators import TextGenerator
from aigc_course.models.gpt import GPT
from aigc_course.models.vae import ConvVAE
from aigc_course.recipes import image_vae, text_gpt
from aigc_course.widgets.controls import Button, Choice, Control, LogSlider, Play, Slider, Toggle
from aigc_course.widgets.explorer import Explorer
from aigc_course.widgets.writing import Line

LIMIT_SECONDS = 0.1
BUTTONS_ALONE = ("BlindTest",)  # nothing to move


def main() -> int:
    """Print a line for each explorer. Returns: how many are above the limit, at most 1."""
    print(machine())
    slow, rows = 0, []
    for name in (name for name in widgets.__all__ if name not in BUTTONS_ALONE):
        explorer = made(name)
        seconds = redraw_seconds(explorer, rounds(15))
        median, longest = statistics.median(seconds), max(seconds)
        slow += median > LIMIT_SECONDS
        times = tuple(1000 * each for each in seconds)
        rows.append(Row(what=name, unit="ms", ours=times, limit=1000 * LIMIT_SECONDS))
        print(f"  {name:28s} median {1000 * median:4.0f} ms  longest {1000 * longest:4.0f} ms  (limit 100 ms)")
    write_result("from a moved control to the new picture", rows)
    return min(slow, 1)


def made(name: str) -> Explorer:
    """The explorer `name` with the data that it needs."""
    generator = torch.Generator().manual_seed(0)
    tokens = [f"token{i}" for i in range(24)]
    causal = torch.ones(24, 24).tril().log()
    arguments: dict[str, Callable[[], tuple[object, ...]]] = {
        "CodeExplorer": lambda: (decoder(generator), torch.randn(500, 8, generator=generator)),
        "AttentionViewer": lambda: ((torch.randn(4, 4, 24, 24, generator=generator) + causal).softmax(-1), tokens),
        "SamplingExplorer": lambda: (3 * torch.randn(24, generator=generator), tokens),
        "WritingExplorer": lambda: (untrained_writer(), "the cat"),
        "LatentExplorer": lambda: untrained_painter(generator),
        "SoundExplorer": lambda: (LinearVoice(generator), load_dataset("dtmf-digits")),
    }
    explorer: Explorer = getattr(widgets, name)(*arguments.get(name, tuple)())
    return explorer


def decoder(generator: torch.Generator) -> Callable[[torch.Tensor], torch.Tensor]:
    """A linear map from codes (B, 8) to images (B, 1, 28, 28) in [0, 1]."""
    weights = torch.randn(8, 784, generator=generator)
    return lambda codes: (codes.float() @ weights).sigmoid().reshape(-1, 1, 28, 28)


def untrained_writer() -> TextGenerator:
    """A model of the quick profile's size with random weights, which never ends a text early."""
    tokenizer = BPETokenizer.from_text("the cat sat on the mat, the hat", vocab_size=1536)
    settings = text_gpt.profile("quick").model
    model = GPT(dataclasses.replace(settings, vocab_size=len(tokenizer)))
    return TextGenerator(model, tokenizer)


def untrained_painter(generator: torch.Generator) -> tuple[ConvVAE, ImageSet]:
    """A VAE of the laptop profile's size with random weights, and as many images as the explorer shows."""
    model = ConvVAE(dataclasses.replace(image_vae.profile("laptop").model, n_classes=10))
    images = torch.randint(0, 256, (1000, 1, 28, 28), dtype=torch.uint8, generator=generator)
    names = tuple("0123456789")
    return model, ImageSet(
        name="noise", images={"test": images}, labels={"test": torch.arange(1000) % 10}, class_names=names
    )


class LinearVoice:
    """A linear map from z to a spectrogram of 0.4 s, then 64 iterations of Griffin-Lim: as in a redraw of sounds."""

    latent_dim, class_names, speaker_names, sample_rate_hz = 4, tuple("0123456789"), (), 8000

    def __init__(self, generator: torch.Generator) -> None:
        self.spectrogram = audio.SpectrogramConfig()
        self.weights = torch.randn(4, 129 * 51, generator=generator)

    def decode(self, z: torch.Tensor, label: int | None = None, speaker: int | None = None) -> torch.Tensor:
        """z (4,) -> (3200,)"""
        levels = -40 + (label or 0) + (speaker or 0) + 4 * (z @ self.weights).reshape(1, 129, 51)
        return audio.normalise_peak(audio.invert(levels, self.spectrogram, n_iterations=64))[0]

    def posterior(
        self,
        waveforms: torch.Tensor,
        lengths: torch.Tensor,  # noqa: ARG002
        labels: torch.Tensor | None,  # noqa: ARG002
        speakers: torch.Tensor | None,  # noqa: ARG002
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Nothing that was learned: it is asked once, before the first redraw."""
        mu = torch.randn(len(waveforms), 4, generator=torch.Generator().manual_seed(0))
        return mu, torch.full_like(mu, -1.0)


def redraw_seconds(explorer: Explorer, count: int) -> list[float]:
    """Seconds of each redraw: every control is moved between two values, `count` times."""
    explorer.redraw()
    seconds = []
    for control in explorer.controls.values():
        values = two_values(control)
        for number in range(count if values else 0):
            begin = time.perf_counter()
            explorer.set(**{control.name: values[number % 2]})
            seconds.append(time.perf_counter() - begin)
    return seconds


def two_values(control: Control) -> list[object]:
    """Two values of a control, its present one among them; none for a button."""
    if isinstance(control, Button):
        return []
    if isinstance(control, Slider | LogSlider):
        return [control.high if control.value == control.low else control.low, control.value]
    if isinstance(control, Choice):
        options = list(control.options.values() if isinstance(control.options, dict) else control.options)
        return [options[-1], options[0]]
    if isinstance(control, Toggle):
        return [not control.value, control.value]
    if isinstance(control, Play):
        return [1, 2]
    return ["the dog", control.value] if isinstance(control, Line) else []


if __name__ == "__main__":
    sys.exit(main())

"""From spectrograms to sound: the course's vocoder against Griffin-Lim, and generation against librosa's, one by one.

Inversion: the test sounds of the vocoder's data, to spectrograms and back, in batches of 50; first what is left of them
(`recipes.evaluate`), then seconds of sound a second. Griffin-Lim is torchaudio's in 32 rounds with momentum, on the
linear spectrogram that least squares find behind the mel bands.

Generation: 64 sounds of one second each, from z to waveforms, by an audio-vae of the laptop profile's size with random
weights (what it draws doesn't change its time) and, as the last step, the vocoder, torchaudio's Griffin-Lim in a batch,
or librosa's with as many rounds for one sound after another. librosa gets linear magnitudes for nothing, without the
way to them from mel bands. Run it on an idle machine:

    python benchmarks/sound.py VOCODER_RUN [--classifier RUN] [--rounds 3] [--json PATH]
"""

import argparse
from collections.abc import Callable

import librosa
import torch
from measure import Row, Timing, rate_row, ratio, rounds, show, side_by_side, write_result

from aigc_course import recipes
from aigc_course.audio import band_filters, invert, log_spectrogram, normalise_peak
from aigc_course.data.sets import AudioSet
from aigc_course.models.audio_vae import SpectrogramVAE, SpectrogramVAEConfig
from aigc_course.recipes.audio_vae_settings import profile
from aigc_course.recipes.recipe import load_set
from aigc_course.recipes.trained_vocoder import TrainedVocoder, load_vocoder
from aigc_course.recipes.vocoder import GRIFFIN_LIM_ITERATIONS

TITLE = "from spectrograms to sound"
AT_ONCE, CLIPS, CLIP_SECONDS = 50, 64, 1.0
MEAN_DB, DEVIATION_DB = -50.0, 15.0  # of the drawn spectrograms, about those of speech


def inversion_ways(vocoder: TrainedVocoder, data: str) -> dict[str, Callable[[], int]]:
    """Each way takes all test sounds from their spectrograms back to sound, which makes so many milliseconds."""
    config = vocoder.spectrogram
    waveforms, lengths, _ = load_set(data, AudioSet).split("test")
    parts = [
        log_spectrogram(normalise_peak(part)[:, : max(int(ends.max()), 2 * config.n_fft)], config)
        for part, ends in zip(waveforms.split(AT_ONCE), lengths.split(AT_ONCE), strict=True)
    ]

    def run(way: Callable[[torch.Tensor], torch.Tensor]) -> int:
        return sum(way(part).numel() for part in parts) * 1000 // config.sample_rate_hz

    return {
        "inversion: learned": lambda: run(vocoder.waveforms),
        "inversion: Griffin-Lim": lambda: run(lambda db: invert(db, config, n_iterations=GRIFFIN_LIM_ITERATIONS)),
    }


@torch.no_grad()
def generation_ways(vocoder: TrainedVocoder) -> dict[str, Callable[[], int]]:
    """Each way makes 64 sounds of a second, and returns how many milliseconds it made."""
    config = vocoder.spectrogram
    n_frames = config.n_frames(round(CLIP_SECONDS * config.sample_rate_hz))
    settings = profile("laptop").model
    model = SpectrogramVAE(
        SpectrogramVAEConfig(
            n_bins=config.n_bins,
            max_frames=n_frames,
            latent_dim=settings.latent_dim,
            width=settings.width,
            n_classes=10,
        )
    ).eval()
    labels, lengths = torch.arange(CLIPS) % 10, torch.full((CLIPS,), n_frames)

    def spectrograms() -> torch.Tensor:
        with torch.no_grad():
            drawn = model.decode(torch.randn(CLIPS, settings.latent_dim), lengths, labels)
        return drawn * DEVIATION_DB + MEAN_DB

    linear = (10 ** (spectrograms() / 20).transpose(1, 2) @ band_filters(config).T).transpose(1, 2).numpy()

    def one_by_one() -> int:
        spectrograms()
        made = [
            librosa.griffinlim(magnitude, n_iter=GRIFFIN_LIM_ITERATIONS, hop_length=config.hop_length, random_state=0)
            for magnitude in linear
        ]
        return sum(map(len, made)) * 1000 // config.sample_rate_hz

    def in_a_batch(way: Callable[[torch.Tensor], torch.Tensor]) -> int:
        return way(spectrograms()).numel() * 1000 // config.sample_rate_hz

    return {
        "generation: vocoder": lambda: in_a_batch(vocoder.waveforms),
        "generation: Griffin-Lim, batch": lambda: in_a_batch(
            lambda db: invert(db, config, n_iterations=GRIFFIN_LIM_ITERATIONS)
        ),
        "generation: librosa, one by one": one_by_one,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Inversion and generation of sound, timed.")
    parser.add_argument("vocoder", help="a finished run of vocoder")
    parser.add_argument("--classifier", help="a run of audio-classifier on the same data")
    given = parser.parse_known_args()[0]
    vocoder = load_vocoder(given.vocoder)
    _, tree = recipes.read_run(given.vocoder)
    found = recipes.evaluate(given.vocoder, given.classifier)
    for name, value in found.items():
        print(f"{name:45s} {value:.4g}")
    timings: dict[str, Timing] = {}
    for ways in (inversion_ways(vocoder, tree["config"]["settings"]["data"]), generation_ways(vocoder)):
        timings |= side_by_side(ways, rounds=rounds(3), unit="ms of sound")
    pairs = {
        "learned / Griffin-Lim": ("inversion: learned", "inversion: Griffin-Lim"),
        "generation / librosa": ("generation: vocoder", "generation: librosa, one by one"),
    }
    ratios = {name: ratio(timings[fast], timings[slow]) for name, (fast, slow) in pairs.items()}
    for name, timing in timings.items():
        low, high = min(timing.rates) / 1000, max(timing.rates) / 1000
        ratios[f"{name}, times real time"] = (timing.median / 1000, low, high)
    show(TITLE, timings, ratios)
    write_result(TITLE, quality_rows(found) + speed_rows(timings))


def quality_rows(found: dict[str, float]) -> list[Row]:
    """What is left of the test sounds after the vocoder, and after Griffin-Lim."""
    names = [name.removeprefix("griffin_lim_") for name in found if name.startswith("griffin_lim_")]
    return [
        Row(
            what="inversion / Griffin-Lim",
            unit=name.replace("_", " "),
            ours=(found[f"learned_{name}"],),
            peer=(found[f"griffin_lim_{name}"],),
        )
        for name in names
        if not name.endswith(("_standard_error", "times_real_time"))
    ]


def speed_rows(timings: dict[str, Timing]) -> list[Row]:
    """Seconds of sound a second."""
    seconds = {
        name: Timing(name=name, unit="s of sound", rates=tuple(rate / 1000 for rate in timing.rates))
        for name, timing in timings.items()
    }
    made = seconds["generation: vocoder"]
    return [
        rate_row("inversion / Griffin-Lim", seconds["inversion: learned"], seconds["inversion: Griffin-Lim"]),
        rate_row("generation / Griffin-Lim, batch", made, seconds["generation: Griffin-Lim, batch"]),
        rate_row("generation / librosa, one by one", made, seconds["generation: librosa, one by one"]),
    ]


if __name__ == "__main__":
    main()

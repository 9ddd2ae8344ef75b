"""`aigc-course train` and `aigc-course evaluate`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="text-gpt, image-gan, image-vae, audio-vae, waveform-vae, vocoder, image-classifier or "
            "audio-classifier."
        ),
    ],
    profile: Annotated[
        str | None, typer.Option(help="quick, laptop or full; by default AIGC_PROFILE, else quick.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="A method: dcgan, sngan or modern for image-gan; mlp, conv, ladder or conv-ladder for "
            "image-vae; complex for audio-vae; spectrum for waveform-vae."
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="A data set's name, or a folder of your own files (or a text file).")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a setting, as loop.steps=500; may be repeated."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    run_dir: Annotated[
        Path | None, typer.Option(help="Where the run is written; by default a new directory in runs.")
    ] = None,
) -> None:
    """Train a model; Ctrl-C saves and stops, --resume goes on."""
    from aigc_course import recipes

    run = recipes.train(
        recipe,
        profile=profile,
        preset=preset,
        data=data,
        overrides=settings or [],
        resume=resume,
        run_dir=run_dir,
    )
    if run.interrupted:
        typer.echo(f"Stopped and saved. To go on: the same command with --resume --run-dir {run.directory}")
        raise typer.Exit(130)
    _show(run.metrics)
    next_step = (
        "Try it: aigc-course generate" if recipes.get_recipe(recipe).generates else "Measure it: aigc-course evaluate"
    )
    typer.echo(f"\nThe run is in {run.directory}\n{next_step} {run.directory}")


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run's directory or a checkpoint.")],
    classifier: Annotated[
        Path | None,
        typer.Option(
            help="A run of image-classifier or audio-classifier, to measure images or sounds by; by default the newest "
            "one on the same data, if any."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure a trained model against held-out data, its oracle, and a classifier's view of what it makes."""
    from aigc_course import recipes

    chosen = classifier or recipes.newest_classifier(run)
    if chosen:
        typer.echo(f"What it makes is measured by the classifier in {chosen}", err=True)
    metrics = recipes.evaluate(run, chosen)
    if as_json:
        typer.echo(json.dumps(metrics, indent=2))
    else:
        _show(metrics)
    if "feature_dim" in metrics and "frechet_distance" not in metrics:
        typer.echo(
            f"No Fréchet distance: n must be above the {metrics['feature_dim']} features of the classifier, but is "
            f"{metrics['n']}, the smaller of the number drawn and half of the test split",
            err=True,
        )


def _show(metrics: dict[str, Any]) -> None:
    """Print the metrics as an aligned table."""
    width = max((len(name) for name in metrics), default=0)
    for name, value in metrics.items():
        typer.echo(f"{name:<{width}}  {f'{value:.4g}' if isinstance(value, float) else value}")

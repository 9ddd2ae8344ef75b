"""`aigc-course serve`."""

from typing import Annotated

import typer


def serve(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[[NAME=]RUN]...",
            help="Runs' directories or checkpoints; by default the newest finished run of each recipe.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on; by default this machine alone is answered.")] = (
        "127.0.0.1"
    ),
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="By default the first free one from 7860 on; 0: any free one.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long a request may take, waiting included.")] = 30.0,
    queue: Annotated[int, typer.Option(help="How many requests may wait.")] = 32,
    workers: Annotated[int, typer.Option(help="How many models may work at the same time.")] = 1,
) -> None:
    """Serve trained models: a page for people and a JSON API, until Ctrl-C."""
    from aigc_course import serving

    limits = serving.Limits(seconds=seconds, queue_length=queue, workers=workers)
    chosen = serving.named_runs(runs) if runs else serving.finished_runs()
    with serving.bind(host, port) as bound:  # a port that is taken shows before models are loaded
        models = serving.load_models(chosen)
        for name, run in chosen.items():
            typer.echo(f"{name}: {models[name].kind} by {run}")
        address = serving.address_of(bound)
        typer.echo(f"The page is at {address}, the JSON API at {address}/v1; Ctrl-C stops the server.")
        serving.serve(models, bound, limits)

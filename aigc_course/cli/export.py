"""`aigc-course export` and `aigc-course card`."""

from pathlib import Path
from typing import Annotated, cast

import typer


def export(
    run: Annotated[Path, typer.Argument(help="A run's directory or a checkpoint.")],
    to: Annotated[
        str,
        typer.Option(
            help="safetensors: weights and config.json; torch: for torch.export.load; onnx: for onnxruntime; int8: the "
            "same with 8-bit weights."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Where to write it: .pt2, .onnx, or a folder for safetensors.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what stands there.")] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="onnx and int8: also say what the outputs are worth.")
    ] = False,
) -> None:
    """Write a model in a form that is used without its training."""
    from aigc_course import export as exporting
    from aigc_course.errors import UsageError

    if measure and to in ("safetensors", "torch"):
        raise UsageError("--measure runs ONNX models; `aigc-course evaluate RUN` measures the run itself")
    from aigc_course.export.forms import Form

    done = exporting.export_model(run, cast(Form, to), out, overwrite=force)
    typer.echo(f"wrote {done.path} ({done.size_bytes:,} bytes): {done.meaning}")
    if to != "safetensors":
        typer.echo(f"the largest difference to the model's outputs, on random inputs: {done.largest_difference:.2g}")
    if measure:
        for name, value in exporting.measure(done.path).items():
            typer.echo(f"{name}  {value:.4g}" if isinstance(value, float) else f"{name}  {value}")


def card(
    run: Annotated[Path, typer.Argument(help="A run's directory or a checkpoint.")],
    out: Annotated[Path | None, typer.Option(help="Where to write it, as .md; by default it is printed.")] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Measure the model first, as `aigc-course evaluate` does.")
    ] = False,
) -> None:
    """Write a model's card: its data and licence, how it was made, what it reaches, and what it is not for."""
    from aigc_course import recipes
    from aigc_course.export.card import markdown_card, write_card

    metrics = recipes.evaluate(run) if evaluate else None
    if out is None:
        typer.echo(markdown_card(run, metrics))
    else:
        typer.echo(f"wrote {write_card(run, out, metrics)}")

"""`aigc-course generate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from aigc_course.errors import UsageError


def generate(
    run: Annotated[Path, typer.Argument(help="A run's directory or a checkpoint.")],
    prompt: Annotated[str | None, typer.Option(help="Text models: what the text begins with.")] = None,
    num: Annotated[int | None, typer.Option(min=1, help="How many texts or images, or samples of sound.")] = None,
    label: Annotated[int | None, typer.Option(min=0, help="Conditional models: the class to make.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same result.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0.0, help="How far samples stray; 0: not at all.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write it: .txt, .png or .wav.")] = None,
) -> None:
    """Make text, images or sound with a trained model."""
    from aigc_course import generators

    generator = generators.load_generator(run)
    given = {"prompt": prompt, "num": num, "label": label, "seed": seed, "temperature": temperature}
    options = {name: value for name, value in given.items() if value is not None}
    if isinstance(generator, generators.TextGenerator):
        result, suffix = _text(generator, options), ".txt"
    elif isinstance(generator, generators.ImageGenerator):
        if "temperature" in options:
            raise UsageError("an image model takes no --temperature")
        result, suffix = _made(generator.generate_images, "num_images", options, "images"), ".png"
    else:
        result, suffix = _made(generator.generate_audio, "num_samples", options, "sound"), ".wav"
    if out is None and suffix == ".txt":
        typer.echo(str(result))
        return
    path = out or Path("generated" + suffix)
    if path.suffix != suffix:
        raise UsageError(f"this model makes {suffix} files, but --out is {str(path)!r}; give it the ending {suffix}")
    result.save(path)
    typer.echo(f"wrote {path}")


def _text(generator: Any, options: dict[str, Any]) -> Any:
    """Text that goes on from the prompt."""
    options = dict(options)
    if "label" in options:
        raise UsageError("a text model has no classes, so it takes no --label; begin the text with --prompt")
    if "num" in options:
        options["num_texts"] = options.pop("num")
    return generator.generate(options.pop("prompt", ""), **options)


def _made(method: Any, number: str, options: dict[str, Any], what: str) -> Any:
    """Images or sounds: `number` is what the method calls their count."""
    if "prompt" in options:
        raise UsageError(f"this model makes {what} and takes no --prompt; choose a class by --label")
    names = {"num": number, "label": "label", "seed": "seed", "temperature": "temperature"}
    return method(**{names[name]: value for name, value in options.items()})

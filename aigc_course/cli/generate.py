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
    speaker: Annotated[str | None, typer.Option(help="Audio models: who says it, by name.")] = None,
    sample_rate: Annotated[int | None, typer.Option(min=1, help="Audio models: of the WAV file, in Hz.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same result.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0.0, help="How far samples stray; 0: not at all.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Text models: sample among the K likeliest tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Text models: among those that hold this share.")] = None,
    repetition_penalty: Annotated[
        float | None, typer.Option(help="Text models: above 1 makes repeats less likely.")
    ] = None,
    stop: Annotated[
        list[str] | None, typer.Option(help="Text models: end before this string; may be given again.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Text models: write the text as it comes.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where to write it: .txt, .png or .wav.")] = None,
) -> None:
    """Make text, images or sound with a trained model."""
    from aigc_course import generators

    generator = generators.load_generator(run)
    given = {"prompt": prompt, "num": num, "label": label, "seed": seed, "temperature": temperature}
    given_to_text = {"top_k": top_k, "top_p": top_p, "repetition_penalty": repetition_penalty, "stop": stop or None}
    options = {name: value for name, value in given.items() if value is not None}
    of_text = {name: value for name, value in given_to_text.items() if value is not None}
    if stream:
        of_text["stream"] = True
    of_sound = {
        name: value for name, value in {"speaker": speaker, "sample_rate": sample_rate}.items() if value is not None
    }
    for kind, what, alone in (
        (generators.TextGenerator, "text", of_text),
        (generators.AudioGenerator, "audio", of_sound),
    ):
        if not isinstance(generator, kind) and alone:
            raise UsageError(f"only {what} models take --{next(iter(alone)).replace('_', '-')}")
    if isinstance(generator, generators.TextGenerator):
        result, suffix = _text(generator, options | of_text), ".txt"
    elif isinstance(generator, generators.ImageGenerator):
        result, suffix = _made(generator.generate_images, "num_images", options, "images"), ".png"
    else:
        result, suffix = _made(generator.generate_audio, "num_samples", options | of_sound, "sound"), ".wav"
    if out is None and suffix == ".txt":
        if not stream:  # it stands there already
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
    return method(**{number if name == "num" else name: value for name, value in options.items()})

"""From a checked request to its answer: what a worker's thread does."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from aigc_course.generators import AudioGenerator, ImageGenerator, TextGenerator
from aigc_course.generators.provenance import generated_note
from aigc_course.serving.models import ServedModel
from aigc_course.serving.requests import AudioRequest, ImagesRequest, TextRequest


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a client gets: facts as JSON, or the bytes of one file."""

    facts: dict[str, Any]
    file: bytes = b""


def write_text(model: ServedModel, asked: TextRequest, seed: int) -> Iterator[str | Answer]:
    """The continuation piece by piece, then the answer, whose text begins with the prompt."""
    generator = cast(TextGenerator, model.generator)
    options = asked.model_dump(exclude={"model", "prompt", "seed"})
    written = []
    for piece in generator.stream(asked.prompt, seed=seed, **options):
        written.append(piece)
        yield piece
    yield Answer(facts=_facts(model, seed) | {"text": asked.prompt + "".join(written)})


def paint(model: ServedModel, asked: ImagesRequest, seed: int, as_file: bool) -> Iterator[Answer]:
    """The images, each as a PNG; or all in one PNG file."""
    generator = cast(ImageGenerator, model.generator)
    made = generator.generate_images(asked.num_images, label=asked.label, seed=seed)
    facts = _facts(model, seed)
    if as_file:
        yield Answer(facts=facts, file=made.to_png())
        return
    pairs = zip(made.to_pngs(), made.captions, strict=True)
    yield Answer(facts=facts | {"images": [{"png": _base64(png), "label": label} for png, label in pairs]})


def speak(model: ServedModel, asked: AudioRequest, seed: int, as_file: bool) -> Iterator[Answer]:
    """The sound as a WAV, in JSON or alone."""
    generator = cast(AudioGenerator, model.generator)
    options = asked.model_dump(exclude={"model", "seed"})
    made = generator.generate_audio(options.pop("num_samples"), seed=seed, **options)
    facts = _facts(model, seed)
    if as_file:
        yield Answer(facts=facts, file=made.to_wav())
        return
    said = {"sample_rate_hz": made.sample_rate_hz, "seconds": made.seconds, "caption": made.caption}
    yield Answer(facts=facts | said | {"wav": _base64(made.to_wav())})


def _facts(model: ServedModel, seed: int) -> dict[str, Any]:
    """What every answer says: who made it, and the seed that gives it again."""
    made_by = model.generator.made_by
    provenance = {"generated": True, "made_by": made_by, "note": generated_note(made_by)}
    return {"model": model.name, "kind": model.kind, "seed": seed, "provenance": provenance}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

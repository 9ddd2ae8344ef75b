"""What the buttons of the page do: requests to the service, and answers as what the page shows."""

import contextlib
import html
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import gradio as gr
from pydantic import ValidationError

from aigc_course.errors import CourseError
from aigc_course.serving.api import in_words
from aigc_course.serving.errors import ClientLeft, InvalidArguments, ServingError, serving_error
from aigc_course.serving.jobs import Job
from aigc_course.serving.log import log_fault, log_request
from aigc_course.serving.makers import Answer
from aigc_course.serving.requests import AudioRequest, ImagesRequest, TextRequest
from aigc_course.serving.service import Service

Handler = Callable[..., AsyncGenerator[Any, None]]

_BEAT_SECONDS = 0.5  # how soon a visitor who left is noticed
_SHOWN_EVERY_SECONDS = 0.1  # text on the screen, at most
_WAITING, _WRITING = "Waiting for others to be served…", "Writing…"


def text_handler(service: Service) -> Handler:
    """Values of the controls -> (text so far, note) again and again."""

    async def write(
        model: str, prompt: str, max_length: int, temperature: float, top_p: float, seed: str
    ) -> AsyncGenerator[tuple[str, str], None]:
        asked = TextRequest(
            model=model, prompt=prompt, max_length=max_length, temperature=temperature, top_p=top_p, seed=_number(seed)
        )
        text, shown = prompt, 0.0
        async with _results(service.text(asked)) as results:
            async for result in results:
                if isinstance(result, Answer):
                    yield result.facts["text"], _note(result)
                    return
                text += result or ""
                if time.monotonic() - shown > _SHOWN_EVERY_SECONDS:
                    shown = time.monotonic()
                    yield text, _WRITING if text != prompt else _WAITING

    return _told("text", write)


def images_handler(service: Service) -> Handler:
    """Values of the controls -> (HTML, note)."""

    async def paint(model: str, num_images: int, label: str, seed: str) -> AsyncGenerator[tuple[str, str], None]:
        asked = ImagesRequest(model=model, num_images=num_images, label=label or None, seed=_number(seed))
        async with _results(service.images(asked)) as results:
            async for result in results:
                yield (_grid(result.facts["images"]), _note(result)) if result else ("", _WAITING)

    return _told("images", paint)


def audio_handler(service: Service) -> Handler:
    """Values of the controls -> (HTML, note)."""

    async def speak(
        model: str, label: str, speaker: str, temperature: float, seed: str
    ) -> AsyncGenerator[tuple[str, str], None]:
        asked = AudioRequest(
            model=model, label=label or None, speaker=speaker or None, temperature=temperature, seed=_number(seed)
        )
        async with _results(service.audio(asked)) as results:
            async for result in results:
                yield (_player(result.facts), _note(result)) if result else ("", _WAITING)

    return _told("audio", speak)


def _results(job: Job) -> contextlib.aclosing:
    """The job's results, with a None now and then, at which Gradio closes what nobody looks at any more."""
    return contextlib.aclosing(job.results(_BEAT_SECONDS))


def _told(kind: str, handler: Handler) -> Handler:
    """The handler with its errors as messages on the page, and a line in the log."""

    async def visit(*values: Any) -> AsyncGenerator[Any, None]:
        begun = time.monotonic()
        told: ServingError | None = ClientLeft()
        try:
            async with contextlib.aclosing(handler(*values)) as updates:
                async for update in updates:
                    yield update
            told = None
        except Exception as error:
            if isinstance(error, ValidationError):
                told = InvalidArguments(in_words(error.errors()))
            else:
                told = serving_error(error)
                if not isinstance(error, CourseError):
                    log_fault(error)
            raise gr.Error(str(told), print_exception=False) from None
        finally:
            status, error_type = (told.status, told.type) if told else (200, "")
            log_request("PAGE", kind, status, time.monotonic() - begun, error_type)

    return visit


def _number(typed: Any) -> Any:
    """The number that was typed, None for nothing; what is neither goes on as it is, to be refused."""
    if typed in ("", None):
        return None
    try:
        return int(typed)
    except (TypeError, ValueError):
        return typed


def _note(answer: Answer) -> str:
    return f"{answer.facts['provenance']['note']}. Seed {answer.facts['seed']}: the same seed gives this again."


def _grid(images: list[dict[str, str]]) -> str:
    figures = []
    for image in images:
        label = html.escape(image["label"])
        figures.append(
            f'<figure><img alt="generated image {label}" src="data:image/png;base64,{image["png"]}">'
            f"<figcaption>{label}</figcaption></figure>"
        )
    return f'<div class="made">{"".join(figures)}</div>'


def _player(facts: dict[str, Any]) -> str:
    said = html.escape(facts["caption"])
    source = f"data:audio/wav;base64,{facts['wav']}"
    return (
        f'<audio controls aria-label="generated sound" src="{source}"></audio><p>{said} ({facts["seconds"]:.1f} s)</p>'
    )

"""Requests to models: the one way to them, which the JSON API and the page share."""

import secrets
from collections.abc import Mapping
from functools import partial

from aigc_course.serving.errors import InvalidArguments, UnknownModel
from aigc_course.serving.jobs import Job, JobQueue
from aigc_course.serving.limits import Limits
from aigc_course.serving.makers import paint, speak, write_text
from aigc_course.serving.models import Kind, ServedModel
from aigc_course.serving.requests import AudioRequest, ImagesRequest, Request, TextRequest


class Service:
    """Models, limits and a queue. Each method checks a request and puts it into the queue.

    Raises: UnknownModel, InvalidArguments, QueueFull, NotReady; `Job.results` raises what comes later.
    """

    def __init__(self, models: Mapping[str, ServedModel], limits: Limits) -> None:
        self.models, self.limits = dict(models), limits
        self.queue = JobQueue(limits)

    def text(self, asked: TextRequest) -> Job:
        """Pieces of text (str) as they are written, then the answer."""
        limits, model = self.limits, self._model(asked.model, "text")
        _require("prompt", "characters", len(asked.prompt), limits.prompt_characters)
        _require("max_length", "characters", asked.max_length, limits.text_characters)
        _require("stop", "strings", len(asked.stop), limits.stop_strings)
        _require("stop", "characters", max(map(len, asked.stop), default=0), limits.prompt_characters)
        return self.queue.submit(model.name, partial(write_text, model, asked, _seed(asked)))

    def images(self, asked: ImagesRequest, *, as_file: bool = False) -> Job:
        """One answer: each image in JSON, or all as one PNG file."""
        model = self._model(asked.model, "images")
        _require("num_images", "images", asked.num_images, self.limits.images)
        return self.queue.submit(model.name, partial(paint, model, asked, _seed(asked), as_file))

    def audio(self, asked: AudioRequest, *, as_file: bool = False) -> Job:
        """One answer: the sound in JSON, or as a WAV file."""
        model = self._model(asked.model, "audio")
        words = (
            len(asked.label) if isinstance(asked.label, list) else len(model.class_names) if asked.label is None else 1
        )
        _require("label", "words", words, self.limits.words)
        rate = asked.sample_rate or model.sample_rate_hz
        _require("num_samples", "samples at this rate", asked.num_samples or 0, int(self.limits.audio_seconds * rate))
        return self.queue.submit(model.name, partial(speak, model, asked, _seed(asked), as_file))

    def _model(self, name: str, kind: Kind) -> ServedModel:
        """The served model of that name, which is looked up and never becomes part of a path."""
        fitting = ", ".join(model.name for model in self.models.values() if model.kind == kind) or "none"
        if name not in self.models:
            raise UnknownModel(f"no model of that name is served; models of {kind}: {fitting}")
        if self.models[name].kind != kind:
            raise InvalidArguments(f"{name} makes {self.models[name].kind}, not {kind}; models of {kind}: {fitting}")
        return self.models[name]


def _seed(asked: Request) -> int:
    return secrets.randbits(31) if asked.seed is None else asked.seed


def _require(argument: str, unit: str, given: int, most: int) -> None:
    if given > most:
        raise InvalidArguments(f"{argument} has {given:,} {unit}, but at most {most:,} are allowed")

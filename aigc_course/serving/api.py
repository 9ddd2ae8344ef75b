"""The JSON API."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from aigc_course.errors import CourseError
from aigc_course.serving.errors import (
    InvalidArguments,
    InvalidBody,
    MethodNotAllowed,
    NotFound,
    NotReady,
    ServingError,
    serving_error,
)
from aigc_course.serving.jobs import Job
from aigc_course.serving.makers import Answer
from aigc_course.serving.middleware import error_response
from aigc_course.serving.requests import AudioRequest, ImagesRequest, TextRequest
from aigc_course.serving.service import Service

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def add_routes(app: FastAPI, service: Service) -> None:
    """Give the app the routes of the API, and one shape for all its errors."""
    _add_health(app, service)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        listed = [model.facts for model in service.models.values()]
        return {"models": listed, "limits": asdict(service.limits)}

    @app.post("/v1/text")
    async def text(request: Request, asked: TextRequest) -> Response:
        return JSONResponse((await _answer(request, service.text(asked))).facts)

    @app.post("/v1/text/stream")
    async def stream(request: Request, asked: TextRequest) -> Response:
        results = _results(request, service.text(asked))
        first = await anext(results)  # an error before it has a status of its own
        return StreamingResponse(_events(request, first, results), media_type="text/event-stream")

    @app.post("/v1/images")
    async def images(request: Request, asked: ImagesRequest) -> Response:
        return JSONResponse((await _answer(request, service.images(asked))).facts)

    @app.post("/v1/images/grid")
    async def grid(request: Request, asked: ImagesRequest) -> Response:
        return _file(await _answer(request, service.images(asked, as_file=True)), "image/png")

    @app.post("/v1/audio")
    async def audio(request: Request, asked: AudioRequest) -> Response:
        return JSONResponse((await _answer(request, service.audio(asked))).facts)

    @app.post("/v1/audio/wav")
    async def wav(request: Request, asked: AudioRequest) -> Response:
        return _file(await _answer(request, service.audio(asked, as_file=True)), "audio/wav")

    _refuse_the_rest(app)
    _add_error_handlers(app)


def in_words(errors: Any) -> str:
    """What pydantic found wrong, for people: each argument and why, without what was given."""
    found = [f"{'.'.join(str(part) for part in error['loc'] if part != 'body')}: {error['msg']}" for error in errors]
    return "; ".join(found[:5])


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready")
    async def ready() -> dict[str, Any]:
        if not service.queue.is_ready:
            raise NotReady("the server takes no requests")
        return {"status": "ready", "models": list(service.models)} | service.queue.counts


def _refuse_the_rest(app: FastAPI) -> None:
    """Addresses below those of the API, and other methods, get its errors and never those of the page."""
    known = {getattr(route, "path", "") for route in app.routes}

    async def refuse(request: Request) -> None:
        if request.url.path in known:
            raise MethodNotAllowed("this address is not for that method; /openapi.json says which it takes")
        raise NotFound("there is no such address; GET /openapi.json lists those that there are")

    for pattern in ("/v1/{rest:path}", "/health/{rest:path}"):
        app.add_api_route(pattern, refuse, methods=_METHODS, include_in_schema=False)


def _add_error_handlers(app: FastAPI) -> None:
    async def on_course_error(request: Request, error: Exception) -> Response:
        return error_response(request.scope, serving_error(error))

    async def on_wrong_arguments(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = error.errors()
        if any(one["type"] == "json_invalid" or one["loc"] == ("body",) for one in errors):
            told: ServingError = InvalidBody("the body must be a JSON object, sent with Content-Type: application/json")
        else:
            told = InvalidArguments(in_words(errors))
        return error_response(request.scope, told)

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kinds: dict[int, ServingError] = {
            400: InvalidBody("the body can't be read; send JSON in UTF-8"),
            404: NotFound("there is no such address; GET /openapi.json lists those that there are"),
            405: MethodNotAllowed("this address is not for that method; /openapi.json says which it takes"),
        }
        return error_response(request.scope, kinds.get(error.status_code) or ServingError(str(error.detail)))

    app.add_exception_handler(CourseError, on_course_error)
    app.add_exception_handler(RequestValidationError, on_wrong_arguments)
    app.add_exception_handler(HTTPException, on_http_error)


async def _results(request: Request, job: Job) -> AsyncIterator[Any]:
    """The job's results; a client that leaves ends the job."""
    watcher = asyncio.create_task(_end_when_left(request, job))
    try:
        async with contextlib.aclosing(job.results()) as results:
            async for result in results:
                yield result
    finally:
        watcher.cancel()


async def _end_when_left(request: Request, job: Job) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    job.cancel()


async def _answer(request: Request, job: Job) -> Answer:
    """The job's last result."""
    results = [result async for result in _results(request, job)]
    return results[-1]


async def _events(request: Request, first: Any, results: AsyncIterator[Any]) -> AsyncIterator[str]:
    """Server-sent events: pieces of text, then the answer, or an error."""
    try:
        yield _event(first)
        async for result in results:
            yield _event(result)
    except CourseError as error:
        told = serving_error(error)
        request.scope["state"]["error_type"] = told.type
        yield _sent("error", told.body)


def _event(result: str | Answer) -> str:
    return _sent("piece", {"piece": result}) if isinstance(result, str) else _sent("done", result.facts)


def _sent(event: str, data: dict[str, Any]) -> str:
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _file(answer: Answer, media_type: str) -> Response:
    """A file that says of itself who made it, and the seed beside it."""
    headers = {"X-AI-Generated": answer.facts["provenance"]["note"], "X-Seed": str(answer.facts["seed"])}
    return Response(answer.file, media_type=media_type, headers=headers)

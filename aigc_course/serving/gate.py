"""A gate before the page: of all that Gradio can do, what this page asks for is let through, and nothing else."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aigc_course.serving.errors import InvalidBody, NotFound
from aigc_course.serving.middleware import error_response

_JOIN = "/gradio_api/queue/join"
_ADDRESSES = frozenset({"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/openapi.json"})
_BEGINNINGS = (
    "/v1/",
    "/health/",
    "/assets/",
    "/static/",
    "/gradio_api/queue/",
    "/gradio_api/cancel",
    "/gradio_api/heartbeat/",
    "/gradio_api/startup-events",
)


class _Press(BaseModel):
    """What the page sends when a button is pressed."""

    fn_index: int
    session_hash: str
    data: list[Any]


class PageGate:
    """Answers other addresses with 404, and what isn't the press of one of the page's buttons with 422.

    Gradio itself would answer such a press with a traceback in the log, which holds what the user sent.

    Args: n_values: of each button's event, by its number, how many values come with it.
    """

    def __init__(self, app: ASGIApp, n_values: Mapping[int, int]) -> None:
        self.app, self.n_values = app, dict(n_values)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 404 or 422."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["path"] == _JOIN and scope["method"] == "POST":
            await self._press(scope, receive, send)
        elif scope["path"] in _ADDRESSES or scope["path"].startswith(_BEGINNINGS):
            await self.app(scope, receive, send)
        else:
            told = NotFound("there is no such address; GET /openapi.json lists those of the API")
            await error_response(scope, told)(scope, receive, send)

    async def _press(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()  # BodyLimit has made one message of the body
        try:
            press = _Press.model_validate_json(message["body"])
            known = self.n_values.get(press.fn_index) == len(press.data)
        except ValidationError:
            known = False
        if not known:
            told = InvalidBody("the page has no such button; programs use the API, which GET /openapi.json lists")
            await error_response(scope, told)(scope, receive, send)
            return
        messages = [message]

        async def replayed() -> Message:
            return messages.pop() if messages else await receive()

        await self.app(scope, replayed, send)

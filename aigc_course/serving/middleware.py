"""What surrounds every request, whatever its route: the log, the size of its body, the host that it was sent to."""

import asyncio
import time
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aigc_course.serving.errors import BodyTooLarge, ForbiddenHost, ServingError, SlowBody, serving_error
from aigc_course.serving.limits import Limits
from aigc_course.serving.log import log_fault, log_request


def error_response(scope: Scope, error: ServingError) -> JSONResponse:
    """The error as an answer; its type is noted for the log."""
    scope.setdefault("state", {})["error_type"] = error.type
    return JSONResponse(error.body, error.status, error.headers)


class RequestLog:
    """Logs each request of the API when it has ended, and turns an exception that nobody expected into an answer.

    Of the page's own requests, which are many, only the faults are logged.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.monotonic(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as error:
            log_fault(error)
            if not status:
                await error_response(scope, serving_error(error))(scope, receive, noting)
        finally:
            error_type = scope.get("state", {}).get("error_type", "")
            route = getattr(scope.get("route"), "path", "-")
            if error_type or route.startswith(("/v1", "/health")):
                log_request(scope["method"], route, status, time.monotonic() - begun, error_type)


class BodyLimit:
    """Reads the body, counting its bytes as they come; passes a request on only when it is whole and small enough."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413 or 408."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(self._body(scope, receive), self.limits.seconds)
        except asyncio.TimeoutError:
            slow = SlowBody(f"the body didn't arrive within {self.limits.seconds:g} seconds")
            await error_response(scope, slow)(scope, receive, send)
            return
        except BodyTooLarge as error:
            await error_response(scope, error)(scope, receive, send)
            return
        if body is None:
            return
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Message:
            return messages.pop() if messages else await receive()

        await self.app(scope, replayed, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body; None when the client left before its end."""
        too_large = BodyTooLarge(f"the body has more than the {self.limits.body_bytes:,} bytes allowed")
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self.limits.body_bytes:
            raise too_large
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.limits.body_bytes:
                raise too_large
        return bytes(body)


class LocalHosts:
    """Refuses requests that name another host than this machine.

    A web page elsewhere can make its own name point here (DNS rebinding) and so read what a server without passwords
    says; its requests carry that name.
    """

    allowed = frozenset({"127.0.0.1", "localhost", "[::1]"})

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] in ("http", "websocket") and _host(scope) not in self.allowed:
            refused: Any = error_response(scope, ForbiddenHost("this server answers to this machine's own name alone"))
            await refused(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _host(scope: Scope) -> str:
    """The host's name, without its port."""
    host = Headers(scope=scope).get("host", "").lower()
    return host if host.endswith("]") else host.rpartition(":")[0] if ":" in host else host

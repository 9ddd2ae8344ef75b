"""The server: an app of API and page, a socket, and a process or a thread that serves them."""

import contextlib
import importlib.util
import logging
import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from aigc_course.errors import CourseError, CourseWarning, UsageError
from aigc_course.serving.limits import Limits
from aigc_course.serving.log import LOG
from aigc_course.serving.models import ServedModel

if TYPE_CHECKING:
    from fastapi import FastAPI

FIRST_PORT = 7860  # of the ports that are tried when none is given
_TRIED_PORTS = 20
_GRACE_SECONDS = 3  # for requests to end after Ctrl-C


def create_app(
    models: Mapping[str, ServedModel], limits: Limits | None = None, *, page: bool = True, local: bool = True
) -> "FastAPI":
    """The app, to be served by any ASGI server.

    Args: page: with the page for people at `/`. local: refuse requests that name another host than this machine.
    Raises: CourseError when the packages of the extra `serve` are missing.
    """
    _require_packages()
    from fastapi import FastAPI

    from aigc_course.serving.api import add_routes
    from aigc_course.serving.middleware import BodyLimit, LocalHosts, RequestLog
    from aigc_course.serving.service import Service

    limits = limits or Limits()
    service = Service(models, limits)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.queue.close()

    app = FastAPI(title="aigc-course serve", docs_url=None, redoc_url=None, lifespan=lifespan)  # both need a network
    app.state.service = service
    add_routes(app, service)
    if page:
        from aigc_course.serving.page import mount_page

        mount_page(app, service)
    app.add_middleware(BodyLimit, limits=limits)
    if local:
        app.add_middleware(LocalHosts)
    app.add_middleware(RequestLog)  # the last one is the outermost
    return app


def serve(models: Mapping[str, ServedModel], bound: socket.socket, limits: Limits | None = None) -> None:
    """Serve on a socket that `bind` made until Ctrl-C, which raises KeyboardInterrupt; log to the error stream."""
    _require_packages()
    if not _is_local(bound):
        warnings.warn(
            f"{bound.getsockname()[0]} can be reached from other machines, and there is no password: whoever reaches "
            "this server can use it",
            CourseWarning,
            stacklevel=2,
        )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    _server(create_app(models, limits, local=_is_local(bound))).run(sockets=[bound])


@contextlib.contextmanager
def running_server(
    models: Mapping[str, ServedModel], limits: Limits | None = None, *, page: bool = False
) -> Iterator[str]:
    """A server in a thread of this process, on a free port of this machine: its address, as "http://127.0.0.1:7861"."""
    _require_packages()
    server = _server(create_app(models, limits, page=page))
    bound = bind("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield address_of(bound)
    finally:
        server.should_exit = True
        thread.join()


def bind(host: str, port: int | None) -> socket.socket:
    """A listening socket; without a port on the first free one from 7860 on, with port 0 on any free one.

    Raises: UsageError when the port is taken or not allowed, or the host is none of this machine's.
    """
    numbers = range(FIRST_PORT, FIRST_PORT + _TRIED_PORTS) if port is None else [port]
    for number in numbers:
        try:
            return _listening(host, number)
        except OSError as error:
            reason = error.strerror or str(error)
    raise UsageError(
        f"can't listen on port {number} of {host}: {reason}; give another --host or --port, or leave --port out for a "
        "free one"
    )


def address_of(bound: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_local(bound: socket.socket) -> bool:
    return ip_address(bound.getsockname()[0]).is_loopback


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # a port that was just left can be had again; on Windows this would share a taken one
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made


def _server(app: "FastAPI") -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """Ends what is in work before it waits for connections to close, so that clients are told."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.service.queue.stop()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app, log_config=None, access_log=False, log_level="warning", timeout_graceful_shutdown=_GRACE_SECONDS
    )
    return Server(config)


def _require_packages() -> None:
    missing = [name for name in ("fastapi", "uvicorn", "gradio") if importlib.util.find_spec(name) is None]
    if missing:
        raise CourseError(
            f"serving needs {', '.join(missing)}, which is not installed; install the extra `serve`: "
            f'{sys.executable} -m pip install "aigc-course[serve]", or in a checkout -e ".[serve]"'
        )

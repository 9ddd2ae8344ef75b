"""An IPython extension that keeps a kernel off the network: `%load_ext aigc_course.teaching.offline`."""

import socket
from typing import Any

_connect = socket.socket.connect
_LOCAL = {"127.0.0.1", "::1", "localhost"}


def _connect_locally(self: socket.socket, address: Any) -> Any:
    """Connect within this machine; refuse everything else as an absent network would."""
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in _LOCAL:
        raise OSError(f"the course runs without network: no connection to {address[0]}")
    return _connect(self, address)


def load_ipython_extension(_: Any) -> None:
    """Refuse connections to other machines from here on."""
    socket.socket.connect = _connect_locally  # type: ignore[method-assign,assignment]


def unload_ipython_extension(_: Any) -> None:
    """Allow them again."""
    socket.socket.connect = _connect  # type: ignore[method-assign]

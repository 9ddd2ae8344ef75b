"""What all tests share: no network, directories of their own, one thread for torch, no windows."""

import os
import socket
import tempfile
from ipaddress import ip_address
from typing import Any

import pytest

# Set before anything imports torch or matplotlib, and inherited by the processes that tests start.
os.environ.update(OMP_NUM_THREADS="1", MPLBACKEND="Agg")
_HOME = tempfile.TemporaryDirectory(prefix="aigc-course-tests-")
os.environ["AIGC_DATA"] = os.path.join(_HOME.name, "data")
os.environ["AIGC_RUNS"] = os.path.join(_HOME.name, "runs")


class NetworkBlocked(AssertionError):
    """A test reached for the network."""


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):  # a Unix socket's path
        return True
    try:
        return address[0] in ("", "localhost") or ip_address(address[0]).is_loopback
    except ValueError:
        return False


def _guarded(original: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if not _is_local(address):
            raise NetworkBlocked(f"tests run without a network, but something connects to {address}")
        return original(self, address)

    return connect


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Any:
    """Let sockets connect to this machine only."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


def pytest_unconfigure() -> None:
    _HOME.cleanup()

"""Values as plain data, for the line between the grader and the process that runs a submission.

A message is JSON with the bytes of its tensors and arrays behind it. Reading one runs nothing that it holds: it gives
numbers, text, tensors, arrays and collections of these. What is none of these arrives as a stand-in of that name.
"""

import json
import math
import socket
import struct
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

MAX_JSON_BYTES = 8 << 20
MAX_BYTES = 64 << 20
_HEAD = struct.Struct("<II")
_MAX_DIGITS = 4000  # of a whole number; Python itself refuses to read more than 4,300
_DTYPES = {
    str(dtype): dtype
    for dtype in (
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128),
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    )
}

Node = Any  # what json reads: text, numbers, None and lists that begin with the name of a kind


class WireError(Exception):
    """What came over the line is not a message."""


class Writer:
    """Turns values into nodes and gathers their bytes.

    Args:
        special: the node of a value that does not take its usual form; None for all others.
        other: the node of a value that has no plain form.
    """

    def __init__(self, special: Callable[[Any], Node | None], other: Callable[[Any], Node]) -> None:
        self._special, self._other = special, other
        self.parts: list[bytes] = []

    def node(self, value: Any) -> Node:
        if value is None or isinstance(value, bool | str) or type(value) is float:
            return value
        if type(value) is int:
            return value if abs(value) < 10**_MAX_DIGITS else ["stand-in", "int"]
        found = self._special(value)
        if found is not None:
            return found
        if isinstance(value, Tensor):
            return self.tensor(value)
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value)
        if isinstance(value, Mapping):
            return ["dict", [[self.node(key), self.node(item)] for key, item in value.items()]]
        if isinstance(value, tuple | list | range):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return [kind, [self.node(item) for item in value]]
        if isinstance(value, bytes):
            return ["bytes", self._put(value)]
        if isinstance(value, complex):
            return ["complex", value.real, value.imag]
        if isinstance(value, Generator):
            return ["stand-in", "generator"]
        return self._other(value)

    def _put(self, data: bytes) -> int:
        self.parts.append(data)
        return len(data)

    def tensor(self, value: Tensor) -> Node:
        """The node of a tensor's numbers, wherever it lies."""
        if value.device.type == "meta" or str(value.dtype) not in _DTYPES:
            return ["stand-in", "Tensor"]
        plain = value.detach().to_dense() if value.layout != torch.strided else value.detach()
        dense = torch.empty(plain.shape, dtype=plain.dtype).copy_(plain)  # contiguous() may leave a stride of 0
        data = dense.reshape(-1).view(torch.uint8).numpy().tobytes() if dense.numel() else b""
        return ["tensor", str(dense.dtype), list(dense.shape), self._put(data)]

    def _array(self, value: np.ndarray | np.generic) -> Node:
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            return ["stand-in", "ndarray"]
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return [kind, array.dtype.str, list(array.shape), self._put(np.ascontiguousarray(array).tobytes())]


class Reader:
    """Turns nodes back into values; bytes are taken in the order in which they were put.

    Args: other: the value of a node of another kind. Raises: WireError for anything that does not fit together.
    """

    def __init__(self, data: bytes, other: Callable[[str, list[Any]], Any]) -> None:
        self._data, self._place, self._other = data, 0, other

    def value(self, node: Node) -> Any:
        if not isinstance(node, list):
            return node
        kind, rest = str(node[0]), node[1:]
        if kind == "tensor":
            return self._tensor(*rest)
        if kind in ("array", "scalar"):
            array = self._array(*rest)
            return array if kind == "array" else array[()]
        if kind == "dict":
            return {self.value(key): self.value(item) for key, item in rest[0]}
        if kind in ("tuple", "list"):
            items = [self.value(item) for item in rest[0]]
            return tuple(items) if kind == "tuple" else items
        if kind == "bytes":
            return self._take(rest[0])
        if kind == "complex":
            return complex(*rest)
        return self._other(kind, rest)

    def _take(self, size: int) -> bytes:
        if not isinstance(size, int) or not 0 <= size <= len(self._data) - self._place:
            raise WireError("bytes are missing")
        self._place += size
        return self._data[self._place - size : self._place]

    def _tensor(self, name: str, shape: list[int], size: int) -> Tensor:
        dtype = _DTYPES[name]
        _require_size(shape, size, torch.empty(0, dtype=dtype).element_size())
        data = bytearray(self._take(size))
        return torch.frombuffer(data, dtype=dtype).reshape(shape) if data else torch.empty(shape, dtype=dtype)

    def _array(self, name: str, shape: list[int], size: int) -> np.ndarray:
        dtype = np.dtype(name)
        if dtype.kind not in "biufc":
            raise WireError("an array of something else than numbers")
        _require_size(shape, size, dtype.itemsize)
        return np.frombuffer(bytearray(self._take(size)), dtype=dtype).reshape(shape)


_PLAIN_STAND_INS: dict[str, Any] = {"function": lambda: None, "ellipsis": ..., "NotImplementedType": NotImplemented}


def _no_items() -> Generator[None]:
    yield from ()


def stand_in(kind: str, rest: list[Any]) -> Any:
    """Something of the named type, for what has no plain form. Raises: WireError for another kind of node."""
    if kind != "stand-in":
        raise WireError(f"{kind!r} is no kind of value")
    name = str(rest[0])[:60]
    if name in _PLAIN_STAND_INS:
        return _PLAIN_STAND_INS[name]
    if name == "generator":
        return _no_items()
    return type(name if name.isidentifier() else "object", (), {})()


def _require_size(shape: list[int], size: int, item_bytes: int) -> None:
    whole = all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 1 << 40 for n in shape)
    if not whole or len(shape) > 32 or math.prod(shape) * item_bytes != size:
        raise WireError("a shape that does not fit its bytes")


class Line:
    """Messages over a connected socket, each at most `MAX_BYTES`."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._end = math.inf

    def end_after(self, seconds: float) -> None:
        """From now on, all messages together may take this long; then each call raises TimeoutError."""
        self._end = time.monotonic() + seconds

    def _wait_no_longer(self) -> None:
        if self._end < math.inf:
            self.connection.settimeout(max(1e-3, self._end - time.monotonic()))

    def send(self, message: Node, parts: list[bytes]) -> None:
        """Raises: OSError when nobody listens any more or in time; ValueError when the message is too long."""
        text, size = json.dumps(message).encode(), sum(map(len, parts))
        if len(text) > MAX_JSON_BYTES or size > MAX_BYTES:
            raise ValueError(f"{size:,} bytes are too many to hand over")
        self._wait_no_longer()
        self.connection.sendall(b"".join([_HEAD.pack(len(text), size), text, *parts]))

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """The next message. Raises: EOFError when the other side ended, WireError when it is none."""
        text_size, size = _HEAD.unpack(self._exactly(_HEAD.size))
        if text_size > MAX_JSON_BYTES or size > MAX_BYTES:
            raise WireError("a message that is too long")
        text, data = self._exactly(text_size), self._exactly(size)
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise WireError("no JSON") from error
        if not isinstance(message, dict):
            raise WireError("no JSON object")
        return message, data

    def _exactly(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            self._wait_no_longer()
            try:
                block = self.connection.recv(min(size - len(found), 1 << 20))
            except ConnectionError:
                block = b""
            if not block:
                raise EOFError
            found += block
        return bytes(found)

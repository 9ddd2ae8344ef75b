import socket

import numpy as np
import pytest
import torch

from aigc_course.teaching.classes.wire import MAX_BYTES, Line, Reader, WireError, Writer, stand_in


def through(value):
    writer = Writer(lambda _: None, lambda other: ["stand-in", type(other).__name__])
    node = writer.node(value)
    mine, other = socket.socketpair()
    with mine, other:
        Line(mine).send({"node": node}, writer.parts)
        message, data = Line(other).receive()
    return Reader(data, lambda kind, rest: stand_in(kind, rest)).value(message["node"])


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -3, 10**3000, 1.5, float("inf"), 1 + 2j, "é\n", b"\x00\xff", ()),
        [1, (2, [3.0]), {"a": (1,), 2: None, (1, 2): "b"}],
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_plain_values_arrive_as_they_are(value):
    found = through(value)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float64, torch.complex64, torch.bool, torch.int8]
)
def test_tensors_keep_dtype_and_shape(dtype):
    tensor = torch.arange(6).reshape(2, 3).to(dtype)
    for value in (tensor, tensor.T, tensor[:0], tensor[0, 0], tensor[:, :1].expand(2, 4)):
        found = through(value)
        assert found.dtype == dtype and found.shape == value.shape and torch.equal(found, value)


def test_arrays_scalars_and_nan():
    array = np.array([[1.5, np.nan]], dtype=np.float32)
    assert np.array_equal(through(array), array, equal_nan=True) and through(array).dtype == np.float32
    assert through(np.float64(2.5)) == 2.5 and isinstance(through(np.float64(2.5)), np.float64)
    assert np.isnan(through(float("nan")))


def test_what_has_no_plain_form_arrives_as_its_name():
    assert type(through({1, 2})).__name__ == "set"
    assert type(through(object())).__name__ == "object"
    assert callable(stand_in("stand-in", ["function"])) and stand_in("stand-in", ["ellipsis"]) is ...
    assert list(through(x for x in (1, 2))) == []
    assert type(through(np.array([None]))).__name__ == "ndarray"


def read(node, data=b""):
    return Reader(data, lambda kind, rest: stand_in(kind, rest)).value(node)


@pytest.mark.parametrize(
    "node",
    [
        ["tensor", "torch.float32", [2], 4],
        ["tensor", "torch.float32", [1 << 60], 4],
        ["tensor", "torch.float32", [-1], 4],
        ["tensor", "torch.float32", [1.0], 4],
        ["array", "|O", [1], 8],
        ["array", "<f8", [2], 8],
        ["bytes", 9],
        ["bytes", -1],
        ["pickle", 4],
        ["object", 0],
    ],
)
def test_what_does_not_fit_together_is_refused(node):
    with pytest.raises(WireError):
        read(node, bytes(8))


def test_messages_that_are_none():
    for raw, problem in (
        (b"", EOFError),
        (b"\x01\x00", EOFError),
        (b"\xff" * 8, WireError),
        (b"\x02\x00\x00\x00\x00\x00\x00\x00[]", WireError),
        (b"\x02\x00\x00\x00\x00\x00\x00\x00{x", WireError),
    ):
        mine, other = socket.socketpair()
        with other:
            mine.sendall(raw)
            mine.close()
            with pytest.raises(problem):
                Line(other).receive()


def test_too_much_is_not_sent():
    mine, other = socket.socketpair()
    with mine, other, pytest.raises(ValueError, match="too many to hand over"):
        Line(mine).send({}, [bytes(MAX_BYTES + 1)])

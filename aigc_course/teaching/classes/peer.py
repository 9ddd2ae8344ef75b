"""Calls over a line, in both directions, with gradients.

The grader calls the learner's function; while that runs, it may call functions that it was given (a discriminator, a
statistic), which stay on the grader's side. A tensor that carries a gradient arrives as one that does.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from aigc_course.teaching.classes.gradients import bridged, leaves_behind
from aigc_course.teaching.classes.wire import Line, Node, Reader, WireError, Writer, stand_in

_MAX_DEPTH = 20  # of questions within questions; no exercise needs more than 4


class Ended(RuntimeError):
    """The other end is gone, or has sent something that is no answer."""


class Held:
    """An object that stays at the other end."""

    def __init__(self, number: int) -> None:
        self.number = number


class Remote(nn.Module):
    """A function at the other end; a module, so that it can be a part of one."""

    def __init__(self, peer: "Peer", number: int) -> None:
        super().__init__()
        self._peer, self.number = peer, number

    def forward(self, *arguments: Any, **named: Any) -> Any:
        return self._peer.call(self.number, arguments, named)


class Peer:
    """One end of a line; what the two ends do differently is in the methods before `call`."""

    caught: type[BaseException] = Exception  # what a called function may raise without ending the conversation

    def __init__(self, line: Line, objects: Sequence[Any] = ()) -> None:
        """Args: objects: what the other end may call, by number."""
        self.line = line
        self._objects = list(objects)
        self._records: list[tuple[list[Tensor], list[Tensor]]] = []  # inputs and outputs of calls with a gradient
        self._depth = 0
        self.ended: str | None = None  # once nothing more can be asked: why, or "" when the line just closed

    def other_node(self, value: Any) -> Node:
        """The node of a value without a plain form."""
        raise NotImplementedError

    def leaf_node(self, leaf: Tensor) -> Node | None:
        """The node of a leaf that a result depends on beside its arguments; None keeps it from the other end."""
        raise NotImplementedError

    def leaf(self, node: Node) -> Tensor:
        """The tensor for the other end's `leaf_node`."""
        raise NotImplementedError

    def run(self, question: dict[str, Any], function: Callable[..., Any], arguments: Any, named: Any) -> dict[str, Any]:
        """Call a function: "value", and what goes back with it as it is."""
        raise NotImplementedError

    def describe_error(self, error: BaseException) -> dict[str, Any]:
        """An error as plain data."""
        raise NotImplementedError

    def raise_error(self, error: Any) -> None:
        """Raise what the other end's `describe_error` gave."""
        raise NotImplementedError

    def received(self, reply: dict[str, Any]) -> None:
        """Take note of what came with the value of a call."""

    def call(self, number: int, arguments: Any, named: Any, **more: Any) -> Any:
        """What the other end's function gives. Raises: what it raises; Ended when there is no answer."""
        inputs: list[Tensor] = []
        writer = self._writer(inputs)
        question = {"ask": "call", "object": number, "given": writer.node([tuple(arguments), dict(named)]), **more}
        reply, data = self._ask(question, writer)
        value = _taken_apart(partial(self._value, reply, data, inputs))
        _taken_apart(partial(self.received, reply))
        return value

    def _value(self, reply: dict[str, Any], data: bytes, inputs: list[Tensor]) -> Any:
        sources = [*inputs, *(self.leaf(node) for node in reply.get("leaves", []))]
        return self._bridging_reader(reply, data, sources).value(reply["value"])

    def pull(self, record: int, output: int, slope: Tensor, inputs: Sequence[Tensor]) -> list[Tensor | None]:
        """See `gradients`."""
        writer = self._writer([])
        question = {"ask": "pull", "record": record, "output": output, "slope": writer.tensor(slope)}
        try:
            reply, data = self._ask(question, writer)
        except Exception as error:  # torch's backward passes raise RuntimeError, and so does this one
            raise RuntimeError(str(error)) from error
        return _taken_apart(partial(self._slopes, reply, data, slope, inputs))

    def _slopes(
        self, reply: dict[str, Any], data: bytes, slope: Tensor, inputs: Sequence[Tensor]
    ) -> list[Tensor | None]:
        reader = self._bridging_reader(reply, data, [*inputs, slope])
        found = [reader.value(node) for node in reply["value"]]
        if [None if one is None else one.shape for one in found] != [
            None if one is None else source.shape for one, source in zip(found, inputs, strict=True)
        ]:
            raise WireError("gradients of other shapes")
        return found

    def _ask(self, question: dict[str, Any], writer: Writer) -> tuple[dict[str, Any], bytes]:
        try:
            self.line.send(question, writer.parts)
            message, data = self.line.receive()
            while "ask" in message:
                self.answer(message, data)
                message, data = self.line.receive()
        except (EOFError, OSError, WireError) as error:
            late = "it did not answer in time" if isinstance(error, TimeoutError) else ""
            self.ended = f"it sent {error}" if isinstance(error, WireError) else late
            raise Ended(self.ended or "it ended") from error
        if "stopped" in message:
            self.ended = f"it called {str(message['stopped'])[:40]}, which no exercise needs"
            raise Ended(self.ended)
        if "error" in message:
            self.raise_error(message["error"])
        return message, data

    def answer(self, message: dict[str, Any], data: bytes) -> None:
        """Do what the other end asks for and send what came out. Raises: OSError when it is gone."""
        self._depth += 1
        outputs: list[Tensor] = []
        writer = self._writer(outputs)
        try:
            if self._depth > _MAX_DEPTH:
                raise WireError("questions without end")
            todo = self._called if message["ask"] == "call" else self._pulled
            reply = todo(message, data, writer, outputs)
        except self.caught as error:
            reply, writer.parts = {"error": self.describe_error(error)}, []
        finally:
            self._depth -= 1
        try:
            self.line.send(reply, writer.parts)
        except (ValueError, RecursionError) as error:
            self.line.send({"error": self.describe_error(error)}, [])

    def _called(self, message: dict[str, Any], data: bytes, writer: Writer, outputs: list[Tensor]) -> dict[str, Any]:
        inputs: list[Tensor] = []

        def as_leaf(value: Tensor, _: int) -> Tensor:
            inputs.append(value.requires_grad_())
            return value

        reader = self._reader(data, as_leaf)
        arguments, named = _taken_apart(partial(reader.value, message["given"]))
        reply = self.run(message, self.object(message["object"]), arguments, named)
        reply["value"] = writer.node(reply["value"])
        if outputs:
            known = {id(tensor) for tensor in inputs}
            others = [leaf for leaf in leaves_behind(outputs) if id(leaf) not in known]
            shown = [(node, leaf) for leaf in others if (node := self.leaf_node(leaf)) is not None]
            reply |= {"leaves": [node for node, _ in shown], "record": len(self._records)}
            self._records.append((inputs + [leaf for _, leaf in shown], list(outputs)))
        return reply

    def _pulled(self, message: dict[str, Any], data: bytes, writer: Writer, outputs: list[Tensor]) -> dict[str, Any]:
        slope = self._reader(data, lambda value, _: value).value(message["slope"]).requires_grad_()
        inputs, computed = self._records[message["record"]]
        with torch.enable_grad():
            found = torch.autograd.grad(
                computed[message["output"]], inputs, slope, create_graph=True, allow_unused=True
            )
        nodes = [writer.node(tensor) for tensor in found]
        self._records.append(([*inputs, slope], list(outputs)))
        return {"value": nodes, "record": len(self._records) - 1}

    def _writer(self, carriers: list[Tensor]) -> Writer:
        def special(value: Any) -> Node | None:
            if isinstance(value, Held | Remote):
                return ["yours", value.number]
            if isinstance(value, Tensor) and value.requires_grad:
                carriers.append(value)
                return ["carrier", len(carriers) - 1, writer.tensor(value)]
            return None

        writer = Writer(special, self.other_node)
        return writer

    def _bridging_reader(self, reply: dict[str, Any], data: bytes, sources: list[Tensor]) -> Reader:
        return self._reader(data, lambda value, place: bridged(self, reply["record"], place, value, sources))

    def _reader(self, data: bytes, carrier: Callable[[Tensor, int], Tensor]) -> Reader:
        def other(kind: str, rest: list[Any]) -> Any:
            if kind == "carrier":
                return carrier(reader.value(rest[1]), rest[0])
            if kind == "yours":
                return self.object(rest[0])
            if kind == "function":
                return Remote(self, rest[0])
            if kind == "object":
                return Held(rest[0])
            return stand_in(kind, rest)

        reader = Reader(data, other)
        return reader

    def export(self, value: Any) -> int:
        """The number by which the other end may name an object of this one."""
        numbers = (number for number, known in enumerate(self._objects) if known is value)
        found = next(numbers, None)
        if found is None:
            self._objects.append(value)
            found = len(self._objects) - 1
        return found

    def object(self, number: Any) -> Any:
        """The object that was exported under this number. Raises: WireError when none was."""
        if not isinstance(number, int) or not 0 <= number < len(self._objects):
            raise WireError("an object that was never handed over")
        return self._objects[number]


def _taken_apart(reading: Callable[[], Any]) -> Any:
    """Raises: Ended for whatever goes wrong while a message is taken apart."""
    try:
        return reading()
    except Exception as error:
        raise Ended(f"a message that cannot be read: {error}") from error

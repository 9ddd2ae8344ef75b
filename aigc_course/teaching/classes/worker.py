"""What runs in the closed-off process: the learner's definitions, then one function of theirs, call by call."""

import ast
import io
import json
import os
import random
import socket
import sys
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import Parameter, signature
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aigc_course.teaching.classes.needed import NotFound, cell_of, needed_code
from aigc_course.teaching.classes.peer import Held, Peer, Remote
from aigc_course.teaching.classes.wire import Line, Node, Writer

_KEPT_CHARACTERS = 2000
_NOT_NEEDED = {
    *("os.remove", "os.rmdir", "shutil.rmtree", "os.kill", "os.killpg", "socket.connect", "socket.bind"),
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "subprocess.Popen"),
}


class _Printed(io.StringIO):
    """Text output that keeps its first characters."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, _KEPT_CHARACTERS - self.tell())])
        return len(text)

    def taken(self) -> str:
        """What was printed since the last time."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


class _Runner(Peer):
    """The learner's end: object 0 is their function."""

    caught = BaseException

    def __init__(self, line: Line, answer: Any, printed: _Printed) -> None:
        super().__init__(line, [answer])
        self._printed = printed
        self._mirrors: dict[int, Tensor] = {}
        self._seed: int | None = None

    def other_node(self, value: Any) -> Node:
        return ["stand-in", "function" if callable(value) else type(value).__name__]

    def leaf_node(self, leaf: Tensor) -> Node | None:
        return next((["yours", number] for number, mirror in self._mirrors.items() if mirror is leaf), None)

    def leaf(self, node: Node) -> Tensor:
        _, number, dtype, shape = node
        if number not in self._mirrors:
            self._mirrors[number] = torch.zeros(shape, dtype=getattr(torch, dtype[len("torch.") :]), requires_grad=True)
        return self._mirrors[number]

    def run(self, question: dict[str, Any], function: Callable[..., Any], arguments: Any, named: Any) -> dict[str, Any]:
        if question["seed"] != self._seed:
            self._seed = question["seed"]
            _seed_everything(self._seed)
        before = _picture(arguments)
        with torch.enable_grad():
            value = function(*arguments, **named)
        changed = arguments if _picture(arguments) != before else None
        return {"value": (value, changed), "printed": self._printed.taken()}

    def describe_error(self, error: BaseException) -> dict[str, Any]:
        found = {"type": type(error).__name__, "text": _text(error), "stub": False}
        where = _learners_line(error.__traceback__)
        if where:
            in_cell, cell, number = where
            found |= {"cell": cell, "line": number, "stub": in_cell and isinstance(error, NotImplementedError)}
        return found

    def raise_error(self, error: Any) -> None:
        raise RuntimeError(f"{error['type']}: {error['text']}")


def serve(connection: socket.socket) -> None:
    """Take the notebook's code, say what its answer is, and answer questions until nobody asks any more."""
    line = Line(connection)
    printed = _Printed()
    sys.stdout = sys.stderr = printed
    task, _ = line.receive()
    watch_calls(line)
    answer, problem = _answer(task["cells"], task["exercise"], task["name"])
    if problem:
        line.send({"problem": problem}, [])
        return
    line.send({"callable": callable(answer), "is": type(answer).__name__, "parameters": _parameters(answer)}, [])
    printed.taken()
    runner = _Runner(line, answer, printed)
    with suppress(EOFError, OSError):
        while True:
            runner.answer(*line.receive())


def hide_answers() -> None:
    """Put an empty module in the place of the exercises, whose checks know the answers."""
    module = types.ModuleType("aigc_course.exercises")
    for name in ("check", "hint", "solution", "progress", "exercise"):
        setattr(module, name, lambda *_arguments, **_named: None)
    sys.modules[module.__name__] = module


def watch_calls(line: Line) -> None:
    """From now on a call that deletes, connects or starts something ends this process, also where errors are caught."""

    def watch(event: str, _arguments: Any) -> None:
        if event in _NOT_NEEDED:
            line.send({"stopped": event}, [])
            os._exit(1)

    sys.addaudithook(watch)


def become_quiet() -> None:
    """Nothing of what is written to the standard streams arrives anywhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.close(null)


def _answer(cells: Sequence[str], exercise_id: str, name: str) -> tuple[Any, str]:
    """What is to be judged, and why there is nothing."""
    try:
        needed = needed_code(cells, exercise_id, name)
    except (NotFound, RecursionError, MemoryError) as error:
        return None, _text(error) or f"The notebook cannot be read: {type(error).__name__}."
    space: dict[str, Any] = {"__name__": "__main__", "display": lambda *_arguments: None}
    first = ""
    for file, tree in needed.statements:
        try:
            exec(compile(ast.Module([tree], []), file, "exec"), space)
        except BaseException as error:  # the learner's code may raise anything; what does not need it goes on
            first = first or f"{file}, line {getattr(tree, 'lineno', 0)}: {type(error).__name__}: {_text(error)}"
    try:
        return eval(compile(ast.Expression(needed.answer), "the check", "eval"), space), ""
    except BaseException as error:
        return None, f"The answer is not there: {first or _text(error)}"


def _parameters(answer: Any) -> list[list[Any]] | None:
    """Name, kind and whether there is a default, of each parameter; None when they cannot be told."""
    try:
        return [[item.name, int(item.kind), item.default is not Parameter.empty] for item in _signature(answer)]
    except Exception:  # a signature may be anything that the learner wrote
        return None


def _signature(answer: Any) -> list[Parameter]:
    return list(signature(answer).parameters.values())


def _seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)


def _picture(arguments: Any) -> tuple[str, list[bytes]]:
    """What the arguments are now, to be compared with what they are later."""

    def special(value: Any) -> Node | None:
        left_alone = isinstance(value, Held | Remote) or (isinstance(value, Tensor) and value.requires_grad)
        return ["same"] if left_alone else None

    writer = Writer(special, lambda value: ["other", id(value)])
    return json.dumps(writer.node(arguments)), writer.parts


def _text(error: BaseException) -> str:
    try:
        return str(error).strip().split("\n")[0][:300]
    except Exception:  # the learner's own exception class
        return ""


def _learners_line(trace: TracebackType | None) -> tuple[bool, int, int] | None:
    """Whether the innermost frame is the learner's own, and the last place in a cell: its number and the line's."""
    found, in_cell = None, False
    while trace is not None:
        cell = cell_of(trace.tb_frame.f_code.co_filename)
        in_cell = cell is not None
        if cell is not None:
            found = cell, trace.tb_lineno
        trace = trace.tb_next
    return (in_cell, *found) if found else None

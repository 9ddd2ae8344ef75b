"""The grader's side of a closed-off process: start it, talk to the learner's function in it, say how it ended."""

import builtins
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from aigc_course import errors
from aigc_course.errors import CourseError
from aigc_course.teaching.classes.arguments import take_over
from aigc_course.teaching.classes.peer import Ended, Peer
from aigc_course.teaching.classes.sandbox import Limits
from aigc_course.teaching.classes.wire import Line, Node

_START_SECONDS = 120.0
_ENDINGS = {
    signal.SIGSEGV: "it crashed Python (most often by a recursion without end)",
    signal.SIGKILL: "the system stopped it: too much processor time or memory",
    signal.SIGXCPU: "it used more processor time than it may; does its loop come to an end?",
    signal.SIGXFSZ: "it wrote a larger file than it may",
    signal.SIGABRT: "it aborted",
}

_SETTINGS = {
    "HOME": "/scratch",
    "TMPDIR": "/scratch",
    "MPLBACKEND": "Agg",
    "AIGC_PROFILE": "quick",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a closed-off process ended."""

    reason: str  # "" when the grader ended it
    cpu_seconds: float


class RemoteError(RuntimeError):
    """An error of a class that this end does not know; the class that is raised bears its name."""


class _Grader(Peer):
    """The grader's end: it may be asked to call what it handed over, and nothing else."""

    def __init__(self, line: Line) -> None:
        super().__init__(line)
        self.last_place: tuple[int, int] | None = None  # code cell and line of the last error

    def other_node(self, value: Any) -> Node:
        return ["function" if callable(value) else "object", self.export(value)]

    def leaf_node(self, leaf: Tensor) -> Node | None:
        return ["leaf", self.export(leaf), str(leaf.dtype), list(leaf.shape)]

    def leaf(self, node: Node) -> Tensor:
        found = self.object(node[1])
        if not isinstance(found, Tensor):
            raise TypeError("a gradient to something that has none")
        return found

    def run(
        self,
        question: dict[str, Any],  # noqa: ARG002 (its seed is for the other end)
        function: Callable[..., Any],
        arguments: Any,
        named: Any,
    ) -> dict[str, Any]:
        return {"value": function(*arguments, **named)}

    def describe_error(self, error: BaseException) -> dict[str, Any]:
        return {"type": type(error).__name__, "text": str(error)[:300]}

    def raise_error(self, error: Any) -> NoReturn:
        kind, text = str(error["type"])[:60], str(error["text"])[:300]
        place = error.get("cell"), error.get("line")
        self.last_place = place if all(isinstance(n, int) for n in place) else None
        if error.get("stub") is True:
            raise NotImplementedError(text)
        raise _error(kind, text)

    def received(self, reply: dict[str, Any]) -> None:
        printed = reply.get("printed")
        if isinstance(printed, str) and printed:
            print(printed[:2000], end="")


class RemoteAnswer:
    """A learner's function in its closed-off process, to be called like any other."""

    def __init__(self, line: Line, name: str, parameters: Any) -> None:
        self._peer = _Grader(line)
        self.__name__ = name
        if isinstance(parameters, list):
            with suppress(ValueError, TypeError, IndexError):
                self.__signature__ = _signature(parameters)

    @property
    def ended(self) -> str | None:
        """Why its process answers no more, "" when nobody knows; None while it does."""
        return self._peer.ended

    @property
    def last_place(self) -> tuple[int, int] | None:
        """Code cell and line, from 1, of the last error that it raised."""
        return self._peer.last_place

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        found = self._peer.call(0, arguments, named, seed=torch.initial_seed())
        if not isinstance(found, tuple) or len(found) != 2:
            raise Ended("a result of another form")
        value, changed = found
        if changed is not None:
            take_over(arguments, changed)
        return value


class ClosedProcesses:
    """A zygote, and one child of it at a time."""

    def __init__(self, limits: Limits, hidden: Sequence[Path]) -> None:
        """Raises: CourseError when the zygote does not start."""
        self._folder = Path(tempfile.mkdtemp(prefix="aigc-grading-"))
        root = self._folder / "root"
        root.mkdir()
        self._folder.chmod(0o755)
        self._cpu_seconds = limits.cpu_seconds
        settings = {"root": str(root), "hidden": [str(path) for path in hidden], "limits": asdict(limits)}
        self._control, other = socket.socketpair()
        self._log = self._folder / "log.txt"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.zygote", str(other.fileno()), json.dumps(settings)],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
            )
        other.close()
        self._control.settimeout(_START_SECONDS)
        try:
            found = self._heard()
            if found["unusable"]:
                raise CourseError(f"submissions cannot be shut off: {found['problem']}; grade as an ordinary user")
        except CourseError:
            self.close()
            raise
        self.closed, self.problem = bool(found["closed"]), str(found["problem"])

    def start(self) -> Line:
        """A new child, and the line to it."""
        mine, other = socket.socketpair()
        with other:
            socket.send_fds(self._control, [json.dumps({"do": "start"}).encode()], [other.fileno()])
        self._heard()
        return Line(mine)

    def end(self, line: Line, gone: bool) -> Ending:
        """Stop the child. Args: gone: it seems to have ended by itself."""
        line.connection.close()
        self._control.sendall(json.dumps({"do": "end", "gone": gone}).encode())
        found = self._heard()
        used_up = found["cpu_seconds"] >= self._cpu_seconds
        reason = _reason(found["status"], used_up) if found["own"] and gone else ""
        return Ending(reason=reason, cpu_seconds=found["cpu_seconds"])

    def close(self) -> None:
        """End the zygote and what is left of its children."""
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _heard(self) -> dict[str, Any]:
        try:
            text = self._control.recv(4096)
        except OSError:
            text = b""
        if not text:
            log = self._log.read_text(encoding="utf-8", errors="replace").strip().split("\n")[-1]
            raise CourseError(f"the process for submissions did not start or ended: {log or 'it said nothing'}")
        return json.loads(text)


def _reason(status: int, used_up: bool) -> str:
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number == signal.SIGKILL and used_up:  # process 1 of a namespace gets no SIGXCPU
        number = signal.SIGXCPU
    if not number:
        return f"it ended Python (status {os.WEXITSTATUS(status)})"
    return _ENDINGS.get(signal.Signals(number), f"signal {number}")


def _error(kind: str, text: str) -> BaseException:
    """An error of Python or of this package by its name, so that a check sees what the learner's function raised."""
    known: Any = getattr(builtins, kind, None) or getattr(errors, kind, None)
    usual = isinstance(known, type) and issubclass(known, Exception | SystemExit)
    if usual and kind != "NotImplementedError":  # a stub is told by it, and the other end says that this is none
        with suppress(TypeError):  # some want more than a text
            return known(text)
    return type(kind if kind.isidentifier() else "Exception", (RemoteError,), {})(text)


def _environment() -> dict[str, str]:
    """What the zygote needs of this process's environment; nothing else goes to a learner's code."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return kept | threads | _SETTINGS


def _signature(parameters: list[Any]) -> Signature:
    found = [
        Parameter(name, _kinds()[kind], default=None if optional else Parameter.empty)
        for name, kind, optional in parameters
    ]
    return Signature(found)


def _kinds() -> dict[int, Any]:
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_POSITIONAL)
    return {int(kind): kind for kind in (*kinds, Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD)}

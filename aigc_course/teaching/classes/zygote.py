"""The process that submissions are forked from: torch is loaded once, then each fork costs milliseconds.

    python -m aigc_course.teaching.classes.zygote CONTROL_FD SETTINGS_JSON

It takes orders over a socket: start (with one end of a new socket for the child), end. When the socket closes, so do
the child and it.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys
import sysconfig
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import aigc_course
from aigc_course.teaching.classes.sandbox import Limits, Sandbox, open_to_all

# What learners' definitions may use, loaded before the first fork.
_WARM = (
    *("torch.nn.functional", "torch.distributions", "aigc_course.data", "aigc_course.losses", "aigc_course.metrics"),
    *("aigc_course.models", "aigc_course.recipes"),
)


def main(control_number: str, settings_text: str) -> None:
    """Close the process off, load what is slow to load, and take orders until the grader is gone."""
    control = socket.socket(fileno=int(control_number))
    settings = json.loads(settings_text)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # when memory runs out, this goes first
    box, problem = Sandbox(), ""
    try:
        box.close_off(settings["root"], settings["hidden"], Path(aigc_course.__file__).parent)
    except OSError as error:
        problem = str(error)
        tempfile.tempdir = settings["root"]
        if os.getuid() == 0 and not open_to_all(sysconfig.get_path("stdlib")):
            problem += "; and root's own Python cannot be used by a user without rights"
            _say(control, {"closed": False, "problem": problem, "unusable": True})
            return
    worker = importlib.import_module(f"{__package__}.worker")
    worker.hide_answers()
    for name in _WARM:
        importlib.import_module(name)
    gc.freeze()  # children need not look through what is loaded here, and share its memory
    _say(control, {"closed": box.closed, "problem": problem, "unusable": False})
    _Zygote(control, box, Limits(**settings["limits"]), worker).serve()


class _Zygote:
    def __init__(self, control: socket.socket, box: Sandbox, limits: Limits, worker: Any) -> None:
        self._control, self._box, self._limits, self._worker = control, box, limits, worker
        self._child = 0

    def serve(self) -> None:
        """Do as told until the other end is closed."""
        while True:
            text, handles, _, _ = socket.recv_fds(self._control, 4096, 1)
            if not text:
                self._end(gone=False)
                return
            order = json.loads(text)
            if order["do"] == "start":
                self._start(handles[0])
                _say(self._control, {"pid": self._child})
            else:
                _say(self._control, self._end(order["gone"]))

    def _start(self, handle: int) -> None:
        self._box.next_child_alone()
        size = self._box.virtual_bytes()
        self._child = os.fork()
        if self._child == 0:
            self._become_worker(handle, size)
        os.close(handle)

    def _become_worker(self, handle: int, size: int | None) -> NoReturn:
        try:
            self._control.close()
            os.dup2(handle, 3)
            os.closerange(4, 4096)
            self._worker.become_quiet()
            if not self._box.closed:
                os.setsid()
                os.chdir(folder := tempfile.mkdtemp())
                os.chmod(folder, 0o777)
            self._box.confine(self._limits, size)
            self._worker.serve(socket.socket(fileno=3))
        finally:
            os._exit(0)

    def _end(self, gone: bool) -> dict[str, Any]:
        """Stop the child. Args: gone: it seems to have ended by itself, and may say how."""
        if not self._child:
            return {"status": 0, "cpu_seconds": 0.0, "own": True}
        child, self._child = self._child, 0
        for _ in range(100 if gone else 1):
            done, status, usage = os.wait4(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.01 if gone else 0)
        if not done:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
        if not self._box.closed:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
        return {"status": status, "cpu_seconds": usage.ru_utime + usage.ru_stime, "own": bool(done)}


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    control.sendall(json.dumps(message).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])

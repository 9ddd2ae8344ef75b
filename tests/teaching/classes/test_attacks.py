"""Hostile submissions: each gets nothing for the exercise that it attacks with, and harms nobody else."""

import os
import socket
import sys
from pathlib import Path

import pytest

import aigc_course
from aigc_course.teaching.classes.class_folder import Assignment
from aigc_course.teaching.classes.grading import Lane, Task
from tests.teaching.classes.submitted import BETA, RIGHT, answered, in_function, notebook, task, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's namespaces")
PACKAGE = Path(aigc_course.__file__).parent


@pytest.fixture(scope="module")
def lane():
    made = Lane(3.0, [])
    yield made
    made.close()


@pytest.fixture(scope="module")
def closed(lane):
    if not lane._processes.closed:
        pytest.skip(f"no namespaces here: {lane._processes.problem}")
    return lane


# What is in the answer to 05.2, and words of the reason that its author is given.
STOPPED = {
    "a loop": (in_function("while True: pass"), "its loop come to an end"),
    "a loop that catches everything": (
        in_function("while True:", "    try:", "        while True: pass", "    except BaseException: pass"),
        "its loop come to an end",
    ),
    "a long sleep": (in_function("import time", "time.sleep(1000)"), "stopped after"),
    "memory": (in_function("x = bytearray(20 << 30)"), "more memory than there is"),
    "shared memory": (in_function("import mmap", "mmap.mmap(-1, 20 << 30)"), "more memory than there is"),
    "a recursion without end": (in_function("return kl_to_prior(mu, logvar)"), "calls itself without end"),
    "a stack overflow": (
        in_function("import sys", "sys.setrecursionlimit(10**9)", "f = lambda n: f(n + 1) + max([n])", "f(0)"),
        "stopped",
    ),
    "an exit": (in_function("import sys", "sys.exit(0)"), "exit"),
    "a hard exit": (in_function("import os", "os._exit(0)"), "ended Python"),
    "a crash": (in_function("import ctypes", "ctypes.string_at(0)"), "crashed"),
    "a fork": (in_function("import os", "os.fork()"), "os.fork, which no exercise needs"),
    "another program": (in_function("import subprocess", "subprocess.run(['sleep', '100'])"), "subprocess.Popen"),
    "threads": (in_function("import threading", "threading.Thread(target=print).start()"), "RuntimeError"),
    "a signal to the parent": (in_function("import os, signal", "os.kill(0, signal.SIGKILL)"), "os.kill"),
    "forks by the system": (
        in_function(
            "import ctypes", "n = ctypes.CDLL(None).fork()", "if n >= 0:", "    while True: pass", "raise OSError"
        ),
        "OSError",
    ),
    "deleted files": (in_function("import shutil", "shutil.rmtree('/', ignore_errors=True)"), "shutil.rmtree"),
    "a connection": (
        in_function("import socket", "try: socket.create_connection(('127.0.0.1', 80))", "except OSError: pass"),
        "socket.connect",
    ),
    "a large file": (
        in_function("with open('large', 'wb') as f:", "    while True: f.write(bytes(1 << 20))"),
        "File too large",
    ),
    "a large answer": (in_function("import torch", "return torch.zeros(20_000_000)"), "too many to hand over"),
    "an endless answer": (in_function("x = []", "x.append(x)", "return x"), "without end"),
    "a stream of nonsense": (
        in_function("import os", "while True: os.write(3, b'\\xff' * 65536)"),
        "sent",
    ),
    "no message": (in_function("import os", "os.write(3, b'{}')", "os._exit(0)"), "stopped"),
}


@pytest.mark.slow
@pytest.mark.parametrize("attack", STOPPED)
def test_an_attack_gets_nothing_and_the_next_exercise_is_graded(attack, closed, tmp_path):
    answer, words = STOPPED[attack]
    first, second = closed.grade(task(write(tmp_path / "x.ipynb", answered(answer))))["exercises"]
    assert first["points"] == 0 and first["status"] == "failed"
    assert words in first["message"]
    assert second["points"] == 1, second
    honest = closed.grade(task(write(tmp_path / "y.ipynb", answered(RIGHT))))
    assert honest["points"] == 3, honest


def test_a_crash_and_an_honest_submission_next_to_it(closed, tmp_path):
    crash = in_function("import ctypes", "ctypes.string_at(0)")
    graded = closed.grade(task(write(tmp_path / "x.ipynb", answered(crash))))
    assert [entry["points"] for entry in graded["exercises"]] == [0, 1]
    assert "crashed Python" in graded["exercises"][0]["message"]
    assert closed.grade(task(write(tmp_path / "y.ipynb", answered(RIGHT))))["points"] == 3


# Each of these would make a wrong answer look right where the checks run beside it.
TAMPERING = {
    "checks": "import aigc_course.exercises as e\ne.check = lambda *a: True\ncheck = e.check",
    "torch": "import torch\ntorch.allclose = lambda *a, **k: True\ntorch.Tensor.__eq__ = lambda a, b: True",
    "numpy": "import numpy as np\nnp.allclose = lambda *a, **k: True\nnp.ndarray = object",
    "modules": "import sys\nsys.modules['aigc_course.exercises.compare'] = type(sys)('x')",
    "builtins": "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.all = lambda x: True",
    "the frames above": (
        "import sys\nframe = sys._getframe()\nwhile frame:\n    frame.f_globals.clear()\n    frame = frame.f_back"
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_with_what_is_at_its_end_does_not_help(what, lane, tmp_path):
    wrong = f"{TAMPERING[what]}\ndef kl_to_prior(mu, logvar):\n    return mu.sum(dim=1)"
    body = "\n".join("    " + line for line in TAMPERING[what].split("\n"))
    inside = f"def kl_to_prior(mu, logvar):\n{body}\n    return mu.sum(dim=1)"
    for answer in (wrong, inside):
        first, second = lane.grade(task(write(tmp_path / "x.ipynb", answered(answer))))["exercises"]
        assert first["points"] == 0 and first["status"] == "failed"
        assert second["points"] == 1


def test_an_object_that_equals_everything_is_no_answer(lane, tmp_path):
    answer = "class Any:\n    def __eq__(self, other): return True\n    def __array__(self, *a): return None\n"
    answer += "def kl_to_prior(mu, logvar):\n    return Any()"
    first, _ = lane.grade(task(write(tmp_path / "x.ipynb", answered(answer))))["exercises"]
    assert first["points"] == 0 and ["You gave", "Any"] in first["details"], first


def seen(lane, tmp_path, expression):
    """What an expression gives inside a closed-off process, or the error that it raises."""
    answer = f"def kl_to_prior(mu, logvar):\n    import os, sys\n    raise ValueError(repr({expression}))"
    first, _ = lane.grade(task(write(tmp_path / "x.ipynb", answered(answer))))["exercises"]
    return first["message"]


def test_neither_answers_nor_other_submissions_can_be_read(closed, tmp_path):
    write(tmp_path / "other.ipynb", answered(RIGHT))
    for path in (PACKAGE / "exercises" / "variational.py", tmp_path / "other.ipynb", PACKAGE.parent / "solutions"):
        assert path.exists()
        assert "ValueError" in (found := seen(closed, tmp_path, f"os.path.exists({str(path)!r})"))
        assert "False" in found, (path, found)
    assert "No module" in seen(closed, tmp_path, "__import__('aigc_course.exercises.variational')")
    known = "[k for k in sys.modules if k.startswith('aigc_course.exercises.')]"
    assert "[]" in seen(closed, tmp_path, known)


def test_nothing_outside_can_be_changed(closed, tmp_path):
    """Not even by calls of the C library, which no hook of Python's sees."""
    victim = tmp_path / "keep.txt"
    victim.write_text("here")
    for path in (victim, PACKAGE / "__init__.py"):
        found = seen(closed, tmp_path, f"__import__('ctypes').CDLL(None).unlink({bytes(path)!r})")
        assert "-1" in found and path.exists()
        assert "Error" in seen(closed, tmp_path, f"open({str(path)!r}, 'w')") and path.stat().st_size


def test_no_network_not_even_this_machine(closed, tmp_path):
    """By the C library, since Python's own calls end the process."""
    address = "b'\\x02\\x00' + ({port}).to_bytes(2, 'big') + bytes([127, 0, 0, 1]) + bytes(8)"
    call = f"(lambda c, s: c.connect(s, {address}, 16))"
    make = "(__import__('ctypes').CDLL(None), __import__('ctypes').CDLL(None).socket(2, 1, 0))"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(1)
        assert "-1" in seen(closed, tmp_path, f"{call.format(port=server.getsockname()[1])}{make}")
        with pytest.raises(TimeoutError):
            server.accept()


def test_no_process_but_its_own_and_no_rights(closed, tmp_path):
    assert "[1," in seen(closed, tmp_path, "[os.getpid(), os.getppid()]")
    assert "-1" in seen(closed, tmp_path, "__import__('ctypes').CDLL(None).unshare(0x10000000)")
    assert "-1" in seen(
        closed, tmp_path, f"__import__('ctypes').CDLL(None).umount2({bytes(PACKAGE / 'exercises')!r}, 2)"
    )
    assert "Error" in seen(closed, tmp_path, "os.chroot('.')")
    assert str(os.getpid()) not in seen(closed, tmp_path, "os.listdir('/proc')")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "no notebook"),
        (b"\xff\xfe\x00", "no notebook"),
        (b"[" * 100_000, "no notebook"),
        (b'{"cells": 3}', "no notebook"),
        (b'{"cells": [{"cell_type": "code", "source": 3}]}', "no notebook"),
        (notebook(*["x = 1"] * 2001), "more than 2,000 cells"),
        (notebook("x" * 1_000_001), "more than"),
        (b" " * (33 << 20), "at most 32 MiB"),
    ],
    ids=["cut off", "bytes", "brackets", "cells", "source", "many cells", "much code", "a large file"],
)
def test_what_is_no_notebook_gets_a_reason(data, words, lane, tmp_path):
    graded = lane.grade(task(write(tmp_path / "x.ipynb", data)))
    assert graded["points"] == 0 and words in graded["problem"]
    assert all(words in entry["message"] for entry in graded["exercises"])


def test_code_that_no_parser_survives(lane, tmp_path):
    nested = "x = " + "(" * 5000 + ")" * 5000
    minus = "y = " + "-" * 100_000 + "1"
    graded = lane.grade(task(write(tmp_path / "x.ipynb", notebook(nested, minus, RIGHT, BETA))))
    assert graded["problem"] == "" and len(graded["exercises"]) == 2
    assert lane.grade(task(write(tmp_path / "y.ipynb", answered(RIGHT))))["points"] == 3


def test_a_link_is_not_followed(lane, tmp_path):
    write(tmp_path / "right.ipynb", answered(RIGHT))
    (tmp_path / "x.ipynb").symlink_to(tmp_path / "right.ipynb")
    graded = lane.grade(task(tmp_path / "x.ipynb"))
    assert graded["points"] == 0 and "no notebook" in graded["problem"]


@pytest.mark.slow
def test_a_backward_pass_without_end(lane, tmp_path):
    """A check looks at gradients in places where its own time limit does not reach."""
    answer = """
import time, torch
class Slow(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x.clone()
    @staticmethod
    def backward(ctx, slope): time.sleep(1000)
def r1(discriminator, real):
    real = real.detach().requires_grad_()
    gradient = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)[0]
    return Slow.apply(gradient.square().sum(dim=1).mean())
"""
    assignment = Assignment(number="04", file="04_gan_minimax.ipynb", points={"04.7": 1.0}, due=None)
    path = write(tmp_path / "x.ipynb", notebook(answer, 'check("04.7", r1)'))
    slow = Task(student="ada", path=path, assignment=assignment, names={"04.7": "r1"}, seconds=2.0)
    (entry,) = lane.grade(slow)["exercises"]
    assert entry["points"] == 0 and "did not answer in time" in entry["message"] and entry["seconds"] < 30
    assert lane.grade(task(write(tmp_path / "y.ipynb", answered(RIGHT))))["points"] == 3


@pytest.mark.slow
def test_a_gigabyte_of_text_is_forgotten(lane, tmp_path):
    loud = in_function("import os, sys", "print('x' * 50_000_000)", "os.write(1, b'x' * 50_000_000)")
    graded = lane.grade(task(write(tmp_path / "x.ipynb", answered(loud)), seconds=10.0))
    assert graded["points"] == 3
    assert all(len(entry["printed"]) < 3000 for entry in graded["exercises"])

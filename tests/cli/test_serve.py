"""`aigc-course serve` finds the runs and a port before it loads anything, and says where it serves what."""

import socket
from pathlib import Path
from typing import Any

import pytest

from aigc_course import serving
from aigc_course.cli import main
from tests.serving.stubs import HeldText, served


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the command asks of the package; nothing is loaded or served."""
    made: list[Any] = []

    def load_models(runs: dict[str, Path]) -> dict[str, serving.ServedModel]:
        made.append(runs)
        return served(**{name: HeldText() for name in runs})

    def serve(models: Any, bound: socket.socket, limits: serving.Limits) -> None:
        made.extend([list(models), bound.getsockname(), limits])

    monkeypatch.setattr(serving, "load_models", load_models)
    monkeypatch.setattr(serving, "serve", serve)
    return made


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["serve", *arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_runs_limits_and_a_port_are_handed_on(calls: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    code = run("writer=runs/a", "runs/b", "--port", "0", "--seconds", "5", "--queue", "3", "--workers", "2")
    assert code == 0
    runs, names, (host, port), limits = calls
    assert runs == {"writer": Path("runs/a"), "b": Path("runs/b")} and names == ["writer", "b"]
    assert limits == serving.Limits(seconds=5.0, queue_length=3, workers=2)
    said = capsys.readouterr().out
    assert host == "127.0.0.1" and f"http://127.0.0.1:{port}/v1" in said and "writer: text by" in said


def test_without_runs_the_finished_ones(calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "finished_runs", lambda: {"text-gpt": Path("runs/text-gpt/quick-1")})
    assert run("--port", "0") == 0
    assert calls[0] == {"text-gpt": Path("runs/text-gpt/quick-1")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a=x", "a=y"), "two runs have the name 'a'"),
        (("x", "--seconds", "0"), "seconds = 0.0 is not allowed"),
        (("x", "--queue", "-1"), "queue_length = -1 is not allowed"),
        (("x", "--host", "192.0.2.1"), "can't listen on port"),
    ],
)
def test_what_is_not_allowed(
    calls: list[Any], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err and calls == []


def test_a_taken_port_shows_before_models_are_loaded(calls: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    with serving.bind("127.0.0.1", 0) as taken:
        assert run("x", "--port", str(taken.getsockname()[1])) == 2
    assert "can't listen on port" in capsys.readouterr().err and calls == []

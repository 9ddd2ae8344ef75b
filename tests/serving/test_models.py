"""Which runs are served under which names, within which limits, on which socket, and what is refused beforehand."""

import importlib.util
import logging
import os
from pathlib import Path

import pytest
import torch

from aigc_course.errors import CheckpointError, CourseError, CourseWarning, UsageError
from aigc_course.serving import Limits, address_of, bind, create_app, finished_runs, load_models, named_runs, serve
from aigc_course.training import checkpoint


def test_a_run_has_the_name_of_its_directory_or_the_one_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "with=sign").mkdir()
    found = named_runs(["runs/a/quick-1", "writer=runs/b/quick-1", "with=sign"])
    assert found == {
        "quick-1": Path("runs/a/quick-1"),
        "writer": Path("runs/b/quick-1"),
        "with=sign": Path("with=sign"),
    }
    with pytest.raises(UsageError, match="two runs have the name 'quick-1'"):
        named_runs(["runs/a/quick-1", "runs/b/quick-1"])


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "-x", "é", "x" * 65])
def test_a_name_that_does_not_fit_into_an_address(name: str) -> None:
    with pytest.raises(UsageError, match="can't be served as"):
        load_models({name: "nowhere"})


def test_what_holds_no_generator_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no run or checkpoint at"):
        load_models({"x": tmp_path / "nothing"})


def test_the_newest_finished_run_of_each_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_RUNS", str(tmp_path))
    monkeypatch.setattr("aigc_course.paths.course_root", lambda: tmp_path)  # where no models came with the course
    with pytest.raises(CheckpointError, match=r"holds no finished run .*aigc-course train text-gpt"):
        finished_runs()

    def run(recipe: str, name: str, step: int, age: int, patience: int = 0) -> Path:
        path = tmp_path / recipe / name / "last.safetensors"
        loop = {"steps": 10, "patience": patience}
        tree = {"config": {"settings": {"loop": loop}}, "step": step, "model": {"m": {"w": torch.zeros(1)}}}
        path.parent.mkdir(parents=True)
        checkpoint.save(path, tree)
        os.utime(path, (1e9 - age, 1e9 - age))
        return path.parent

    run("text-gpt", "older", 10, 3)
    newest = run("text-gpt", "newest", 10, 2)
    run("text-gpt", "unfinished", 9, 1)
    patient = run("image-vae", "ended-early", 6, 1, patience=3)
    run("image-classifier", "no-generator", 10, 1)
    damaged = tmp_path / "audio-vae" / "damaged" / "last.safetensors"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"nothing")
    assert finished_runs() == {"text-gpt": newest, "image-vae": patient}


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("images", 0),
        ("images", -1),
        ("images", 1.5),
        ("images", True),
        ("workers", 0),
        ("queue_length", -1),
        ("seconds", 0),
        ("seconds", float("nan")),
        ("seconds", float("inf")),
        ("seconds", "3"),
    ],
)
def test_limits_that_are_none(limit: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{limit} = "):
        Limits(**{limit: value})


def test_limits_at_their_edge() -> None:
    assert Limits(queue_length=0, seconds=0.1, workers=1, audio_seconds=2).queue_length == 0


def test_a_free_port_is_found_and_a_taken_one_is_named() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert address_of(taken) == f"http://127.0.0.1:{port}"
        with pytest.raises(UsageError, match=rf"can't listen on port {port} of 127.0.0.1: .*--port"):
            bind("127.0.0.1", port)
    with bind("127.0.0.1", port) as again:
        assert again.getsockname()[1] == port


def test_without_a_port_the_next_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with bind("127.0.0.1", 0) as taken:
        monkeypatch.setattr("aigc_course.serving.server.FIRST_PORT", taken.getsockname()[1])
        with bind("127.0.0.1", None) as free:
            assert 0 < free.getsockname()[1] - taken.getsockname()[1] < 20


def test_a_host_that_is_none_of_this_machines() -> None:
    with pytest.raises(UsageError, match=r"192\.0\.2\.1: .*--host"):
        bind("192.0.2.1", 0)


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "gradio" else real(name, *rest)
    )
    with pytest.raises(CourseError, match=r'serving needs gradio.* -m pip install "aigc-course\[serve\]"'):
        create_app({})


def test_a_server_that_others_reach_says_that_it_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr("aigc_course.serving.server.create_app", lambda *_, local: made.append(local))
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    monkeypatch.setattr("aigc_course.serving.server.LOG", logging.getLogger("test"))
    with bind("127.0.0.1", 0) as bound:
        serve({}, bound)
    with bind("0.0.0.0", 0) as bound:
        assert address_of(bound).startswith("http://127.0.0.1:")
        with pytest.warns(CourseWarning, match="there is no password"):
            serve({}, bound)
    assert made == [True, False]

"""What the command line prints, where, and with which exit status."""

import errno
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from aigc_course import doctor
from aigc_course.cli import main
from aigc_course.doctor.findings import Finding, Report
from aigc_course.errors import UsageError


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return caught.value.code or 0  # type: ignore[return-value]


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in for aigc_course.recipes whose train does what the test says."""
    import sys

    import aigc_course

    module = ModuleType("aigc_course.recipes")
    module.get_recipe = lambda _name: SimpleNamespace(generates=True)  # type: ignore[attr-defined]
    module.newest_classifier = lambda _run: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aigc_course.recipes", module)
    monkeypatch.setattr(aigc_course, "recipes", module, raising=False)
    monkeypatch.delenv("AIGC_DEBUG", raising=False)
    return module


def raising(error: BaseException) -> Any:
    def function(*arguments: Any, **options: Any) -> None:
        raise error

    return function


def test_help_names_every_command(capsys: pytest.CaptureFixture) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    for command in ("train", "evaluate", "generate", "data", "progress", "doctor", "course", "release"):
        assert command in text


def test_version(capsys: pytest.CaptureFixture) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("aigc-course 0.")


@pytest.mark.parametrize("arguments", [("trian",), ("train",), ("train", "text-gpt", "--colour", "red"), ("data", "x")])
def test_wrong_use_is_status_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture) -> None:
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert "Usage: aigc-course" in captured.err and "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (UsageError("unknown recipe 'text-gtp'; did you mean 'text-gpt'?"), 2, "did you mean 'text-gpt'?"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), 2, "no permission to write there"),
    ],
)
def test_errors_are_one_message(recipes, error, status, words, capsys: pytest.CaptureFixture) -> None:
    recipes.train = raising(error)
    assert run("train", "text-gtp") == status
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: ") and words in captured.err
    assert "Traceback" not in captured.err


def test_debug_shows_the_traceback(recipes, monkeypatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("AIGC_DEBUG", "0")
    recipes.train = raising(UsageError("wrong"))
    assert run("--debug", "train", "text-gpt") == 2
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_130(recipes, capsys: pytest.CaptureFixture) -> None:
    recipes.train = raising(KeyboardInterrupt())
    assert run("train", "text-gpt") == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(recipes) -> None:
    recipes.train = raising(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        main(["train", "text-gpt"])


def test_train_passes_every_option(recipes, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def train(recipe: str, **options: Any) -> SimpleNamespace:
        seen.update(options, recipe=recipe)
        return SimpleNamespace(directory=tmp_path, metrics={"loss": 1.23456, "steps": 7}, interrupted=False)

    recipes.train = train
    arguments = [
        "--profile",
        "smoke",
        "--preset",
        "p",
        "--data",
        "digits",
        "--set",
        "a.b=1",
        "--set",
        "c=2",
        "--resume",
    ]
    assert run("train", "text-gpt", *arguments, "--run-dir", str(tmp_path)) == 0
    assert seen == {
        "recipe": "text-gpt",
        "profile": "smoke",
        "preset": "p",
        "data": "digits",
        "overrides": ["a.b=1", "c=2"],
        "resume": True,
        "run_dir": tmp_path,
    }
    assert capsys.readouterr().out.startswith("loss   1.235\nsteps  7\n")


def test_an_interrupted_run_says_how_to_go_on(recipes, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    recipes.train = lambda *_, **__: SimpleNamespace(directory=tmp_path, metrics={}, interrupted=True)
    assert run("train", "text-gpt") == 130
    assert f"--resume --run-dir {tmp_path}" in capsys.readouterr().out


def test_evaluate_prints_json(recipes, capsys: pytest.CaptureFixture) -> None:
    recipes.evaluate = lambda path, classifier: {"nats": 1.5, "path": str(path), "classifier": classifier}
    assert run("evaluate", "runs/x", "--json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"nats": 1.5, "path": "runs/x", "classifier": None} and captured.err == ""


@pytest.mark.parametrize(("options", "used"), [((), "runs/newest"), (("--classifier", "runs/mine"), "runs/mine")])
def test_evaluate_says_which_classifier_measured(recipes, options, used, capsys: pytest.CaptureFixture) -> None:
    recipes.newest_classifier = lambda _run: Path("runs/newest")
    recipes.evaluate = lambda _run, classifier: {"classifier": str(classifier), "n": 20, "feature_dim": 20}
    assert run("evaluate", "runs/x", "--json", *options) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["classifier"] == used
    assert captured.err.startswith(f"What it makes is measured by the classifier in {used}\n")
    assert "No Fréchet distance: n must be above the 20 features of the classifier, but is 20" in captured.err


@pytest.mark.parametrize(("status", "expected"), [("ok", 0), ("note", 0), ("problem", 1)])
def test_doctor_tells_by_its_exit_status(monkeypatch, status, expected, capsys: pytest.CaptureFixture) -> None:
    report = Report((Finding("disk", status, "some detail", "mend it"),))
    monkeypatch.setattr(doctor, "diagnose", lambda *_: report)
    assert run("doctor", "--json") == expected
    assert json.loads(capsys.readouterr().out) == report.to_dict()
    assert run("doctor") == expected
    assert "mend it" in capsys.readouterr().out


def test_release_and_course_pass_their_status_on(monkeypatch) -> None:
    import aigc_course.teaching.course as course
    import aigc_course.teaching.release as release

    monkeypatch.setattr(course, "run_course", lambda: 3)
    monkeypatch.setattr(release, "release", lambda check: 1 if check else 0)
    assert run("course") == 3
    assert run("release", "--check") == 1
    assert run("release") == 0

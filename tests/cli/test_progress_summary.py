"""`aigc-course progress --html`: what the page says, and that it claims no more than it knows."""

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from aigc_course.exercises.record import note_check, note_hint, note_solution
from aigc_course.exercises.registry import all_exercises
from aigc_course.exercises.summary import report
from aigc_course.exercises.transcript import transcript
from tests.cli.test_progress import run


@pytest.fixture(autouse=True)
def progress_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "progress.json"
    monkeypatch.setenv("AIGC_PROGRESS", str(path))
    note_hint("00.1", 3)
    note_check("00.1", "failed")
    note_solution("00.1")
    note_check("00.1", "passed")
    note_check("02.1", "failed")
    return path


def test_the_page_says_what_was_passed_when_and_with_which_help(tmp_path: Path, progress_file: Path) -> None:
    out = tmp_path / "summary.html"
    assert run("--html", str(out), "--name", "Ann") == 0
    page = out.read_text(encoding="utf-8")
    when = json.loads(progress_file.read_text())["00.1"]["passed"].replace("T", ", ")[:17]
    row = f"<td>{when}</td><td>2</td><td>1</td><td>seen before passing</td>"
    assert "passed by Ann</h1>" in page and row in page and f"1 of {len(all_exercises())} exercises passed" in page
    passed = page.partition("Exercises passed</h2>")[2]
    assert "00.1 Perplexity" in passed and "02.1" not in passed, "tried is not passed"


def test_it_says_that_nobody_supervised_it(tmp_path: Path) -> None:
    page = transcript(report(all_exercises().values()))
    assert "Nobody supervised this work" in page and "no certificate" in page


def test_it_needs_nothing_else_and_holds_no_paths(progress_file: Path) -> None:
    page = transcript(report(all_exercises().values()))
    assert not [word for word in ("<script", "src=", "http", "url(", str(progress_file.parent)) if word in page]


def test_names_are_escaped_and_times_are_the_callers() -> None:
    time = datetime(2026, 3, 4, 5, 6, tzinfo=timezone.utc)
    page = transcript(report(all_exercises().values()), '<script>alert("x")</script> & 李', time)
    assert "<script" not in page and "&lt;script&gt;" in page and "&amp; 李" in page
    assert "Written on 2026-03-04, 05:06" in page
    assert "?" in transcript(report(all_exercises().values()), "a\udce9")


def test_nothing_passed_is_said(progress_file: Path) -> None:
    progress_file.unlink()
    assert "None so far." in transcript(report(all_exercises().values()))


def test_another_kind_of_file_and_a_name_alone_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run("--html", str(tmp_path / "summary.pdf")) == 2
    assert "does not end in .html" in capsys.readouterr().err
    assert run("--name", "Ann") == 2
    assert "add --html summary.html" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".pdf", ".html")] == []


def test_the_table_and_the_json_name_the_next_step(capsys: pytest.CaptureFixture) -> None:
    assert run() == 0
    assert capsys.readouterr().out.rstrip().endswith("in 02_losses_and_gradient_descent.ipynb")
    assert run("--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["next"] == "02.1"
    assert found["notebooks"][0]["title"].startswith("Welcome") and len(found["notebooks"][0]["goals"]) == 3

"""`aigc-course progress`: what it prints, and that it forgets only when asked twice."""

import json
from pathlib import Path

import pytest

from aigc_course.cli import main
from aigc_course.exercises.record import note_check, note_hint


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["progress", *arguments])
    return caught.value.code or 0  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def progress_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "progress.json"
    monkeypatch.setenv("AIGC_PROGRESS", str(path))
    note_hint("00.1", 3)
    note_check("00.1", "passed")
    return path


def test_the_table(capsys: pytest.CaptureFixture) -> None:
    assert run() == 0
    out = capsys.readouterr().out
    assert out.startswith("1 of ") and "00 welcome" in out and "✓ 00.1" in out and "1 try, 1 hint" in out


def test_json(capsys: pytest.CaptureFixture, progress_file: Path) -> None:
    assert run("--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["file"] == str(progress_file)
    assert found["exercises"]["00.1"]["status"] == "passed" and found["exercises"]["00.2"]["tries"] == 0
    assert found["notebooks"][0]["passed"] == 1


def test_a_broken_file_is_one_message(capsys: pytest.CaptureFixture, progress_file: Path) -> None:
    progress_file.write_text("mine")
    assert run() == 2
    assert "error: cannot read your progress" in capsys.readouterr().err


@pytest.mark.parametrize("reply", ["n\n", "\n", ""])
def test_reset_asks(capsys: pytest.CaptureFixture, progress_file: Path, monkeypatch, reply: str) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(reply))
    assert run("--reset") == 1
    assert progress_file.exists()


def test_reset_with_yes_deletes(capsys: pytest.CaptureFixture, progress_file: Path) -> None:
    assert run("--reset", "--yes") == 0
    assert not progress_file.exists() and "Deleted" in capsys.readouterr().out
    assert run("--reset", "--yes") == 0
    assert "nothing to forget" in capsys.readouterr().out


def test_reset_keeps_what_it_cannot_read(capsys: pytest.CaptureFixture, progress_file: Path) -> None:
    progress_file.write_text("mine")
    assert run("--reset", "--yes") == 0
    assert "progress.json.unreadable-1" in capsys.readouterr().out
    assert (progress_file.parent / "progress.json.unreadable-1").read_text() == "mine"

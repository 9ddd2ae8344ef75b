"""`aigc-course data …` on directories of its own."""

from pathlib import Path

import pytest

from aigc_course.cli import main


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIGC_DATA", str(tmp_path / "data"))
    return (tmp_path / "data").resolve()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["data", *arguments])
    return caught.value.code or 0  # type: ignore[return-value]


def test_list_shows_states_and_commands(capsys: pytest.CaptureFixture) -> None:
    assert run("list") == 0
    text = capsys.readouterr().out
    assert "toy-comments" in text and "embedded" in text and "absent" in text
    assert "→ aigc-course data download" in text


def test_where(capsys: pytest.CaptureFixture, data_dir: Path) -> None:
    assert run("where") == 0
    assert run("where", "mnist") == 0
    assert capsys.readouterr().out == f"{data_dir}\n{data_dir / 'mnist'}\n"


def test_verify_of_an_absent_set_fails(capsys: pytest.CaptureFixture) -> None:
    assert run("verify", "mnist") == 1
    assert "data download mnist" in capsys.readouterr().err
    assert run("verify") == 0
    assert "nothing to verify" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("download", "mnits"), "did you mean 'mnist'"),
        (("import", "mnist", "no/such/folder"), "no file or folder"),
    ],
)
def test_mistakes_are_one_message(arguments, words, capsys: pytest.CaptureFixture, data_dir: Path) -> None:
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err and "Traceback" not in captured.err
    assert not data_dir.exists()

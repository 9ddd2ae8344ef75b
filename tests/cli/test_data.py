"""`aigc-course data …` on directories of its own."""

import json
from pathlib import Path

import pytest
from PIL import Image

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


def test_images_are_resized_to_a_new_folder(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "photos").mkdir()
    for i in range(3):
        Image.new("RGB", (9 + i, 12)).save(tmp_path / "photos" / f"{i}.jpg")
    assert run("resize", str(tmp_path / "photos"), str(tmp_path / "small"), "--size", "8") == 0
    assert capsys.readouterr().out == f"3 images of 8 x 8 pixels are in {tmp_path / 'small'}\n"
    for path in (tmp_path / "small").iterdir():
        with Image.open(path) as image:
            assert image.size == (8, 8)
    assert len(list((tmp_path / "small").iterdir())) == 3
    assert run("resize", str(tmp_path / "photos"), str(tmp_path / "small")) == 2
    assert "exists already" in capsys.readouterr().err


def put_dump(path: Path, count: int = 60) -> Path:
    rows = [
        {
            "body": f"comment {i}{' shit' if i % 7 == 0 else ''}",
            "subreddit": "Cats" if i % 3 else "dogs",
            "score": i % 5,
        }
        for i in range(count)
    ]
    path.write_text("not json\n" + "".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_dump_is_imported_described_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    dump = put_dump(tmp_path / "d.jsonl")
    assert run("import", "my-cats", str(dump), "--subreddit", "cats", "--min-score", "1") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "my-cats present imported comments: " in shown
    for line in (
        "lines read 61",
        "left out, not JSON (d.jsonl line 1) 1",
        "left out, of another subreddit 20",
        "left out, below the minimum score 8",
        "comments kept 32",
    ):
        assert line in shown
    assert run("list") == 0
    assert "my-cats" in capsys.readouterr().out
    assert run("verify", "my-cats") == 0
    capsys.readouterr()
    counts = {}
    for options in ([], ["--filter", "off"]):
        assert run("describe", "my-cats", *options) == 0
        lines = dict(line.strip().rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
        counts[len(options)] = {name.strip(): int(number.replace(",", "")) for name, number in lines.items()}
    removed = counts[0]["left out, classroom filter: swearing"]
    kept = [sum(c[f"{split}: documents"] for split in ("train", "validation", "test")) for c in counts.values()]
    assert kept == [32 - removed, 32] and 0 < removed < 10
    assert counts[0]["train: characters"] > 6 * counts[0]["train: documents"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("import", "mnits", "{folder}"), "holds no dump of comments"),
        (("import", "goemotions", "{dump}", "--min-score", "3"), "are for dumps of your own"),
        (("import", "My Cats", "{dump}"), "small letters, digits"),
        (("import", "cats", "{dump}", "--subreddit", "horses"), "20 of another subreddit"),
        (("describe", "mnist"), "text is needed"),
        (("describe", "toy-comments", "--filter", "on"), "Allowed: classroom, off"),
    ],
)
def test_wrong_imports_are_one_message(arguments, words, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    dump = put_dump(tmp_path / "d.jsonl", 20)
    (tmp_path / "empty").mkdir()
    given = [argument.format(dump=dump, folder=tmp_path / "empty") for argument in arguments]
    assert run(*given) == 2
    captured = capsys.readouterr()
    assert words in captured.err and "Traceback" not in captured.err
    assert not (tmp_path / "data" / "cats").exists()

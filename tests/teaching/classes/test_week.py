"""A teacher's week by the commands of docs/teaching.md, with two exercises and three students."""

import csv
import json
import os
import re
from pathlib import Path

import pytest

from aigc_course.cli import main
from aigc_course.teaching.notebook import read_notebook, write_notebook
from tests.teaching.classes.submitted import BETA, RIGHT, WRONG_HALF

GUIDE = Path(__file__).parents[3] / "docs" / "teaching.md"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="grading needs fork")


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(["class", *arguments])
    return caught.value.code or 0


def test_a_week(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("init", "my-class", "--notebook", "05") == 0
    settings = json.loads(Path("my-class/class.json").read_text())
    settings["notebooks"]["05"]["points"] = {"05.2": 1, "05.6": 2}
    Path("my-class/class.json").write_text(json.dumps(settings))
    Path("my-class/roster.csv").write_text("id,also\ns001,1234567\ns002,\ns003,\n")
    assert run("release", "05", "--class", "my-class", "--due", "2030-03-08 23:59") == 0
    for name, answer in (("Ada_1234567_file_/mine.ipynb", RIGHT), ("s002_05.ipynb", WRONG_HALF)):
        notebook = read_notebook(Path("my-class/release/05/05_vae_elbo.ipynb"))
        for cell in notebook.cells:
            cell.source = {"ex2-answer": answer, "ex6-answer": BETA}.get(cell.id, cell.source)
        write_notebook(Path("inbox") / name, notebook)
    assert run("collect", "05", "inbox", "--class", "my-class") == 0
    out = capsys.readouterr().out
    assert "2 submissions of 05" in out and "missing    s003" in out and "late" not in out
    assert run("grade", "05", "--class", "my-class", "--workers", "1") == 0
    out = capsys.readouterr().out
    assert re.search(r"s001 +3 of 3 ", out) and re.search(r"s002 +2 of 3 ", out)
    assert run("feedback", "05", "--class", "my-class") == 0
    assert "the half is missing" in Path("my-class/feedback/s002/05.html").read_text()
    assert run("report", "05", "--class", "my-class") == 0
    rows = list(csv.DictReader(Path("my-class/report/05.csv").read_text().splitlines()))
    assert [(row["id"], row["points"]) for row in rows] == [("s001", "3"), ("s002", "2"), ("s003", "0")]
    assert "the half is missing" in Path("my-class/report/05.html").read_text()


def test_the_order_of_the_week_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("grade", "05") == 2
    assert "holds no class" in capsys.readouterr().err
    run("init", ".", "--notebook", "05")
    Path("roster.csv").write_text("id,also\ns001,\n")
    assert run("grade", "05") == 2
    assert "nothing was collected for 05" in capsys.readouterr().err
    assert run("feedback", "05") == 2
    assert "nothing was graded for 05" in capsys.readouterr().err


def test_the_guide_names_every_command(capsys):
    text = GUIDE.read_text(encoding="utf-8")
    for command in ("init", "release", "collect", "grade", "feedback", "report"):
        assert f"aigc-course class {command}" in text
        assert run(command, "--help") == 0

"""A teacher's week by the commands of docs/teaching.md, with two exercises and three students."""

import csv
import json
import os
import re
import shlex
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


def guide_commands():
    """The arguments of each `aigc-course …` in the guide's shell blocks, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.partition("  #")[0] for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("aigc-course class")]


def fill_in_the_class():
    """What the guide asks a teacher to edit; two exercises alone, so that it takes seconds."""
    settings = json.loads(Path("my-class/class.json").read_text())
    assert sorted(settings["notebooks"]) == ["05", "06"]
    settings["notebooks"]["05"]["points"] = {"05.2": 1, "05.6": 2}
    Path("my-class/class.json").write_text(json.dumps(settings))
    roster = re.search(r"```text\n(id,also\n.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[1]
    Path("my-class/roster.csv").write_text(roster + "s003,\n")


def hand_in():
    moodle = "Ada L_1234568_assignsubmission_file_/my notebook.ipynb"
    for name, answer in (("s001_05.ipynb", RIGHT), (moodle, WRONG_HALF)):
        notebook = read_notebook(Path("my-class/release/05/05_vae_elbo.ipynb"))
        for cell in notebook.cells:
            cell.source = {"ex2-answer": answer, "ex6-answer": BETA}.get(cell.id, cell.source)
        write_notebook(Path("inbox") / name, notebook)


def test_a_week_as_the_guide_has_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    printed = {}
    for command, *arguments in (line[1:] for line in guide_commands()):
        assert run(command, *arguments) == 0, (command, arguments)
        printed[command] = capsys.readouterr().out
        {"init": fill_in_the_class, "release": hand_in}.get(command, list)()
    assert list(printed) == ["init", "release", "collect", "grade", "feedback", "report"]
    assert "2 submissions of 05" in printed["collect"] and "missing    s003" in printed["collect"]
    assert re.search(r"s001 +3 of 3 ", printed["grade"]) and re.search(r"s002 +2 of 3 ", printed["grade"])
    assert "the half is missing" in Path("my-class/feedback/s002/05.html").read_text()
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


def test_grading_on_windows(monkeypatch, capsys):
    monkeypatch.setattr("sys.platform", "win32")
    assert run("grade", "05") == 2
    assert "on Linux, in WSL or on macOS" in capsys.readouterr().err

"""The panel "Where you are": what notebooks say of themselves, and which exercise comes next."""

import pytest

from aigc_course.exercises.outline import outlines, parse_outline
from aigc_course.exercises.record import Entry
from aigc_course.exercises.registry import all_exercises, progress
from aigc_course.exercises.standing import standing
from aigc_course.exercises.summary import report
from aigc_course.teaching.notebook import notebook_files, notebooks_dir, read_notebook

FIRST_CELL = r"""# A title with $\sigma$

Some words | with a bar.

| | |
|---|---|
| **You will be able to** | bound $\log p(x)$ |
| | count <b> |
| **You need** | a pencil |
| **It takes** | 30 minutes, of which the machine needs about 4 |
"""


def at(**states: dict) -> list:
    """Every exercise with its entry; states by id, with _ in place of the dot: at(e02_1=dict(status="passed"))."""
    entries = {key[1:].replace("_", "."): Entry(**values) for key, values in states.items()}
    assert entries.keys() <= all_exercises().keys()
    return [(item, entries.get(item.id, Entry())) for item in all_exercises().values()]


def tried(time: str) -> dict:
    return {"status": "failed", "tries": 1, "first_tried": time}


def passed(time: str) -> dict:
    return {"status": "passed", "tries": 1, "first_tried": time, "passed": time}


def test_the_first_cell_is_read_row_by_row():
    found = parse_outline(FIRST_CELL, "07_a_name.ipynb")
    assert (found.number, found.title) == ("07", "A title with σ")
    assert found.goals == ("bound log p(x)", "count <b>")
    assert found.takes == "30 minutes, of which the machine needs about 4"


def test_a_cell_without_a_table_still_has_a_title():
    found = parse_outline("Just text.", "07_a_name.ipynb")
    assert (found.title, found.goals, found.takes) == ("07 a name", (), "")


def test_every_notebook_of_the_course_tells_its_goals_and_its_time_in_plain_words():
    told = outlines()
    assert [item.file for item in told.values()] == [path.name for path in notebook_files(notebooks_dir())]
    for item in told.values():
        assert len(item.goals) >= 2 and item.takes, item.file
        assert not set("$\\*`") & set("".join([item.title, *item.goals, item.takes])), item.file


def test_who_has_done_nothing_begins_at_the_beginning():
    found = standing(at())
    assert (found.outline.number, found.passed, found.next.id) == ("00", 0, "00.1")
    assert "Welcome" in found.title and "exercise 00.1" in found.next_step


def test_the_next_exercise_is_in_the_notebook_tried_last():
    found = standing(at(e00_1=passed("2026-01-01T10:00:00+00:00"), e02_1=passed("2026-01-02T10:00:00+00:00")))
    assert (found.outline.number, found.passed, found.next.id) == ("02", 1, "02.2")


def test_times_are_compared_across_time_zones():
    # 10:30 in Shanghai is before 09:00 in London
    found = standing(at(e00_1=tried("2026-01-01T10:30:00+08:00"), e02_1=tried("2026-01-01T09:00:00+00:00")))
    assert found.next.id == "02.1"


def test_a_finished_notebook_leads_to_the_one_after_it_and_at_the_end_to_what_was_left_out():
    done = {f"e{item.id.replace('.', '_')}": passed("2026-01-01T10:00:00+00:00") for item in all_exercises().values()}
    of_00 = {key: value for key, value in done.items() if key.startswith("e00")}
    assert standing(at(**of_00)).next.id == "01.1"
    left_out = {key: value for key, value in done.items() if key != "e00_2"}
    assert standing(at(**left_out)).next.id == "00.2"
    found = standing(at(**done))
    assert found.next is None and "nothing is left" in found.next_step
    assert found.outline.number == max(outlines()) and found.passed == found.exercises


def test_outside_a_checkout_the_number_stands_alone(monkeypatch):
    monkeypatch.setattr("aigc_course.exercises.standing.outlines", dict)
    assert standing(at()).title == "Where you are: 00"


def test_without_exercises_there_is_no_panel():
    assert standing([]) is None
    assert "Where you are" not in str(report([])) + report([]).to_html()


@pytest.fixture(autouse=True)
def progress_file(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("AIGC_PROGRESS", str(path))
    return path


def test_progress_shows_the_panel_as_text_and_as_html():
    shown = progress()
    for text in (repr(shown), shown.to_html()):
        assert text.count("Where you are: 00 · Welcome") == 1
        assert "Next: exercise 00.1" in text and "You will be able to" in text and "30 minutes" in text
    assert shown.to_html().count("<ul") == 1 + len(outlines()), "goals: of this notebook, and of each"


def test_what_a_notebook_says_is_escaped(monkeypatch):
    monkeypatch.setattr(
        "aigc_course.exercises.standing.outlines", lambda: {"00": parse_outline(FIRST_CELL, "00_a.ipynb")}
    )
    assert "count &lt;b&gt;" in standing(at()).to_html()


def test_the_first_notebook_shows_it():
    cells = read_notebook(notebooks_dir() / "00_welcome.ipynb").cells
    (panel,) = (cell.outputs[0].data for cell in cells if cell.source == "progress()")
    for shown in panel.values():
        assert "Where you are: 00 · Welcome" in shown and "Next: exercise 00.1" in shown

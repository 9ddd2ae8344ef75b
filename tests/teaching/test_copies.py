"""The learner's copies: they follow the course, and nothing that a learner did is ever lost."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from aigc_course.errors import CourseError, UsageError
from aigc_course.teaching.copies import RECORD, bring_up_to_date, reset_copy, text_digest
from aigc_course.teaching.notebook import find_notebook
from tests.teaching.notebooks import write

STUB = "def f():\n    raise NotImplementedError"
ANSWER = "def f():\n    return 1"


@pytest.fixture
def course(tmp_path):
    """A course of two notebooks: its folder."""
    write(tmp_path / "notebooks", "00_a.ipynb", "# A", STUB)
    write(tmp_path / "notebooks", "01_b.ipynb", "# B", "2 + 2")
    return tmp_path


def upgrade(course, name="00_a.ipynb", *sources):
    write(course / "notebooks", name, *(sources or ("# A, second edition", STUB)))


def sync(course):
    """Bring the copies up to date; what happened: {"00_a.ipynb": ("beside", "00_a.new.ipynb")}."""
    outcomes = bring_up_to_date(course / "notebooks", course / "mine")
    return {outcome.name: (outcome.change, str(outcome.file.relative_to(course / "mine"))) for outcome in outcomes}


def edit(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def solve(path):
    edit(path, lambda notebook: notebook.cells[1].update(source=ANSWER))


def run_all(path):
    """What JupyterLab does to a notebook that is run to its end by Shift+Enter: outputs, metadata, an empty cell."""

    def change(notebook):
        notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="4\n")]
        notebook.metadata["language_info"] = {"name": "python", "version": "3.12.1"}
        notebook.cells.append(nbformat.v4.new_code_cell(""))

    edit(path, change)


def files(course):
    return {str(path.relative_to(course / "mine")): path.read_bytes() for path in (course / "mine").rglob("*.ipynb")}


def test_the_first_time_every_notebook_is_copied_and_then_nothing_happens(course):
    assert sync(course) == {"00_a.ipynb": ("made", "00_a.ipynb"), "01_b.ipynb": ("made", "01_b.ipynb")}
    made = files(course)
    assert made == {path.name: path.read_bytes() for path in (course / "notebooks").iterdir()}
    assert sync(course) == {} and files(course) == made


def test_an_untouched_copy_follows_the_course(course):
    sync(course)
    upgrade(course)
    assert sync(course) == {"00_a.ipynb": ("updated", "00_a.ipynb")}
    assert files(course)["00_a.ipynb"] == (course / "notebooks" / "00_a.ipynb").read_bytes()
    assert sync(course) == {}


def test_a_changed_copy_stays_and_the_new_version_comes_beside_it_once(course):
    sync(course)
    solve(course / "mine" / "00_a.ipynb")
    mine = files(course)["00_a.ipynb"]
    assert sync(course) == {}, "no new version, nothing to do"
    upgrade(course)
    assert sync(course) == {"00_a.ipynb": ("beside", "00_a.new.ipynb")}
    now = files(course)
    assert now["00_a.ipynb"] == mine
    assert now["00_a.new.ipynb"] == (course / "notebooks" / "00_a.ipynb").read_bytes()
    (course / "mine" / "00_a.new.ipynb").unlink()
    assert sync(course) == {}, "what was deleted is not offered again"


def test_a_later_version_takes_the_place_of_an_offered_one_only_if_that_was_not_touched(course):
    sync(course)
    solve(course / "mine" / "00_a.ipynb")
    for edition in ("# second", "# third"):
        upgrade(course, "00_a.ipynb", edition, STUB)
        assert sync(course) == {"00_a.ipynb": ("beside", "00_a.new.ipynb")}
    solve(course / "mine" / "00_a.new.ipynb")
    begun = files(course)["00_a.new.ipynb"]
    upgrade(course, "00_a.ipynb", "# fourth", STUB)
    assert sync(course) == {"00_a.ipynb": ("beside", "00_a.new-2.ipynb")}
    assert files(course)["00_a.new.ipynb"] == begun and b"# fourth" in files(course)["00_a.new-2.ipynb"]


def test_a_copy_that_was_only_run_follows_and_its_outputs_are_kept(course):
    sync(course)
    run_all(course / "mine" / "01_b.ipynb")
    mine = files(course)["01_b.ipynb"]
    assert sync(course) == {}
    upgrade(course, "01_b.ipynb", "# B", "2 + 3")
    assert sync(course) == {"01_b.ipynb": ("outputs kept", "backups/01_b.1.ipynb")}
    now = files(course)
    assert now["backups/01_b.1.ipynb"] == mine and b"2 + 3" in now["01_b.ipynb"]


def test_new_outputs_of_the_same_text_are_no_new_version(course):
    sync(course)
    solve(course / "mine" / "00_a.ipynb")
    run_all(course / "mine" / "01_b.ipynb")
    before = files(course)
    for name in ("00_a.ipynb", "01_b.ipynb"):
        edit(course / "notebooks" / name, lambda notebook: notebook.cells[1].update(execution_count=7))
    assert sync(course) == {} and files(course) == before


def test_who_took_the_new_version_over_is_not_offered_it_again(course):
    sync(course)
    solve(course / "mine" / "00_a.ipynb")
    upgrade(course)
    sync(course)
    solve(course / "mine" / "00_a.new.ipynb")
    (course / "mine" / "00_a.new.ipynb").replace(course / "mine" / "00_a.ipynb")
    assert sync(course) == {}


@pytest.mark.parametrize("record", [None, "torn {", "[]", '{"seen": 1, "written": {}}'])
def test_without_a_record_every_difference_counts_as_the_learners(course, record):
    sync(course)
    solve(course / "mine" / "00_a.ipynb")
    mine = files(course)["00_a.ipynb"]
    (course / "mine" / RECORD).unlink() if record is None else (course / "mine" / RECORD).write_text(record)
    assert sync(course) == {"00_a.ipynb": ("beside", "00_a.new.ipynb")}
    assert files(course)["00_a.ipynb"] == mine
    assert json.loads((course / "mine" / RECORD).read_text())["seen"].keys() == {"00_a.ipynb", "01_b.ipynb"}


def test_a_copy_that_is_no_notebook_any_more_stays(course):
    sync(course)
    (course / "mine" / "00_a.ipynb").write_text("<<<<<<< half a merge")
    upgrade(course)
    assert sync(course) == {"00_a.ipynb": ("beside", "00_a.new.ipynb")}
    assert files(course)["00_a.ipynb"] == b"<<<<<<< half a merge"


def test_an_upgrade_that_stops_half_way_goes_on(course, monkeypatch):
    sync(course)
    solve(course / "mine" / "00_a.ipynb")
    upgrade(course)
    upgrade(course, "01_b.ipynb", "# B", "2 + 3")
    from aigc_course.teaching import copies

    monkeypatch.setattr(copies, "write_json", lambda *_: (_ for _ in ()).throw(CourseError("killed")))
    with pytest.raises(CourseError, match="killed"):
        sync(course)
    monkeypatch.undo()
    sync(course)
    assert set(files(course)) == {"00_a.ipynb", "00_a.new.ipynb", "01_b.ipynb"}, "nothing twice"


def test_reset_keeps_each_version_under_a_number_of_its_own(course):
    sync(course)
    copy = course / "mine" / "00_a.ipynb"
    original = (course / "notebooks" / "00_a.ipynb").read_bytes()
    kept = []
    for number in (1, 2):
        edit(copy, lambda notebook, n=number: notebook.cells[1].update(source=f"def f():\n    return {n}"))
        kept.append(copy.read_bytes())
        assert (
            reset_copy("0", course / "notebooks", course / "mine") == course / "mine/backups" / f"00_a.{number}.ipynb"
        )
        assert copy.read_bytes() == original
    assert [files(course)[f"backups/00_a.{number}.ipynb"] for number in (1, 2)] == kept
    assert reset_copy("00", course / "notebooks", course / "mine") is None, "nothing to keep"
    copy.unlink()
    assert reset_copy("00_a.ipynb", course / "notebooks", course / "mine") is None
    assert copy.read_bytes() == original and sync(course) == {}


def test_reset_takes_an_untouched_offer_away(course):
    sync(course)
    solve(course / "mine" / "00_a.ipynb")
    upgrade(course)
    sync(course)
    reset_copy("00", course / "notebooks", course / "mine")
    assert set(files(course)) == {"00_a.ipynb", "01_b.ipynb", "backups/00_a.1.ipynb"}
    assert b"second edition" in files(course)["00_a.ipynb"] and sync(course) == {}


def test_reset_leaves_an_offer_that_was_begun(course):
    sync(course)
    solve(course / "mine" / "00_a.ipynb")
    upgrade(course)
    sync(course)
    solve(course / "mine" / "00_a.new.ipynb")
    reset_copy("00", course / "notebooks", course / "mine")
    assert "00_a.new.ipynb" in files(course)


def test_an_unknown_number_changes_nothing(course):
    with pytest.raises(UsageError, match=r"unknown notebook '77'.*Allowed: 00, 01"):
        reset_copy("77", course / "notebooks", course / "mine")
    assert not (course / "mine").exists()
    assert find_notebook("1", course / "notebooks").name == "01_b.ipynb"


def test_the_digest_is_of_what_a_person_wrote(course):
    path = course / "notebooks" / "01_b.ipynb"
    before = text_digest(path)
    run_all(path)
    assert text_digest(path) == before
    edit(path, lambda notebook: notebook.cells[0].update(source="# C"))
    assert text_digest(path) != before
    assert text_digest(Path(__file__)) is None


def test_the_learners_folder_is_ignored_by_git():
    from aigc_course.paths import course_root
    from aigc_course.teaching.copies import my_notebooks_dir

    assert my_notebooks_dir() == course_root() / "my_notebooks"
    assert re.search(r"^my_notebooks/$", (course_root() / ".gitignore").read_text(), re.MULTILINE)

import json
from datetime import datetime

import pytest

from aigc_course.errors import DataError, UsageError
from aigc_course.exercises import exercise
from aigc_course.teaching.classes.class_folder import init_class, open_class, set_due


@pytest.fixture
def folder(tmp_path):
    return init_class(tmp_path / "class", "A class", ["05"])


def change(folder, **settings):
    file = folder.path / "class.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def test_a_new_class_has_points_by_stars_and_an_empty_roster(folder):
    only = folder.assignment("05")
    assert only.file == "05_vae_elbo.ipynb" and only.due is None
    assert list(only.points) == [f"05.{n}" for n in range(1, 9)]
    assert only.points["05.2"] == exercise("05.2").stars
    assert only.total == sum(exercise(one).stars for one in only.points)
    assert (folder.path / "roster.csv").read_text() == "id,also\n"
    with pytest.raises(UsageError, match=r"roster\.csv has no students"):
        folder.students()


def test_a_class_is_not_overwritten_and_a_notebook_must_be_there(folder, tmp_path):
    with pytest.raises(UsageError, match="is there already"):
        init_class(folder.path, "B", [])
    with pytest.raises(UsageError, match="unknown notebook '99'"):
        init_class(tmp_path / "other", "B", ["99"])
    assert not (tmp_path / "other").exists()
    with pytest.raises(UsageError, match="holds no class"):
        open_class(tmp_path)
    with pytest.raises(UsageError, match="unknown notebook of this class '06'"):
        folder.assignment("06")


def test_a_roster(folder):
    (folder.path / "roster.csv").write_text("\ufeffid,also\nada,1234567\nbob.b,\n", encoding="utf-8")
    assert [(one.id, one.also) for one in folder.students()] == [("ada", "1234567"), ("bob.b", "")]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("id,also\n../x,\n", "line 2: '../x' is no id"),
        ("id,also\nada,\n,\n", "line 3: '' is no id"),
        ("name\nada\n", "line 2: '' is no id"),
        ("id,also\nada,\nAda,\n", "names ada more than once"),
        ("id,also\nada,bob\nbob,\n", "names bob more than once"),
        ("id,also\nada lovelace,\n", "is no id"),
    ],
)
def test_a_wrong_roster_names_its_line(folder, lines, words):
    (folder.path / "roster.csv").write_text(lines)
    with pytest.raises(DataError, match=words):
        folder.students()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seconds": 0}, "seconds is 0"),
        ({"seconds": "x"}, "is no class"),
        ({"notebooks": {"05": {"file": "x.ipynb", "due": None, "points": {"05.2": -1}}}}, "05.2 has -1 points"),
        ({"notebooks": {"05": {"file": "../x.ipynb", "due": None, "points": {}}}}, "give the name of a notebook"),
        ({"notebooks": {"05": {"file": "x.ipynb", "due": "soon", "points": {}}}}, "due is 'soon'"),
        ({"notebooks": {"05": {"file": "x.ipynb", "points": {}}}}, "it needs file, due and points"),
        ({"notebooks": {"../5": {"file": "x.ipynb", "due": None, "points": {}}}}, "two digits"),
    ],
)
def test_a_wrong_setting_is_named(folder, settings, words):
    change(folder, **settings)
    with pytest.raises(DataError, match=words):
        open_class(folder.path)


def test_an_exercise_that_the_course_has_not(folder):
    change(folder, notebooks={"05": {"file": "x.ipynb", "due": None, "points": {"05.99": 1}}})
    with pytest.raises(UsageError, match=r"unknown exercise in .* '05.99'"):
        open_class(folder.path)


def test_a_due_time_is_kept(folder):
    assert set_due(folder, "05", "2026-03-02 23:59").assignment("05").due == datetime(2026, 3, 2, 23, 59)
    assert open_class(folder.path).assignment("05").due == datetime(2026, 3, 2, 23, 59)
    with pytest.raises(UsageError, match="'tomorrow' is no date"):
        set_due(folder, "05", "tomorrow")

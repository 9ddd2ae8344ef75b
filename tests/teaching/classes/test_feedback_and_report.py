import csv
import html.parser
import json

import pytest

from aigc_course.errors import UsageError
from aigc_course.exercises import exercise
from aigc_course.teaching.classes.class_folder import init_class
from aigc_course.teaching.classes.feedback import write_feedback
from aigc_course.teaching.classes.report import write_report

BAD = "<script>alert('x')</script>"


def entry(exercise_id, status, misconception=None, kind="", **more):
    points = 1.0 if status == "passed" else 0.0
    base = {"id": exercise_id, "title": exercise(exercise_id).title, "points": points, "of": 1.0, "seconds": 0.1}
    return base | {"status": status, "misconception": misconception, "kind": kind, "message": "What it was."} | more


def graded(student, *entries, problem=""):
    return {
        "student": student,
        "notebook": "05",
        "graded": "2026-03-03T10:00:00",
        "closed": True,
        "problem": problem,
        "points": sum(one["points"] for one in entries),
        "seconds": 1.5,
        "exercises": list(entries),
    }


@pytest.fixture
def folder(tmp_path):
    made = init_class(tmp_path / "class", "A class", ["05"])
    (made.path / "roster.csv").write_text("id,also\nada,Ada Lovelace\nbob,\ncy,\ndan,\n")
    half = ("05.2", "failed", "the half is missing")
    results = [
        graded("ada", entry("05.2", "passed"), entry("05.6", "failed", kind="exception", excerpt=BAD, printed=BAD)),
        graded("bob", entry(*half, details=[["You gave", BAD]]), entry("05.6", "not started")),
        graded("cy", entry(*half), entry("05.6", "failed", kind="exception", message=BAD)),
    ]
    (made.path / "graded" / "05").mkdir(parents=True)
    for one in results:
        (made.path / "graded" / "05" / f"{one['student']}.json").write_text(json.dumps(one))
    return made


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.links = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def test_feedback_names_the_mistake_the_points_and_a_hint(folder):
    ada, bob, _ = (Page(path.read_text()) for path in write_feedback(folder, "05"))
    assert "1 of 2 points" in ada.text and "0 of 2 points" in bob.text
    assert "Failed: the half is missing." in bob.text and "What it was." in bob.text
    assert exercise("05.2").hints[0] in bob.text and exercise("05.2").hints[1] not in bob.text
    assert exercise("05.2").hints[0] not in ada.text
    assert "still raises NotImplementedError" in bob.text


def test_pages_are_complete_in_themselves_and_escaped(folder):
    paths = [*write_feedback(folder, "05"), write_report(folder, "05")[1]]
    for path in paths:
        page = Page(path.read_text())
        assert "script" not in page.tags and not page.links
        assert page.tags[:3] == ["html", "head", "meta"] and "Ada Lovelace" not in page.text
    assert BAD in Page(paths[0].read_text()).text


def test_lateness_and_a_file_that_is_no_notebook(folder):
    (folder.path / "collected").mkdir()
    (folder.path / "collected" / "05.json").write_text('{"taken": {}, "late": {"ada": "2026-03-03 00:01"}}')
    broken = graded("dan", entry("05.2", "failed", kind="not judged"), problem="The file is no notebook.")
    (folder.path / "graded" / "05" / "dan.json").write_text(json.dumps(broken))
    pages = {path.parent.name: Page(path.read_text()).text for path in write_feedback(folder, "05")}
    assert "Handed in 2026-03-03 00:01, after the time" in pages["ada"] and "Handed in" not in pages["bob"]
    assert "The file is no notebook." in pages["dan"] and "05.2" not in pages["dan"]


def test_the_table_has_a_line_for_each_student(folder):
    rows = list(csv.DictReader(write_report(folder, "05")[0].read_text().splitlines()))
    assert [row["id"] for row in rows] == ["ada", "bob", "cy", "dan"]
    assert (rows[0]["05.2"], rows[0]["05.6"], rows[0]["points"]) == ("1", "0", "1")
    assert rows[3]["points"] == "0" and rows[3]["remark"] == "not handed in" and rows[3]["05.2"] == ""
    assert set(rows[0]) == {"id", *folder.assignment("05").points, "points", "of", "remark"}


def test_the_report_counts_and_says_how_sure_it_is(folder):
    text = Page(write_report(folder, "05")[1].read_text()).text
    assert "3 of 4 students handed in" in text
    assert "1 of 333%6% to 79%0" in text  # Wilson's interval for 1 of 3, by hand: 0.0615 to 0.7923
    assert "0 of 30%0% to 56%1" in text
    assert text.index("05.2the half is missing2") < text.index("05.6exception2")


def test_nothing_graded_yet(tmp_path):
    folder = init_class(tmp_path / "class", "A class", ["05"])
    with pytest.raises(UsageError, match="nothing was graded for 05"):
        write_feedback(folder, "05")
    with pytest.raises(UsageError, match="unknown notebook of this class '07'"):
        write_report(folder, "07")

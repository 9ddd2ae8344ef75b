"""How far a learner is: the sums, the tables, and what stands there when the file is broken."""

import json

import pytest

from aigc_course.exercises import check, exercise, hint, progress, solution
from aigc_course.exercises.record import read
from aigc_course.exercises.registry import all_exercises
from aigc_course.exercises.summary import report


def row(number):
    return next(item for item in report(all_exercises().values()).notebooks if item.number == number)


@pytest.fixture
def some_progress():
    check("02.1", lambda y_hat, y: y_hat - y)
    for exercise_id in ("02.1", "02.9"):
        check(exercise_id, exercise(exercise_id).reference)
    hint("02.3")
    solution("02.4", honestly=True)


def test_a_notebook_adds_up_its_exercises(some_progress):
    mine = row("02")
    every = [item for item in all_exercises().values() if item.id.startswith("02.")]
    done = [exercise("02.1"), exercise("02.9")]
    assert (mine.passed, mine.exercises) == (2, len(every))
    assert (mine.stars, mine.stars_in_all) == (sum(e.stars for e in done), sum(e.stars for e in every))
    assert (mine.minutes, mine.minutes_in_all) == (sum(e.minutes for e in done), sum(e.minutes for e in every))
    assert (mine.tries, mine.hints, mine.solutions_before_passing) == (3, 1, 1)
    assert mine.last_pass == max(read()[item.id].passed for item in done)
    assert mine.name.startswith("02 losses")
    others = row("00")
    assert (others.passed, others.tries, others.last_pass) == (0, 0, None)


def test_text_and_html_say_the_same(some_progress):
    text, markup = repr(progress()), progress()._repr_mimebundle_()["text/html"]
    date = read()["02.1"].passed[:10]
    for part in (f"passed on {date}, 2 tries", "1 hint", "solution seen before passing", "2 of 9", date):
        assert part in text and part in markup
    assert text.startswith("2 of ")
    assert len({line.index("of") for line in text.splitlines()[3:6]}) == 1, "the columns stand beneath one another"


def test_an_exercise_without_a_trace_is_not_listed_in_the_text(some_progress):
    assert "○ 02.2" not in repr(progress())
    assert "○ 02.2" in progress().to_html()


def test_exercises_that_the_course_no_longer_has_do_no_harm(progress_file, some_progress):
    entries = json.loads(progress_file.read_text()) | {"77.7": {"status": "passed"}}
    progress_file.write_text(json.dumps(entries))
    assert row("02").passed == 2 and "77.7" not in repr(progress())
    check("00.1", exercise("00.1").reference)
    assert read()["77.7"].status == "passed"


def test_a_broken_file_is_told_of_in_place_of_the_table(progress_file):
    progress_file.write_text("<b>")
    assert "cannot read your progress" in repr(progress())
    assert "cannot read your progress" in progress().to_html()


def test_the_shown_table_follows_each_check():
    pytest.importorskip("ipywidgets")
    shown = progress()
    shown._repr_mimebundle_()
    before = shown.shown
    check("00.1", exercise("00.1").reference)
    assert "0 of 2" in before and "1 of 2" in shown.shown
    shown.close()
    check("00.2", exercise("00.2").reference)
    assert shown.shown == ""

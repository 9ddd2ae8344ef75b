import json

import pytest

from aigc_course.errors import CourseError, UsageError
from aigc_course.exercises import check, exercise, hint, progress
from aigc_course.exercises.record import read


def stub(loss_nats):
    raise NotImplementedError


def wrong(loss_nats):
    return 2.0**loss_nats


def test_an_unknown_id_names_the_nearest():
    with pytest.raises(UsageError, match=r"did you mean '00.1'"):
        check("00.11", stub)


def test_progress_counts_tries_and_keeps_a_pass(progress_file):
    reference = exercise("00.1").reference
    check("00.1", stub)
    assert read()["00.1"].status == "not started"
    check("00.1", wrong)
    assert read()["00.1"].status == "failed"
    check("00.1", reference)
    check("00.1", wrong)
    check("00.1", stub)
    assert json.loads(progress_file.read_text()) == {"00.1": {"status": "passed", "tries": 3, "hints": 0}}


def test_hints_come_one_at_a_time_and_end(capsys):
    hints = exercise("00.1").hints
    for number, text in enumerate(hints, start=1):
        hint("00.1")
        out = capsys.readouterr().out
        assert f"Hint {number} of {len(hints)}" in out and text in out
        assert ("last hint" in out) == (number == len(hints))
    hint("00.1")
    assert hints[-1] in capsys.readouterr().out


def test_progress_lists_every_exercise(capsys):
    check("00.1", exercise("00.1").reference)
    progress()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("✓ 00.1") and "passed" in lines[0] and "1 tries" in lines[0]
    assert lines[1].startswith("○ 00.2") and "not started" in lines[1]


@pytest.mark.parametrize("text", ["{", "[1]", '{"00.1": {"status": 1, "colour": 2}}'])
def test_a_broken_progress_file_is_named_and_left_alone(progress_file, capsys, text):
    progress_file.write_text(text)
    with pytest.raises(CourseError, match="cannot read your progress"):
        read()
    assert check("00.1", exercise("00.1").reference).status == "passed"
    assert "progress was not saved" in capsys.readouterr().out
    assert progress_file.read_text() == text

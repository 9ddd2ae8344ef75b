import pytest

from aigc_course.errors import UsageError
from aigc_course.exercises import check, exercise, hint
from aigc_course.exercises.record import read


def stub(loss_nats):
    raise NotImplementedError


def wrong(loss_nats):
    return 2.0**loss_nats


def test_an_unknown_id_names_the_nearest():
    with pytest.raises(UsageError, match=r"did you mean '00.1'"):
        check("00.11", stub)


def test_checks_are_counted_until_the_pass():
    reference = exercise("00.1").reference
    check("00.1", stub)
    assert (read()["00.1"].status, read()["00.1"].tries) == ("not started", 0)
    check("00.1", wrong)
    assert (read()["00.1"].status, read()["00.1"].tries) == ("failed", 1)
    for answer in (reference, wrong, stub):
        check("00.1", answer)
    assert (read()["00.1"].status, read()["00.1"].tries) == ("passed", 2)


def test_hints_come_one_at_a_time_and_end(capsys):
    hints = exercise("00.1").hints
    for number, text in enumerate(hints, start=1):
        hint("00.1")
        out = capsys.readouterr().out
        assert f"Hint {number} of {len(hints)}" in out and text in out
        assert ("last hint" in out) == (number == len(hints))
    hint("00.1")
    assert hints[-1] in capsys.readouterr().out

"""The progress file: what it holds, what two writers make of it, what happens when it is broken or foreign."""

import json
import multiprocessing
import os
import stat
import sys
from datetime import datetime

import pytest

from aigc_course.errors import CourseError
from aigc_course.exercises import check, exercise, hint, solution
from aigc_course.exercises.record import Entry, note_check, note_hint, note_solution, progress_file, read, reset

BROKEN = [
    "{",
    "[1]",
    '{"name": "some-project", "version": "1.0"}',
    '{"00.1": {"status": 1, "colour": 2}}',
    '{"00.1": {"tries": -1}}',
    '{"00.1": {"status": "passed", "passed": "yesterday"}}',
    '{"00.1": {"status": "done"}}',
    "[" * 100_000,
]


def test_it_is_plain_readable_json_with_times(progress_file):
    note_check("00.1", "failed")
    note_hint("00.1", 3)
    note_check("00.1", "passed")
    (entry,) = json.loads(progress_file.read_text(encoding="utf-8")).values()
    times = {name: entry.pop(name) for name in ("first_tried", "passed")}
    assert entry == {"status": "passed", "tries": 2, "hints": 1, "solution": "not seen"}
    for text in times.values():
        age = datetime.now().astimezone() - datetime.fromisoformat(text)
        assert -1 <= age.total_seconds() < 60
    assert progress_file.read_text(encoding="utf-8").count("\n") > 5


def test_a_pass_is_kept_and_later_checks_are_not_counted():
    for status in ("failed", "passed"):
        note_check("00.1", status)
    before = read()
    for status in ("passed", "failed", "not started"):
        note_check("00.1", status)
    assert read() == before and before["00.1"].tries == 2


def test_a_stub_is_reached_and_no_try():
    note_check("00.1", "not started")
    assert read() == {"00.1": Entry()} and read()["00.1"].tries == 0


@pytest.mark.parametrize(("passed_first", "word"), [(False, "seen before passing"), (True, "seen after passing")])
def test_the_solution_is_noted_once(passed_first, word):
    if passed_first:
        note_check("00.1", "passed")
    note_solution("00.1")
    note_check("00.1", "passed")
    note_solution("00.1")
    assert read()["00.1"].solution == word


def test_hints_stop_at_the_last():
    assert [note_hint("00.1", 2) for _ in range(4)] == [1, 2, 2, 2]


def test_an_earlier_and_smaller_record_is_read(progress_file):
    progress_file.write_text('{"00.1": {"status": "passed", "tries": 3, "hints": 0}}')
    assert read()["00.1"] == Entry(status="passed", tries=3)


def _write_many(identifier: int) -> None:
    for number in range(20):
        note_hint(f"{identifier:02}.{number}", 5)
        note_hint("99.9", 1000)


def test_two_kernels_lose_nothing(progress_file):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(number,)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    entries = read()
    assert entries["99.9"].hints == 40
    assert len(entries) == 41


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_or_foreign_file_is_named_left_alone_and_stops_nothing(progress_file, capsys, text):
    progress_file.write_text(text)
    with pytest.raises(CourseError, match="cannot read your progress") as caught:
        read()
    assert str(progress_file) in str(caught.value) and "aigc-course progress --reset" in str(caught.value)
    item = exercise("00.1")
    assert check("00.1", item.reference).status == "passed"
    assert "progress was not saved" in capsys.readouterr().out
    hint("00.1")
    assert "Hint" in capsys.readouterr().out
    assert solution("00.1", honestly=True) is not None
    assert progress_file.read_text() == text


def test_hints_go_on_when_they_cannot_be_counted_in_the_file(progress_file, capsys):
    progress_file.write_text("mine")
    for text in exercise("00.2").hints:
        hint("00.2")
        assert text in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_to_be_written_stops_nothing(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    monkeypatch.setenv("AIGC_PROGRESS", str(folder / "progress.json"))
    assert check("00.1", exercise("00.1").reference).status == "passed"
    assert "no permission to write there" in capsys.readouterr().out


def test_a_file_in_the_way_of_its_folder_stops_nothing(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("AIGC_PROGRESS", str(tmp_path / "file" / "progress.json"))
    assert check("00.1", exercise("00.1").reference).status == "passed"
    assert "progress was not saved" in capsys.readouterr().out
    assert (tmp_path / "file").read_text() == "mine"


def test_a_lock_that_is_held_for_long_stops_nothing(progress_file, monkeypatch, capsys):
    from filelock import FileLock

    monkeypatch.setattr("aigc_course.exercises.record._LOCK_SECONDS", 0.1)
    with FileLock(f"{progress_file}.lock"):
        assert check("00.1", exercise("00.1").reference).status == "passed"
    assert "another program has held" in capsys.readouterr().out
    assert check("00.1", exercise("00.1").reference) and read()["00.1"].status == "passed"


def test_reset_deletes_what_it_can_read_and_keeps_what_it_cannot(progress_file):
    note_check("00.1", "passed")
    assert reset() is None and not progress_file.exists() and read() == {}
    names = []
    for text in ("mine", "also mine"):
        progress_file.write_text(text)
        kept = reset()
        assert kept is not None and kept.read_text() == text
        names.append(kept.name)
    assert len(set(names)) == 2 and read() == {}


def test_the_file_is_where_the_setting_says(tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_PROGRESS", str(tmp_path / "deep" / "mine.json"))
    note_check("00.1", "failed")
    assert progress_file() == tmp_path / "deep" / "mine.json" and progress_file().exists()

"""The solution of an exercise: asked for honestly, shown whole, noted down."""

import html
import re

import numpy as np
import pytest

from aigc_course.exercises import check, exercise, hint, solution
from aigc_course.exercises.answers import solution_of, source_with_helpers
from aigc_course.exercises.record import read
from aigc_course.exercises.registry import all_exercises


def answering(monkeypatch, reply):
    """Let input() give `reply`, or raise it; the list of prompts is returned."""
    prompts = []

    def replace(prompt=""):
        prompts.append(prompt)
        if isinstance(reply, BaseException):
            raise reply
        return reply

    monkeypatch.setattr("builtins.input", replace)
    return prompts


def wrong(loss_nats):
    return 2.0**loss_nats


@pytest.mark.parametrize("reply", ["yes", " Yes ", "y", '"yes"'])
def test_a_yes_shows_it_and_is_noted(monkeypatch, capsys, reply):
    answering(monkeypatch, reply)
    shown = solution("00.1")
    assert "return math.exp(loss_nats)" in shown.source
    assert read()["00.1"].solution == "seen before passing"


@pytest.mark.parametrize("reply", ["", "no", "yesterday", "maybe"])
def test_anything_else_does_not(monkeypatch, capsys, reply):
    answering(monkeypatch, reply)
    assert solution("00.1") is None
    assert "Not shown." in capsys.readouterr().out
    assert "00.1" not in read()


def test_the_question_says_what_was_tried_and_what_is_left(monkeypatch, capsys):
    answering(monkeypatch, "no")
    solution("00.1")
    assert "You have not tried it yet." in capsys.readouterr().out
    for _ in range(2):
        check("00.1", wrong)
    hint("00.1")
    capsys.readouterr()
    prompts = answering(monkeypatch, "no")
    solution("00.1")
    out = capsys.readouterr().out
    assert prompts == ["Type yes to see the solution of 00.1: "]
    assert "You have tried it 2 times." in out and '1 of 3 hints seen: hint("00.1")' in out


def test_who_has_passed_is_not_asked(monkeypatch):
    prompts = answering(monkeypatch, "no")
    check("00.1", exercise("00.1").reference)
    assert solution("00.1") is not None
    assert prompts == [] and read()["00.1"].solution == "seen after passing"


def test_where_nobody_can_answer_it_says_what_to_write(monkeypatch, capsys):
    from IPython.core.error import StdinNotImplementedError

    for error in (EOFError(), OSError("no stdin"), RuntimeError("lost sys.stdin"), StdinNotImplementedError()):
        answering(monkeypatch, error)
        assert solution("00.1") is None
        assert 'solution("00.1", honestly=True)' in capsys.readouterr().out
    assert solution("00.1", honestly=True) is not None
    assert read()["00.1"].solution == "seen before passing"


def test_the_stop_button_works(monkeypatch):
    answering(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        solution("00.1")


@pytest.mark.parametrize("item", all_exercises().values(), ids=lambda item: item.id)
def test_every_solution_is_shown_as_text_and_as_html(item):
    shown = solution_of(item)
    names = re.findall(r"^def (\w+)", shown.source, flags=re.MULTILINE)
    assert names[-1] == item.reference.__name__
    assert "mistake" not in shown.source and "noqa" not in shown.source
    text, markup = repr(shown), shown._repr_html_()
    plain = " ".join(text.split())
    for part in (item.title, *item.hints, *(p.statement for p in item.properties)):
        assert " ".join(part.split()) in plain
        assert html.escape(part) in markup
    for line in shown.source.splitlines():
        assert line in text
    assert markup.count("<div") == markup.count("</div>")


@pytest.mark.parametrize("item", all_exercises().values(), ids=lambda item: item.id)
def test_a_solution_stands_alone(item):
    """What it calls of the exercises' modules is shown with it: run by itself, it defines a function."""
    known = item.reference.__globals__.items()
    namespace = {name: v for name, v in known if not (_of_exercises(v) or isinstance(v, int | float))}
    shown = solution_of(item).source
    exec(compile("from __future__ import annotations\n" + shown, item.id, "exec"), namespace)
    arguments = item.inputs(np.random.default_rng(0))
    assert item.agree(namespace[item.reference.__name__](*arguments), item.reference(*arguments))


def _of_exercises(value):
    return callable(value) and str(getattr(value, "__module__", "")).startswith("aigc_course.exercises.")


def test_helpers_and_constants_come_before_what_uses_them():
    source = source_with_helpers(exercise("02.9").reference)
    assert source.index("BETA1 = 0.9") < source.index("def adam_step")

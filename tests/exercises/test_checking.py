import math

import numpy as np
import pytest
import torch

from aigc_course.exercises.checking import judge
from aigc_course.exercises.spec import Exercise, Misconception, Property


def print_only(x):
    x.sum()


def zero_stays_zero(answer, rng):
    return bool((answer(torch.zeros(2, 3)) == 0).all())


DOUBLE = Exercise(
    id="99.1",
    title="Twice",
    inputs=lambda rng: (torch.from_numpy(rng.normal(size=(2, 3))),),
    reference=lambda x: 2 * x,
    hints=("add",),
    properties=(Property(statement="zero stays zero", holds=zero_stays_zero),),
    misconceptions=(Misconception(name="square", wrong=lambda x: x**2, message="You squared."),),
)


def test_a_stub_is_not_started():
    def stub(x):
        raise NotImplementedError("later")

    result = judge(DOUBLE, stub)
    assert result.status == "not started"
    assert 'hint("99.1")' in result.message
    assert not result


def test_a_right_answer_in_another_form_passes():
    result = judge(DOUBLE, lambda x: x + x)
    assert result
    assert result.message.startswith("Right on 20 random inputs.")


def test_a_known_mistake_is_named():
    result = judge(DOUBLE, lambda x: x * x)
    assert (result.misconception, result.message) == ("square", "You squared.")


def test_an_unknown_mistake_gets_the_first_broken_property():
    result = judge(DOUBLE, lambda x: 2 * x + 1)
    assert "zero stays zero" in result.message
    assert result.misconception is None


def test_an_unknown_mistake_that_keeps_the_properties_gets_an_example():
    result = judge(DOUBLE, lambda x: 3 * x)
    assert result.status == "failed"
    assert "your function gives shape (2, 3)" in result.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (print_only, "is the return statement missing?"),
        (lambda x: x / "a", "raises TypeError"),
        (lambda x: x.mul_(2), "changes what it was given"),
        (lambda x: 2 * x[0], "gives the shape (3,), but the answer has the shape (2, 3)"),
        (lambda x: 2 * x + math.nan, "not finite"),
    ],
)
def test_plain_mistakes_are_explained(answer, words):
    result = judge(DOUBLE, answer)
    assert result.status == "failed"
    assert words in result.message


def test_the_answer_must_be_a_function():
    result = judge(DOUBLE, 3)
    assert (result.status, result.kind) == ("failed", "not a function")
    assert "takes the function itself, but was given 3" in result.message


def test_inputs_differ_from_check_to_check():
    seen = []
    for _ in range(2):
        judge(DOUBLE, lambda x: seen.append(x) or 2 * x)
    assert not torch.equal(seen[0], seen[len(seen) // 2])


def test_without_a_unique_answer_the_properties_decide():
    sampler = Exercise(
        id="99.2",
        title="Any positive number",
        inputs=lambda rng: (float(rng.uniform(1, 2)),),
        reference=lambda x: x,
        hints=("any",),
        properties=(Property(statement="it is positive", holds=lambda f, rng: f(float(rng.uniform(1, 2))) > 0),),
        misconceptions=(),
        unique=False,
    )
    assert judge(sampler, lambda x: 7 * x + np.random.default_rng(0).random())
    assert "it is positive" in judge(sampler, lambda x: -x).message


def test_a_result_shows_itself_as_text_and_escaped_html():
    result = judge(DOUBLE, lambda x: x.no_such_method())
    assert repr(result).startswith("✗ 99.1 Twice: failed.")
    markup = judge(DOUBLE, lambda x: x + int("<b>"))._repr_html_()
    assert "&lt;b&gt;" in markup

"""Every exercise takes its reference in other words: precision, layout, kind of result, order of reductions.

The list of exercises is the registry's, so that those added later are tried as well.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import all_exercises, exercise
from tests.exercises import rewriting as r

EXERCISES = list(all_exercises().values())
CUTS_GRADIENTS = {"as lists", "as numpy", "detached copies come in"}
CHANGES_INPUTS = {"float64 comes in", "float32 comes in", "another order, float64"}
CHANGES_DTYPE = CHANGES_INPUTS | {"as lists", "as tensors"}
FORMS = {
    "float64 comes in": r.on_inputs(r.in_dtype(torch.float64)),
    "float32 comes in": r.on_inputs(r.in_dtype(torch.float32)),
    "gaps in memory": r.on_inputs(r.strided),
    "column by column": r.on_inputs(r.turned),
    "detached copies come in": r.on_inputs(r.copied),
    "another order": r.in_another_order,
    "another order, float64": lambda answer: r.on_inputs(r.in_dtype(torch.float64))(r.in_another_order(answer)),
    "as lists": r.on_outputs(r.as_lists),
    "as tuples": r.on_outputs(r.as_tuples),
    "as numpy": r.on_outputs(r.as_numpy),
    "as tensors": r.on_outputs(r.as_tensors),
    "rows in a list": r.on_outputs(r.rows_in_a_list),
    "gaps in the result": r.on_outputs(lambda value: r.each_array(r.strided, value)),
}


def applies(item, form):
    """Whether an answer in this form is a right one.

    A result that has to carry gradients is no list; a model among the arguments has weights of its own dtype.
    """
    arguments = item.inputs(np.random.default_rng(0))
    asks_for_gradients = item.differentiable or getattr(item.reference(*arguments), "requires_grad", False)
    if form in CUTS_GRADIENTS and asks_for_gradients:
        return False
    if form in CHANGES_INPUTS and any(map(callable, arguments)):
        return False
    return not (item.same_dtype and form in CHANGES_DTYPE)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("item", EXERCISES, ids=lambda item: item.id)
def test_no_rewrite_is_rejected(item, form):
    if not applies(item, form):
        pytest.skip(f"{form}: what {item.id} asks for gets lost")
    result = judge(item, FORMS[form](item.reference), seed=0)
    assert result.status == "passed", result


@pytest.mark.parametrize("form", ["float64 comes in", "another order"])
def test_a_check_without_tolerance_would_reject_them(form):
    """The rewrites do change the last digits: it is the tolerances that let them pass."""
    strict = replace(exercise("05.2"), relative_tolerance=0.0, absolute_tolerance=0.0)
    assert judge(strict, strict.reference, seed=0)
    assert not judge(strict, FORMS[form](strict.reference), seed=0)


@pytest.mark.parametrize("form", ["another order", "as lists"])
@pytest.mark.parametrize("item", EXERCISES, ids=lambda item: item.id)
def test_a_mistake_is_named_in_other_words_too(item, form):
    if not applies(item, form):
        pytest.skip(f"{form}: what {item.id} asks for gets lost")
    named = [judge(item, FORMS[form](mistake.wrong), seed=0).misconception for mistake in item.misconceptions]
    assert named == [mistake.name for mistake in item.misconceptions]


def test_a_wrong_answer_stays_wrong_in_every_form():
    item = exercise("05.2")
    for form, rewritten in FORMS.items():
        for mistake in item.misconceptions:
            assert not judge(item, rewritten(mistake.wrong), seed=0), (form, mistake.name)


def test_reductions_are_really_done_in_another_order():
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    table = x.reshape(10, 100)
    for reduce in (lambda: x.sum(), lambda: x.mean(), lambda: table @ table.T):
        plain, other = reduce(), r.in_another_order(reduce)()
        assert not torch.equal(plain, other)
        assert torch.allclose(plain, other, rtol=1e-4, atol=1e-5)

import math

import numpy as np
import pytest
import torch

from aigc_course.exercises.compare import agree, describe, in_the_form_of, is_finite

TOLERANCES = {"rtol": 1e-4, "atol": 1e-6}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1.00001, 1.0),
        (torch.tensor(2.0), 2.0),
        (np.ones((2, 2)), torch.ones(2, 2)),
        ([1, (2.0, "a")], (1, [2.0, "a"])),
        ({"loss": torch.ones(2)}, {"loss": np.ones(2)}),
        (None, None),
        (math.nan, math.nan),
        (torch.ones(2, dtype=torch.bfloat16), np.ones(2)),
        (torch.tensor([1 + 2j]), np.array([1 + 2j])),
    ],
)
def test_equal_things_agree(given, expected):
    assert agree(given, expected, **TOLERANCES)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1.001, 1.0),
        (0.999, 1.0),
        (-1.0, 1.0),
        (torch.ones(2, 1), torch.ones(1, 2)),
        (torch.ones(1), 1.0),
        ("a", "b"),
        ("1", 1.0),
        (1.0, "1"),
        ([1, 2], [1, 2, 3]),
        ({"a": 1}, {"b": 1}),
        (None, 0.0),
        (0.0, None),
        (torch.tensor([1 - 2j]), np.array([1 + 2j])),
        (object(), 1.0),
    ],
)
def test_different_things_do_not(given, expected):
    assert not agree(given, expected, **TOLERANCES)


EDGES = [0.0, 1.0, 1.00005, 1.1, -1.0, math.inf, -math.inf, math.nan, 1e300]


@pytest.mark.parametrize("given", EDGES)
@pytest.mark.parametrize("expected", EDGES)
def test_numbers_agree_where_numpy_says_so(given, expected):
    close = np.allclose(given, expected, **TOLERANCES, equal_nan=True)
    assert agree(given, expected, **TOLERANCES) == close
    assert agree([1.0, given], torch.tensor([1.0, expected], dtype=torch.float64), **TOLERANCES) == close


@pytest.mark.parametrize(
    ("value", "pattern", "kind", "shape"),
    [
        ([[1.0, 2.0]], torch.ones(3), torch.Tensor, (1, 2)),
        ([torch.ones(2), torch.zeros(2)], torch.ones(3), torch.Tensor, (2, 2)),
        (np.ones(3), torch.ones(1), torch.Tensor, (3,)),
        (2.0, torch.ones(1), torch.Tensor, ()),
        (torch.ones(2), np.ones(1), np.ndarray, (2,)),
    ],
)
def test_numbers_take_the_form_that_properties_compute_with(value, pattern, kind, shape):
    formed = in_the_form_of(value, pattern)
    assert isinstance(formed, kind) and tuple(formed.shape) == shape
    assert agree(formed, value, rtol=0, atol=0)


def test_forms_within_collections():
    assert in_the_form_of(torch.tensor([1, 2]), [7]) == [1, 2]
    assert in_the_form_of([torch.tensor(1.5), np.float64(2)], (0.0, 0.0)) == (1.5, 2.0)
    formed = in_the_form_of({"a": [1.0]}, {"a": torch.ones(2)})
    assert isinstance(formed["a"], torch.Tensor)


@pytest.mark.parametrize("value", ["text", None, object(), [1, "a"], [torch.ones(1), torch.ones(2)]])
def test_what_has_no_such_form_stays(value):
    assert in_the_form_of(value, torch.ones(2)) is value


def test_a_list_of_tensors_keeps_its_gradients():
    leaf = torch.ones(2, requires_grad=True)
    assert in_the_form_of(list(leaf * 2), torch.ones(2)).requires_grad


def test_descriptions_are_short():
    assert describe(1.2345678) == "1.2346"
    assert describe(torch.zeros(2, 3)) == "shape (2, 3): [0, 0, 0, 0, …]"
    assert describe("a" * 100).endswith("…")
    assert describe({"loss": 0.5}) == "{'loss': 0.5}"
    assert describe(object()) == "object"


def test_finite():
    assert is_finite("text") and is_finite(1.0) and is_finite(torch.ones(2))
    assert not is_finite(math.nan)
    assert not is_finite(torch.tensor([1.0, math.inf]))

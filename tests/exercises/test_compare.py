import math

import numpy as np
import pytest
import torch

from aigc_course.exercises.compare import agree, describe, is_finite

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

"""The kernel distance against its sums written out; unbiasedness; the standard error against fresh draws."""

import numpy as np
import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics import kernel_distance, kernel_distance_in_subsets


def by_definition(real: torch.Tensor, fake: torch.Tensor) -> float:
    def mean(x, y, same):
        values = [
            (float(a @ b) / len(a) + 1) ** 3 for i, a in enumerate(x) for j, b in enumerate(y) if not (same and i == j)
        ]
        return sum(values) / len(values)

    real, fake = real.double(), fake.double()
    return mean(real, real, True) + mean(fake, fake, True) - 2 * mean(real, fake, False)


@pytest.mark.parametrize("chunk_size", [1, 5, 12, 1000])
def test_against_the_definition(chunk_size: int):
    torch.manual_seed(0)
    real, fake = torch.randn(12, 4), torch.rand(17, 4) * 2
    expected = by_definition(real, fake)
    assert abs(expected) > 0.1
    assert kernel_distance(real, fake, chunk_size=chunk_size) == pytest.approx(expected, rel=1e-9)


def test_two_points_by_hand():
    """k(0, ·) = 1; k(1, 1) = 8: within real 1, within fake 8, between 1."""
    assert kernel_distance(torch.zeros(2, 1), torch.ones(3, 1)) == pytest.approx(1 + 8 - 2)


def test_it_is_symmetric_and_blind_to_order_and_turns():
    torch.manual_seed(0)
    real, fake = torch.randn(40, 6).double(), torch.rand(30, 6).double()
    turn = torch.linalg.qr(torch.randn(6, 6).double())[0]
    distance = kernel_distance(real, fake)
    for other in (
        kernel_distance(fake, real),
        kernel_distance(real[torch.randperm(40)], fake.flip(0)),
        kernel_distance(real @ turn, fake @ turn),
    ):
        assert other == pytest.approx(distance, rel=1e-9)
    assert kernel_distance(real + 1, fake + 1) != pytest.approx(distance, rel=1e-2)  # the kernel knows where 0 is


def test_it_is_zero_on_average_and_often_negative_for_equal_distributions():
    torch.manual_seed(0)
    values = np.array([kernel_distance(torch.randn(20, 5), torch.randn(30, 5)) for _ in range(400)])
    assert abs(values.mean()) < 3 * values.std() / 20
    assert 0.3 < (values < 0).mean() < 0.8


def test_its_mean_is_the_kernel_distance_of_the_populations():
    """x = 0 against y ~ N(0, 1) in one dimension: E(yy' + 1)³ = 1 + 3 = 4, so 1 + 4 - 2 · 1 = 3."""
    torch.manual_seed(0)
    values = np.array([kernel_distance(torch.zeros(2, 1), torch.randn(5, 1)) for _ in range(4000)])
    assert values.mean() == pytest.approx(3, abs=4 * values.std() / 4000**0.5)
    assert values.std() / 4000**0.5 < 0.3


def test_subsets_are_as_unbiased_and_their_error_is_that_of_new_examples():
    torch.manual_seed(0)
    draws = [
        kernel_distance_in_subsets(torch.randn(400, 5), torch.randn(500, 5) + 0.3, subset_size=40) for _ in range(60)
    ]
    means = np.array([draw.mean for draw in draws])
    whole = np.mean([kernel_distance(torch.randn(400, 5), torch.randn(400, 5) + 0.3) for _ in range(40)])
    assert len(draws[0].values) == 10
    assert means.mean() == pytest.approx(whole, rel=0.15)
    assert np.mean([draw.standard_error for draw in draws]) == pytest.approx(means.std(), rel=0.3)


def test_subsets_are_disjoint_and_follow_the_generator():
    real, fake = torch.zeros(6, 1), torch.tensor([[0.0], [0.0], [0.0], [0.0], [2.0], [2.0]])
    # Three subsets of two: the twos share one (k(2, 2) = 125) or stand beside a zero each.
    for seed in range(10):
        estimate = kernel_distance_in_subsets(real, fake, subset_size=2, generator=torch.Generator().manual_seed(seed))
        assert sorted(round(v, 9) for v in estimate.values) in ([0, 0, 124], [0, 0, 0])
    many = torch.arange(99.0)[:, None]
    sources = (torch.Generator().manual_seed(seed) for seed in (3, 3, 4))
    first, again, other = (kernel_distance_in_subsets(many, fake, subset_size=3, generator=g) for g in sources)
    assert len(first.values) == 2
    assert first == again != other


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: kernel_distance(torch.zeros(1, 3), torch.zeros(5, 3)), "real holds 1 examples; at least 2"),
        (lambda: kernel_distance(torch.zeros(5, 3), torch.zeros(5, 4)), "numbers of features differ"),
        (lambda: kernel_distance(torch.zeros(5, 3), torch.full((5, 3), torch.nan)), "fake has NaN"),
        (lambda: kernel_distance(torch.zeros(5, 3), torch.zeros(5, 3), chunk_size=0), "chunk_size = 0"),
        (lambda: kernel_distance_in_subsets(torch.zeros(900, 3), torch.zeros(2000, 3)), "from 2 to 450"),
        (lambda: kernel_distance_in_subsets(torch.zeros(9, 3), torch.zeros(9, 3), subset_size=1), "subset_size = 1"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(UsageError, match=named):
        call()

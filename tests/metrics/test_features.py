"""Distances a block at a time against torch.cdist; what is refused before any metric starts."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics.estimate import Estimate
from aigc_course.metrics.features import k_nearest, require_features, shuffled, squared_distances


def test_distances_agree_with_cdist_and_are_zero_between_equal_rows():
    torch.manual_seed(0)
    x, y = torch.randn(20, 7).double() + 100, torch.randn(30, 7).double() + 100
    y[3] = x[5]
    squared = squared_distances(x, y)
    exact = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()
    torch.testing.assert_close(squared, exact, rtol=1e-9, atol=1e-9)
    assert squared[5, 3] == 0
    assert (squared == 0).sum() == 1


@pytest.mark.parametrize("chunk_size", [1, 4, 7, 1000])
def test_the_nearest_do_not_depend_on_the_blocks(chunk_size: int):
    torch.manual_seed(0)
    x, y = torch.randn(11, 3), torch.randn(23, 3)
    distances, indices = k_nearest(x, y, 5, chunk_size=chunk_size)
    expected = torch.cdist(x.double(), y.double()).square().sort(dim=1)
    torch.testing.assert_close(distances, expected.values[:, :5])
    assert torch.equal(indices, expected.indices[:, :5])


@pytest.mark.parametrize("chunk_size", [1, 4, 1000])
def test_an_example_is_not_its_own_neighbour_but_its_twin_is(chunk_size: int):
    x = torch.tensor([[0.0], [10.0], [11.0], [10.0], [20.0]])
    distances, indices = k_nearest(x, x, 1, chunk_size=chunk_size, exclude_self=True)
    assert distances.flatten().tolist() == [100, 0, 1, 0, 81]
    assert indices.flatten()[[1, 3, 4]].tolist() == [3, 1, 2]


def test_shuffling_permutes_rows_and_follows_its_generator():
    x = torch.arange(20).view(10, 2)
    first, again = (shuffled(x, torch.Generator().manual_seed(1)) for _ in range(2))
    other = shuffled(x, torch.Generator().manual_seed(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other) and not torch.equal(first, x)
    assert torch.equal(first.sort(dim=0).values, x)


@pytest.mark.parametrize(
    ("features", "named"),
    [
        ({"real": torch.zeros(2, 3, 4)}, r"real is \(2, 3, 4\); give \(N, D\)"),
        ({"fake": torch.zeros(4)}, r"fake is \(4,\)"),
        ({"fake": torch.zeros(4, 0)}, r"fake is \(4, 0\)"),
        ({"real": torch.zeros(0, 3)}, "real holds 0 examples; at least 1"),
        ({"real": torch.zeros(5, 3), "fake": torch.zeros(5, 4)}, r"real \(5, 3\), fake \(5, 4\)"),
        ({"real": torch.tensor([[1.0], [torch.nan], [torch.inf]])}, "NaN or infinity in 2 of 3 rows"),
        ({"real": torch.zeros(5, 3), "fake": torch.zeros(5, 3, device="meta")}, "real on cpu, fake on meta: move all"),
        ({"real": torch.zeros(2, 3, dtype=torch.bool)}, "real is torch.bool"),
    ],
)
def test_bad_features_are_named(features, named):
    with pytest.raises(UsageError, match=named):
        require_features(features)


def test_an_impossible_chunk_is_named():
    with pytest.raises(UsageError, match="chunk_size = 0"):
        k_nearest(torch.zeros(2, 1), torch.zeros(2, 1), 1, chunk_size=0)


def test_an_estimate_prints_its_mean_and_error():
    estimate = Estimate((1.0, 2.0, 3.0, 4.0))
    assert estimate.mean == 2.5
    assert estimate.standard_error == pytest.approx((5 / 3) ** 0.5 / 2)
    assert str(estimate) == "2.5 ± 0.65 (4 values)"

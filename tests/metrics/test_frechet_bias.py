"""The Fréchet distance's fall with n against Gaussians whose distance is known."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics import FeatureStatistics, frechet_distance, frechet_extrapolation

DIMS = 16
REAL = FeatureStatistics.from_moments(count=10**6, mean=torch.zeros(DIMS), covariance=torch.eye(DIMS))


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.3, 0.2)])
def test_the_limit_is_nearer_to_the_truth_than_any_value(scale: float, shift: float):
    source = torch.Generator().manual_seed(0)
    truth = DIMS * (shift**2 + (scale - 1) ** 2)
    limits, largest = [], []
    for _ in range(8):
        fake = scale * torch.randn(1000, DIMS, generator=source) + shift
        result = frechet_extrapolation(REAL, fake, generator=source)
        limits.append(result.at_infinity)
        largest.append(result.values[-1])
        assert result.slope > 0
        assert result.values[0] > result.values[-1]
    limit, value = sum(limits) / 8, sum(largest) / 8
    assert limit == pytest.approx(truth, abs=0.045)
    assert value > truth + 0.06


def test_the_line_goes_through_two_points():
    torch.manual_seed(0)
    fake = torch.randn(800, DIMS)
    result = frechet_extrapolation(REAL, fake, sizes=[200, 800])
    for n, value in zip(result.sizes, result.values, strict=True):
        assert result.at_infinity + result.slope / n == pytest.approx(value, rel=1e-9)
    assert result.values[1] == pytest.approx(frechet_distance(REAL, fake), rel=1e-9)


def test_the_default_sizes():
    torch.manual_seed(0)
    sizes = frechet_extrapolation(torch.randn(50, 2), torch.randn(1500, 2)).sizes
    assert sizes == tuple(round(150 + i * 1350 / 14) for i in range(15))  # from N / 10
    sizes = frechet_extrapolation(REAL, torch.randn(200, DIMS)).sizes
    assert (sizes[0], sizes[-1], len(sizes)) == (80, 200, 15)  # from 5 D


def test_the_generator_decides():
    fake = torch.randn(500, DIMS)
    first, again, other = (
        frechet_extrapolation(REAL, fake, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert first == again
    assert first.values[:-1] != other.values[:-1]


@pytest.mark.parametrize(
    ("fake", "sizes", "named"),
    [
        (torch.randn(100, DIMS), None, "100 examples of 16 features; the default sizes need 160"),
        (torch.randn(100, DIMS), [16, 50], "each from 17 to 100"),
        (torch.randn(100, DIMS), [50, 101], "each from 17 to 100"),
        (torch.randn(100, DIMS), [50, 50], "two or more different"),
        (torch.randn(100, DIMS), [50], "two or more different"),
        (torch.full((200, DIMS), torch.nan), None, "NaN"),
        (torch.randn(200, DIMS - 1), None, "16 features per example and fake 15"),
    ],
)
def test_bad_input_is_named(fake, sizes, named):
    with pytest.raises(UsageError, match=named):
        frechet_extrapolation(REAL, fake, sizes=sizes)

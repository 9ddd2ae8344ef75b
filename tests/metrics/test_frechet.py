"""Fréchet distances of Gaussians in closed form, against scipy and eigenvalues of C₁C₂; streaming; floor; bad input."""

import numpy as np
import pytest
import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics import FeatureStatistics, frechet_distance, frechet_floor

DIMS = 6


def exact(mean: Tensor, covariance: Tensor, count: int = 100) -> Tensor:
    """(count, D) examples whose sample mean and covariance are exactly those given."""
    noise = torch.randn(count, len(mean), dtype=torch.float64, generator=torch.Generator().manual_seed(count))
    noise = noise - noise.mean(dim=0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(noise.T.cov()), noise.T, upper=False).T
    return white @ torch.linalg.cholesky(covariance).T + mean


def random_covariance(seed: int, dims: int = DIMS) -> Tensor:
    factor = torch.randn(dims, dims, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return factor @ factor.T + 0.1 * torch.eye(dims, dtype=torch.float64)


ZERO, UNIT = torch.zeros(DIMS, dtype=torch.float64), torch.eye(DIMS, dtype=torch.float64)


def test_a_shifted_mean_costs_its_squared_length():
    shift = torch.tensor([3.0, 0, 0, -4.0, 0, 0]).double()
    covariance = random_covariance(0)
    assert frechet_distance(exact(ZERO, covariance), exact(shift, covariance, 70)) == pytest.approx(25, abs=1e-9)


def test_a_scaled_covariance_costs_the_difference_of_the_roots():
    covariance = random_covariance(0)
    distance = frechet_distance(exact(ZERO, covariance), exact(ZERO, 9 * covariance, 70))
    assert distance == pytest.approx((3 - 1) ** 2 * covariance.trace().item(), rel=1e-9)


def test_commuting_covariances_compare_standard_deviations():
    axes = torch.linalg.qr(random_covariance(1))[0]
    first, second = torch.tensor([1.0, 2, 3, 4, 5, 6]).double(), torch.tensor([2.0, 2, 1, 7, 5, 0.5]).double()
    covariances = [axes @ torch.diag(deviations.square()) @ axes.T for deviations in (first, second)]
    distance = frechet_distance(exact(ZERO, covariances[0]), exact(ZERO, covariances[1], 70))
    assert distance == pytest.approx((first - second).square().sum().item(), rel=1e-9)  # 1 + 0 + 4 + 9 + 0 + 30.25


def test_two_by_two_covariances_that_do_not_commute():
    """tr (AB)^½ = sqrt(tr AB + 2 sqrt(det AB)) for 2 × 2 matrices."""
    a, b = (torch.tensor(m, dtype=torch.float64) for m in ([[2.0, 1.0], [1.0, 3.0]], [[4.0, -1.0], [-1.0, 1.0]]))
    root = ((a @ b).trace() + 2 * (a @ b).det().sqrt()).sqrt()
    expected = (a.trace() + b.trace() - 2 * root).item()
    mean = torch.zeros(2, dtype=torch.float64)
    assert frechet_distance(exact(mean, a), exact(mean, b, 70)) == pytest.approx(expected, rel=1e-9)


def test_against_scipy_and_the_eigenvalues_of_the_product():
    """torchmetrics' FrechetInceptionDistance sums the roots of the eigenvalues of C₁C₂; pytorch-fid takes sqrtm."""
    from scipy.linalg import sqrtm

    torch.manual_seed(0)
    real = torch.randn(400, 24) @ torch.randn(24, 24) + 3
    fake = torch.randn(300, 24).exp() @ torch.randn(24, 24)
    distance = frechet_distance(real, fake)
    first, second = (np.cov(x.double().numpy(), rowvar=False) for x in (real, fake))
    means = (real.double().mean(dim=0) - fake.double().mean(dim=0)).square().sum().item()
    by_root = means + np.trace(first + second - 2 * sqrtm(first @ second).real)
    by_eigenvalues = means + np.trace(first + second) - 2 * np.sqrt(np.linalg.eigvals(first @ second)).real.sum()
    assert distance == pytest.approx(by_root, rel=1e-9)
    assert distance == pytest.approx(by_eigenvalues, rel=1e-9)


def test_dead_features_change_nothing():
    torch.manual_seed(0)
    real, fake = torch.randn(200, 5), 2 * torch.randn(200, 5) + 1
    dead = torch.zeros(200, 4)
    with_dead = frechet_distance(torch.cat([real, dead], dim=1), torch.cat([fake, dead], dim=1))
    assert with_dead == pytest.approx(frechet_distance(real, fake), rel=1e-9)
    assert frechet_distance(torch.cat([real, dead], dim=1), torch.cat([real, dead], dim=1)) == pytest.approx(
        0, abs=1e-9
    )


def test_it_is_symmetric_and_turns_with_both_sets_alone():
    torch.manual_seed(0)
    real, fake = torch.randn(60, DIMS).double() * 2, torch.rand(50, DIMS).double()
    turn = torch.linalg.qr(random_covariance(3))[0]
    distance = frechet_distance(real, fake)
    assert distance > 1
    assert frechet_distance(fake, real) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance(real @ turn + 5, fake @ turn + 5) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance(real[torch.randperm(60)], fake) == pytest.approx(distance, rel=1e-9)
    scaled = real * torch.arange(1, DIMS + 1)
    assert frechet_distance(scaled @ turn, scaled) > 1  # turning one set alone is a difference
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("sizes", [[100], [1] * 100, [7, 50, 1, 42], [99, 1]])
def test_statistics_do_not_depend_on_the_batches(sizes: list[int]):
    torch.manual_seed(0)
    features = (1e-2 * torch.randn(100, 5, dtype=torch.float64) + 1e4) * torch.tensor([1, 1, 1, -1, 2]).double()
    statistics = FeatureStatistics()
    for batch in features.split(sizes):
        statistics.update(batch)
    assert statistics.count == 100
    torch.testing.assert_close(statistics.mean, features.mean(dim=0), rtol=1e-14, atol=0)
    torch.testing.assert_close(statistics.covariance, features.T.cov(), rtol=1e-7, atol=1e-13)


def test_more_rows_than_are_converted_at_a_time():
    torch.manual_seed(0)
    features = torch.randn(10_000, 3)
    statistics = FeatureStatistics().update(features)
    assert statistics.count == 10_000
    torch.testing.assert_close(statistics.covariance, features.double().T.cov(), rtol=1e-12, atol=1e-14)


def test_parts_merge_to_the_whole_and_stay_as_they_were():
    torch.manual_seed(0)
    features = torch.randn(90, 4).double() + torch.arange(90)[:, None]
    first, second = FeatureStatistics().update(features[:30]), FeatureStatistics().update(features[30:])
    before = second.mean.clone(), second.covariance.clone()
    merged = FeatureStatistics().merge(FeatureStatistics()).merge(second).merge(first)
    torch.testing.assert_close(merged.covariance, features.T.cov())
    torch.testing.assert_close(merged.mean, features.mean(dim=0))
    assert merged.count == 90 and second.count == 60
    assert torch.equal(second.mean, before[0]) and torch.equal(second.covariance, before[1])


def test_saved_moments_stand_for_the_examples():
    real, fake = exact(ZERO, random_covariance(0)), exact(ZERO + 1, random_covariance(1), 50)
    seen = FeatureStatistics().update(real)
    saved = FeatureStatistics.from_moments(count=seen.count, mean=seen.mean, covariance=seen.covariance)
    assert frechet_distance(saved, fake) == pytest.approx(frechet_distance(real, fake), rel=1e-12)
    more = fake + 2
    torch.testing.assert_close(saved.update(more).covariance, torch.cat([real, more]).T.cov())


def test_the_floor_is_what_a_perfect_generator_scores():
    torch.manual_seed(0)
    pool = torch.randn(2000, DIMS)
    floor = frechet_floor(pool, 100, 20, torch.Generator().manual_seed(0))
    fresh = [frechet_distance(torch.randn(100, DIMS), torch.randn(100, DIMS)) for _ in range(200)]
    assert floor.mean == pytest.approx(float(np.mean(fresh)), rel=0.2)
    assert floor.standard_error == pytest.approx(float(np.std(fresh)) / 20**0.5, rel=0.5)
    assert len(floor.values) == 20 and len(set(floor.values)) == 20
    assert floor == frechet_floor(pool, 100, 20, torch.Generator().manual_seed(0))


def test_the_subsets_of_the_floor_are_disjoint():
    """Twenty examples, half at 0 and half at 1: disjoint halves mirror each other, so |μ₁ - μ₂| = 2 |μ₁ - ½|."""
    pool = torch.tensor([0.0] * 10 + [1.0] * 10)[:, None]
    order = pool[torch.randperm(20, generator=torch.Generator().manual_seed(5))]
    expected = frechet_distance(order[:10], order[10:])
    assert frechet_floor(pool, 10, 2, torch.Generator().manual_seed(5)).values[0] == pytest.approx(expected, abs=1e-12)
    assert expected == pytest.approx(4 * (order[:10].mean().item() - 0.5) ** 2, abs=1e-12)  # equal variances


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (
            lambda: frechet_distance(torch.randn(6, 6), torch.randn(9, 6)),
            "real: 6 examples with 6 .* than 7 .*singular",
        ),
        (lambda: frechet_distance(torch.randn(9, 6), torch.randn(5, 6)), "fake: 5 examples .*more images, or fewer"),
        (lambda: frechet_distance(torch.randn(9, 6), torch.randn(9, 5)), "6 features per example and fake 5"),
        (lambda: frechet_distance(torch.randn(9, 2, 3), torch.randn(9, 6)), r"real is \(9, 2, 3\)"),
        (lambda: frechet_distance(torch.randn(9, 6), torch.full((9, 6), torch.nan)), "fake has NaN .* 9 of 9"),
        (lambda: frechet_distance(torch.randn(9, 6), FeatureStatistics()), "seen no example yet"),
        (lambda: FeatureStatistics().update(torch.ones(1, 3)).covariance, "two examples, but 1"),
        (lambda: FeatureStatistics().update(torch.ones(2, 3)).update(torch.ones(2, 4)), "got 4 .* but 3 before"),
        (lambda: FeatureStatistics.from_moments(count=9, mean=ZERO, covariance=UNIT[:2]), r"covariance \(2, 6\)"),
        (lambda: frechet_floor(torch.randn(99, 6), 50), "n = 50 needs 100 real .* 99; n <= 49"),
        (lambda: frechet_floor(torch.randn(99, 6), 6), "n: 6 examples"),
        (lambda: frechet_floor(torch.randn(99, 6), 9, 1), "repeats = 1"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(UsageError, match=named):
        call()


def test_features_that_are_all_equal_leave_the_shift_alone():
    same, other = torch.full((9, 6), 0.7), torch.full((9, 6), 0.2)
    assert frechet_distance(same, same) == 0
    assert frechet_distance(same, other) == pytest.approx(6 * 0.5**2, rel=1e-6)
    assert frechet_floor(same.repeat(3, 1), 9).values == (0.0,) * 5


def test_a_refused_batch_leaves_the_statistics_alone():
    statistics = FeatureStatistics().update(torch.randn(8, 3))
    before = statistics.covariance.clone()
    for bad in (torch.full((2, 3), torch.inf), torch.zeros(2, 4), torch.zeros(0, 3)):
        with pytest.raises(UsageError):
            statistics.update(bad)
    assert statistics.count == 8 and torch.equal(statistics.covariance, before)


def test_seven_examples_of_six_features_are_enough():
    assert frechet_distance(torch.randn(7, 6), torch.randn(7, 6)) > 0

"""Precision, recall, density and coverage against scikit-learn distances; what dropped modes and noise do to each."""

from dataclasses import astuple

import numpy as np
import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics import expected_coverage, precision_recall


def by_definition(real: torch.Tensor, fake: torch.Tensor, k: int) -> tuple[float, float, float, float]:
    from sklearn.metrics import pairwise_distances

    x, y = real.double().numpy(), fake.double().numpy()
    radius_x = np.sort(pairwise_distances(x), axis=1)[:, k]  # column 0 is the example itself
    radius_y = np.sort(pairwise_distances(y), axis=1)[:, k]
    between = pairwise_distances(x, y)
    in_x, in_y = between <= radius_x[:, None], between <= radius_y[None]
    return in_x.any(0).mean(), in_y.any(1).mean(), in_x.sum(0).mean() / k, (between.min(1) <= radius_x).mean()


def eight_modes(count: int, modes: int = 8, spread: float = 0.3) -> torch.Tensor:
    angles = torch.randint(0, modes, (count,)) * (2 * torch.pi / 8)
    return 10 * torch.stack([angles.cos(), angles.sin()], dim=1) + spread * torch.randn(count, 2)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("chunk_size", [1, 16, 1000])
def test_against_the_definition(k: int, chunk_size: int):
    torch.manual_seed(k)
    real, fake = torch.randn(60, 3), torch.randn(45, 3) + 1.2
    scores = precision_recall(real=real, fake=fake, k=k, chunk_size=chunk_size)
    expected = by_definition(real, fake, k)
    assert len({*expected, 0.0, 1.0}) == 6  # four figures that differ, none of them 0 or 1
    assert astuple(scores)[:4] == pytest.approx(expected, abs=1e-12)
    assert (scores.k, scores.n_real, scores.n_fake) == (k, 60, 45)


def test_on_a_line_by_hand():
    real = torch.tensor([[0.0], [1.0], [10.0]])  # radii for k = 1: 1, 1, 9
    fake = torch.tensor([[0.5], [4.0], [30.0], [31.0]])  # radii 3.5, 3.5, 1, 1
    scores = precision_recall(real=real, fake=fake, k=1)
    assert scores.precision == 0.5  # 0.5 and 4
    assert scores.density == 0.75  # 0.5 lies in two balls, 4 in one
    assert scores.recall == pytest.approx(2 / 3)  # 0 and 1 lie within 3.5 of 0.5
    assert scores.coverage == 1.0


def test_swapped_arguments_swap_precision_and_recall_alone():
    torch.manual_seed(0)
    real, fake = torch.randn(80, 3), torch.rand(50, 3)
    scores, swapped = precision_recall(real=real, fake=fake), precision_recall(real=fake, fake=real)
    assert scores.precision == swapped.recall != scores.recall == swapped.precision
    assert scores.density != swapped.density
    assert scores.coverage != swapped.coverage


def test_turns_shifts_scales_and_order_do_not_matter():
    torch.manual_seed(0)
    real, fake = torch.randn(80, 4).double(), torch.rand(50, 4).double()
    turn = torch.linalg.qr(torch.randn(4, 4).double())[0]
    scores = precision_recall(real=real, fake=fake)
    moved = precision_recall(real=3 * real @ turn + 100, fake=3 * fake @ turn + 100)
    ordered = precision_recall(real=real[torch.randperm(80)], fake=fake.flip(0))
    assert astuple(moved) == pytest.approx(astuple(scores), abs=1e-12)
    assert astuple(ordered) == pytest.approx(astuple(scores), abs=1e-12)


def test_dropped_modes_lower_recall_and_coverage_and_not_precision():
    torch.manual_seed(0)
    real = eight_modes(800)
    whole = precision_recall(real=real, fake=eight_modes(800))
    half = precision_recall(real=real, fake=eight_modes(800, modes=4))
    assert whole.recall > 0.95 and whole.coverage > 0.9
    assert half.recall == pytest.approx(0.5, abs=0.06)
    assert half.coverage == pytest.approx(0.5, abs=0.06)
    assert half.precision == pytest.approx(whole.precision, abs=0.03)
    assert half.precision > 0.95 and half.density == pytest.approx(1, abs=0.15)


def test_noise_lowers_precision_and_density_and_not_recall():
    torch.manual_seed(0)
    real = eight_modes(800)
    clean, noisy = (precision_recall(real=real, fake=eight_modes(800, spread=spread)) for spread in (0.3, 1.5))
    assert clean.precision > 0.95
    assert noisy.precision < 0.5
    assert noisy.density < 0.5 < 0.85 < clean.density
    assert noisy.recall > 0.95


def test_a_set_against_itself_is_perfect_whatever_the_blocks():
    torch.manual_seed(0)
    real = torch.randn(50, 8)
    for chunk_size in (3, 17, 100):
        scores = precision_recall(real=real, fake=real, k=4, chunk_size=chunk_size)
        assert (scores.precision, scores.recall, scores.coverage) == (1, 1, 1)
        assert scores.density == pytest.approx(5 / 4, abs=1e-12)  # the k neighbours' balls that reach it, and its own


def test_a_perfect_generator_has_density_one_and_the_expected_coverage():
    torch.manual_seed(0)
    results = [precision_recall(real=torch.randn(40, 3), fake=torch.randn(30, 3), k=2) for _ in range(300)]
    assert np.mean([r.density for r in results]) == pytest.approx(1, abs=0.05)
    expected = expected_coverage(n_real=40, n_fake=30, k=2)
    assert expected == pytest.approx(1 - (39 * 38) / (69 * 68), rel=1e-12)
    assert np.mean([r.coverage for r in results]) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: precision_recall(real=torch.randn(9, 2), fake=torch.randn(9, 2), k=0), "k = 0"),
        (lambda: precision_recall(real=torch.randn(9, 2), fake=torch.randn(5, 2)), "fake holds 5 .* at least 6"),
        (lambda: precision_recall(real=torch.randn(9, 2), fake=torch.randn(9, 3)), "numbers of features differ"),
        (lambda: precision_recall(real=torch.full((9, 2), torch.nan), fake=torch.randn(9, 2)), "real has NaN"),
        (lambda: precision_recall(real=torch.randn(9, 2, 1), fake=torch.randn(9, 2)), r"real is \(9, 2, 1\)"),
        (lambda: expected_coverage(n_real=5, n_fake=9, k=5), "k = 5, n_real = 5"),
        (lambda: expected_coverage(n_real=5, n_fake=0, k=2), "n_fake = 0"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(UsageError, match=named):
        call()

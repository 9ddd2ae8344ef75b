"""The process of returns: its recursion by hand, its moments and risks in closed form, and paths made of blocks."""

import math

import pytest
import torch
from scipy import stats

from aigc_course.applications.returns import Paths, ReturnProcess, block_bootstrap
from aigc_course.applications.stylised_facts import excess_kurtosis
from aigc_course.errors import UsageError

PLAIN = ReturnProcess(omega=0.1, alpha=0.1, leverage=0.0, beta=0.8, degrees=10)


def test_a_path_is_that_of_the_recursion_by_hand():
    process = ReturnProcess(omega=0.1, alpha=0.2, leverage=0.3, beta=0.5)
    path = process.follow(torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([4.0], dtype=torch.float64))
    # r_1 = 2; sigma_2² = 0.1 + 0.2 * 4 + 0.5 * 4 = 2.9; r_2 = -2 sqrt(2.9); sigma_3² = 0.1 + 0.5 * 11.6 + 0.5 * 2.9
    assert path.volatility[0].tolist() == pytest.approx([2, math.sqrt(2.9), math.sqrt(7.35)])
    assert path.returns[0].tolist() == pytest.approx([2, -2 * math.sqrt(2.9), 0.5 * math.sqrt(7.35)])


def test_the_first_variance_is_the_mean_one_if_none_is_given():
    assert PLAIN.follow(torch.zeros(2, 1)).volatility.tolist() == [[pytest.approx(1.0)]] * 2
    assert ReturnProcess().variance == pytest.approx(1.0)
    assert ReturnProcess(omega=0.2, alpha=0.1, leverage=0.2, beta=0.7).variance == pytest.approx(0.2 / 0.1)


def test_variance_and_kurtosis_are_those_of_the_closed_forms():
    returns = PLAIN.simulate(days=2000, paths=600, seed=0).returns
    assert returns.mean().item() == pytest.approx(0, abs=0.005)
    assert returns.var().item() == pytest.approx(PLAIN.variance, rel=0.02)
    of_t = 3 * (10 - 2) / (10 - 4)  # kurtosis of the innovations
    fourth = PLAIN.beta**2 + 2 * PLAIN.alpha * PLAIN.beta + of_t * PLAIN.alpha**2  # of sigma_t⁴, a day later
    kurtosis = of_t * (1 - PLAIN.persistence**2) / (1 - fourth)
    assert excess_kurtosis(returns.flatten()[None]).item() == pytest.approx(kurtosis - 3, rel=0.12)


def test_losses_are_followed_by_more_turmoil_than_gains():
    paths = ReturnProcess().simulate(days=1000, paths=200, seed=1)
    yesterday, today = paths.returns[:, :-1], paths.volatility[:, 1:] ** 2
    expected = ReturnProcess().leverage / 2  # E[r² | loss] leverage: half of E[r²], in half of the days
    difference = today[yesterday < 0].mean() - today[yesterday > 0].mean()
    assert difference.item() == pytest.approx(2 * expected, rel=0.1)


def test_paths_start_anywhere_and_follow_from_their_seed():
    first, again, other = (ReturnProcess().simulate(days=5, paths=300, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.returns, again.returns) and not torch.equal(first.returns, other.returns)
    assert first.volatility[:, 0].std().item() > 0.2
    later = first[2:4]
    assert torch.equal(later.returns, first.returns[:, 2:4]) and torch.equal(later.volatility, first.volatility[:, 2:4])


def test_density_and_risks_are_those_of_scipy():
    process = ReturnProcess(degrees=5)
    volatility = torch.tensor([[0.5, 1.0, 3.0]], dtype=torch.float64)
    returns = torch.tensor([[0.1, -2.0, 5.0]], dtype=torch.float64)
    scale = math.sqrt(3 / 5) * volatility.numpy()
    density = process.log_density(Paths(returns=returns, volatility=volatility))
    expected = torch.from_numpy(stats.t.logpdf(returns.numpy(), 5, scale=scale))
    torch.testing.assert_close(density, expected, rtol=1e-6, atol=1e-6)
    for probability in (0.01, 0.05):
        quantile = stats.t.ppf(probability, 5, scale=scale)
        torch.testing.assert_close(process.value_at_risk(volatility, probability), torch.from_numpy(-quantile))
        mean = stats.t.expect(lambda x: x, (5,), ub=stats.t.ppf(probability, 5), conditional=True)
        shortfall = process.expected_shortfall(volatility, probability)
        torch.testing.assert_close(shortfall, torch.from_numpy(-mean * scale), rtol=1e-6, atol=0)


def test_a_day_exceeds_its_value_at_risk_as_often_as_was_said():
    paths = ReturnProcess().simulate(days=500, paths=200, seed=3)
    for probability in (0.01, 0.05):
        exceeded = (-paths.returns > ReturnProcess().value_at_risk(paths.volatility, probability)).double().mean()
        assert exceeded.item() == pytest.approx(probability, abs=4 * math.sqrt(probability / 1e5))


def test_blocks_are_stretches_of_the_history_that_goes_round():
    history, source = torch.arange(10.0), torch.Generator().manual_seed(0)
    paths = block_bootstrap(history, days=7, paths=400, block_days=3, generator=source)
    assert paths.shape == (400, 7)
    steps = (paths[:, 1:] - paths[:, :-1]) % 10
    assert (steps[:, [0, 1, 3, 4]] == 1).all()
    assert 0.05 < (steps[:, [2, 5]] == 1).double().mean() < 0.15
    counts = torch.bincount(paths.long().flatten(), minlength=10)
    assert (counts.double() / 280 - 1).abs().max() < 0.3


def test_blocks_of_one_day_are_the_ordinary_bootstrap():
    paths = block_bootstrap(torch.arange(5.0), days=2000, paths=2, block_days=1, generator=torch.Generator())
    steps = (paths[:, 1:] - paths[:, :-1]) % 5
    assert (steps == 1).double().mean().item() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"omega": 0.0}, "omega must be above 0"),
        ({"alpha": -0.1}, "at least 0"),
        ({"beta": 0.92}, "leverage / 2 \\+ beta = 1"),
        ({"beta": math.nan}, "= nan"),
        ({"degrees": 2}, "degrees = 2"),
        ({"degrees": 5.5}, "degrees = 5.5"),
    ],
)
def test_processes_without_a_variance_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        ReturnProcess(**settings)


def test_what_cannot_be_simulated_is_refused():
    for options in ({"days": 0}, {"days": 5, "paths": 0}, {"days": 5, "seed": -1}, {"days": 2.5}):
        with pytest.raises(UsageError, match="must be an integer"):
            ReturnProcess().simulate(**{"seed": 0} | options)
    for history, block_days in ((torch.zeros(2, 3), 1), (torch.zeros(5), 0), (torch.zeros(5), 6)):
        with pytest.raises(UsageError, match="block_days"):
            block_bootstrap(history, days=3, paths=1, block_days=block_days, generator=torch.Generator())

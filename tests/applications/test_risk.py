"""Stylised facts and backtests: against closed forms, and values by hand."""

import math

import pytest
import torch
from scipy.stats import chi2, kurtosis

from aigc_course.applications.stylised_facts import autocorrelation, excess_kurtosis, stylised_facts, tail_index
from aigc_course.applications.value_at_risk import Coverage, coverage, expected_shortfall, value_at_risk
from aigc_course.errors import UsageError


@pytest.fixture
def source():
    return torch.Generator().manual_seed(0)


def test_kurtosis_is_that_of_scipy(source):
    x = torch.rand(3, 500, generator=source).double() ** 3
    assert excess_kurtosis(x).tolist() == pytest.approx(kurtosis(x.numpy(), axis=1).tolist())


def test_the_tail_index_is_the_power_of_a_pareto_distribution(source):
    for power in (2.0, 4.0):
        losses = torch.rand(200, 4000, generator=source).double() ** (-1 / power)
        found = tail_index(-losses)
        assert found.mean().item() == pytest.approx(power, rel=0.03)
        assert found.std().item() == pytest.approx(power / math.sqrt(100), rel=0.15)  # of 100 losses: 2.5 %
    gains = -tail_index(torch.tensor([[-4.0, -2.0, -1.0, 5.0, 6.0]]), 0.4)
    assert -gains.item() == pytest.approx(2 / (math.log(4) + math.log(2)))


def test_the_autocorrelation_of_a_moving_average(source):
    noise = torch.randn(50, 4001, generator=source).double()
    found = autocorrelation(noise[:, 1:] + 0.5 * noise[:, :-1], 3).mean(dim=0)
    assert found.tolist() == pytest.approx([0.5 / 1.25, 0, 0], abs=0.01)  # rho_1 = b / (1 + b²)
    by_hand = autocorrelation(torch.tensor([[1.0, 2.0, 4.0, 5.0]]), 2)
    assert by_hand[0].tolist() == pytest.approx([(2 - 1 + 2) / 10, (-2 - 2) / 10])  # deviations -2, -1, 1, 2


def test_a_series_is_compared_with_what_follows_it(source):
    first = torch.randn(20, 3000, generator=source)
    later = first.roll(2, dims=1)  # later_t = first_{t-2}
    assert autocorrelation(first, 3, later).mean(dim=0).tolist() == pytest.approx([0, 1, 0], abs=0.02)


def test_facts_of_noise_and_of_a_series_with_memory(source):
    noise = torch.randn(40, 2000, generator=source).double()
    facts = {name: values.mean().item() for name, values in stylised_facts(noise).items()}
    assert facts.pop("tail index") > 5
    assert list(facts.values()) == pytest.approx([0, 0, 0, 0], abs=0.03)
    calm = (torch.arange(2000) // 50 % 2).double() + 0.5  # turns of 50 days
    found = stylised_facts(noise * calm)
    assert found["memory of the size"].mean().item() > 0.05 > abs(found["memory of the sign"].mean().item())
    after_losses = noise.clone()
    after_losses[:, 1:] *= 1 + (noise[:, :-1] < 0)
    assert stylised_facts(after_losses)["leverage"].mean().item() < -0.01


def test_risk_of_a_known_sample():
    returns = torch.arange(-50.0, 51.0)  # 101 days: the 1 % quantile is the second worst
    assert value_at_risk(returns, 0.01).item() == pytest.approx(49)
    assert expected_shortfall(returns, 0.01).item() == pytest.approx(49.5)
    both = torch.stack([returns, 2 * returns])
    assert value_at_risk(both, 0.05).tolist() == pytest.approx([45, 90])
    assert expected_shortfall(both, 0.05).tolist() == pytest.approx([47.5, 95])


def test_kupiecs_test_by_hand():
    never = Coverage(0, 250, 0.01)
    assert never.likelihood_ratio == pytest.approx(-2 * 250 * math.log(0.99))
    assert never.p_value == pytest.approx(chi2.sf(5.025, 1), abs=1e-4)
    five = Coverage(5, 250, 0.01)
    by_hand = 2 * (5 * math.log(0.02 / 0.01) + 245 * math.log(0.98 / 0.99))
    assert five.likelihood_ratio == pytest.approx(by_hand)
    assert five.p_value == pytest.approx(chi2.sf(by_hand, 1))
    right = Coverage(10, 1000, 0.01)
    assert right.likelihood_ratio == pytest.approx(0, abs=1e-9) and right.p_value == pytest.approx(1)
    assert 0.01 in right.interval and 0.02 not in right.interval


def test_kupiecs_limits_are_those_of_his_table():
    accepted = [x for x in range(30) if Coverage(x, 1000, 0.01).p_value > 0.05]
    assert (accepted[0], accepted[-1]) == (5, 16)  # 4 < N < 17 of 1000 days (Kupiec 1995, Table 3)


def test_losses_beyond_the_forecast_are_counted():
    returns = torch.tensor([-3.0, -1.0, 4.0, -2.0])
    assert coverage(returns, torch.tensor(2.0), 0.01).exceeded == 1
    moving = torch.tensor([4.0, 0.5, 1.0, 1.5])
    assert coverage(returns, moving, 0.01) == Coverage(2, 4, 0.01)
    assert coverage(returns, moving, 0.01, torch.tensor([True, True, True, False])) == Coverage(1, 3, 0.01)


def test_what_is_not_allowed_is_named():
    with pytest.raises(UsageError, match=r"returns are \(5,\)"):
        excess_kurtosis(torch.zeros(5))
    with pytest.raises(UsageError, match="lags = 4"):
        autocorrelation(torch.rand(1, 4), 4)
    with pytest.raises(UsageError, match="constant"):
        autocorrelation(torch.ones(1, 4), 1)
    with pytest.raises(UsageError, match="is 1; at least 2"):
        tail_index(-torch.rand(1, 40))
    with pytest.raises(UsageError, match="without a loss"):
        tail_index(torch.rand(1, 400))
    with pytest.raises(UsageError, match=r"probability = 1\.0"):
        value_at_risk(torch.zeros(3), 1.0)
    with pytest.raises(UsageError, match="3 successes of 2"):
        Coverage(3, 2, 0.01)
    with pytest.raises(UsageError, match="returns, forecast and days"):
        coverage(torch.zeros(3), torch.zeros(2), 0.01)

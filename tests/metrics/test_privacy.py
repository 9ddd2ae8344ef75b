"""The accountant of DP-SGD against closed forms, numerical integration and published values."""

import math

import numpy as np
import pytest
from opacus.accountants import RDPAccountant

from aigc_course.errors import UsageError
from aigc_course.metrics.privacy import ORDERS, dp_sgd_epsilon, subsampled_gaussian_rdp


@pytest.mark.parametrize(("order", "noise"), [(2, 1.0), (7, 0.5), (32, 4.0)])
def test_without_sampling_it_is_the_gaussian_mechanism(order, noise):
    assert subsampled_gaussian_rdp(order, noise) == pytest.approx(order / (2 * noise**2), rel=1e-12)
    assert subsampled_gaussian_rdp(order, noise, 1 - 1e-9) == pytest.approx(order / (2 * noise**2), rel=1e-6)


def test_of_order_two_it_has_a_closed_form():
    """E[((1 - q) + q L)²] under N(0, σ²), with the likelihood ratio L: 1 + q² (e^(1/σ²) - 1)."""
    q, noise = 0.13, 0.8
    expected = math.log1p(q**2 * math.expm1(1 / noise**2))
    assert subsampled_gaussian_rdp(2, noise, q) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("order", "noise", "rate"), [(3, 1.0, 0.1), (8, 2.0, 0.3), (20, 1.5, 0.01)])
def test_against_the_integral_that_defines_it(order, noise, rate):
    x = np.linspace(-40, 60, 400_001)
    null = np.exp(-(x**2) / (2 * noise**2)) / math.sqrt(2 * math.pi) / noise
    ratio = 1 - rate + rate * np.exp((2 * x - 1) / (2 * noise**2))
    moment = np.sum(null * ratio**order) * (x[1] - x[0])
    assert subsampled_gaussian_rdp(order, noise, rate) == pytest.approx(math.log(moment) / (order - 1), rel=1e-8)


def test_against_a_published_value():
    """The example of TensorFlow Privacy and of Opacus: two runs one after the other, orders 2 to 32."""
    runs = [(1e-5, 1.0, 10), (1e-4, 3.0, 4)]
    epsilons = {}
    for order in range(2, 33):
        divergence = sum(steps * subsampled_gaussian_rdp(order, noise, rate) for rate, noise, steps in runs)
        loss = (math.log(1e-5) + math.log(order)) / (order - 1)
        epsilons[order] = divergence - loss + math.log1p(-1 / order)
    best = min(epsilons, key=lambda order: epsilons[order])
    assert (round(epsilons[best], 3), best) == (0.336, 23)
    one = dp_sgd_epsilon(noise_multiplier=1.0, sampling_rate=1e-5, steps=10, delta=1e-5, orders=range(2, 33))
    assert 0.3 < one < epsilons[best] + 1e-9


@pytest.mark.parametrize(
    ("noise", "rate", "steps", "delta"),
    [(1.0, 256 / 60_000, 3525, 1e-5), (2.0, 0.1, 200, 1e-4), (0.6, 0.01, 1000, 1e-5)],
)
def test_against_opacus(noise, rate, steps, delta):
    theirs = RDPAccountant()
    for _ in range(steps):
        theirs.step(noise_multiplier=noise, sample_rate=rate)
    mine = dp_sgd_epsilon(noise_multiplier=noise, sampling_rate=rate, steps=steps, delta=delta)
    assert mine == pytest.approx(theirs.get_epsilon(delta, alphas=ORDERS), rel=1e-6)


def test_less_noise_more_steps_and_more_sampling_cost_privacy():
    base = {"noise_multiplier": 1.0, "sampling_rate": 0.01, "steps": 1000, "delta": 1e-5}
    epsilon = dp_sgd_epsilon(**base)
    for worse in ({"noise_multiplier": 0.9}, {"sampling_rate": 0.02}, {"steps": 2000}, {"delta": 1e-6}):
        assert dp_sgd_epsilon(**base | worse) > epsilon + 0.05
    assert math.isfinite(dp_sgd_epsilon(**base | {"noise_multiplier": 0.05}))
    assert dp_sgd_epsilon(**base | {"noise_multiplier": 1000.0, "steps": 1, "delta": 0.5}) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"noise_multiplier": 0.0}, "noise_multiplier = 0.0 .* without noise nothing is promised"),
        ({"noise_multiplier": math.nan}, "noise_multiplier = nan"),
        ({"sampling_rate": 0.0}, "sampling_rate = 0.0"),
        ({"sampling_rate": 1.1}, "sampling_rate = 1.1"),
        ({"steps": 0}, "steps = 0"),
        ({"delta": 1.0}, "delta = 1.0"),
        ({"orders": [1]}, "order = 1 "),
        ({"orders": [2.5]}, "order = 2.5"),
    ],
)
def test_what_is_not_allowed_is_named(wrong, message):
    with pytest.raises(UsageError, match=message):
        dp_sgd_epsilon(**{"noise_multiplier": 1.0, "sampling_rate": 0.1, "steps": 10, "delta": 1e-5} | wrong)

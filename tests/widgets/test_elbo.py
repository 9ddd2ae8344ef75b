"""The bound's terms against torch.distributions and quadrature; the explorer's figure and text."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from aigc_course.errors import UsageError
from aigc_course.widgets.elbo import ELBOExplorer, bound_terms

CASES = [
    {"x": 1.5, "mu": 0.0, "sigma": 1.0, "weight": 1.0, "bias": 0.0, "noise": 0.6},
    {"x": -2.0, "mu": 1.3, "sigma": 0.4, "weight": 0.7, "bias": 0.5, "noise": 1.1},
    {"x": 3.0, "mu": -2.9, "sigma": 2.0, "weight": -1.8, "bias": -1.0, "noise": 0.3},
]


@pytest.mark.parametrize("case", CASES)
def test_terms_against_independent_ways(case):
    t = bound_terms(**case)
    w, s = case["weight"], case["noise"]
    x = torch.tensor(case["x"], dtype=torch.float64)
    z = torch.linspace(-25, 25, 200_001, dtype=torch.float64)
    q, likelihood, prior = Normal(case["mu"], case["sigma"]), Normal(w * z + case["bias"], s).log_prob(x), Normal(0, 1)
    assert t.reconstruction == pytest.approx(torch.trapezoid(q.log_prob(z).exp() * likelihood, z).item(), abs=1e-5)
    assert t.kl == pytest.approx(kl_divergence(q, prior).item(), abs=1e-5)
    evidence = torch.trapezoid((likelihood + prior.log_prob(z)).exp(), z).log().item()
    assert t.log_evidence == pytest.approx(evidence, abs=1e-5)
    precision = 1 + w**2 / s**2
    assert t.posterior_sigma == pytest.approx(precision**-0.5)
    assert t.posterior_mu == pytest.approx(w * (case["x"] - case["bias"]) / s**2 / precision)
    posterior = Normal(t.posterior_mu, t.posterior_sigma)
    assert t.gap == pytest.approx(kl_divergence(q, posterior).item(), rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_gap_is_the_evidence_less_the_bound(case):
    t = bound_terms(**case)
    assert t.elbo == pytest.approx(t.reconstruction - t.kl, abs=1e-9)
    assert t.log_evidence - t.elbo == pytest.approx(t.gap, abs=1e-5)
    best = bound_terms(**{**case, "mu": t.posterior_mu, "sigma": t.posterior_sigma})
    assert best.gap == pytest.approx(0, abs=1e-12) and best.elbo == pytest.approx(t.log_evidence, abs=1e-9)


def test_every_control_changes_figure_and_text():
    explorer = ELBOExplorer()
    for name, value in {"mu": 1.1, "sigma": 0.5, "x": -1.0, "noise": 1.0}.items():
        png, text = explorer.png, explorer.readout
        explorer.set(**{name: value})
        assert explorer.png != png and explorer.readout != text


def test_the_text_gives_the_gap():
    explorer = ELBOExplorer(weight=2.0, bias=1.0)
    explorer.set(mu=-1.0, sigma=0.7, x=2.0, noise=0.5)
    t = bound_terms(x=2.0, mu=-1.0, sigma=0.7, weight=2.0, bias=1.0, noise=0.5)
    assert f"KL(q ‖ p(z|x)) = {t.gap:.4f} nats" in explorer.readout
    with pytest.raises(UsageError, match="sigma"):
        explorer.set(sigma=0.0)
    assert math.isfinite(t.elbo)


def test_the_worst_terms_stay_inside_the_axis():
    explorer = ELBOExplorer()
    explorer.set(mu=-3.0, sigma=2.0, x=3.0, noise=0.3)
    t = bound_terms(x=3.0, mu=-3.0, sigma=2.0, weight=1.0, bias=0.0, noise=0.3)
    assert explorer.figure.axes[1].get_xlim()[0] <= min(t.reconstruction, t.elbo)

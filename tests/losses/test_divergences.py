"""Jensen-Shannon and Wasserstein-1: closed forms, another library, invariants."""

import math

import pytest
import torch
from torch.distributions import Normal

from aigc_course.errors import UsageError
from aigc_course.losses import discriminator_bce, jensen_shannon, wasserstein_1d


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_jensen_shannon_of_equal_and_of_disjoint_distributions():
    p = torch.tensor([0.5, 0.5, 0.0, 0.0])
    q = torch.tensor([0.0, 0.0, 0.25, 0.75])
    assert jensen_shannon(log_p=p.log(), log_q=p.log()).item() == 0
    assert jensen_shannon(log_p=p.log(), log_q=q.log()).item() == pytest.approx(math.log(2))


def test_jensen_shannon_against_scipy():
    spatial = pytest.importorskip("scipy.spatial.distance")
    p, q = torch.rand(2, 7, generator=seeded(), dtype=torch.float64)
    p, q = p / p.sum(), q / q.sum()
    reference = spatial.jensenshannon(p.numpy(), q.numpy()) ** 2
    assert jensen_shannon(log_p=p.log(), log_q=q.log()).item() == pytest.approx(reference, rel=1e-9)


def test_the_best_discriminators_value_is_twice_the_divergence_less_log_4():
    x = torch.linspace(-12, 12, 4801, dtype=torch.float64)
    log_p, log_q = Normal(-0.5, 1.0).log_prob(x), Normal(1.0, 2.0).log_prob(x)
    cell = (x[1] - x[0]).item()
    divergence = jensen_shannon(log_p=log_p, log_q=log_q, cell=cell).item()
    real = -0.5 + torch.randn(200_000, generator=seeded(1), dtype=torch.float64)
    fake = 1.0 + 2.0 * torch.randn(200_000, generator=seeded(2), dtype=torch.float64)
    logits = [Normal(-0.5, 1.0).log_prob(s) - Normal(1.0, 2.0).log_prob(s) for s in (real, fake)]
    value = -discriminator_bce(logits_real=logits[0], logits_fake=logits[1]).item()
    assert value == pytest.approx(-math.log(4) + 2 * divergence, abs=0.01)


def test_jensen_shannon_of_a_batch_is_that_of_each_and_can_be_differentiated():
    x = torch.linspace(-10, 10, 2001, dtype=torch.float64)
    shift = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64, requires_grad=True)
    log_p, log_q = Normal(0.0, 1.0).log_prob(x).expand(3, -1), Normal(shift, 1.0).log_prob(x)
    together = jensen_shannon(log_p=log_p, log_q=log_q, cell=0.01)
    alone = [jensen_shannon(log_p=a, log_q=b, cell=0.01).item() for a, b in zip(log_p, log_q, strict=True)]
    assert together.tolist() == pytest.approx(alone)
    (slope,) = torch.autograd.grad(together.sum(), shift)
    step = 1e-4
    there = jensen_shannon(log_p=log_p, log_q=Normal(shift.detach() + step, 1.0).log_prob(x), cell=0.01)
    torch.testing.assert_close(slope[:, 0], (there - together.detach()) / step, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize(("n", "m"), [(50, 50), (1, 9), (30, 70)])
def test_wasserstein_against_scipy(n, m):
    stats = pytest.importorskip("scipy.stats")
    x, y = torch.randn(n, generator=seeded(), dtype=torch.float64), 2 + torch.rand(m, generator=seeded(1)).double()
    assert wasserstein_1d(x, y).item() == pytest.approx(stats.wasserstein_distance(x.numpy(), y.numpy()), rel=1e-9)


def test_wasserstein_in_closed_form():
    x = torch.randn(101, generator=seeded())
    assert wasserstein_1d(x, x[torch.randperm(101, generator=seeded(1))]).item() == 0
    assert wasserstein_1d(x, x + 3).item() == pytest.approx(3, rel=1e-6)
    assert wasserstein_1d(x, 3 * x).item() == pytest.approx(2 * x.abs().mean().item(), rel=1e-6)  # sorted alike
    assert wasserstein_1d(torch.tensor([-1.0, 1.0]), torch.tensor([0.0])).item() == pytest.approx(1.0)
    assert wasserstein_1d(torch.tensor([0.0, 0.0, 9.0]), torch.tensor([0.0, 9.0, 9.0])).item() == pytest.approx(3.0)


def test_what_is_refused():
    with pytest.raises(UsageError, match=r"log_p \(3,\).*log_q \(2,\)"):
        jensen_shannon(log_p=torch.zeros(3), log_q=torch.zeros(2))
    for wrong in (torch.zeros(0), torch.zeros(2, 2)):
        with pytest.raises(UsageError, match="at least one number"):
            wasserstein_1d(wrong, torch.zeros(3))
        with pytest.raises(UsageError, match="at least one number"):
            wasserstein_1d(torch.zeros(3), wrong)

"""Right answers of notebook 04 in other words: other precision, autograd, loops, library functions."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise


def best_by_softmax(log_p, log_q):
    return torch.stack([log_p, log_q]).softmax(dim=0)[0]


def best_in_float32(log_p, log_q):
    return 1 / (1 + (log_q.float() - log_p.float()).exp())


def divergence_written_out(p, q):
    total = 0.0
    for a, b in zip(p.tolist(), q.tolist(), strict=True):
        m = (a + b) / 2
        total += sum(one * math.log(one / m) for one in (a, b) if one > 0)
    return total / 2


def divergence_by_entropies(p, q):
    def entropy(r):
        return torch.special.entr(r.float()).sum()

    return entropy((p + q) / 2) - entropy(p) / 2 - entropy(q) / 2


def slopes_by_autograd(logits):
    slopes = []
    for loss in (lambda a: F.logsigmoid(-a), lambda a: F.softplus(-a)):
        at = logits.detach().clone().requires_grad_()
        slopes.append(torch.autograd.grad(loss(at).sum(), at)[0])
    return slopes


def step_by_autograd(theta, psi, learning_rate, penalty):
    a, b = (torch.tensor(value, requires_grad=True) for value in (theta, psi))
    value = F.logsigmoid(-a * b)
    (of_g,) = torch.autograd.grad(value, a, retain_graph=True)
    (of_d,) = torch.autograd.grad(-value + penalty / 2 * b * b, b)
    return [(a - learning_rate * of_g).item(), (b - learning_rate * of_d).item()]


def step_by_numpy(theta, psi, learning_rate, penalty):
    pull = 1 / (1 + np.exp(-theta * psi))
    return np.array([theta, psi]) + learning_rate * np.array([pull * psi, -pull * theta - penalty * psi])


def factor_by_cases(learning_rate, penalty):
    discriminant = penalty**2 - 1
    if discriminant < 0:
        return math.sqrt((1 - learning_rate * penalty / 2) ** 2 - learning_rate**2 * discriminant / 4)
    root = math.sqrt(discriminant)
    return max(abs(1 - learning_rate * (penalty + sign * root) / 2) for sign in (-1, 1))


def factor_by_numpy(learning_rate, penalty):
    matrix = np.eye(2) + learning_rate * np.array([[0, 0.5], [-0.5, -penalty]])
    return np.abs(np.linalg.eigvals(matrix)).max()


def penalty_one_by_one(discriminator, real):
    total = 0.0
    for row in real:
        at = row[None].clone().requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(at), at, torch.ones(1, 1).double(), create_graph=True)
        total = total + slope.pow(2).sum()
    return total / len(real)


def penalty_in_place_of_a_copy(discriminator, real):
    real.requires_grad_(True)
    slope = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)[0]
    return (slope.norm(dim=1) ** 2).mean()


def modes_by_loops(samples, centres, reach, least_share):
    hit = 0
    for cx, cy in centres.tolist():
        inside = sum((x - cx) ** 2 + (y - cy) ** 2 <= reach**2 for x, y in samples.tolist())
        hit += inside / len(samples) >= least_share
    return hit


def modes_by_norms(samples, centres, reach, least_share):
    distances = torch.linalg.norm(samples[:, None].float() - centres[None].float(), dim=-1)
    return ((distances < reach).sum(0) >= least_share * len(samples)).sum()


def wasserstein_by_numpy(x, y):
    return np.mean(np.abs(np.sort(x.numpy()) - np.sort(y.numpy())))


def wasserstein_by_lists(x, y):
    return sum(abs(a - b) for a, b in zip(sorted(x.tolist()), sorted(y.tolist()), strict=True)) / len(x)


def wasserstein_by_scipy(x, y):
    return pytest.importorskip("scipy.stats").wasserstein_distance(x, y)


REWRITES = [
    ("04.1", best_by_softmax),
    ("04.1", best_in_float32),
    ("04.2", divergence_written_out),
    ("04.2", divergence_by_entropies),
    ("04.3", slopes_by_autograd),
    ("04.3", lambda logits: (logits.sigmoid() * -1, logits.float().sigmoid().double() - 1)),
    ("04.5", step_by_autograd),
    ("04.5", step_by_numpy),
    ("04.6", factor_by_cases),
    ("04.6", factor_by_numpy),
    ("04.7", penalty_one_by_one),
    ("04.7", penalty_in_place_of_a_copy),
    ("04.8", modes_by_loops),
    ("04.8", modes_by_norms),
    ("04.4", wasserstein_by_numpy),
    ("04.4", wasserstein_by_scipy),
    ("04.4", wasserstein_by_lists),
]


@pytest.mark.parametrize(("exercise_id", "answer"), REWRITES)
def test_a_valid_rewrite_passes(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result

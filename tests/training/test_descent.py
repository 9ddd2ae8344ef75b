"""The update rules against torch.optim, and the theory of quadratics against what the rules do."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.training.descent import (
    Adam,
    HeavyBall,
    Quadratic,
    best_gradient_descent,
    best_heavy_ball,
    contraction,
    descend,
    stability_limit,
)

CURVATURES = torch.tensor([0.5, 2.0, 8.0], dtype=torch.float64)


def bowl():
    """Curvatures 0.5, 2 and 8 in turned axes, minimum off the origin."""
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    return Quadratic(hessian=q @ torch.diag(CURVATURES) @ q.T, minimum=torch.tensor([1.0, -2.0, 0.5]).double(), floor=3)


def torch_path(make, loss, start, steps):
    theta = start.clone().requires_grad_()
    optimizer, path = make([theta]), [start.clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        loss(theta).backward()
        optimizer.step()
        path.append(theta.detach().clone())
    return torch.stack(path)


START = torch.tensor([4.0, 1.0, -3.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("rule", "make"),
    [
        (HeavyBall(learning_rate=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
        (HeavyBall(learning_rate=0.05, momentum=0.8), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8)),
        (Adam(learning_rate=0.1), lambda p: torch.optim.Adam(p, lr=0.1)),
        (
            Adam(learning_rate=0.1, beta1=0.5, beta2=0.9, epsilon=1e-2),
            lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.5, 0.9), eps=1e-2),
        ),
    ],
)
def test_each_rule_walks_as_torchs_optimizer(rule, make):
    surface = bowl()
    path = descend(surface.gradient, START, rule, 40)
    torch.testing.assert_close(path, torch_path(make, surface.loss, START, 40), rtol=1e-9, atol=1e-9)


def test_the_gradient_is_autograds():
    surface, theta = bowl(), START.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(surface.loss(theta), theta)
    torch.testing.assert_close(surface.gradient(START), gradient)
    assert surface.loss(surface.minimum).item() == 3


def test_curvatures_and_condition_number():
    torch.testing.assert_close(bowl().curvatures(), CURVATURES)
    assert bowl().condition_number() == pytest.approx(16)
    assert (
        Quadratic(hessian=torch.diag(torch.tensor([1.0, 0.0])), minimum=torch.zeros(2)).condition_number() == math.inf
    )


def test_least_squares_is_the_mean_squared_error():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 3, generator=generator), torch.randn(30, generator=generator)
    surface = Quadratic.least_squares(x, y)
    theta = torch.tensor([[1.0, 2.0, -1.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    expected = (x.double() @ theta.T - y.double()[:, None]).square().mean(dim=0)
    torch.testing.assert_close(surface.loss(theta), expected)
    torch.testing.assert_close(surface.gradient(surface.minimum), torch.zeros(3).double(), rtol=0, atol=1e-12)


def test_independent_runs_side_by_side_are_the_runs_one_by_one():
    surface, starts, rule = bowl(), torch.stack([START, -START]), Adam(learning_rate=0.3)
    together = descend(surface.gradient, starts, rule, 7)
    assert together.shape == (8, 2, 3)
    torch.testing.assert_close(together[:, 1], descend(surface.gradient, -START, rule, 7))


@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_the_stability_limit_parts_convergence_from_divergence(momentum):
    surface = bowl()
    limit = stability_limit(8.0, momentum)
    for share, converges in ((0.97, True), (1.03, False)):
        rule = HeavyBall(learning_rate=share * limit, momentum=momentum)
        distance = (descend(surface.gradient, START, rule, 600) - surface.minimum).norm(dim=1)
        assert (distance[-1] < 1e-3 * distance[0]) == converges
        assert (contraction(rule, CURVATURES) < 1) == converges


@pytest.mark.parametrize("tuned", [best_gradient_descent(0.5, 8.0), best_heavy_ball(0.5, 8.0)])
def test_the_best_settings_shrink_the_distance_by_their_factor(tuned):
    surface = bowl()
    distance = (descend(surface.gradient, START, tuned.rule, 80) - surface.minimum).norm(dim=1)
    measured = (distance[80] / distance[40]) ** (1 / 40)
    assert measured.item() == pytest.approx(tuned.factor, rel=0.03)  # the heavy ball's repeated root adds a factor t
    assert contraction(tuned.rule, CURVATURES) == pytest.approx(tuned.factor, rel=1e-6)


def test_closed_forms_at_condition_number_16():
    plain, heavy = best_gradient_descent(0.5, 8.0), best_heavy_ball(0.5, 8.0)
    assert plain.factor == pytest.approx(15 / 17) and plain.rule.learning_rate == pytest.approx(2 / 8.5)
    assert heavy.factor == pytest.approx(3 / 5) and heavy.rule.momentum == pytest.approx(9 / 25)
    assert heavy.rule.learning_rate == pytest.approx(4 / (math.sqrt(0.5) + math.sqrt(8)) ** 2)


def test_no_other_setting_does_better():
    plain, heavy = best_gradient_descent(0.5, 8.0), best_heavy_ball(0.5, 8.0)
    for change in (0.9, 1.1):
        other = HeavyBall(learning_rate=change * plain.rule.learning_rate)
        assert contraction(other, CURVATURES) > plain.factor
        for momentum in (0.8 * heavy.rule.momentum, heavy.rule.momentum, 1.2 * heavy.rule.momentum):
            other = HeavyBall(learning_rate=change * heavy.rule.learning_rate, momentum=momentum)
            assert contraction(other, CURVATURES) > heavy.factor


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Quadratic(hessian=torch.eye(2), minimum=torch.zeros(3)), "don't fit"),
        (lambda: Quadratic(hessian=torch.tensor([[1.0, 1.0], [0.0, 1.0]]), minimum=torch.zeros(2)), "symmetric"),
        (lambda: Quadratic.least_squares(torch.zeros(3, 2), torch.zeros(3, 1)), "must be"),
        (lambda: HeavyBall(learning_rate=1, momentum=1.0), "momentum"),
        (lambda: Adam(beta2=1.0), "beta2"),
        (lambda: descend(lambda t: t, torch.zeros(1), HeavyBall(learning_rate=1), -1), "steps"),
        (lambda: best_heavy_ball(0.0, 1.0), "single minimum"),
        (lambda: best_gradient_descent(2.0, 1.0), "single minimum"),
        (lambda: stability_limit(-1.0), "single minimum"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(UsageError, match=words):
        call()

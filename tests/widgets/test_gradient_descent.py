"""Surfaces against autograd, the verdict on a descent against the theory of the quadratic."""

import pytest
import torch

from aigc_course.widgets import GradientDescentPlayground
from aigc_course.widgets.surfaces import SURFACES, make_surface, outcome

each_surface = pytest.mark.parametrize("surface", [make_surface(name, 7.0) for name in SURFACES], ids=SURFACES)


@each_surface
def test_gradients_are_those_of_autograd(surface):
    theta = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (expected,) = torch.autograd.grad(surface.loss(theta).sum(), theta)
    torch.testing.assert_close(surface.gradient(theta.detach()), expected)


@each_surface
def test_minima_are_minima_with_the_curvature_that_is_told(surface):
    for minimum in surface.minima:
        torch.testing.assert_close(surface.gradient(minimum), torch.zeros(2, dtype=torch.float64))
        assert surface.loss(minimum).item() == pytest.approx(surface.floor, abs=1e-12)
        curvatures = torch.linalg.eigvalsh(torch.autograd.functional.hessian(surface.loss, minimum))
        assert curvatures[0] > 0
        assert curvatures[-1].item() == pytest.approx(surface.largest_curvature, rel=1e-9)


@pytest.mark.parametrize(
    ("losses", "kind", "step"),
    [
        ([4.0, 2.0, 1.0 + 1e-4, 1.0], "converges", 2),
        ([4.0, 3.0, 5.0, 9.0], "diverges", 2),
        ([4.0, 9.0, float("nan")], "diverges", 1),
        ([4.0, float("inf"), float("inf")], "diverges", 1),
        ([4.0, 9.0, 2.0], "on its way", None),
    ],
)
def test_outcomes(losses, kind, step):
    result = outcome(torch.tensor(losses, dtype=torch.float64), floor=1.0)
    assert (result.kind, result.step) == (kind, step)


@pytest.mark.parametrize(("optimiser", "limit"), [("SGD", 2 / 50), ("momentum", 2 * 1.5 / 50)])
def test_the_quadratic_breaks_at_the_limit(optimiser, limit):
    explorer = GradientDescentPlayground()
    explorer.set(condition=50.0, optimiser=optimiser, momentum=0.5, learning_rate=1.1 * limit)
    assert "diverges" in explorer.readout and f"= {limit:.3g};" in explorer.readout
    assert "1.10 times the limit" in explorer.readout
    explorer.set(learning_rate=0.9 * limit)
    assert "diverges" not in explorer.readout


def test_every_setting_is_drawn_without_a_warning():
    explorer = GradientDescentPlayground()
    for surface in SURFACES:
        for optimiser in ("SGD", "momentum", "Adam"):
            for rate in (1e-4, 3.0):
                explorer.set(surface=surface, optimiser=optimiser, learning_rate=rate)
                assert explorer.png.startswith(b"\x89PNG")

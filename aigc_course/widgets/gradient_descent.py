"""A descent on a surface of two parameters: its path, its losses, and the learning rate at which it breaks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aigc_course.plots import COLOURS
from aigc_course.training.descent import Adam, HeavyBall, Rule, descend, stability_limit
from aigc_course.widgets.controls import Choice, LogSlider, Slider
from aigc_course.widgets.explorer import Explorer
from aigc_course.widgets.surfaces import SURFACES, Surface, make_surface, outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STEPS = 100
_GRID = 90
_LOWEST, _HIGHEST = 1e-8, 1e8  # of the drawn loss


def rule_of(optimiser: str, learning_rate: float, momentum: float) -> Rule:
    """The update rule that the controls name; plain SGD has no momentum."""
    if optimiser == "Adam":
        return Adam(learning_rate=learning_rate)
    return HeavyBall(learning_rate=learning_rate, momentum=momentum if optimiser == "momentum" else 0.0)


class GradientDescentPlayground(Explorer):
    """Raise the learning rate until the path bounces, and then until it leaves."""

    title = "Gradient descent playground"
    inches = (9.4, 4.1)

    def __init__(self) -> None:
        optimisers = {"SGD (plain)": "SGD", "SGD with momentum": "momentum", "Adam": "Adam"}
        super().__init__(
            [
                Choice(name="surface", label="surface", options=SURFACES, value="quadratic"),
                LogSlider(name="condition", label="condition number", low=1.0, high=100.0, value=10.0),
                Choice(name="optimiser", label="optimiser", options=optimisers, value="SGD"),
                LogSlider(name="learning_rate", label="learning rate α", low=1e-4, high=3.0, value=0.1),
                Slider(name="momentum", label="momentum β", low=0.0, high=0.99, step=0.01, value=0.9),
            ]
        )

    def disabled(self, values: Mapping[str, Any]) -> set[str]:
        condition = set() if values["surface"] == "quadratic" else {"condition"}
        return condition | (set() if values["optimiser"] == "momentum" else {"momentum"})

    def build(self, figure: "Figure") -> None:
        self._map, loss_ax = figure.subplots(1, 2, width_ratios=(1.15, 1))
        self._map.set(xlabel="parameter x", ylabel="parameter y", title=f"Path of {_STEPS} steps")
        self._contours: Any = None
        self._drawn: tuple[str, float] | None = None
        (self._path,) = self._map.plot([], [], "o-", color=COLOURS[1], markersize=3.5, linewidth=1.2, label="path")
        (self._start,) = self._map.plot([], [], "s", color="black", markersize=7, label="start")
        (self._minima,) = self._map.plot([], [], "*", color=COLOURS[2], markersize=14, label="minimum")
        legend = self._map.legend(loc="lower right", fontsize=8.5)
        (self._loss,) = loss_ax.plot([], [], color=COLOURS[1])
        loss_ax.axhline(1, color="0.4", linestyle=":", label="at the start")
        loss_ax.set(yscale="log", xlim=(0, _STEPS), ylim=(_LOWEST, _HIGHEST), xlabel="step")
        loss_ax.set_ylabel("loss above its minimum ÷ that at the start")
        loss_ax.grid(alpha=0.3)
        loss_ax.legend(loc="upper left", fontsize=8.5)
        self._verdict = loss_ax.set_title("Loss")
        for artist in (self._path, self._start, self._minima, legend, self._loss, self._verdict):
            artist.set_animated(True)

    def draw(self, values: Mapping[str, Any]) -> str:
        surface = make_surface(values["surface"], values["condition"])
        self._draw_surface(surface, (values["surface"], values["condition"]))
        rule = rule_of(values["optimiser"], values["learning_rate"], values["momentum"])
        path = descend(surface.gradient, surface.start, rule, _STEPS)  # (steps + 1, 2)
        losses = surface.loss(path)
        shown = path[: _first_beyond(path, 1e4)]
        self._path.set_data(shown[:, 0], shown[:, 1])
        excess = (losses - surface.floor) / (losses[0] - surface.floor)
        self._loss.set_data(range(len(excess)), torch.nan_to_num(excess, nan=torch.inf).clamp(1e-12, 1e12))
        result = outcome(losses, surface.floor)
        when = "" if result.step is None else f" from step {result.step} on"
        self._verdict.set_text(f"Loss: the descent {'is ' if result.step is None else ''}{result.kind}{when}")
        end = (
            f"It {_sentence(result.kind)}{when}; the loss goes from {losses[0].item():.3g} to {losses[-1].item():.3g}."
        )
        return f"{_limit_sentence(surface, values)} {end}"

    def _draw_surface(self, surface: Surface, key: tuple[str, float]) -> None:
        """Draw the contours anew, if they are not those that stand there."""
        if key == self._drawn:
            return
        if self._contours is not None:
            self._contours.remove()
        left, right, bottom, top = surface.window
        x, y = torch.meshgrid(
            torch.linspace(left, right, _GRID, dtype=torch.float64),
            torch.linspace(bottom, top, _GRID, dtype=torch.float64),
            indexing="xy",
        )
        heights = (surface.loss(torch.stack([x, y], dim=-1)) - surface.floor).sqrt()  # even steps in a bowl's radius
        self._contours = self._map.contour(x, y, heights, levels=14, cmap="cividis", linewidths=0.8, zorder=0)
        self._map.set(xlim=(left, right), ylim=(bottom, top))
        self._minima.set_data(surface.minima[:, 0], surface.minima[:, 1])
        self._start.set_data(surface.start[:1], surface.start[1:])
        self._drawn = key
        self.forget_background()


def _first_beyond(path: Tensor, reach: float) -> int:
    """How many points of the path (steps + 1, 2) come before the first that is farther than `reach` or no number."""
    lost = ~(path.abs().amax(dim=-1) <= reach)
    return int(lost.nonzero()[0]) if bool(lost.any()) else len(path)


def _sentence(kind: str) -> str:
    return {"converges": "is close to a minimum", "diverges": "diverges", "on its way": "is still on its way"}[kind]


def _limit_sentence(surface: Surface, values: Mapping[str, Any]) -> str:
    """The learning rate beside the limit that the largest curvature sets."""
    rate = values["learning_rate"]
    if values["optimiser"] == "Adam":
        return f"Adam with learning rate {rate:.3g}: its steps are about that long, whatever the curvature."
    momentum = values["momentum"] if values["optimiser"] == "momentum" else 0.0
    limit = stability_limit(surface.largest_curvature, momentum)
    formula = "2(1 + β)/λ_max" if momentum else "2/λ_max"
    where = "" if values["surface"] == "quadratic" else " at the minimum"
    return (
        f"λ_max{where} = {surface.largest_curvature:.4g}, so the limit {formula} = {limit:.3g}; "
        f"learning rate {rate:.3g} is {rate / limit:.2f} times the limit."
    )

"""Mean squared error against cross-entropy over a logit: why classes are learned with the second."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course.plots import COLOURS
from aigc_course.widgets.controls import Choice, Slider
from aigc_course.widgets.explorer import Explorer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_REACH = 10.0  # logits from -10 to 10
_SATURATED = 0.01  # the squared error's gradient is below this share of the cross-entropy's


@dataclass(frozen=True, kw_only=True, slots=True)
class LossCurves:
    """Both losses and their derivatives by the logit, each like the logits given."""

    probability: Tensor  # of the class whose logit moves
    squared_error: Tensor
    cross_entropy: Tensor  # nats
    squared_error_gradient: Tensor
    cross_entropy_gradient: Tensor


def sigmoid_losses(logits: Tensor, target: int) -> LossCurves:
    """(sigma(z) - t)^2 and -log p(t | z) for a target t of 0 or 1, and d/dz of both."""
    p = logits.sigmoid()
    return LossCurves(
        probability=p,
        squared_error=(p - target).square(),
        cross_entropy=F.softplus(logits) - target * logits,
        squared_error_gradient=2 * (p - target) * p * (1 - p),
        cross_entropy_gradient=p - target,
    )


def softmax_losses(logits: Tensor, target: int, n_classes: int) -> LossCurves:
    """The same for a softmax over `n_classes` of which one has the logit z and all others have 0.

    Args: target: 1 if the class with logit z is the right one, 0 if one of the others is.
    The squared error is the sum over classes of (p - one-hot)^2.
    """
    scores = torch.stack([logits, *[torch.zeros_like(logits)] * (n_classes - 1)], dim=-1)  # (..., K)
    log_p = scores.log_softmax(-1)
    p, right = log_p.exp(), 0 if target else 1
    away = p - F.one_hot(torch.tensor(right), n_classes).to(p)
    own = torch.zeros_like(p)
    own[..., 0] = 1
    by_logit = p * (own - p[..., :1])  # dp_j / dz = p_j (delta_j0 - p_0)
    return LossCurves(
        probability=p[..., 0],
        squared_error=away.square().sum(-1),
        cross_entropy=-log_p[..., right],
        squared_error_gradient=2 * (away * by_logit).sum(-1),
        cross_entropy_gradient=away[..., 0],
    )


class LossExplorer(Explorer):
    """Move the logit away from the target: one loss goes on pulling, the other lets go."""

    title = "Squared error and cross-entropy over a logit"
    inches = (9.4, 3.9)

    def __init__(self) -> None:
        super().__init__(
            [
                Slider(name="logit", label="logit z", low=-_REACH, high=_REACH, step=0.1, value=-4.0, format=".1f"),
                Choice(name="target", label="target", options={"1: this class": 1, "0: another": 0}, value=1),
                Choice(name="output", label="output", options=["sigmoid", "softmax"], value="sigmoid"),
                Slider(name="n_classes", label="classes", low=2, high=20, step=1, value=3),
            ]
        )
        self._logits = torch.linspace(-_REACH, _REACH, 401, dtype=torch.float64)

    def disabled(self, values: Mapping[str, Any]) -> set[str]:
        return {"n_classes"} if values["output"] == "sigmoid" else set()

    def build(self, figure: "Figure") -> None:
        loss_ax, gradient_ax = figure.subplots(1, 2)
        loss_ax.set(ylim=(-0.3, 11), ylabel="loss (cross-entropy in nats)", title="Loss")
        gradient_ax.set(ylim=(-1.1, 1.1), ylabel="derivative by the logit", title="Gradient: what pulls the logit")
        self._lines, self._points = [], []
        for ax in (loss_ax, gradient_ax):
            ax.set(xlim=(-_REACH, _REACH), xlabel="logit z")
            ax.grid(alpha=0.3)
            for name, colour, dashes in (("squared error", COLOURS[1], "--"), ("cross-entropy", COLOURS[0], "-")):
                self._lines += ax.plot(self._logits, self._logits, color=colour, linestyle=dashes, label=name)
                self._points += ax.plot([0], [0], "o", color=colour, markersize=8, markeredgecolor="white", zorder=3)
        self._marks = [ax.axvline(0, color="0.5", linewidth=0.8) for ax in (loss_ax, gradient_ax)]
        self._shade = gradient_ax.axvspan(-_REACH, -5, color="0.88", zorder=0, label="squared error saturated")
        legends = [gradient_ax.legend(loc="upper left", fontsize=8.5), loss_ax.legend(loc="upper center", fontsize=8.5)]
        for artist in (*self._lines, *self._points, *self._marks, self._shade, *legends):
            artist.set_animated(True)

    def draw(self, values: Mapping[str, Any]) -> str:
        at = torch.tensor([values["logit"]], dtype=torch.float64)
        curves, here = self._losses(self._logits, values), self._losses(at, values)
        names = ("squared_error", "cross_entropy", "squared_error_gradient", "cross_entropy_gradient")
        for name, line, point in zip(names, self._lines, self._points, strict=True):
            line.set_ydata(getattr(curves, name))
            point.set_data(at, getattr(here, name))
        for mark in self._marks:
            mark.set_xdata([values["logit"]] * 2)
        ratios = curves.squared_error_gradient.abs() / curves.cross_entropy_gradient.abs()
        wrong = (curves.probability - values["target"]).abs() > 0.5
        shaded = self._logits[(ratios < _SATURATED) & wrong]
        low, high = (shaded.min().item(), shaded.max().item()) if len(shaded) else (0.0, 0.0)
        self._shade.set(x=low, width=high - low)
        squared, cross = here.squared_error_gradient.item(), here.cross_entropy_gradient.item()
        return (
            f"p = {here.probability.item():.4f}, target {values['target']}. "
            f"Squared error {here.squared_error.item():.4f} with gradient {squared:.5f}; "
            f"cross-entropy {here.cross_entropy.item():.4f} nats with gradient {cross:.5f}. "
            f"The squared error pulls with {abs(squared / cross):.2%} of the cross-entropy's force."
        )

    def _losses(self, logits: Tensor, values: Mapping[str, Any]) -> LossCurves:
        if values["output"] == "sigmoid":
            return sigmoid_losses(logits, values["target"])
        return softmax_losses(logits, values["target"], values["n_classes"])

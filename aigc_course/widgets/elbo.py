"""The evidence lower bound by hand: move q over the true posterior and see its terms against log p(x)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from aigc_course.losses.variational import kl_standard_normal
from aigc_course.models.linear_gaussian import LinearGaussian
from aigc_course.plots import COLOURS
from aigc_course.widgets.controls import Slider
from aigc_course.widgets.explorer import Explorer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEFT_ENDS = (-5, -10, -20, -50, -100, -200, -500, -1000)  # of the terms' axis, in nats
_Z_REACH = 4.0
_LEAST_SIGMA = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundTerms:
    """The terms of the evidence lower bound for one number x, in nats, and the true posterior."""

    reconstruction: float  # E_q log p(x | z)
    kl: float  # KL(q || prior)
    elbo: float  # reconstruction - kl
    log_evidence: float  # log p(x)
    gap: float  # KL(q || posterior), computed by itself, not as a difference
    posterior_mu: float
    posterior_sigma: float


def bound_terms(*, x: float, mu: float, sigma: float, weight: float, bias: float, noise: float) -> BoundTerms:
    """The terms for z ~ N(0, 1), x | z ~ N(weight z + bias, noise^2) and q = N(mu, sigma^2), in float64.

    Source: Kingma & Welling 2014, arXiv:1312.6114, Eq. 3; Gaussians in closed form.
    """
    numbers = torch.tensor([x, mu, 2 * math.log(sigma), weight, bias, noise**2], dtype=torch.float64)
    x_, mu_, logvar, weight_, bias_, noise_variance = numbers.reshape(6, 1, 1)
    model = LinearGaussian(weight=weight_, bias=bias_[0], noise_variance=noise_variance[0, 0])
    elbo = model.elbo(x_, mu_, logvar).item()
    kl = kl_standard_normal(mu_, logvar).item()
    posterior = model.posterior(x_)
    centre, spread = posterior.mean.item(), posterior.variance.sqrt().item()
    return BoundTerms(
        reconstruction=elbo + kl,
        kl=kl,
        elbo=elbo,
        log_evidence=model.evidence().log_prob(x_).item(),
        gap=math.log(spread / sigma) + (sigma**2 + (mu - centre) ** 2) / (2 * spread**2) - 0.5,
        posterior_mu=centre,
        posterior_sigma=spread,
    )


class ELBOExplorer(Explorer):
    """q(z) = N(mu, sigma^2) against the true posterior of a linear-Gaussian model; the bound's terms."""

    title = "The evidence lower bound and its gap"
    inches = (9.4, 3.7)

    def __init__(self, *, weight: float = 1.0, bias: float = 0.0) -> None:
        """weight, bias: of the model x | z ~ N(weight z + bias, s^2)."""
        self.weight, self.bias = weight, bias
        super().__init__(
            [
                Slider(name="mu", label="μ of q", value=0.0, low=-3, high=3, step=0.05),
                Slider(name="sigma", label="σ of q", value=1.0, low=_LEAST_SIGMA, high=2, step=0.01),
                Slider(name="x", label="x (observed)", value=1.5, low=-3, high=3, step=0.1),
                Slider(name="noise", label="s (noise of x)", value=0.6, low=0.3, high=2, step=0.05),
            ]
        )

    def build(self, figure: "Figure") -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        self._build_densities(left)
        self._build_terms(right)

    def _build_densities(self, ax: "Axes") -> None:
        self._z = torch.linspace(-_Z_REACH, _Z_REACH, 401, dtype=torch.float64)
        (self._prior,) = ax.plot(self._z, _density(self._z, 0, 1), ":", color="0.2", lw=2, zorder=3, label="prior p(z)")
        (self._posterior,) = ax.plot([], [], "--", color=COLOURS[1], lw=2.2, label="true posterior p(z | x)")
        (self._q,) = ax.plot([], [], "-", color=COLOURS[0], lw=2.2, label="q(z): yours")
        ax.set(xlim=(-_Z_REACH, _Z_REACH), ylim=(0, 2.6), xlabel="z", ylabel="density (1 / unit of z)")
        ax.set_title("Move q onto the posterior")
        ax.legend(loc="upper left", frameon=False, ncols=1)

    def _build_terms(self, ax: "Axes") -> None:
        names = ["E$_q$ log p(x|z)", "− KL(q ‖ prior)", "ELBO = sum", "log p(x)"]
        colours = [COLOURS[2], COLOURS[3], COLOURS[0], COLOURS[1]]
        self._bars = list(ax.barh(range(4), [0.0] * 4, color=colours, height=0.62))
        (self._gap,) = ax.barh([2], [0.0], color="none", edgecolor="white", hatch="////", height=0.62)
        self._evidence = ax.axvline(0, color=COLOURS[1], ls="--", lw=1.5)
        self._numbers = [ax.text(1.02, row, "", va="center", transform=ax.get_yaxis_transform()) for row in range(4)]
        ax.text(1.02, 0.5, "−000.00", alpha=0, transform=ax.transAxes)  # keeps room for the longest number
        ax.set_yticks(range(4), names)
        ax.set(ylim=(3.6, -0.6), xlabel="nats", title="The three terms, and log p(x); hatched: the gap")
        ax.axvline(0, color="0.3", lw=0.8)
        self._terms_ax = ax

    def draw(self, values: Mapping[str, Any]) -> str:
        t = bound_terms(weight=self.weight, bias=self.bias, **values)
        self._q.set_data(self._z, _density(self._z, values["mu"], values["sigma"]))
        self._posterior.set_data(self._z, _density(self._z, t.posterior_mu, t.posterior_sigma))
        starts_and_ends = [(0, t.reconstruction), (t.reconstruction, t.elbo), (0, t.elbo), (0, t.log_evidence)]
        for bar, (start, end) in zip(self._bars, starts_and_ends, strict=True):
            bar.set(x=start, width=end - start)
        self._gap.set(x=t.elbo, width=t.log_evidence - t.elbo)
        self._evidence.set_xdata([t.log_evidence] * 2)
        for text, number in zip(self._numbers, (t.reconstruction, 0.0 - t.kl, t.elbo, t.log_evidence), strict=True):
            text.set_text(f"{number + 0.0:.2f}".replace("-", "−"))
        lowest = min(t.reconstruction, t.elbo, t.log_evidence)
        left_end = next((end for end in _LEFT_ENDS if end <= lowest), lowest)
        self._terms_ax.set_xlim(left_end, -0.1 * left_end)
        return (
            f"ELBO = {t.reconstruction:.4f} − {t.kl:.4f} = {t.elbo:.4f} nats; log p(x) = {t.log_evidence:.4f} nats. "
            f"The gap, {t.log_evidence - t.elbo:.4f} nats, is KL(q ‖ p(z|x)) = {t.gap:.4f} nats. "
            f"The true posterior is N({t.posterior_mu:.3f}, {t.posterior_sigma:.3f}²)."
        )


def _density(z: torch.Tensor, mu: float, sigma: float) -> torch.Tensor:
    return torch.distributions.Normal(mu, sigma).log_prob(z).exp()

"""A GAN that trains while you watch: the discriminator's field, the samples, the modes that are hit."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.models.planar_gan import PlanarGAN, PlanarGANSettings, planar_mixture
from aigc_course.plots import COLOURS
from aigc_course.widgets.controls import Button, Choice, LogSlider, Play, Slider
from aigc_course.widgets.explorer import Explorer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_REACH = 3.2  # of the plane that is shown
_FIELD_SIDE = 48  # points along each side at which the discriminator is asked
_SHOWN = 400  # samples drawn
_COUNTED = 1000  # samples counted
_LAST_STEPS = (500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 10_000_000)  # ends of the time axis


class LiveGAN(Explorer):
    """A small GAN on points of the plane, trained by the kernel for as long as Play counts.

    Every count trains `steps_per_frame` steps and draws once, so nothing runs when nobody plays. Rewind, or the button,
    starts anew from the same seed; the losses and rates may be changed while it trains.
    """

    title = "A GAN in the plane, live"
    inches = (9.6, 4.6)

    def __init__(self, data: str = "ring", *, steps: int = 0, seed: int = 0, learning_rate: float = 3e-3) -> None:
        """Train on the mixture `data`: "ring", "grid" or "line".

        Args:
            steps: trained before the first look. seed: of weights, latents and data.
            learning_rate: of the generator at the start.
        Raises: UsageError for another mixture or steps below 0.
        """
        if steps < 0:
            raise UsageError(f"steps = {steps} is not allowed; it must be at least 0")
        self._mixture = planar_mixture(data)
        self._seed = seed
        self._real = self._mixture.sample(_SHOWN, torch.Generator().manual_seed(seed))
        self._played = 0
        super().__init__(
            [
                Play(name="play", label="play", interval_ms=150),
                Button(name="step", label="One step"),
                Button(name="reset", label="Start anew"),
                Slider(name="steps_per_frame", label="steps a picture", value=10, low=1, high=25, step=1),
                Choice(name="loss", label="loss", value="non-saturating", options=_LOSSES),
                Choice(name="penalty", label="gradient penalty", value=0.0, options=_PENALTIES),
                LogSlider(name="learning_rate", label="learning rate of G", value=learning_rate, low=1e-4, high=1e-1),
                LogSlider(name="rate_ratio", label="rate of D / rate of G", value=1.0, low=0.1, high=10.0),
            ]
        )
        self._start()
        self._train(steps)

    @property
    def gan(self) -> PlanarGAN:
        """The GAN as it is now; "Start anew" replaces it."""
        return self._gan

    @property
    def history(self) -> list[tuple[int, int, float]]:
        """(step, modes hit, share of good samples) at each picture."""
        return list(self._history)

    def pressed(self, name: str) -> None:
        if name == "step":
            self._train(1)
        elif name == "reset":
            self._start()
        else:
            super().pressed(name)

    def _start(self) -> None:
        self._gan = PlanarGAN(self._mixture, PlanarGANSettings(seed=self._seed, latent_dim=8, batch_size=128))
        self._history: list[tuple[int, int, float]] = []
        self._losses: dict[str, float] = {}
        self._note()

    def _train(self, steps: int) -> None:
        """Train with what the controls say, and count."""
        names = ("loss", "penalty", "learning_rate", "rate_ratio")
        self._gan.settings = replace(self._gan.settings, **{name: self.values[name] for name in names})
        for done in range(steps):
            self._losses = self._gan.step()
            if (done + 1) % 25 == 0 or done + 1 == steps:
                self._note()

    def _note(self) -> None:
        samples = self._gan.sample(_COUNTED)
        row = (self._gan.steps_done, self._mixture.modes_hit(samples), self._mixture.good_share(samples))
        self._history.append(row)

    def build(self, figure: "Figure") -> None:
        axes = figure.subplot_mosaic([["plane", "modes"], ["plane", "good"]], width_ratios=(1.25, 1))
        self._build_plane(axes["plane"])
        modes, good = axes["modes"], axes["good"]
        (self._modes,) = modes.plot([], [], color=COLOURS[0], lw=2)
        modes.axhline(self._mixture.n_modes, color="0.4", ls="--", lw=1)
        modes.set(ylim=(-0.2, 1.08 * self._mixture.n_modes), ylabel="modes hit")
        modes.set_title(f"Modes hit, of {self._mixture.n_modes}", fontsize="medium")
        modes.tick_params(labelbottom=False)
        (self._good,) = good.plot([], [], color=COLOURS[2], lw=2)
        good.axhline(0.989, color="0.4", ls="--", lw=1)
        good.set(ylim=(-0.02, 1.05), ylabel="share", xlabel="training step")
        good.set_title("Samples within 3 std of a mode; dashed: real ones", fontsize="medium")
        self._time_axes = (modes, good)
        for line in (self._modes, self._good):
            line.set_animated(True)

    def _build_plane(self, ax: "Axes") -> None:
        from matplotlib.colors import LinearSegmentedColormap

        pale = LinearSegmentedColormap.from_list("field", ["#F2B58F", "#FFFFFF", "#9CC9EA"])
        extent = (-_REACH, _REACH, -_REACH, _REACH)
        blank = torch.zeros(_FIELD_SIDE, _FIELD_SIDE).numpy()
        self._field = ax.imshow(
            blank, cmap=pale, vmin=0, vmax=1, extent=extent, origin="lower", interpolation="bilinear"
        )
        (real,) = ax.plot(*self._real.T.numpy(), "o", ms=3, color=COLOURS[0], mew=0, label="real")
        (self._fake,) = ax.plot([], [], "x", ms=4.5, color=COLOURS[1], mew=1.2, label="generated")
        ax.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH), aspect="equal", xlabel="x", ylabel="y")
        legend = ax.legend(loc="upper right", markerscale=1.5)
        self._plane_title = ax.set_title("step 0")
        self._next = ax.text(0.5, -0.16, "next", transform=ax.transAxes, ha="center", va="top", fontsize="small")
        for artist in (self._field, real, self._fake, legend, self._plane_title, self._next):
            artist.set_animated(True)
        bar = ax.figure.colorbar(self._field, ax=ax, shrink=0.75, pad=0.02, ticks=[0.02, 0.5, 0.98])
        bar.set_ticklabels(["generated", "can't tell", "real"], rotation=90, va="center")
        bar.set_label("what the discriminator says")

    def draw(self, values: Mapping[str, Any]) -> str:
        self._follow_play(values)
        self._field.set_data(field(self._gan, values["loss"]).numpy())
        self._fake.set_data(*self._gan.sample(_SHOWN).T.numpy())
        steps, modes, good = zip(*self._history, strict=True)
        self._modes.set_data(steps, modes)
        self._good.set_data(steps, good)
        end = next(last for last in _LAST_STEPS if last >= steps[-1])
        if self._time_axes[0].get_xlim()[1] != end:
            for ax in self._time_axes:
                ax.set_xlim(0, end)
            self.forget_background()
        self._plane_title.set_text(f"Step {steps[-1]}: {modes[-1]} of {self._mixture.n_modes} modes")
        rate, count = values["learning_rate"], values["steps_per_frame"]
        self._next.set_text(
            f"Next {count} steps: {values['loss']}, penalty {values['penalty']:g},\n"
            f"rate of G {rate:.2g}, of D {rate * values['rate_ratio']:.2g}"
        )
        losses = ""
        if self._losses:
            losses = (
                f" Losses: discriminator {self._losses['discriminator_loss']:.3f}, "
                f"generator {self._losses['generator_loss']:.3f}."
            )
        return (
            f"Step {steps[-1]}; modes hit: {modes[-1]} of {self._mixture.n_modes}. "
            f"{100 * good[-1]:.0f} % of the generated samples lie within 3 standard deviations of a mode "
            f"(of real ones 99 %).{losses}"
        )

    def _follow_play(self, values: Mapping[str, Any]) -> None:
        """Train once for any number of counts since the last picture: a slow kernel drops pictures, never lags."""
        if values["play"] > self._played:
            self._train(values["steps_per_frame"])
        elif values["play"] < self._played:
            self._start()
        self._played = values["play"]


_LOSSES = ["saturating", "non-saturating", "relativistic", "Wasserstein"]
_PENALTIES = {"none": 0.0, "0.01": 0.01, "0.1": 0.1, "0.3": 0.3, "1": 1.0, "10": 10.0}


def field(gan: PlanarGAN, loss: str) -> Tensor:
    """What the discriminator says on a grid over the plane, (side, side) in [0, 1], rows from the lowest y up.

    The probability of "real" where the loss trains one. The relativistic loss fixes logits up to a constant: they are
    centred on their median. The Wasserstein critic has no scale either: it is divided by its standard deviation too.
    """
    places = torch.linspace(-_REACH, _REACH, _FIELD_SIDE)
    y, x = torch.meshgrid(places, places, indexing="ij")
    logits = gan.logits(torch.stack([x.flatten(), y.flatten()], dim=1))
    if loss in ("relativistic", "Wasserstein"):
        logits = logits - logits.median()
    if loss == "Wasserstein":
        logits = 2 * logits / logits.std().clamp(min=1e-12)
    return logits.sigmoid().reshape(_FIELD_SIDE, _FIELD_SIDE)

"""What temperature, top-k and top-p leave of a next-token distribution, and what is drawn from it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics.likelihood import entropy_nats
from aigc_course.models.sampling import filter_logits
from aigc_course.plots import COLOURS
from aigc_course.widgets.controls import Button, Choice, Control, LogSlider, Slider
from aigc_course.widgets.explorer import Explorer
from aigc_course.widgets.tokens import visible_tokens

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_BARS = 24
_TOPS = (0.25, 0.5, 1.05)  # of the axis of probabilities
_RANKS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000)  # written at a logarithmic axis
_DRAWS = 100  # for each press of the button
_SHOWN_DRAWS = 12  # of them in the text


@dataclass(frozen=True, kw_only=True)
class Filtered:
    """A next-token distribution before and after temperature, top-k and top-p, the most probable token first."""

    order: Tensor  # (V,) int64: token ids
    model: Tensor  # (V,) float64: the model's own probabilities
    tempered: Tensor  # (V,): after the temperature
    after_top_k: Tensor  # (V,): after temperature and top-k, where top-p is measured
    sampled: Tensor  # (V,): after all three; 0 where dropped
    n_kept: int
    mass_kept: float  # of the tempered probability
    model_entropy: float  # nats
    entropy: float  # of what is sampled from, nats


def filtered(logits: Tensor, *, temperature: float, top_k: int, top_p: float) -> Filtered:
    """Apply `filter_logits` to logits (V,) and measure what it does."""
    order = logits.double().argsort(descending=True, stable=True)
    logits = logits.double()[order]
    left = filter_logits(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    tempered = filter_logits(logits, temperature=temperature).softmax(0)
    model, sampled = logits.softmax(0), left.softmax(0)
    kept = left > -torch.inf
    return Filtered(
        order=order,
        model=model,
        tempered=tempered,
        after_top_k=filter_logits(logits, temperature=temperature, top_k=top_k).softmax(0),
        sampled=sampled,
        n_kept=int(kept.sum()),
        mass_kept=float(tempered[kept].sum()),
        model_entropy=entropy_nats(model),
        entropy=entropy_nats(sampled),
    )


class SamplingExplorer(Explorer):
    """Temperature, top-k and top-p over a model's next-token probabilities."""

    title = "Sampling the next token"
    inches = (9.6, 4.0)

    def __init__(self, logits: Tensor | Mapping[str, Tensor], tokens: Sequence[object], *, seed: int = 0) -> None:
        """Show the distribution that `logits` give.

        Args:
            logits: (V,) from a model, or one such tensor for each of several prompts.
            tokens: V strings. seed: of what the button draws.
        Raises: UsageError if shapes don't fit, or no logit is finite.
        """
        self.logits = logits if isinstance(logits, Mapping) else {"": logits}
        if not self.logits:
            raise UsageError("logits is an empty dict; give at least one prompt with its logits (V,)")
        self.logits = {prompt: _checked(prompt, row) for prompt, row in self.logits.items()}
        sizes = {len(row) for row in self.logits.values()}
        if len(sizes) > 1:
            raise UsageError(f"the prompts' logits differ in length: {sorted(sizes)}; all must be over the same tokens")
        self.tokens = visible_tokens(tokens, sizes.pop())
        self.seed = seed
        self._n_drawn = 0
        self._drawn_from: dict[str, Any] = {}
        super().__init__(self._make_controls())

    def _make_controls(self) -> list[Control]:
        prompts = list(self.logits)
        n_tokens = len(self.tokens)
        choice = [Choice(name="prompt", label="after the text", value=prompts[0], options=prompts)]
        return [
            *(choice if len(prompts) > 1 else []),
            LogSlider(name="temperature", label="temperature", value=1.0, low=0.1, high=10.0),
            Slider(name="top_k", label="top-k", value=n_tokens, low=1, high=n_tokens, step=1),
            Slider(name="top_p", label="top-p", value=1.0, low=0.01, high=1.0, step=0.01),
            Button(name="draw", label=f"Draw {_DRAWS} tokens"),
        ]

    def pressed(self, name: str) -> None:
        if name != "draw":
            super().pressed(name)
        if self._drawn_from != dict(self.values):
            self._n_drawn, self._drawn_from = 0, dict(self.values)
        self._n_drawn += _DRAWS

    def build(self, figure: "Figure") -> None:
        bars, masses = figure.subplots(1, 2, width_ratios=(1.7, 1))
        n = min(len(self.tokens), _MOST_BARS)
        self._before = list(bars.bar(range(n), [0.0] * n, width=0.86, color="0.82", label="the model's own"))
        self._after = list(bars.bar(range(n), [0.0] * n, width=0.5, color=COLOURS[0], label="sampled from"))
        (self._counts,) = bars.plot([], [], "D", color=COLOURS[1], mec="white", ms=6, label="drawn")
        bars.set(xlim=(-0.6, n - 0.4), ylim=(0, 1.05), ylabel="probability")
        bars.set_xlabel(f"the {n} most probable of {len(self.tokens)} tokens")
        bars.set_title("0")
        bars.legend(loc="upper right", frameon=False)
        bars.spines[["top", "right"]].set_visible(False)
        bars.set_xticks(range(n))
        bars.yaxis.set_major_formatter("{x:.2f}")
        self._bars_ax = bars
        self._labels: list[str] = []
        self._top = 0.0  # of the axis of probabilities
        self._name_bars([max(self.tokens, key=len)] * n)
        self._build_masses(masses)
        moving = (self._counts, self._model_mass, self._nucleus_mass, self._p_line, self._kept, bars.title)
        for artist in (*self._before, *self._after, *moving, *(ax.get_legend() for ax in (bars, masses))):
            artist.set_animated(True)

    def _build_masses(self, ax: "Axes") -> None:
        (self._model_mass,) = ax.plot([], [], color="0.6", ls="--", lw=2, label="the model's own")
        (self._nucleus_mass,) = ax.plot([], [], color=COLOURS[0], lw=2, label="after temperature, top-k")
        self._p_line = ax.axhline(1, color=COLOURS[2], ls="-.", lw=1.5, label="top-p")
        self._kept = ax.axvspan(0, 1, color=COLOURS[0], alpha=0.12, lw=0, label="kept")
        ax.set(ylim=(0, 1.03), ylabel="probability of the first tokens together")
        if len(self.tokens) > 2 * _MOST_BARS:
            ax.set_xscale("log")
            places = [rank for rank in _RANKS if rank <= len(self.tokens)]
            ax.set_xticks(places, [f"{rank:,}" for rank in places])
            ax.minorticks_off()
        ax.set(xlim=(1, max(2, len(self.tokens))), xlabel="rank of the token", title="Summed up; shaded: kept")
        ax.legend(loc="lower right", fontsize="small")

    def _name_bars(self, names: Sequence[str]) -> None:
        rotation = 90 if max(map(len, self.tokens)) > 2 and len(names) > 6 else 0
        for text in self._bars_ax.set_xticklabels(names, rotation=rotation):
            text.set_parse_math(False)

    def draw(self, values: Mapping[str, Any]) -> str:
        options = {name: value for name, value in values.items() if name != "prompt"}
        f = filtered(self.logits[values.get("prompt", next(iter(self.logits)))], **options)
        names = [self.tokens[i] for i in f.order[: len(self._before)].tolist()]
        highest = max(float(f.model[0]), float(f.sampled[0]))
        top = next(top for top in _TOPS if top >= 1.02 * highest)
        if (names, top) != (self._labels, self._top):
            self._labels, self._top = names, top
            self._name_bars(names)
            self._bars_ax.set_ylim(0, top)
            self.forget_background()
        for rank, (before, after) in enumerate(zip(self._before, self._after, strict=True)):
            before.set_height(float(f.model[rank]))
            after.set_height(float(f.sampled[rank]))
        ranks = torch.arange(1, len(f.model) + 1)
        self._model_mass.set_data(ranks, f.model.cumsum(0))
        self._nucleus_mass.set_data(ranks, f.after_top_k.cumsum(0))
        self._p_line.set_ydata([values["top_p"]] * 2)
        self._kept.set(x=0.5, width=f.n_kept)
        self._bars_ax.set_title(f"{f.n_kept} of {len(self.tokens)} tokens are left to sample from")
        drawn = self._draw_tokens(f, values)
        return (
            f"Kept: {f.n_kept} of {len(self.tokens)} tokens, {100 * f.mass_kept:.1f} % of the probability after the "
            f"temperature. Entropy {f.entropy:.3f} nats (the model's own {f.model_entropy:.3f}), "
            f"as if {math.exp(f.entropy):.1f} tokens were equally likely.{drawn}"
        )

    def _draw_tokens(self, f: Filtered, values: Mapping[str, Any]) -> str:
        """Show what the button has drawn from this distribution; the last tokens as text."""
        if not self._n_drawn or self._drawn_from != dict(values):
            self._counts.set_data([], [])
            return ""
        generator = torch.Generator().manual_seed(self.seed)
        ranks = torch.cat(
            [torch.multinomial(f.sampled, _DRAWS, True, generator=generator) for _ in range(self._n_drawn // _DRAWS)]
        )
        shares = torch.bincount(ranks, minlength=len(f.sampled)) / self._n_drawn
        self._counts.set_data(range(len(self._before)), shares[: len(self._before)])
        last = "  ".join(self.tokens[i] for i in f.order[ranks[-_SHOWN_DRAWS:]].tolist())
        return f" Drawn {self._n_drawn}; the last: {last}"


def _checked(prompt: str, logits: Tensor) -> Tensor:
    """Logits (V,) on the CPU, some of them finite and none NaN or +inf."""
    if logits.ndim != 1 or len(logits) < 2:
        raise UsageError(
            f"logits of {prompt!r} are {tuple(logits.shape)}; they must be (V,), for one place in the text"
        )
    logits = logits.detach().float().cpu().clone()
    if logits.isnan().any() or not logits.max().isfinite():
        raise UsageError(
            f"logits of {prompt!r} hold NaN or infinity; only -inf, for tokens not allowed, may stand there"
        )
    return logits

"""Where attention looks: one head's weights as a map, one query's row as bars."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics.likelihood import entropy_nats
from aigc_course.plots import COLOURS
from aigc_course.widgets.controls import Slider
from aigc_course.widgets.explorer import Explorer
from aigc_course.widgets.tokens import visible_tokens

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_LABELS = 32  # tokens beside an axis; of longer texts every n-th is written
_SUM_TOLERANCE = 0.01  # weights in bfloat16 sum to 1 within this


@dataclass(frozen=True, kw_only=True, slots=True)
class RowSummary:
    """What one query's weights say."""

    entropy: float  # nats, from 0 (one token) to log(n_allowed)
    n_allowed: int  # keys that the query may see
    strongest: int  # position of the key with most weight
    mean_distance: float  # expected number of positions back from the query; negative: ahead


def row_summary(row: Tensor, query: int, *, causal: bool) -> RowSummary:
    """Summarise the weights `row` (T,) of the query at position `query`."""
    row = row.double()
    return RowSummary(
        entropy=entropy_nats(row),
        n_allowed=query + 1 if causal else len(row),
        strongest=int(row.argmax()),
        mean_distance=float((row * (query - torch.arange(len(row)))).sum()),
    )


def is_causal(weights: Tensor) -> bool:
    """Whether no query of weights (..., T, T) looks ahead; of one token nobody can tell, so False."""
    return weights.shape[-1] > 1 and not bool(weights.triu(1).any())


class AttentionViewer(Explorer):
    """The attention weights of a text: choose layer, head and query."""

    title = "Attention weights"
    inches = (9.6, 4.3)

    def __init__(self, weights: Tensor, tokens: Sequence[object]) -> None:
        """Show weights[layer, head, query, key].

        Args:
            weights: (layers, heads, T, T), or (heads, T, T) or (T, T); each row sums to 1.
            tokens: T strings (or others, shown as strings).
        Raises: UsageError if shapes don't fit or a row is not a distribution.
        """
        self.weights = _checked(weights)
        n_layers, n_heads, n_tokens, _ = self.weights.shape
        self.tokens = visible_tokens(tokens, n_tokens)
        self.causal = is_causal(self.weights)
        last = n_tokens - 1
        sizes = {"layer": n_layers - 1, "head": n_heads - 1, "query": last}
        super().__init__(
            [
                Slider(name=name, label=name, value=last if name == "query" else 0, low=0, high=high, step=1)
                for name, high in sizes.items()
            ]
        )

    def disabled(self, values: Mapping[str, Any]) -> set[str]:  # noqa: ARG002
        return {name for name, size in zip(("layer", "head", "query"), self.weights.shape[:3], strict=True) if size < 2}

    def build(self, figure: "Figure") -> None:
        from matplotlib.patches import Rectangle
        from matplotlib.ticker import MaxNLocator

        grid, row = figure.subplots(1, 2, width_ratios=(1, 1.1))
        n = len(self.tokens)
        shades = self.weights.max().clamp(min=1e-6).item()
        self._map = grid.imshow(torch.zeros(n, n).numpy(), cmap=_shades(), vmin=0, vmax=shades, interpolation="nearest")
        self._frame = Rectangle((-0.5, 0), n, 1, fill=False, edgecolor=COLOURS[1], lw=2)
        grid.add_patch(self._frame)
        grid.set(xlabel="key: position of the token that is looked at", ylabel="query: the token that looks")
        grid.set_title("")
        grid.xaxis.set_major_locator(MaxNLocator(integer=True))
        self._label(grid, "y")
        figure.colorbar(self._map, ax=grid, label="weight", shrink=0.8, pad=0.02)
        self._bars = list(row.bar(range(n), [0.0] * n, color=COLOURS[0], width=0.8))
        row.set(ylim=(0, 1.02), xlim=(-0.6, n - 0.4), xlabel="key", ylabel="weight (sums to 1)")
        row.set_title("query")
        row.spines[["top", "right"]].set_visible(False)
        self._label(row, "x")
        self._masked = row.axvspan(n, n + 1, color="0.88", lw=0)
        self._grid_ax, self._row_ax = grid, row
        for artist in (self._map, self._frame, *self._bars, self._masked, grid.title, row.title):
            artist.set_animated(True)

    def _label(self, ax: "Axes", axis: str) -> None:
        """Write the tokens beside the axis "x" or "y", every n-th of many."""
        places = range(0, len(self.tokens), math.ceil(len(self.tokens) / _MOST_LABELS))
        labels = [self.tokens[place] for place in places]
        size = "medium" if len(places) <= 24 else "small"
        getattr(ax, f"set_{axis}ticks")(places, labels, fontsize=size)
        for text in getattr(ax, f"get_{axis}ticklabels")():
            text.set_parse_math(False)
            if axis == "x" and len(labels) > 6 and len(text.get_text()) > 1:
                text.set_rotation(90)

    def draw(self, values: Mapping[str, Any]) -> str:
        layer, head, query = values["layer"], values["head"], values["query"]
        weights = self.weights[layer, head]
        row = row_summary(weights[query], query, causal=self.causal)
        shown = weights.masked_fill(torch.ones_like(weights).triu(1).bool(), torch.nan) if self.causal else weights
        self._map.set_data(shown.numpy())
        self._frame.set_y(query - 0.5)
        for key, (bar, weight) in enumerate(zip(self._bars, weights[query].tolist(), strict=True)):
            bar.set(height=weight, facecolor=COLOURS[1] if key == row.strongest else COLOURS[0])
        if self.causal:
            self._masked.set(x=query + 0.5, width=len(self.tokens) - query)
        self._masked.set_visible(self.causal and query + 1 < len(self.tokens))
        self._grid_ax.set_title(f"Layer {layer}, head {head}")
        self._row_ax.set_title(f"Query {query}: {row.entropy:.2f} nats of at most {math.log(row.n_allowed):.2f}")
        strongest, at = weights[query, row.strongest].item(), self.tokens[row.strongest]
        return (
            f"Query {query}, “{self.tokens[query]}”, looks most at key {row.strongest}, “{at}”: "
            f"weight {strongest:.3f}. Entropy {row.entropy:.3f} nats (of at most {math.log(row.n_allowed):.3f}), "
            f"as if spread evenly over {math.exp(row.entropy):.1f} of the {row.n_allowed} tokens it may see; "
            f"on average {abs(row.mean_distance):.1f} tokens {'back' if row.mean_distance >= 0 else 'ahead'}."
        )


def _checked(weights: Tensor) -> Tensor:
    """Weights as float32 (layers, heads, T, T), on the CPU, not to be changed from outside."""
    if not 2 <= weights.ndim <= 4 or weights.shape[-1] != weights.shape[-2] or weights.numel() == 0:
        raise UsageError(
            f"weights are {tuple(weights.shape)}; they must be (layers, heads, T, T), (heads, T, T) or (T, T)"
        )
    weights = weights.detach().float().cpu().clone()
    off = (weights.sum(dim=-1) - 1).abs().max().item()
    if not (off <= _SUM_TOLERANCE and weights.min() >= 0):
        raise UsageError(
            "weights must be at least 0 and sum to 1 over the keys, the last dimension; "
            f"a row here is off by {off:.3g}, the least weight is {weights.min().item():.3g}; "
            "give them after the softmax"
        )
    return (
        weights.reshape(-1 if weights.ndim == 4 else 1, *weights.shape[-3:])
        if weights.ndim > 2
        else weights[None, None]
    )


def _shades() -> Any:
    """White to blue; grey where the mask forbids to look."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("weights", ["#ffffff", "#56B4E9", "#0072B2", "#003050"])
    return shades.with_extremes(bad="0.88")

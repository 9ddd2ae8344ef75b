"""A blind comparison of two models: pairs in random order, choices, and what they show, with its interval."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from aigc_course.data.batches import generator
from aigc_course.errors import UsageError, unknown
from aigc_course.metrics.intervals import Interval, binomial_interval
from aigc_course.plots import COLOURS
from aigc_course.widgets.controls import Button
from aigc_course.widgets.explorer import Explorer
from aigc_course.widgets.tokens import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Item = Tensor | str
Choice = Literal["left", "right", "neither"]

_LETTERS = 30  # of a line of text
_LINES = 9


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """What was chosen in a blind comparison of two models, A and B."""

    for_a: int
    for_b: int
    neither: int
    for_left: int  # of the decided ones: the side, whoever stood there

    @property
    def decided(self) -> int:
        """Pairs in which one was preferred: what the shares are of."""
        return self.for_a + self.for_b

    @property
    def share_of_a(self) -> Interval:
        """In how many of the decided pairs A was preferred. Raises: UsageError when none was decided."""
        return binomial_interval(self.for_a, self.decided, method="clopper-pearson")

    @property
    def share_of_left(self) -> Interval:
        """In how many the left one was: 1/2 for a judge who looks. Raises: UsageError when none was decided."""
        return binomial_interval(self.for_left, self.decided, method="clopper-pearson")


def count_preferences(choices: Sequence[Choice], a_is_left: Sequence[bool]) -> Preferences:
    """Add up choices, of pairs in which A stood on the left or not.

    Raises: UsageError for lengths that differ, or another choice.

    >>> count_preferences(["left", "left", "neither"], [True, False, True])
    Preferences(for_a=1, for_b=1, neither=1, for_left=2)
    """
    if len(choices) != len(a_is_left):
        raise UsageError(f"there are {len(choices)} choices of {len(a_is_left)} pairs; give one for each")
    for choice in choices:
        if choice not in ("left", "right", "neither"):
            raise unknown("choice", choice, ["left", "right", "neither"])
    sides = list(zip(choices, a_is_left, strict=True))
    for_a = sum((choice == "left") == is_left for choice, is_left in sides if choice != "neither")
    neither = sum(choice == "neither" for choice in choices)
    return Preferences(
        for_a=for_a,
        for_b=len(choices) - neither - for_a,
        neither=neither,
        for_left=sum(choice == "left" for choice in choices),
    )


class BlindTest(Explorer):
    """Two models' pictures or texts side by side, their names hidden until every pair is judged.

    The order of the pairs and the side of each model are drawn from the seed, anew at "begin again".
    """

    title = "A blind comparison"
    inches = (9.2, 3.2)

    def __init__(self, a: Sequence[Item], b: Sequence[Item], *, names: tuple[str, str], seed: int = 0) -> None:
        """Compare what the models called `names` made.

        Args: a, b: equally many pictures, each (C, H, W) with C = 1 or 3, uint8 or floating point in [-1, 1], or texts.
        Raises: UsageError for no pair, different numbers or kinds, or equal names.
        """
        if len(a) != len(b) or len(a) == 0:
            raise UsageError(
                f"{names[0]} has {len(a)} examples and {names[1]} {len(b)}; give as many of both, 1 or more"
            )
        if names[0] == names[1]:
            raise UsageError(f"both models are called {names[0]!r}; give two different names")
        self.names, self.texts = names, isinstance(a[0], str)
        self._items = [_shown(item, self.texts) for item in a], [_shown(item, self.texts) for item in b]
        self._seed = seed
        self._deal()
        buttons = {"left": "left is better", "right": "right is better", "neither": "no preference"}
        buttons |= {"again": "begin again"}
        super().__init__([Button(name=name, label=label) for name, label in buttons.items()])

    @property
    def finished(self) -> bool:
        """Whether every pair is judged."""
        return len(self._choices) == len(self._order)

    @property
    def preferences(self) -> Preferences:
        """What was chosen so far. To look before the end is to choose when to stop: it spoils the interval."""
        return count_preferences(self._choices, self._a_is_left[: len(self._choices)])

    def pressed(self, name: str) -> None:
        if name == "again":
            self._seed += 1
            self._deal()
        elif not self.finished:
            self._choices.append(name)  # type: ignore[arg-type]  # the other buttons are the choices

    def judged_by(self, judge: Callable[[int], float]) -> Preferences:
        """Let a program judge all pairs that are left: what it says is how much better A's example is than B's.

        Args: judge: takes the place of the pair's examples in `a` and `b`; above 0 prefers A, below 0 B, 0 neither.
        """
        while not self.finished:
            place = self._order[len(self._choices)]
            better, a_is_left = judge(place), self._a_is_left[len(self._choices)]
            side: Choice = "left" if (better > 0) == a_is_left else "right"
            self._choices.append("neither" if better == 0 else side)
        self.redraw()
        return self.preferences

    def disabled(self, values: Mapping[str, Any]) -> set[str]:  # noqa: ARG002
        return {"left", "right", "neither"} if self.finished else set()

    def build(self, figure: "Figure") -> None:
        axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.25))
        self._pair = [self._build_side(ax) for ax in axes[:2]]
        self._build_result(axes[2])

    def draw(self, values: Mapping[str, Any]) -> str:  # noqa: ARG002
        number = min(len(self._choices), len(self._order) - 1)
        place, a_is_left = self._order[number], self._a_is_left[number]
        for side, (shown, title) in enumerate(self._pair):
            model = side if a_is_left else 1 - side
            item = self._items[model][place]
            shown.set_text(item) if self.texts else shown.set_data(item)
            title.set_text(self.names[model] if self.finished else ("left", "right")[side])
        self._interval.set_visible(self.finished)
        self._share.set_visible(self.finished)
        if not self.finished:
            self._note.set_text("hidden until the last pair is judged")
            return f"Pair {len(self._choices) + 1} of {len(self._order)}: which one is better?"
        return self._draw_result(self.preferences)

    def _draw_result(self, counts: Preferences) -> str:
        a, b = self.names
        told = f"{a} {counts.for_a}, {b} {counts.for_b}, neither {counts.neither}."
        if counts.decided == 0:
            self._interval.set_visible(False)
            self._share.set_visible(False)
            self._note.set_text("no pair was decided")
            return told + " No pair was decided."
        share, left = counts.share_of_a, counts.share_of_left
        self._interval.set_data([share.low, share.high], [0, 0])
        self._share.set_data([share.estimate], [0])
        shows = "a difference is shown" if 0.5 not in share else "1/2 lies inside: no difference is shown"
        self._note.set_text(f"{share.estimate:.2f} [{share.low:.2f}, {share.high:.2f}]\n{shows}")
        return (
            f"{told} {a} was preferred in a share of {share} of the {counts.decided} decided pairs (95 %, Clopper and "
            f"Pearson): {shows}. The left one was chosen in {left}."
        )

    def _deal(self) -> None:
        count, source = len(self._items[0]), generator(self._seed, "blind test", 0)
        self._order: list[int] = torch.randperm(count, generator=source).tolist()
        self._a_is_left: list[bool] = (torch.rand(count, generator=source) < 0.5).tolist()
        self._choices: list[Choice] = []

    def _build_side(self, ax: "Axes") -> tuple[Any, Any]:
        """The artist that shows a picture or a text, and its title."""
        ax.set(xticks=[], yticks=[])
        title = ax.set_title("left", fontsize="medium")
        if not self.texts:
            return ax.imshow(self._items[0][0], cmap="gray", vmin=0, vmax=1, interpolation="nearest"), title
        return ax.text(0.04, 0.95, "", va="top", fontsize="small", transform=ax.transAxes, parse_math=False), title

    def _build_result(self, ax: "Axes") -> None:
        ax.axvline(0.5, color="0.5", ls="--", lw=1.2)
        (self._interval,) = ax.plot([0, 1], [0, 0], color=COLOURS[0], lw=3, solid_capstyle="butt")
        (self._share,) = ax.plot([0.5], [0], "o", color=COLOURS[0], ms=8, clip_on=False, zorder=3)
        self._note = ax.text(0.5, 0.82, "\n", ha="center", va="center", fontsize="small", transform=ax.transAxes)
        self._note.set_bbox({"facecolor": "white", "edgecolor": "none"})
        ax.set(xlim=(0, 1), ylim=(-1, 1), yticks=[], xlabel=f"share that prefers {self.names[0]} to {self.names[1]}")
        ax.set_title("What was chosen", fontsize="medium")


def _shown(item: Item, texts: bool) -> Any:
    """A text in lines, or a picture as (H, W) or (H, W, 3) in [0, 1]."""
    if isinstance(item, str) != texts:
        raise UsageError("texts and pictures can't be compared; give one kind")
    if isinstance(item, str):
        drawable = "".join(c if c.isspace() else visible(c) for c in item)
        return "\n".join(textwrap.wrap(drawable, _LETTERS, max_lines=_LINES, placeholder=" …"))
    if item.ndim != 3 or item.shape[0] not in (1, 3):
        raise UsageError(f"a picture is {tuple(item.shape)}; give (C, H, W) with C = 1 or 3")
    pixels = item.detach().cpu().float()
    pixels = pixels / 255 if item.dtype == torch.uint8 else (pixels.clamp(-1, 1) + 1) / 2
    return pixels.permute(1, 2, 0).squeeze(2).numpy()

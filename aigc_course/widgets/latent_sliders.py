"""What the explorers of latent spaces share: z on sliders, where it began, the map of the posteriors' means."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.models.latent_space import Posteriors
from aigc_course.plots import COLOURS
from aigc_course.widgets.controls import Button, Choice, Slider
from aigc_course.widgets.explorer import Explorer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEP = 0.05  # of the sliders; z is moved to their grid when it begins anew
_LEAST_REACH = 3.0  # of the sliders
_MOST_COLOURS = 10  # classes with a colour of their own on the map
_LONGEST_NAME = 12  # characters of a class name in the map's legend
_BEGINNING = ("start", "example")  # the controls that say where z begins
MOST_EXAMPLES = 1000


class Condition:
    """Something that the model is told beside z, and what it is for each example."""

    def __init__(self, label: str, names: Sequence[str], of_examples: Tensor) -> None:
        """label: beside the control. names: of the values. of_examples: (N,) int64, numbers of names."""
        self.label, self.names, self.of_examples = label, tuple(names), of_examples

    def of(self, index: int) -> str:
        """The value's name for one example."""
        return self.names[int(self.of_examples[index])]


class LatentSliders(Explorer):
    """z begins at an example's posterior or at the prior, and is moved along a few of its coordinates."""

    def __init__(
        self,
        known: Posteriors,
        *,
        what: str,
        split: str,
        classes: Condition,
        conditions: Mapping[str, Condition],
        coordinates: int | Sequence[int],
        seed: int,
        more: Sequence[Button] = (),
    ) -> None:
        """Make the controls.

        Args:
            known: the posteriors of N examples. what: "image" or "sound". split: where the examples are from.
            classes: of the examples, for the map. conditions: what the model is told, by the name of its control.
            coordinates: which of z get a slider; or how many, those that carry most KL.
            more: buttons beside these.
        Raises: UsageError for coordinates that z doesn't have, or less than two; for a single example.
        """
        if len(known.mu) < 2:
            raise UsageError(f"the {split} split holds {len(known.mu)} {what}; the map needs at least 2")
        self.known, self.what, self.split = known, what, split
        self.kl_nats = known.kl_nats()
        self._classes, self._conditions = classes, dict(conditions)
        self._coordinates = {f"z{k}": k for k in _chosen(coordinates, known)}
        self._noise = torch.Generator().manual_seed(seed)
        self._drawn = False  # z began at a draw, not at a mean
        self._reach = max(_LEAST_REACH, math.ceil(known.mu[:, list(self._coordinates.values())].abs().max().item()))
        super().__init__([*self._own_controls(), *more])
        self._begin()

    def _own_controls(self) -> list[Any]:
        last = len(self.known.mu) - 1
        options = {f"{self.split} {self.what}": "data", "the prior": "prior"}
        sizes: dict[str, Any] = {"value": 0.0, "low": -self._reach, "high": self._reach, "step": _STEP}
        return [
            Choice(name="start", label="z begins at", value="data", options=options),
            Slider(name="example", label=f"number of the {self.what}", value=0, low=0, high=last, step=1),
            *(
                Choice(name=name, label=condition.label, value=condition.names[0], options=condition.names)
                for name, condition in self._conditions.items()
            ),
            *(
                Slider(name=name, label=f"z[{k}] ({self.kl_nats[k]:.2f} nats)", **sizes)
                for name, k in self._coordinates.items()
            ),
            Button(name="new", label="New z"),
            Button(name="mean", label="Back to the mean"),
        ]

    @property
    def z(self) -> Tensor:
        """The latent vector (D,) that is shown."""
        return self._z.clone()

    def told(self, name: str) -> int | None:
        """The number of what the model is told by the control `name`; None where the model isn't told of it."""
        condition = self._conditions.get(name)
        return None if condition is None else condition.names.index(self.values[name])

    def take(self, name: str, value: Any) -> None:
        super().take(name, value)
        if name in _BEGINNING:
            self._begin()
        elif name in self._coordinates:
            self._z[self._coordinates[name]] = value

    def pressed(self, name: str) -> None:
        if name == "new":
            self._draw_z()
        elif name == "mean":
            self._to_mean()
        else:
            super().pressed(name)

    def disabled(self, values: Mapping[str, Any]) -> set[str]:
        return {"example"} if values["start"] == "prior" else set()

    def set(self, **values: Any) -> None:
        """As every explorer's; where z begins comes first, so that `set(z3=1.5, example=7)` moves z from there."""
        super().set(**dict(sorted(values.items(), key=lambda item: item[0] not in _BEGINNING)))

    def _begin(self) -> None:
        """z at the mean of where it begins; the model is told what the example is."""
        if self.values["start"] == "data":
            for name, condition in self._conditions.items():
                self._values[name] = condition.of(self.values["example"])
        self._to_mean()

    def _to_mean(self) -> None:
        self._drawn = False
        real = self.values["start"] == "data"
        self._move_to(self.known.mu[self.values["example"]] if real else torch.zeros(self.known.mu.shape[1]))

    def _draw_z(self) -> None:
        self._drawn = True
        noise = torch.randn(self.known.mu.shape[1], generator=self._noise)
        real = self.values["start"] == "data"
        self._move_to(self.known.sample(self.values["example"], noise) if real else noise)

    def _move_to(self, z: Tensor) -> None:
        """Show z; the coordinates that have sliders go to what those can show."""
        self._z = z.clone()
        for name, k in self._coordinates.items():
            value = min(max(_STEP * round(float(z[k]) / _STEP), -self._reach), self._reach)
            self._values[name] = self._z[k] = round(value, 2)

    def _build_map(self, ax: "Axes") -> None:
        """The examples' means in the plane of the first two sliders; those of one class in one colour, if they are few.

        Classes whose names are one character are marked by it.
        """
        from matplotlib import colormaps

        names, labels = self._classes.names, self._classes.of_examples
        self._plane = list(self._coordinates.values())[:2]
        places = self.known.mu[:, self._plane]
        if len(names) > _MOST_COLOURS:
            ax.plot(*places.T.numpy(), ".", color="0.6", ms=3)
        else:
            for number, name in enumerate(names):
                marker, size = (f"${name}$", 5) if len(name) == 1 and name.isalnum() else ("o", 3)
                where = places[labels == number].T.numpy()
                look: dict[str, Any] = {
                    "color": colormaps["tab10"](number),
                    "marker": marker,
                    "ms": size,
                    "mew": 0,
                    "ls": "",
                }
                ax.plot(*where, label=name[:_LONGEST_NAME], alpha=0.75, **look)
            if max(map(len, names)) > 1:
                where_to: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
                ax.legend(frameon=False, fontsize="x-small", handlelength=1, **where_to)
        (self._here,) = ax.plot([], [], "D", color=COLOURS[1], ms=9, mec="black", zorder=5, animated=True)
        room = 1.08 * self._reach
        ax.set(xlim=(-room, room), ylim=(-room, room), aspect="equal")
        ax.set(xlabel=f"z[{self._plane[0]}]", ylabel=f"z[{self._plane[1]}]")
        ax.set_title(f"Posterior means of {len(places):,} {self.what}s; ◆ z", fontsize="medium")

    def _build_numbers(self, ax: "Axes") -> None:
        """All coordinates of z side by side, those on sliders in the colour of z on the map."""
        from matplotlib.ticker import MaxNLocator

        count = len(self._z)
        self._stems = ax.vlines(range(count), 0, 0, color="0.6", lw=1, animated=True)
        (self._dots,) = ax.plot([], [], "o", color="0.45", ms=4, animated=True)
        (self._moved,) = ax.plot([], [], "D", color=COLOURS[1], ms=6, mec="black", animated=True)
        ax.axhspan(-1, 1, color="0.93", zorder=0)
        room = 1.15 * self._reach
        ax.set(xlim=(-0.7, count - 0.3), ylim=(-room, room), xlabel="coordinate of z", ylabel="value")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_title("All of z; on sliders: ◆; shaded: one standard deviation of the prior", fontsize="medium")

    def _show_z(self) -> None:
        """Move z on the map and among the numbers."""
        numbers = self._z.tolist()
        self._here.set_data([numbers[self._plane[0]]], [numbers[self._plane[1]]])
        self._stems.set_segments([[(k, 0.0), (k, value)] for k, value in enumerate(numbers)])
        moved = set(self._coordinates.values())
        still = [k for k in range(len(numbers)) if k not in moved]
        self._dots.set_data(still, [numbers[k] for k in still])
        self._moved.set_data(list(moved), [numbers[k] for k in moved])

    def _where(self) -> str:
        """Sentences: where z began, where it is now, what lies near it."""
        numbers = ", ".join(f"z[{k}] = {self._z[k]:.2f}" for k in self._coordinates.values())
        told = " and ".join(f"{c.label} '{self.values[name]}'" for name, c in self._conditions.items())
        distances = (self.known.mu - self._z).norm(dim=1)
        near = int(distances.argmin())
        count, example = len(self._z), self.values["example"]
        its_class = f", class '{self._classes.of(example)}'" if self.values["start"] == "data" else ""
        return (
            f"z began at {self._beginning()}{its_class}; now {numbers}{f', told {told}' if told else ''}. "
            f"z is {self._z.norm():.2f} long; draws from the prior are about √{count} = {math.sqrt(count):.2f} long. "
            f"The nearest posterior mean is that of {self.what} {near}, class '{self._classes.of(near)}', "
            f"{distances[near]:.2f} away."
        )

    def _beginning(self) -> str:
        """Where z began, in words."""
        kind = "a draw from" if self._drawn else "the mean of"
        if self.values["start"] == "prior":
            return f"{kind} the prior"
        return f"{kind} the posterior of {self.what} {self.values['example']}"


def spread(count: int) -> Tensor:
    """Indices (at most MOST_EXAMPLES,) of examples, evenly over all `count` of a split, which may be sorted."""
    return torch.linspace(0, count - 1, min(count, MOST_EXAMPLES)).long()


def _chosen(coordinates: int | Sequence[int], known: Posteriors) -> list[int]:
    """The coordinates that get sliders. Raises: UsageError for what z doesn't have, or less than two."""
    length = known.mu.shape[1]
    chosen = known.most_used(max(coordinates, 0)) if isinstance(coordinates, int) else list(coordinates)
    right = all(isinstance(k, int) and 0 <= k < length for k in chosen) and len(set(chosen)) == len(chosen) >= 2
    if not right:
        raise UsageError(
            f"coordinates = {coordinates} is not allowed; z has {length} coordinates: give how many sliders (at least "
            f"2), or which, as [0, 1], each once and below {length}; a model with one alone has no map"
        )
    return chosen

"""What training recorded, over its steps."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aigc_course.errors import UsageError
from aigc_course.plots.axes import COLOURS, DASHES, new_axes
from aigc_course.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_history(
    history: History | Sequence[Mapping[str, float]],
    names: Sequence[str] = ("loss", "validation_loss"),
    *,
    floor: float | None = None,
    ax: "Axes | None" = None,
    title: str = "",
    ylabel: str = "",
) -> "Axes":
    """Draw the recorded columns `names` over the training step; the title says where the last of them went.

    Args:
        history: a History, or its rows `{"step": …, name: value, …}`. Names that it has not recorded are left out.
        floor: value that no model can beat (an entropy, say): a labelled horizontal line, in the units of the columns.
        title, ylabel: instead of those made from the data; columns that are all losses are in nats.
    Raises: UsageError if none of the names is recorded.
    """
    columns = recorded_columns(history, names)
    if not columns:
        recorded = sorted({name for row in _rows(history) for name in row} - {"step", "seconds"})
        raise UsageError(
            f"the history records none of {', '.join(map(repr, names))}; "
            f"recorded: {', '.join(recorded) or 'nothing yet, train first'}"
        )
    return draw_history(ax or new_axes(7, 4), columns, floor, title, ylabel)


def _rows(history: History | Sequence[Mapping[str, float]]) -> Sequence[Mapping[str, float]]:
    return history.rows if isinstance(history, History) else history


def recorded_columns(
    history: History | Sequence[Mapping[str, float]], names: Sequence[str]
) -> dict[str, tuple[list[int], list[float]]]:
    """The steps and values of those `names` that are recorded."""
    if isinstance(names, str):
        raise UsageError(f"names = {names!r} is one text; give a list, such as [{names!r}]")
    columns = {}
    for name in names:
        rows = [row for row in _rows(history) if name in row]
        if rows:
            columns[name] = [int(row["step"]) for row in rows], [float(row[name]) for row in rows]
    return columns


def draw_history(
    ax: "Axes", columns: dict[str, tuple[list[int], list[float]]], floor: float | None, title: str, ylabel: str
) -> "Axes":
    """Draw columns over the step into `ax`; a title or label that is empty is made from them."""
    for i, (name, (steps, values)) in enumerate(columns.items()):
        marker = "o" if len(steps) <= 20 else ""
        colour, dashes = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
        ax.plot(steps, values, label=_words(name), color=colour, linestyle=dashes, marker=marker, markersize=4)
    if floor is not None:
        ax.axhline(floor, color="0.3", linestyle=":", label=f"floor: {floor:.4g}")
    losses = all("loss" in name for name in columns)
    ax.set(xlabel="training step", ylabel=ylabel or ("loss (nats)" if losses else ", ".join(map(_words, columns))))
    ax.set_title(title or _claim(columns, floor), wrap=True)
    ax.grid(alpha=0.3)
    if columns or floor is not None:
        ax.legend()
    return ax


def _claim(columns: dict[str, tuple[list[int], list[float]]], floor: float | None) -> str:
    """Where the last column went, in words and its own numbers."""
    name, (steps, values) = list(columns.items())[-1]
    first, last = _short(values[0]), _short(values[-1])
    if first == last:
        text = f"{_words(name)} is {last}"
    else:
        text = f"{_words(name)} {'falls' if values[-1] < values[0] else 'rises'} from {first} to {last}"
    if floor is None:
        text += f" {'at' if first == last else 'by'} step {steps[-1]:,}"
    else:
        text += f", {abs(values[-1] - floor):.2g} {'above' if values[-1] >= floor else 'below'} the floor"
    return text[0].upper() + text[1:]


def _short(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _words(name: str) -> str:
    return name.replace("_", " ")

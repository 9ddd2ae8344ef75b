"""The base of all explorers: named values, one figure that is redrawn from them, a text that says what it shows.

An explorer works without a kernel behind it: its figure as PNG and its text stand in the notebook beside the live
view. ipywidgets, matplotlib and IPython are imported when first used.
"""

import base64
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, cast

from aigc_course.errors import unknown
from aigc_course.widgets.controls import Button, Control

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from aigc_course.widgets.panel import Panel

_DOTS_PER_INCH = 110
LIVE_VIEW = "application/vnd.jupyter.widget-view+json"


class Explorer(ABC):
    """A figure with controls; the last line of a cell shows it.

    A subclass names its controls, makes its axes and lines once in `build` and moves them in `draw`: moving them takes
    a fraction of the time that making them would. The figure is laid out once, after the first drawing; what later
    drawings show must keep to that room (fixed limits, or ticks whose labels don't grow).
    Artists with `set_animated(True)` are drawn over a kept picture of all others, which makes a redraw several times
    faster; when `draw` changes one of the others (axes, ticks, contours), it calls `forget_background`.
    The mathematics belongs into functions that know nothing of figures, tested by themselves.

    Redrawn on every change, at once by `set`, and collected when changes come faster than drawings. When the cell that
    shows an explorer runs again, what it showed before is closed: nothing is left in the kernel.
    """

    title: ClassVar[str]  # what it is called by a screen reader and without a display
    inches: ClassVar[tuple[float, float]] = (9.0, 3.8)
    sound: bytes = b""  # a WAV file: what the figure shows as sound, for the live view's player; b"": no player

    def __init__(self, controls: Sequence[Control]) -> None:
        self.controls = {control.name: control for control in controls}
        self._values = {c.name: c.checked(c.value) for c in controls if not isinstance(c, Button)}
        self._figure: Figure | None = None
        self._moving: list[Artist] = []
        self._background: Any = None
        self._readout = ""
        self._png = b""
        self._panel: Panel | None = None

    @abstractmethod
    def build(self, figure: "Figure") -> None:
        """Make the axes and everything in them that `draw` moves. Called once, before the first `draw`."""

    @abstractmethod
    def draw(self, values: Mapping[str, Any]) -> str:
        """Show `values` in the figure. Returns: one to three sentences with the numbers: what the figure shows."""

    def pressed(self, name: str) -> None:
        """What the button `name` does, before the redraw that follows."""
        raise unknown("button", name, [])

    def disabled(self, values: Mapping[str, Any]) -> set[str]:  # noqa: ARG002
        """The names of the controls that have no effect at `values`; they are shown greyed out."""
        return set()

    @property
    def values(self) -> Mapping[str, Any]:
        """The value of each control."""
        return MappingProxyType(self._values)

    @property
    def readout(self) -> str:
        """What the figure shows now, in words and numbers."""
        self._ensure_drawn()
        return self._readout

    @property
    def figure(self) -> "Figure":
        """The figure, which every redraw uses again. It isn't one of pyplot's."""
        self._ensure_drawn()
        assert self._figure is not None
        return self._figure

    @property
    def png(self) -> bytes:
        """The figure as a PNG image."""
        self._ensure_drawn()
        return self._png

    def set(self, **values: Any) -> None:
        """Set controls by name and redraw: `explorer.set(learning_rate=0.1)`.

        Raises: UsageError for an unknown name or a value that the control doesn't have; then nothing changes.
        """
        checked = {name: self._control(name).checked(value) for name, value in values.items()}
        for name, value in checked.items():
            self.take(name, value)
        self.redraw()

    def take(self, name: str, value: Any) -> None:
        """Note what the learner chose; who asked for it redraws. What follows for other controls is noted here too."""
        self._values[name] = value

    def redraw(self) -> None:
        """Draw the present values, and show the result wherever the explorer is shown."""
        if self._figure is None:
            self._figure = _new_figure(self.inches)
            self.build(self._figure)
            self._readout = self.draw(self.values)
            _lay_out(self._figure)
            moving = self._figure.findobj(lambda artist: artist.get_animated())
            self._moving = sorted(moving, key=lambda artist: artist.get_zorder())
        else:
            self._readout = self.draw(self.values)
        self._png = self._rendered(self._figure)
        if self._panel is not None:
            self._panel.show_drawing()

    def forget_background(self) -> None:
        """Draw everything at the next redraw, not only the artists that are animated."""
        self._background = None

    def close(self) -> None:
        """Take the live view away, its widgets and callbacks with it. Shown again, the explorer makes a new one."""
        if self._panel is not None:
            self._panel.close()
            self._panel = None

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The live view for a frontend with a kernel, the figure for every other, the text for terminals."""
        from aigc_course.widgets.panel import Panel, in_place_of_the_last_run

        self._ensure_drawn()
        if self._panel is None:
            self._panel = Panel(self)
        in_place_of_the_last_run(self)
        return {
            LIVE_VIEW: {"version_major": 2, "version_minor": 0, "model_id": self._panel.model_id},
            "image/png": base64.b64encode(self._png).decode("ascii"),
            "text/plain": f"{self.title}: {self._readout}",
        }

    def _rendered(self, figure: "Figure") -> bytes:
        """The figure as PNG: what moves over the kept background."""
        canvas = cast("FigureCanvasAgg", figure.canvas)
        if self._background is None:
            canvas.draw()
            self._background = canvas.copy_from_bbox(figure.bbox) if self._moving else None
        else:
            canvas.restore_region(self._background)
        for artist in self._moving:
            artist.draw(canvas.get_renderer())
        return _as_png(canvas)

    def _control(self, name: str) -> Control:
        if name not in self._values:
            raise unknown("control", name, self._values)
        return self.controls[name]

    def _ensure_drawn(self) -> None:
        if self._figure is None:
            self.redraw()


def _new_figure(inches: tuple[float, float]) -> "Figure":
    """A figure of its own: pyplot doesn't know it, so nobody has to close it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _lay_out(figure: "Figure") -> None:
    """Fit the margins once; fitting them at every redraw would take longer than all the rest."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def _as_png(canvas: "FigureCanvasAgg") -> bytes:
    from PIL import Image

    size, pixels = canvas.get_width_height(), canvas.buffer_rgba()
    image = Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, 1).convert("RGB")  # opaque, also on a dark page
    buffer = io.BytesIO()
    image.save(buffer, format="png", compress_level=1)
    return buffer.getvalue()

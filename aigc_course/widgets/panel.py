"""The live view of an explorer: its controls, its picture and its text as ipywidgets, and their end."""

import asyncio
import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from aigc_course.widgets.controls import Button, Play
from aigc_course.widgets.labels import labelling

if TYPE_CHECKING:
    from aigc_course.widgets.explorer import Explorer

_COLLECT_SECONDS = 0.01  # changes that arrive within this time are drawn together


class Panel:
    """The widgets of one explorer. The picture is replaced in place: the browser never shows an empty one between."""

    def __init__(self, explorer: "Explorer") -> None:
        import ipywidgets

        self._explorer = explorer
        self._drawing: asyncio.TimerHandle | None = None
        self._following = True
        self._inputs = {name: c.make(explorer.values.get(name)) for name, c in explorer.controls.items()}
        width = f"{round(100 * explorer.inches[0])}px"
        within = "calc(100% - 4px)"  # ipywidgets gives an image a margin of 2 pixels
        self._image = ipywidgets.Image(format="png", layout={"width": width, "max_width": within, "height": "auto"})
        self._text = ipywidgets.HTML(layout={"max_width": width})
        wrapped = {"flex_flow": "row wrap", "max_width": width, "overflow": "hidden"}
        inputs = ipywidgets.HBox(self._rows(), layout=wrapped)
        self._player = _player(explorer.sound) if explorer.sound else None
        shown = [inputs, self._image, self._player, self._text]
        self._root = ipywidgets.VBox([widget for widget in shown if widget is not None])
        for name, widget in self._inputs.items():
            if isinstance(explorer.controls[name], Button):
                widget.on_click(lambda _, name=name: self._press(name))
            else:
                widget.observe(lambda change, name=name: self._change(name, change["new"]), names="value")
        self.show_drawing()

    @property
    def model_id(self) -> str:
        return self._root.model_id

    def play(self) -> None:
        """Let the browser play the sound. A player begins anew whenever it is told that it may start by itself."""
        if self._player is not None:
            self._player.autoplay = False
            self._player.autoplay = True

    def _show_values(self, values: Mapping[str, Any]) -> None:
        """Move the inputs to `values`, which are drawn already."""
        self._following = False
        try:
            for name, value in values.items():
                self._inputs[name].value = value
        finally:
            self._following = True

    def show_drawing(self) -> None:
        """Show the explorer's values, picture, sound and text as they are now; grey out what has no effect.

        The text is what a screen reader gets of the picture, and says when it changes.
        """
        explorer = self._explorer
        self._show_values(explorer.values)
        self._image.value = explorer.png
        if self._player is not None and self._player.value != explorer.sound:
            with self._player.hold_sync():  # one message: the new sound must not start as the last one did
                self._player.autoplay = False
                self._player.value = explorer.sound
        self._say(explorer.readout)
        idle = explorer.disabled(explorer.values)
        for name, widget in self._inputs.items():
            widget.disabled = name in idle

    def close(self) -> None:
        """Close every widget, with the layouts and styles that ipywidgets keeps for them, and drop the callbacks."""
        if self._drawing is not None:
            self._drawing.cancel()
            self._drawing = None
        for widget in all_widgets(self._root):
            widget.unobserve_all()
            widget.close()
        self._inputs = {}

    def _rows(self) -> list[Any]:
        """The inputs as they stand in the panel: Play shows no label of its own."""
        import ipywidgets

        shown = []
        for name, widget in self._inputs.items():
            control = self._explorer.controls[name]
            if isinstance(control, Play):
                widget = ipywidgets.HBox([ipywidgets.Label(control.label), widget])
            shown.append(widget)
        return shown

    def _change(self, name: str, value: Any) -> None:
        if self._following:
            self._explorer.take(name, value)
            self._request_drawing()

    def _press(self, name: str) -> None:
        self._explorer.pressed(name)
        self._request_drawing()

    def _request_drawing(self) -> None:
        """Draw soon, once for all changes that have arrived by then; at once where no event loop runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._explorer.redraw()
            return
        if self._drawing is None:
            self._drawing = loop.call_later(_COLLECT_SECONDS, self._draw)

    def _draw(self) -> None:
        self._drawing = None
        try:
            self._explorer.redraw()
        except Exception as error:  # nobody stands above this call: the learner must see it
            self._say(f"This could not be drawn: {type(error).__name__}: {error}")

    def _say(self, text: str) -> None:
        spoken = f'<div role="status" aria-live="polite">{html.escape(text)}</div>'
        self._text.value = spoken + labelling(self._explorer.title)


def _player(sound: bytes) -> Any:
    """A player that waits until it is told to play. (ipywidgets shows none that has a tooltip.)"""
    import ipywidgets

    return ipywidgets.Audio(value=sound, format="wav", autoplay=False, loop=False)


def all_widgets(root: Any) -> list[Any]:
    """`root`, its descendants, and the layout and style of each."""
    found = [root]
    for child in getattr(root, "children", ()):
        found += all_widgets(child)
    return found + [getattr(root, name) for name in ("layout", "style") if hasattr(root, name)]


class Shown(Protocol):
    """Something with a live view that can be taken away."""

    def close(self) -> None: ...


_shown: list[tuple[str, int, Shown]] = []  # the cell, the number of its run, what that run has shown


def in_place_of_the_last_run(new: Shown) -> None:
    """Note that the running cell shows `new`, and close what earlier runs of the same cell have shown."""
    running = _running_cell()
    if running is None:
        return
    others = [entry for entry in _shown if entry[2] is not new]
    replaced = [entry for entry in others if entry[0] == running[0] and entry[1] != running[1]]
    for _, _, other in replaced:
        other.close()
    _shown[:] = [entry for entry in others if entry not in replaced] + [(*running, new)]


def _running_cell() -> tuple[str, int] | None:
    """What tells the cell that runs from others, and the number of its run; None outside IPython.

    The frontend's id of the cell where it gives one, else the cell's text.
    """
    from IPython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        return None
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell_id = parent.get("metadata", {}).get("cellId")
    return cell_id or str(shell.user_ns.get("In", [""])[-1]), shell.execution_count

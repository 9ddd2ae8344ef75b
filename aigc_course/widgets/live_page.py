"""A page that is shown anew when what it tells of has changed: by its button, or by `refresh_pages`."""

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from aigc_course.widgets.explorer import LIVE_VIEW
from aigc_course.widgets.panel import all_widgets, in_place_of_the_last_run

_open: "WeakSet[LivePage]" = WeakSet()


class LivePage:
    """What two functions give, as HTML and as text; the last line of a cell shows it.

    Without a kernel, and without ipywidgets, the HTML of the moment at which the cell ran stays.

    Args: to_html, to_text: called at each showing. title: what the button refreshes.
    """

    def __init__(self, to_html: Callable[[], str], to_text: Callable[[], str], *, title: str) -> None:
        self.to_html, self.to_text, self.title = to_html, to_text, title
        self.button: Any = None  # the ipywidget that refreshes, while the page is shown
        self._page: Any = None
        self._root: Any = None

    @property
    def shown(self) -> str:
        """The HTML that the live view shows now; "" when there is none."""
        return self._page.value if self._page is not None else ""

    def refresh(self) -> None:
        """Show what the functions give now."""
        if self._page is not None:
            self._page.value = self.to_html()

    def close(self) -> None:
        """Take the live view away, its widgets and callbacks with it. Shown again, the page makes a new one."""
        _open.discard(self)
        if self._root is not None:
            for widget in all_widgets(self._root):
                widget.unobserve_all()
                widget.close()
            self._page = self._root = self.button = None

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The live view for a frontend with a kernel, the HTML for every other, the text for terminals."""
        bundle: dict[str, Any] = {"text/html": self.to_html(), "text/plain": self.to_text()}
        if self._root is None and not self._make():
            return bundle
        self.refresh()
        in_place_of_the_last_run(self)
        return {LIVE_VIEW: {"version_major": 2, "version_minor": 0, "model_id": self._root.model_id}} | bundle

    def _make(self) -> bool:
        """Make the widgets. Returns: whether there are any to be had."""
        try:
            import ipywidgets
        except ImportError:
            return False
        self._page = ipywidgets.HTML()
        look = {"width": "auto", "align_self": "flex-start"}
        self.button = ipywidgets.Button(description="Refresh", tooltip=f"Refresh {self.title}", layout=look)
        self.button.on_click(lambda _: self.refresh())
        self._root = ipywidgets.VBox([self._page, self.button])
        _open.add(self)
        return True


def refresh_pages() -> None:
    """Show every open page of this kernel anew."""
    for page in list(_open):
        page.refresh()

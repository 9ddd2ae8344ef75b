"""Figures that redraw themselves in a notebook while a model trains."""

import io
import math
import time
from collections.abc import Sequence
from typing import Any

from aigc_course.plots.curves import draw_history, recorded_columns
from aigc_course.recipes.timelapse import picture_path
from aigc_course.training.history import History
from aigc_course.training.progress import in_notebook


class LivePlot:
    """A training curve that redraws itself in a notebook while a model trains: `train(…, on_log=LivePlot())`.

    Redraws one picture in place, at most once a second, and whenever a row with a validation result arrives: a run
    that evaluates ends with one, so that the curve left in the notebook is complete (after other runs, call `draw`).
    What stays is one PNG. Called outside notebooks it does nothing. Make a new one for each run.
    """

    def __init__(
        self,
        names: Sequence[str] = ("loss", "validation_loss"),
        *,
        floor: float | None = None,
        title: str = "",
        ylabel: str = "",
    ) -> None:
        self.names = tuple(names)
        self.floor = floor
        self.title = title
        self.ylabel = ylabel
        self._drawn_at = -math.inf
        self._place = _Place()

    def __call__(self, history: History) -> None:
        """Draw `history` if it is time to."""
        if not (history.rows and in_notebook()):
            return
        validated = any(name.startswith("validation") for name in history.rows[-1])
        if validated or time.monotonic() - self._drawn_at >= 1.0:
            self.draw(history)

    def draw(self, history: History) -> None:
        """Draw `history` now, in place of the picture drawn before; the first draws where the cell's output is."""
        self._place.show(self._png(history), width=700)
        self._drawn_at = time.monotonic()

    def _png(self, history: History) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4))
        FigureCanvasAgg(figure)
        # Fixed margins with room for a title of two lines: fitting them takes longer than all the rest.
        figure.subplots_adjust(left=0.12, right=0.97, bottom=0.14, top=0.87)
        columns = recorded_columns(history, self.names)
        title = self.title if columns else f"Waiting for {' and '.join(self.names)}"
        draw_history(figure.add_subplot(), columns, self.floor, title, self.ylabel)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130, pil_kwargs={"compress_level": 1})
        return buffer.getvalue()


class LiveImages:
    """What a model draws while it trains, the newest picture in place of the last: `train(…, on_log=LiveImages())`.

    Shows the pictures that `image-gan` and `image-vae` keep at each evaluation (see `recipes.timelapse`). Called
    outside notebooks, or for a run that keeps none, it does nothing. Make a new one for each run. With a curve beside
    it: `curve, images = LivePlot(), LiveImages()` and `on_log=lambda history: (curve(history), images(history))`.
    """

    def __init__(self) -> None:
        self._place = _Place()

    def __call__(self, history: History) -> None:
        """Show the picture of the history's last step, if there is one."""
        if not (history.rows and history.run_dir and in_notebook()):
            return
        step = int(history.rows[-1]["step"])
        path = picture_path(history.run_dir, step)
        if path.is_file():
            self._place.show(path.read_bytes(), alt=f"what the model draws after step {step:,}")


class _Place:
    """The place in a cell's output where one PNG stands; the first appears where the output is, others replace it."""

    def __init__(self) -> None:
        self._display: Any = None

    def show(self, png: bytes, *, width: int | None = None, alt: str | None = None) -> None:
        from IPython.display import Image, display

        picture = Image(data=png, format="png", width=width, alt=alt)
        if self._display is None:
            self._display = display(picture, display_id=True)
        else:
            self._display.update(picture)

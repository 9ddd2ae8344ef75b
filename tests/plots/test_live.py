"""Live figures redraw one picture in place, and only in notebooks."""

from pathlib import Path
from typing import Any

import matplotlib
import pytest

matplotlib.use("Agg")
import IPython.display
from matplotlib import pyplot as plt

from aigc_course.plots import LiveImages, LivePlot, live
from aigc_course.recipes.timelapse import picture_path
from aigc_course.training import History
from tests.plots.test_figures import ROWS, assert_nothing_cropped, history_of, lines


class Screen:
    """Stands for the notebook: what was displayed, what replaced it, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.displayed: list[Any] = []
        self.updates: list[Any] = []
        self.now = 100.0
        monkeypatch.setattr(live, "in_notebook", lambda: True)
        monkeypatch.setattr(live.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(IPython.display, "display", self.display)

    def display(self, thing: Any, *, display_id: bool) -> "Screen":
        assert display_id
        self.displayed.append(thing)
        return self

    def update(self, thing: Any) -> None:
        self.updates.append(thing)


def test_live_plot_redraws_one_png_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, curve, history = Screen(monkeypatch), LivePlot(floor=1.0), History()
    curve(history)
    assert not screen.displayed
    for step, now in [(1, 100.0), (2, 100.9), (3, 101.0), (4, 101.5)]:
        screen.now = now
        history.append(step, now, {"loss": 3.0 - step / 4})
        curve(history)
    assert len(screen.displayed) == 1 and len(screen.updates) == 1
    history.append(4, 101.5, {"validation_loss": 2.5})
    curve(history)
    assert len(screen.displayed) == 1 and len(screen.updates) == 2
    shown = [picture.data for picture in screen.displayed + screen.updates]
    assert all(data.startswith(b"\x89PNG") for data in shown) and len(set(shown)) == 3
    assert not plt.get_fignums()


def test_live_plot_draws_what_is_recorded_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch)
    drawn = []
    original = live.draw_history
    monkeypatch.setattr(live, "draw_history", lambda *given: drawn.append(original(*given)) or drawn[-1])
    curve = LivePlot(["validation_loss"], floor=2.0)
    curve(history_of(ROWS[:1]))
    assert drawn[0].get_title() == "Waiting for validation_loss" and len(screen.displayed) == 1
    curve(history_of(ROWS))
    assert lines(drawn[1])["validation loss"] == ([20, 40], [2.5, 1.25])
    assert lines(drawn[1])["floor: 2"][1] == [2.0, 2.0]
    assert_nothing_cropped(drawn[1].figure)


def test_live_plot_does_nothing_outside_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(monkeypatch)
    monkeypatch.setattr(live, "in_notebook", lambda: False)
    LivePlot()(history_of(ROWS))
    assert not screen.displayed


def test_live_images_show_each_picture_when_it_is_new(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    screen, images, history = Screen(monkeypatch), LiveImages(), History(tmp_path)
    images(history)
    for step in (10, 20, 30, 40):
        history.append(step, step / 10, {"loss": 1.0})
        if step in (20, 40):
            path = picture_path(tmp_path, step)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"\x89PNG of step %d" % step)
        images(history)
        assert len(screen.displayed) == (step >= 20) and len(screen.updates) == (step >= 40)
    assert screen.displayed[0].data.endswith(b"step 20") and screen.updates[0].data.endswith(b"step 40")
    assert screen.updates[0].alt == "what the model draws after step 40"


def test_live_images_need_a_run_with_files_and_a_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    screen = Screen(monkeypatch)
    LiveImages()(history_of(ROWS))
    picture_path(tmp_path, 10).parent.mkdir()
    picture_path(tmp_path, 10).write_bytes(b"\x89PNG")
    history = History(tmp_path)
    history.append(10, 1.0, {"loss": 1.0})
    monkeypatch.setattr(live, "in_notebook", lambda: False)
    LiveImages()(history)
    assert not screen.displayed
    monkeypatch.setattr(live, "in_notebook", lambda: True)
    LiveImages()(history)
    assert len(screen.displayed) == 1

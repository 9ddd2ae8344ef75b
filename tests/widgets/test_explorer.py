"""What every explorer does: checks values, redraws in one figure, shows itself everywhere, leaves nothing behind."""

import base64
import io
import subprocess
import sys

import ipywidgets
import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from PIL import Image

from aigc_course.errors import UsageError
from aigc_course.widgets import GradientDescentPlayground, InitialisationExplorer, LossExplorer
from aigc_course.widgets.controls import Button, Choice, LogSlider, Play, Slider, Toggle
from aigc_course.widgets.explorer import LIVE_VIEW, Explorer

OURS = (GradientDescentPlayground, InitialisationExplorer, LossExplorer)


class Line(Explorer):
    """A horizontal line; counts its drawings."""

    title = "A line"
    inches = (3.0, 2.0)

    def __init__(self):
        super().__init__(
            [
                Slider(name="height", label="height", low=0.0, high=1.0, step=0.1, value=0.5),
                Slider(name="width", label="width", low=1, high=9, step=1, value=3),
                LogSlider(name="size", label="size", low=0.1, high=10.0, value=1.0),
                Choice(name="colour", label="colour", options={"blue": "b", "red": "r"}, value="b"),
                Toggle(name="dashed", label="dashed"),
                Play(name="frame", label="time"),
                Button(name="top", label="To the top"),
            ]
        )
        self.drawings = 0

    def build(self, figure):
        (self.line,) = figure.subplots().plot([0, 1], [0, 0])
        self.line.axes.set_ylim(-0.1, 1.1)

    def draw(self, values):
        self.drawings += 1
        self.line.set_ydata([values["height"]] * 2)
        return f"height {values['height']:.1f} <&>"

    def pressed(self, name):  # noqa: ARG002
        self.take("height", 1.0)

    def disabled(self, values):
        return {"width"} if values["dashed"] else set()


def widgets_alive():
    return dict(ipywidgets.widgets.widget._instances)


def inputs(explorer):
    """The live input widgets of an explorer by their labels."""
    bundle = explorer._repr_mimebundle_()
    found, waiting = {}, [widgets_alive()[bundle[LIVE_VIEW]["model_id"]]]
    while waiting:
        widget = waiting.pop()
        waiting += getattr(widget, "children", ())
        if getattr(widget, "description", ""):
            found[widget.description] = widget
    return found


@pytest.fixture
def line():
    explorer = Line()
    yield explorer
    explorer.close()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("height", 1.5, "height = 1.5 is not allowed; it must be a number from 0 to 1"),
        ("height", float("nan"), "height = nan"),
        ("width", 2.5, "whole number from 1 to 9"),
        ("width", True, "width = True"),
        ("colour", "green", "unknown colour 'green'"),
        ("dashed", 1, "True or False"),
        ("hight", 0.5, "unknown control 'hight'; did you mean 'height'"),
        ("top", 1, "unknown control 'top'"),
    ],
)
def test_values_that_a_control_lacks_are_refused_and_nothing_changes(line, name, value, message):
    before = dict(line.values)
    with pytest.raises(UsageError, match=message):
        line.set(size=2.0, **{name: value})
    assert dict(line.values) == before


def test_set_redraws_once_and_moves_the_live_inputs(line):
    live = inputs(line)
    drawings, picture, figure = line.drawings, line.png, line.figure
    line.set(height=0.9, colour="r", size=10.0)
    assert line.drawings == drawings + 1 and line.png != picture and line.figure is figure
    assert live["height"].value == 0.9 and live["colour"].value == "r" and live["size"].value == pytest.approx(10)


def test_a_moved_input_redraws_the_picture_and_the_text(line):
    live = inputs(line)
    alive = widgets_alive().values()  # other tests' too
    picture = next(w for w in alive if isinstance(w, ipywidgets.Image) and w.value == line.png)
    text = next(w for w in alive if isinstance(w, ipywidgets.HTML) and line.title in w.value)
    before = picture.value
    live["height"].value = 0.2
    assert picture.value != before and picture.value == line.png
    assert "height 0.2 &lt;&amp;&gt;" in text.value and 'aria-live="polite"' in text.value
    assert "data-title=" in text.value and line.title in text.value  # the picture's name in the page
    live["To the top"].click()
    assert line.values["height"] == 1.0 == live["height"].value and "height 1.0" in text.value
    live["dashed"].value = True
    assert live["width"].disabled and not live["height"].disabled


@pytest.mark.parametrize("make", OURS)
def test_it_shows_itself_live_as_a_picture_and_as_text(make):
    explorer = make()
    bundle = explorer._repr_mimebundle_()
    try:
        assert set(bundle) == {LIVE_VIEW, "image/png", "text/plain"}
        image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
        assert image.size[0] > 800 and len(np.unique(np.asarray(image))) > 50
        assert explorer.readout in bundle["text/plain"]
        assert all(widget.description for widget in inputs(explorer).values())
    finally:
        explorer.close()


@pytest.mark.parametrize("make", OURS)
def test_nothing_is_cropped_at_the_ends_of_any_control(make):
    explorer = make()
    for control in explorer.controls.values():
        ends = control.options if isinstance(control, Choice) else (control.low, control.high)
        for value in ends.values() if isinstance(ends, dict) else ends:
            explorer.set(**{control.name: value})
            explorer.figure.canvas.draw()
            inside = explorer.figure.bbox
            needed = explorer.figure.get_tightbbox().transformed(explorer.figure.dpi_scale_trans)
            assert needed.x0 >= inside.x0 - 1 and needed.y0 >= inside.y0 - 1
            assert needed.x1 <= inside.x1 + 1 and needed.y1 <= inside.y1 + 1
            explorer.set(**{control.name: control.value})


def test_closing_leaves_no_widget_and_it_can_be_shown_again():
    before = set(widgets_alive())
    line = Line()
    for _ in range(2):
        line._repr_mimebundle_()
        line._repr_mimebundle_()
        assert len(widgets_alive()) > len(before) + 7
        line.close()
        assert set(widgets_alive()) == before


def test_a_cell_that_runs_again_leaves_one_explorer():
    manager, client = start_new_kernel()
    said = []

    def run(code):
        said.clear()
        reply = client.execute_interactive(
            code, timeout=60, output_hook=lambda m: said.append(m["content"].get("text", ""))
        )
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(said)

    try:
        run("from ipywidgets.widgets.widget import _instances as alive\nfrom aigc_course.widgets import LossExplorer")
        counts = []
        for _ in range(3):
            run("LossExplorer()")
            counts.append(int(run("print(len(alive))")))
        assert counts[0] == counts[1] == counts[2] > 10
        run("LossExplorer()  # another cell")
        assert int(run("print(len(alive))")) == 2 * counts[0]
        assert run("import sys; print('matplotlib.pyplot' in sys.modules)").strip() == "False"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_names_are_there_without_loading_anything():
    code = (
        "import sys, aigc_course.widgets as w\n"
        "assert 'LiveGAN' in w.__all__ and set(w.__all__) <= set(dir(w))\n"
        "assert not {'torch', 'matplotlib', 'ipywidgets', 'IPython', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    from aigc_course import widgets

    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        widgets.Nothing  # noqa: B018


@pytest.mark.parametrize("make", OURS)
def test_a_kept_background_is_never_out_of_date(make):
    explorer = make()
    for control in explorer.controls.values():
        ends = control.options if isinstance(control, Choice) else (control.low, control.high)
        for value in ends.values() if isinstance(ends, dict) else ends:
            explorer.set(**{control.name: value})
            fast = explorer.png
            explorer.forget_background()
            explorer.redraw()
            assert explorer.png == fast, f"{control.name} = {value}"

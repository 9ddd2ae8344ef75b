"""The notebooks' widgets in a real JupyterLab: every input is moved by keyboard, the picture must answer."""

import pytest

from aigc_course.paths import course_root
from aigc_course.teaching.notebook import notebook_files, notebooks_dir, read_notebook
from tests.browser.test_lab import CLEAR, CONTENT, READY, RUN_ALL, _errors

MUST_HOLD_WIDGETS = ("02", "04", "05")
RUN_SECONDS = 240
ANSWER_MILLISECONDS = 10_000
PANEL = ".jp-OutputArea-output .widget-vbox:has(> img.widget-image)"
SLIDER = ".noUi-handle"
DROPDOWN = "select"
SLIDER_KEYS = ("End", "Home")
# JupyterLab takes arrow keys for itself while a list is closed.
DROPDOWN_KEYS = ("Alt+ArrowDown ArrowDown Enter", "Alt+ArrowDown ArrowUp Enter")
# A picture sent anew has a new address even when nothing in it changed: its bytes are compared.
PICTURE = """async image => {
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    let sum = 0;
    for (const byte of bytes) sum = (sum * 31 + byte) >>> 0;
    return `${bytes.length} ${sum}`;
}"""


def notebooks_with_widgets():
    """The first six learners' notebooks that import a widget, and those that must."""
    found = {}
    for path in notebook_files(notebooks_dir()):
        number = path.stem.split("_")[0]
        if "01" <= number <= "06":
            source = "\n".join(cell.source for cell in read_notebook(path).cells if cell.cell_type == "code")
            if "aigc_course.widgets" in source or number in MUST_HOLD_WIDGETS:
                found[number] = path
    return found


def test_the_notebooks_that_must_hold_widgets_are_there():
    assert set(MUST_HOLD_WIDGETS) <= set(notebooks_with_widgets())


@pytest.mark.parametrize("path", notebooks_with_widgets().values(), ids=lambda path: path.stem)
def test_every_input_changes_the_picture(lab, open_page, path):
    watched = open_page()
    page = watched.page
    page.set_default_timeout(60_000)
    page.goto(lab.address(path.name))
    page.wait_for_function(READY)
    page.evaluate(CLEAR)
    watched.complaints.clear()  # what JupyterLab said while it started
    page.set_default_timeout(RUN_SECONDS * 1000)
    assert page.evaluate(RUN_ALL), _errors(page)
    page.set_default_timeout(ANSWER_MILLISECONDS)
    panels = page.locator(PANEL)
    panels.first.wait_for(state="attached")
    assert panels.count() == live_views(page)
    folder = course_root() / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(panels.count()):
        panel = panels.nth(number)
        panel.evaluate("element => element.scrollIntoView({block: 'center'})")
        panel.locator("img.widget-image").wait_for()  # JupyterLab lays out what is in sight only
        moved = [name for kind in (DROPDOWN, SLIDER) for name in move_all(panel, kind)]
        assert moved, f"the widget {number} of {path.name} has no input"
        panel.screenshot(path=folder / f"{path.stem}-{number + 1}.png")
        assert panel.locator('[role="status"]').inner_text().strip()
    assert watched.complaints == [] and watched.left == []


def live_views(page):
    """How many outputs of the notebook are explorers: a live view with a picture beside it."""
    outputs = [o for cell in page.evaluate(CONTENT)["cells"] for o in cell.get("outputs", [])]
    view = "application/vnd.jupyter.widget-view+json"
    return sum(view in o.get("data", {}) and "image/png" in o["data"] for o in outputs)


def move_all(panel, kind):
    """Move each input of one kind that is not greyed out, and wait for the picture to change."""
    moved = []
    for index in range(panel.locator(kind).count()):
        target = panel.locator(kind).nth(index)
        label = target.locator("xpath=ancestor::*[contains(@class, 'widget-inline-hbox')][1]/label").inner_text()
        assert label.strip(), "an input without a label"
        greyed = target.is_disabled() or target.locator("xpath=ancestor-or-self::*[@disabled]").count()
        if greyed:
            continue
        before = picture(panel)
        press_until_changed(panel, target, SLIDER_KEYS if kind == SLIDER else DROPDOWN_KEYS, before, label)
        moved.append(label)
    return moved


def press_until_changed(panel, target, keys, before, label):
    """Press the first keys; where the input stood at that end already, the second."""
    waited = 0
    for key in keys:
        target.focus()
        for stroke in key.split():
            panel.page.keyboard.press(stroke)
        for _ in range(40):
            if picture(panel) != before:
                return
            panel.page.wait_for_timeout(50)
            waited += 50
    pytest.fail(f"'{label}' was moved by {' and '.join(keys)}, and the picture stayed the same for {waited} ms")


def picture(panel):
    return panel.locator("img.widget-image").evaluate(PICTURE)

"""The notebooks' widgets in a real JupyterLab: every input is moved by keyboard, the picture must answer."""

import nbformat
import pytest

from aigc_course.paths import course_root
from aigc_course.teaching.notebook import cleaned, notebook_files, notebooks_dir, read_notebook, write_notebook
from tests.browser.test_lab import CLEAR, READY, RUN_ALL, _errors

MUST_HOLD_WIDGETS = ("01", "02", "04", "05", "06", "07")
RUN_SECONDS = 240
ANSWER_MILLISECONDS = 10_000
PANEL = ".jp-OutputArea-output .widget-vbox:has(> img.widget-image)"
IMAGES = """from aigc_course import train
from aigc_course.widgets import LatentExplorer
LatentExplorer.of_run(train("image-vae"))"""
SOUNDS = """from aigc_course import train
from aigc_course.widgets import SoundExplorer
SoundExplorer.of_run(train("audio-vae"))"""
SLIDER = ".noUi-handle"
DROPDOWN = "select"
LINE = "input[type=text]:not(.widget-readout)"
LABEL = "xpath=ancestor::*[contains(@class, 'widget-inline-hbox')][1]/label"
TYPED = "zz top"  # no notebook's prompt
SLIDER_KEYS = ("PageUp", "PageDown")
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
    """The learners' notebooks up to 07 that import a widget, and those that must."""
    found = {}
    for path in notebook_files(notebooks_dir()):
        number = path.stem.split("_")[0]
        if "01" <= number <= "07":
            source = "\n".join(cell.source for cell in read_notebook(path).cells if cell.cell_type == "code")
            if "aigc_course.widgets" in source or number in MUST_HOLD_WIDGETS:
                found[number] = path
    return found


def test_the_notebooks_that_must_hold_widgets_are_there():
    assert set(MUST_HOLD_WIDGETS) <= set(notebooks_with_widgets())


@pytest.mark.parametrize("path", notebooks_with_widgets().values(), ids=lambda path: path.stem)
def test_every_input_changes_the_picture(lab, open_page, path):
    watched = open_page()
    panels = panels_of(watched, lab, path.name)
    for number in range(panels.count()):
        panel = panels.nth(number)
        scroll_to(panel)
        assert move_all(panel), f"the widget {number} of {path.name} has no input"
        keep_screenshot(panel, f"{path.stem}-{number + 1}")
        assert panel.locator('[role="status"]').inner_text().strip()
    assert watched.complaints == [] and watched.left == []


def test_the_latent_space_of_images_moves(lab, open_page):
    """Sliders and lists change the picture; "New z" moves the sliders, "Back to the mean" takes it back."""
    watched = open_page()
    panel = shown_by(watched, lab, "latent_images.ipynb", IMAGES)
    moved = move_all(panel)
    assert [kind for kind, _ in moved].count(SLIDER) >= 4
    before, numbers = settled(panel), readouts(panel)
    panel.get_by_role("button", name="New z").click()
    wait_for(panel, lambda: picture(panel) != before)
    assert readouts(panel) != numbers
    assert "a draw from" in panel.locator('[role="status"]').inner_text()
    panel.get_by_role("button", name="Back to the mean").click()
    wait_for(panel, lambda: picture(panel) == before)
    assert readouts(panel) == numbers
    keep_screenshot(panel, "latent-images")
    assert watched.complaints == [] and watched.left == []


def test_the_latent_space_of_sounds_moves_and_plays(lab, open_page):
    """Sliders change the picture and the sound; "Play" plays it from its beginning."""
    watched = open_page()
    panel = shown_by(watched, lab, "latent_sounds.ipynb", SOUNDS)
    audio = panel.locator("audio")
    assert audio.evaluate("player => player.paused")
    source = audio.get_attribute("src")
    move(panel, (SLIDER, 1), SLIDER_KEYS)
    wait_for(panel, lambda: audio.get_attribute("src") != source)
    assert audio.evaluate("player => player.paused")
    for _ in range(2):
        source = audio.get_attribute("src")
        panel.get_by_role("button", name="Play").click()
        wait_for(panel, lambda source=source: audio.get_attribute("src") != source)
        wait_for(panel, lambda: audio.evaluate("player => player.played.length > 0 && player.duration > 0.1"))
    assert audio.evaluate("player => player.error") is None
    assert move_all(panel)
    keep_screenshot(panel, "latent-sounds")
    assert [said for said in watched.complaints if "blob:" not in said] == [] and watched.left == []


def panels_of(watched, lab, name):
    """Run all cells of a notebook. Returns: its panels."""
    page = watched.page
    page.set_default_timeout(60_000)
    page.goto(lab.address(name))
    page.wait_for_function(READY)
    page.evaluate(CLEAR)
    watched.complaints.clear()  # what JupyterLab said while it started
    page.set_default_timeout(RUN_SECONDS * 1000)
    assert page.evaluate(RUN_ALL), _errors(page)
    page.set_default_timeout(ANSWER_MILLISECONDS)
    panels = page.locator(PANEL)
    panels.first.wait_for(state="attached")
    return panels


def shown_by(watched, lab, name, source):
    """The one panel that a new notebook with one cell shows."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    write_notebook(lab.folder / name, cleaned(notebook))
    panels = panels_of(watched, lab, name)
    assert panels.count() == 1
    scroll_to(panels.first)
    return panels.first


def keep_screenshot(panel, name):
    folder = course_root() / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    panel.screenshot(path=folder / f"{name}.png")


def scroll_to(panel):
    """Bring the panel into sight; JupyterLab lays out only what is, so what stands above may still grow."""
    for _ in range(20):
        panel.evaluate("element => element.scrollIntoView({block: 'center'})")
        if panel.locator("img.widget-image").is_visible():
            return
        panel.page.wait_for_timeout(500)
    pytest.fail("the widget could not be scrolled into sight")


def move_all(panel):
    """Move each input and put it back, also those that only another choice in a list makes of use."""
    moved = []
    for target in usable(panel, DROPDOWN):
        before = usable(panel, SLIDER)
        back = press_until_changed(panel, target, DROPDOWN_KEYS)
        for slider in (s for s in usable(panel, SLIDER) if s not in before):
            moved.append(move(panel, slider, SLIDER_KEYS))
        press(panel, target, back)
        wait_for(panel, lambda before=before: usable(panel, SLIDER) == before)
        moved.append(target)
    moved += [retype(panel, target) for target in usable(panel, LINE)]
    return moved + [move(panel, target, SLIDER_KEYS) for target in usable(panel, SLIDER)]


def usable(panel, kind):
    """The places, among the inputs of one kind, of those that are not greyed out: (kind, index)."""
    found = []
    for index, target in enumerate(panel.locator(kind).all()):
        if not (target.is_disabled() or target.locator("xpath=ancestor-or-self::*[@disabled]").count()):
            found.append((kind, index))
    return found


def move(panel, target, keys):
    press(panel, target, press_until_changed(panel, target, keys))
    return target


def retype(panel, target):
    """Type another text, and then the old one; what is written follows the text."""
    line = panel.locator(target[0]).nth(target[1])
    old = line.input_value()
    before = settled(panel)
    for text, expected in ((TYPED, True), (old, False)):
        line.fill(text)
        for _ in range(60):
            if (picture(panel) != before) == expected:
                break
            panel.page.wait_for_timeout(50)
        assert (picture(panel) != before) == expected, f"{text!r} was typed, and the picture did not follow"
        assert text in panel.locator('[role="status"]').inner_text()
    return target


def press(panel, target, strokes):
    panel.locator(target[0]).nth(target[1]).focus()
    for stroke in strokes.split():
        panel.page.keyboard.press(stroke)


def press_until_changed(panel, target, keys):
    """Press the first keys; where the input stood at that end already, the second. Returns: what takes it back."""
    label = panel.locator(target[0]).nth(target[1]).locator(LABEL).inner_text().strip()
    assert label, f"an input without a label: {target}"
    before = settled(panel)
    for strokes, back in 2 * (keys, keys[::-1]):  # again: a page that is still laid out anew may take the focus away
        press(panel, target, strokes)
        for _ in range(60):
            if picture(panel) != before:
                settled(panel)
                return back
            panel.page.wait_for_timeout(50)
    return pytest.fail(f"'{label}' was moved by {' and '.join(keys)}, and the picture stayed the same")


def readouts(panel):
    """The numbers beside the sliders."""
    return panel.locator(".widget-readout").all_inner_texts()


def wait_for(panel, met):
    """Wait until met() holds."""
    for _ in range(ANSWER_MILLISECONDS // 50):
        if met():
            return
        panel.page.wait_for_timeout(50)
    pytest.fail("what was waited for did not come")


def settled(panel):
    """The picture once it has stayed the same for a moment."""
    last = None
    for _ in range(40):
        now = picture(panel)
        if now == last:
            return now
        last = now
        panel.page.wait_for_timeout(250)
    return last


def picture(panel):
    return panel.locator("img.widget-image").evaluate(PICTURE)

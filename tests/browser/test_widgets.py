"""The notebooks' widgets in a real JupyterLab: every input is moved, the picture must answer."""

import pytest

from aigc_course.teaching.notebook import notebook_files, notebooks_dir, read_notebook
from tests.browser.panels import (
    ANSWER_MILLISECONDS,
    PANEL,
    SLIDER,
    SLIDER_KEYS,
    keep_screenshot,
    move,
    move_all,
    picture,
    press_buttons,
    readouts,
    said,
    scroll_to,
    settled,
    wait_for,
)

MUST_HOLD_WIDGETS = {"01", "02", "03", "04", "05", "06", "07", "09", "10", "11"}
IMAGES = """from aigc_course import train
from aigc_course.widgets import LatentExplorer
LatentExplorer.of_run(train("image-vae", profile="smoke"))"""
SOUNDS = """from aigc_course import train
from aigc_course.widgets import SoundExplorer
SoundExplorer.of_run(train("audio-vae", profile="smoke"))"""
# One control of each kind; nothing is trained.
CONTROLS = '''from aigc_course.widgets.controls import Button, Choice, LogSlider, Play, Slider, Toggle
from aigc_course.widgets.explorer import Explorer


class Line(Explorer):
    """A line of that height."""

    title = "A line"
    inches = (6.0, 2.5)

    def build(self, figure):
        self.axes = figure.subplots()
        (self.line,) = self.axes.plot([0, 1], [0, 0])
        self.axes.set(ylim=(0, 10), ylabel="height")

    def draw(self, values):
        height = values["height"] + values["bend"] + 3 * values["raised"] + values["play"] % 5 + len(values["ends"])
        self.line.set_data([0, 1], [height / 2, height / 2 + values["bend"]])
        return f"Height {height:.2f}, {values['ends']}."

    def pressed(self, name):
        self.take("height", 0.0)


Line([
    Slider(name="height", label="height", value=1.0, low=0.0, high=4.0, step=0.5),
    LogSlider(name="bend", label="bend", value=0.1, low=0.01, high=1.0),
    Choice(name="ends", label="ends", value="a", options=["a", "bb"]),
    Toggle(name="raised", label="raised"),
    Play(name="play", label="play", interval_ms=50),
    Button(name="flat", label="Flat"),
])'''


def test_the_notebooks_that_must_hold_widgets_do():
    imports = {
        path.stem[:2]: "aigc_course.widgets" in "".join(cell.source for cell in read_notebook(path).cells)
        for path in notebook_files(notebooks_dir())
    }
    assert {number for number, found in imports.items() if found} >= MUST_HOLD_WIDGETS


def test_every_input_changes_the_picture(ran):
    ran.watched.complaints.clear()
    ran.page.set_default_timeout(ANSWER_MILLISECONDS)
    panels = ran.page.locator(PANEL)
    assert (panels.count() > 0) >= (ran.name[:2] in MUST_HOLD_WIDGETS)
    for number in range(panels.count()):
        panel = panels.nth(number)
        scroll_to(panel)
        moved = move_all(panel)
        keep_screenshot(panel, f"{ran.name.removesuffix('.ipynb')}-{number + 1}")
        assert moved + press_buttons(panel), f"nothing moves the widget {number} of {ran.name}"
        assert said(panel)
    assert ran.watched.unexpected == [] and ran.watched.left == []


@pytest.fixture
def shown_by(run_cells):
    """shown_by(source) -> the panel that a new notebook with this one cell shows, and its page as Watched."""

    def shown(source):
        lab_page = run_cells(source)
        assert lab_page.errors == []
        lab_page.page.set_default_timeout(ANSWER_MILLISECONDS)
        panel = lab_page.page.locator(PANEL)
        panel.first.wait_for(state="attached")
        assert panel.count() == 1
        scroll_to(panel.first)
        return panel.first, lab_page.watched

    return shown


def test_each_kind_of_control_answers_to_the_mouse(shown_by):
    panel, watched = shown_by(CONTROLS)
    start = settled(panel)
    for number in range(2):  # a slider, one of powers of ten
        place = panel.locator(".noUi-target").nth(number).bounding_box()
        watched.page.mouse.click(place["x"] + 0.8 * place["width"], place["y"] + place["height"] / 2)
        wait_for(panel, lambda before=start: picture(panel) != before)
        start = settled(panel)
    panel.locator("select").select_option("bb")
    wait_for(panel, lambda: "bb" in said(panel))
    before = settled(panel)
    panel.locator("input[type=checkbox]").click()
    wait_for(panel, lambda: picture(panel) != before)
    panel.get_by_role("button", name="Flat").click()
    wait_for(panel, lambda: readouts(panel)[0] == "0.00")
    assert watched.unexpected == [] and watched.left == []


def test_play_plays_pauses_and_goes_back(shown_by):
    panel, watched = shown_by(CONTROLS)
    start = settled(panel)
    play = panel.get_by_role("button", name="play or pause")
    play.click()
    wait_for(panel, lambda: picture(panel) != start)
    second = picture(panel)
    wait_for(panel, lambda: picture(panel) not in (start, second))
    play.click()
    paused = settled(panel)
    watched.page.wait_for_timeout(400)  # eight frames
    assert picture(panel) == paused
    panel.get_by_role("button", name="back to the start").click()
    wait_for(panel, lambda: picture(panel) == start)
    assert watched.unexpected == [] and watched.left == []


def test_a_widget_is_reached_and_moved_with_the_keyboard_alone(shown_by):
    """From the cell, Tab reaches every control in the order in which they stand, and leaves the last one."""
    panel, watched = shown_by(CONTROLS)
    keyboard = watched.page.keyboard
    watched.page.locator(".jp-CodeCell .cm-content").first.focus()
    keyboard.press("Escape")
    reached, seen = [], []
    focused = """panel => {
        const now = document.activeElement;
        if (!panel.contains(now)) return null;
        const box = now.getBoundingClientRect(), style = getComputedStyle(now);
        const marked = style.outlineStyle !== 'none' || style.boxShadow !== 'none' || now.matches(':focus-visible');
        const labels = [now.closest('.widget-inline-hbox')?.querySelector('label'), ...(now.labels ?? [])];
        const words = labels.map(label => label?.innerText ?? '').find(text => /[a-z]/.test(text));
        const name = now.getAttribute('aria-label') || words;
        return [name || now.innerText, marked && box.width > 0];
    }"""
    for _ in range(60):
        keyboard.press("Tab")
        here = panel.evaluate(focused)
        if here:
            reached.append(here[0])
            seen.append(here[1])
        elif reached:
            break
    assert here is None, "Tab does not leave the widget"
    order = [reached.index(label) for label in ("height", "bend", "ends", "raised", "play or pause", "Flat")]
    assert order == sorted(order) and all(seen), (reached, seen)
    kinds = [kind for kind, _ in move_all(panel)]
    assert kinds.count(SLIDER) == 2 and len(kinds) == 3
    before = settled(panel)
    panel.locator("input[type=checkbox]").press("Space")
    wait_for(panel, lambda: picture(panel) != before)
    assert press_buttons(panel) == ["Flat"]
    assert watched.unexpected == [] and watched.left == []


def test_the_latent_space_of_images_moves(shown_by):
    """Sliders and lists change the picture; "New z" moves the sliders, "Back to the mean" takes it back."""
    panel, watched = shown_by(IMAGES)
    moved = move_all(panel)
    assert [kind for kind, _ in moved].count(SLIDER) >= 4
    before, numbers = settled(panel), readouts(panel)
    panel.get_by_role("button", name="New z").click()
    wait_for(panel, lambda: picture(panel) != before)
    assert readouts(panel) != numbers
    assert "a draw from" in said(panel)
    panel.get_by_role("button", name="Back to the mean").click()
    wait_for(panel, lambda: picture(panel) == before)
    assert readouts(panel) == numbers
    keep_screenshot(panel, "latent-images")
    assert watched.unexpected == [] and watched.left == []


def test_the_latent_space_of_sounds_moves_and_plays(shown_by):
    """Sliders change the picture and the sound; "Play" plays it from its beginning."""
    panel, watched = shown_by(SOUNDS)
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
    assert watched.unexpected == [] and watched.left == []

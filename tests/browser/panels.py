"""The live view of a widget in a page: find its inputs, move them by keyboard, see whether the picture answers."""

import pytest

from aigc_course.paths import course_root

ANSWER_MILLISECONDS = 10_000
PANEL = ".jp-OutputArea-output .widget-vbox:has(> img.widget-image)"
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


def press_buttons(panel):
    """Press each button that isn't greyed out. Returns: the labels of those that changed the picture or the text."""
    answered = []
    for button in panel.locator("button.widget-button:not([disabled])").all():
        if button.is_disabled():  # by the button pressed before
            continue
        before = (settled(panel), said(panel))
        button.press("Enter")
        settled(panel)
        if (picture(panel), said(panel)) != before:
            answered.append(button.inner_text())
    return answered


def said(panel):
    """The text that says what the picture shows."""
    return panel.locator('[role="status"]').inner_text().strip()


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
        assert text in said(panel)
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

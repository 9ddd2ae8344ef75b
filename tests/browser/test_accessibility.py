"""What axe finds, in light and dark: on every page of the site, and on every notebook's outputs in JupyterLab."""

import pytest

from tests.browser.accessibility import findings

OUTPUTS = ".jp-OutputArea-output:not(:has(audio))"
PLAYERS = ".jp-OutputArea-output:has(audio)"
# JupyterLab takes no text that stands for a picture (github.com/jupyter/enhancement-proposals/issues/120).
NOT_OURS = (".jp-RenderedImage img",)
# The colours of code are looked at once, in each theme: a page has thousands of coloured words.
CODE = ".highlight"
EVERY_COLOUR = """classes => {
    const block = document.querySelector('.bd-article .highlight pre');
    block.innerHTML = classes.map(name => `<span class="${name}">${name} words</span>`).join(' ');
    block.id = 'every-colour';
}"""
NARROW = (640, 320)  # a window of 1280 pixels at 200 % and at 400 %
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
FIGURE_TEXTS = "() => [...document.querySelectorAll('.bd-article img:not(.toggler)')].map(image => image.alt)"
DARK = "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
LIGHT = DARK.replace("Dark", "Light")


def pages(site):
    return [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_site(open_page, site, scheme):
    watched = open_page(color_scheme=scheme)
    found = {}
    for path in pages(site):
        watched.page.goto(path.as_uri())
        found[path.name] = findings(watched.page, without=(CODE,))
    assert len(found) >= 5 and {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_code_can_be_read(open_page, site, scheme):
    from pygments.token import STANDARD_TYPES

    page = open_page(color_scheme=scheme).page
    page.goto((site / "notebooks" / "00_welcome.html").as_uri())
    page.evaluate(EVERY_COLOUR, [name for name in STANDARD_TYPES.values() if name])
    assert page.locator("#every-colour span").count() > 60
    assert findings(page, within="#every-colour") == []


def test_no_page_of_the_site_is_wider_than_a_window_at_400_percent(open_page, site):
    page = open_page().page
    too_wide = {}
    for path in pages(site):
        page.goto(path.as_uri())
        for width in NARROW:
            page.set_viewport_size({"width": width, "height": 450})
            if (pixels := page.evaluate(OVERFLOW)) > 0:
                too_wide[path.name, width] = pixels
    assert too_wide == {}


def test_every_figure_of_the_site_has_a_text_that_says_what_it_is(open_page, site):
    """Not the name of its file, and not nothing."""
    page = open_page().page
    nameless = {}
    for path in pages(site):
        page.goto(path.as_uri())
        texts = page.evaluate(FIGURE_TEXTS)
        nameless[path.name] = [text for text in texts if len(text) < 4 or text.endswith((".png", ".jpg"))]
    assert {name: texts for name, texts in nameless.items() if texts} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_output_of_a_notebook(ran, theme):
    ran.page.evaluate(DARK if theme == "dark" else LIGHT)
    ran.page.wait_for_function("dark => (document.body.dataset.jpThemeLight === 'false') === dark", arg=theme == "dark")
    found = findings(ran.page, within=OUTPUTS, without=NOT_OURS)
    if ran.page.locator(PLAYERS).count():  # axe doesn't count a player among what the keyboard reaches, and scrolls to
        found += findings(ran.page, within=PLAYERS, without=NOT_OURS, rule_off="scrollable-region-focusable")
    ran.page.evaluate(LIGHT)
    ran.page.wait_for_function("() => document.body.dataset.jpThemeLight === 'true'")
    assert found == []


def test_axe_finds_what_is_wrong(open_page):
    """A picture without a text, pale words, a field and a button without a name: each is a finding."""
    page = open_page().page
    page.set_content(
        '<html lang="en"><head><title>Wrong</title></head><body><main><h1>Wrong</h1>'
        '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><p style="color: #bbb">pale</p><input><button></button>'
        "</main></body></html>"
    )
    assert {text.split()[0] for text in findings(page)} == {"image-alt", "color-contrast", "label", "button-name"}
    assert findings(page, within="h1") == []

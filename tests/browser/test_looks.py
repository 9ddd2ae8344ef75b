"""The first screen of the site's pages beside small stored pictures of it: `references/`, 64 pixels wide, in grey.

What they show are columns, colours and pictures in their places; a word more or another font changes next to nothing.
After a change of the design, store them anew and look at them:
`AIGC_RENEW_REFERENCES=1 python -m pytest tests/browser/test_looks.py`.
"""

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.pictures import difference, small

REFERENCES = Path(__file__).parent / "references"
SCREENS = {
    "first-page-light": ("index.html", "light"),
    "first-page-dark": ("index.html", "dark"),
    "notebook-light": ("notebooks/03_first_image_model.html", "light"),
    "notebook-dark": ("notebooks/03_first_image_model.html", "dark"),
}
WITHOUT_STYLE = "() => [...document.styleSheets].forEach(sheet => { sheet.disabled = true; })"
BLANK = "() => { document.querySelector('.bd-main').style.visibility = 'hidden'; }"


@pytest.fixture
def screen(open_page, site):
    """screen(name) -> the page that is shown there."""

    def shown(name):
        path, scheme = SCREENS[name]
        page = open_page(color_scheme=scheme).page
        page.goto((site / path).as_uri())
        page.wait_for_function("() => [...document.images].every(image => image.complete)")
        return page

    return shown


def reference(name):
    return (REFERENCES / f"{name}.png").read_bytes()


@pytest.mark.parametrize("name", SCREENS)
def test_a_page_looks_as_it_did(screen, name):
    seen = screen(name).screenshot(animations="disabled")
    if os.environ.get("AIGC_RENEW_REFERENCES"):
        REFERENCES.mkdir(exist_ok=True)
        Image.fromarray((255 * small(seen)).round().astype("uint8")).save(REFERENCES / f"{name}.png", optimize=True)
    assert difference(seen, reference(name)) == ""


@pytest.mark.parametrize("name", SCREENS)
def test_a_page_without_its_style_or_its_text_is_told_apart(screen, name):
    for breakage in (WITHOUT_STYLE, BLANK):
        page = screen(name)
        page.evaluate(breakage)
        assert difference(page.screenshot(animations="disabled"), reference(name)) != "", breakage


def test_themes_are_told_apart():
    for page in ("first-page", "notebook"):
        assert difference(reference(f"{page}-dark"), reference(f"{page}-light")) != ""

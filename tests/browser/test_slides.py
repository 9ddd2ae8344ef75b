"""The decks of slides on a screen: nothing runs over the edge or is too small, nothing is loaded from elsewhere."""

import pytest

from aigc_course.teaching.decks import HEIGHT, WIDTH, make_decks

SMALLEST_TEXT, SMALLEST_FIGURE = 15, 0.5  # pixels of a slide of 720; share of a figure's own size
MEASURED = """() => {
    const slide = Reveal.getCurrentSlide(), shown = [...slide.children].filter(e => e.tagName !== 'ASIDE');
    const texts = [...slide.querySelectorAll('h1, h2, p, li, code, math')].filter(e => !e.closest('aside'));
    const figures = [...slide.querySelectorAll('.figures img')].map(image => {
        const box = image.getBoundingClientRect();
        return Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
    });
    return {
        title: slide.querySelector('h1, h2').textContent,
        width: slide.scrollWidth, height: slide.scrollHeight,
        bottom: Math.max(...shown.map(e => e.getBoundingClientRect().bottom)),
        text: Math.min(...texts.map(e => parseFloat(getComputedStyle(e).fontSize))),
        figure: Math.min(1, ...figures), formulas: slide.querySelectorAll('.body math').length,
    };
}"""


@pytest.fixture(scope="session")
def decks(tmp_path_factory):
    return make_decks(output=tmp_path_factory.mktemp("slides"))


def test_every_slide_of_every_deck_fits_on_the_screen(open_page, decks):
    assert len(decks) == 11
    for path in decks[1:]:
        watched = open_page(width=WIDTH)
        page = watched.page
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        page.goto(path.as_uri())
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        page.evaluate("Reveal.configure({fragments: false})")
        formulas = 0
        for number in range(page.evaluate("Reveal.getTotalSlides()")):
            page.evaluate(f"Reveal.slide({number})")
            slide = page.evaluate(MEASURED)
            where = f"{path.stem}, slide {number + 1}: {slide}"
            assert slide["width"] <= WIDTH and slide["height"] <= HEIGHT and slide["bottom"] <= HEIGHT - 10, where
            assert slide["text"] >= SMALLEST_TEXT and slide["figure"] >= SMALLEST_FIGURE, where
            formulas += slide["formulas"]
        assert formulas >= 5
        assert watched.complaints == [] and watched.left == []


def test_the_speakers_notes_have_the_text_of_the_part(open_page, decks):
    watched = open_page()
    watched.page.goto(next(path for path in decks if path.stem == "05_vae_elbo").as_uri() + "#/5")
    watched.page.wait_for_function("window.Reveal && Reveal.isReady()")
    notes = watched.page.evaluate("Reveal.getSlideNotes()")
    assert "First derivation: Jensen" in notes and "<math" in notes

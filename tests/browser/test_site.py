"""The built site as a reader sees it from disk, with no network at all."""

import re

import pytest

VISIBLE = """selector => [...document.querySelectorAll(selector)].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width > 4 && box.height > 4;
}).length"""
BROKEN_IMAGES = (
    "() => [...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src.slice(0, 80))"
)
AUDIO_SECONDS = """async () => Promise.all([...document.querySelectorAll('audio')].map(a => new Promise(done => {
    if (a.readyState >= 1) return done(a.duration);
    a.addEventListener('loadedmetadata', () => done(a.duration));
    a.addEventListener('error', () => done(0));
    a.load();
})))"""
PROSE = """() => {
    const article = document.querySelector('article').cloneNode(true);
    article.querySelectorAll('pre, code').forEach(e => e.remove());
    return article.textContent;
}"""
CROPPED_LABELS = """() => [...document.querySelectorAll('.mermaid-diagram svg')]
    .filter(svg => svg.getBoundingClientRect().width > 4)
    .flatMap(svg => [...svg.querySelectorAll('g.node')])
    .filter(node => {
        const shape = node.querySelector('rect, polygon, circle, path').getBoundingClientRect();
        const text = node.querySelector('text').getBoundingClientRect();
        return text.left < shape.left || text.right > shape.right || text.bottom > shape.bottom + 1;
    }).map(node => node.textContent)"""


def opened(open_page, path, **options):
    watched = open_page(**options)
    watched.page.goto(path.as_uri())
    watched.page.wait_for_load_state("load")
    return watched


def assert_quiet(watched):
    assert watched.complaints == []
    assert watched.left == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_first_page_shows_text_images_and_sound(open_page, site, scheme):
    watched = opened(open_page, site / "index.html", color_scheme=scheme)
    page = watched.page
    assert page.evaluate(VISIBLE, ".made figure pre") >= 1
    assert page.evaluate(VISIBLE, ".made figure img") >= 1
    assert page.evaluate(BROKEN_IMAGES) == []
    seconds = page.evaluate(AUDIO_SECONDS)
    assert len(seconds) >= 1 and all(0.1 < s < 60 for s in seconds)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert_quiet(watched)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_notebook_shows_formulas_diagram_figures_and_player(open_page, site, scheme):
    watched = opened(open_page, site / "notebooks" / "00_welcome.html", color_scheme=scheme)
    page = watched.page
    assert page.evaluate(VISIBLE, "math") >= 10
    assert page.evaluate(VISIBLE, ".mermaid-diagram svg") == 1  # the other theme's drawing is hidden
    assert page.evaluate(CROPPED_LABELS) == []
    assert page.evaluate(VISIBLE, ".cell_output img") >= 5
    assert page.evaluate(BROKEN_IMAGES) == []
    assert all(0.1 < s < 60 for s in page.evaluate(AUDIO_SECONDS))
    assert page.evaluate(VISIBLE, "audio") >= 2
    assert_quiet(watched)


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_says_when_it_was_verified_and_loads_nothing_from_elsewhere(open_page, site, width):
    pages = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    assert {"index", "gallery", "glossary", "faq", "api", "losses", "search", "00_welcome"} <= {p.stem for p in pages}
    for path in pages:
        watched = opened(open_page, path, width=width)
        page = watched.page
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{path.name} is {overflow} pixels too wide at {width}"
        assert page.evaluate(BROKEN_IMAGES) == [], path.name
        assert re.search(r"Last verified on \d{4}-\d\d-\d\d with Python 3\.", page.inner_text(".verified")), path.name
        if path.parent.name == "notebooks":
            assert page.evaluate(VISIBLE, "math") >= 10, path.name
            assert "$$" not in page.evaluate(PROSE), f"{path.name} has a formula that was not drawn"
        assert_quiet(watched)
        page.context.close()


def test_the_gallery_has_text_images_and_sound_with_verdicts(open_page, site):
    watched = opened(open_page, site / "gallery.html")
    page = watched.page
    assert page.locator("h2").all_inner_texts() == ["Text", "Images", "Sound"]
    for what, least in {"pre.text": 2, "img": 5, "audio": 3, "pre.verdict": 3}.items():
        assert page.evaluate(VISIBLE, f".made figure {what}") >= least, what
    assert all(0.1 < seconds < 60 for seconds in page.evaluate(AUDIO_SECONDS))
    assert_quiet(watched)


def test_a_term_of_the_glossary_leads_to_its_part(open_page, site):
    watched = opened(open_page, site / "glossary.html")
    page = watched.page
    page.locator("tr", has_text="证据下界").locator("a").click()
    page.wait_for_url("**/notebooks/05_vae_elbo.html#*")
    top = page.locator("h2", has_text="The ELBO, derived twice").bounding_box()["y"]
    assert 0 <= top < 300, "the part is not in sight"
    assert_quiet(watched)


def test_a_page_of_the_package_has_signatures_and_parts(open_page, site):
    watched = opened(open_page, site / "api" / "losses.html")
    text = watched.page.locator("dl", has=watched.page.locator("[id='aigc_course.losses.mse']")).first.inner_text()
    assert "x_hat: Tensor" in text and "Raises" in text and "UsageError if shapes differ" in text
    assert_quiet(watched)


def test_search_works_from_disk(open_page, site):
    watched = open_page()
    watched.page.goto((site / "search.html").as_uri() + "?q=perplexity")
    watched.page.wait_for_selector("#search-results li a[href*='00_welcome']")
    assert_quiet(watched)

import gc

import pytest

from aigc_course.widgets.explorer import LIVE_VIEW
from aigc_course.widgets.live_page import LivePage, refresh_pages


@pytest.fixture
def page():
    texts = ["first"]
    made = LivePage(lambda: f"<b>{texts[-1]}</b>", lambda: texts[-1], title="the page")
    made.texts = texts
    yield made
    made.close()


def widgets():
    from ipywidgets.widgets import widget

    return len(widget._instances)


def test_it_is_a_view_html_and_text(page):
    bundle = page._repr_mimebundle_()
    assert bundle["text/html"] == page.shown == "<b>first</b>" and bundle["text/plain"] == repr(page) == "first"
    assert bundle[LIVE_VIEW]["model_id"]


def test_a_refresh_shows_what_is_new(page):
    page._repr_mimebundle_()
    page.texts.append("second")
    assert page.shown == "<b>first</b>"
    refresh_pages()
    assert page.shown == "<b>second</b>"


def test_its_button_refreshes(page):
    page._repr_mimebundle_()
    page.texts.append("second")
    page.button.click()
    assert page.shown == "<b>second</b>"


def test_closing_leaves_no_widget_behind(page):
    before = widgets()
    page._repr_mimebundle_()
    assert widgets() > before
    page.close()
    assert widgets() == before
    refresh_pages()
    assert page.shown == ""
    assert page._repr_mimebundle_()[LIVE_VIEW] and page.shown


def test_a_page_that_nobody_holds_is_not_kept():
    import weakref

    made = LivePage(str, str, title="nothing")
    made._repr_mimebundle_()
    seen = weakref.ref(made)
    made.close()
    del made
    gc.collect()
    assert seen() is None


def test_without_ipywidgets_the_html_is_left(page, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ipywidgets", None)
    assert set(page._repr_mimebundle_()) == {"text/html", "text/plain"}

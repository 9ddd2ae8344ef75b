"""`show_source` shows exactly the source, with colours of its own in notebooks."""

import functools
import html
import re

import pytest

import aigc_course
from aigc_course import source
from aigc_course.errors import UsageError
from aigc_course.source import show_source


def example(x: int) -> bool:
    """Whether x < 3 & more."""
    return x < 3  # 'quoted'


class Example:
    """A class."""

    def method(self) -> str:
        """A method."""
        return "result"


EXAMPLE = 'def example(x: int) -> bool:\n    """Whether x < 3 & more."""\n    return x < 3  # \'quoted\'\n'
METHOD = 'def method(self) -> str:\n    """A method."""\n    return "result"\n'


def test_terminals_get_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_source(example) is None
    assert capsys.readouterr().out == EXAMPLE


def test_methods_lose_their_indentation(capsys: pytest.CaptureFixture[str]) -> None:
    show_source(Example.method)
    assert capsys.readouterr().out == METHOD


def test_classes_and_wrapped_functions_have_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    show_source(Example)
    assert capsys.readouterr().out.startswith("class Example:\n")

    @functools.wraps(example)
    def wrapper(x: int) -> bool:
        return example(x)

    show_source(wrapper)
    assert capsys.readouterr().out == EXAMPLE


def test_notebooks_get_the_same_text_in_colour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(source, "in_notebook", lambda: True)
    page = show_source(example)._repr_html_()
    assert html.unescape(re.sub(r"<[^>]*>", "", page)).strip() == EXAMPLE.strip()
    assert capsys.readouterr().out == ""
    assert "class=" not in page.replace('class="highlight"', "")
    keyword, name = (
        re.search(rf'<span style="[^"]*color: (#\w+)[^"]*">{word}</span>', page) for word in ("def", "example")
    )
    assert keyword and name and keyword[1] != name[1]


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb. Source: WCAG 2.1, "relative luminance"."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_can_be_read_on_its_own_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "in_notebook", lambda: True)
    page = show_source(Example)._repr_html_() + show_source(example)._repr_html_()
    background = re.search(r"<pre style=\"[^\"]*background-color: (#\w{6})", page)
    assert background and re.search(r"<pre style=\"color: #\w{6}|<pre style=\"[^\"]*[; ]color: #\w{6}", page)
    colours = set(re.findall(r"(?<![-\w])color: (#\w{6})", page))
    assert len(colours) >= 4
    for colour in colours:
        contrast = (luminance(background[1]) + 0.05) / (luminance(colour) + 0.05)
        assert contrast >= 4.5, f"{colour} on {background[1]} has a contrast of {contrast:.2f}"


@pytest.mark.parametrize("thing", [3, "text", len, dict, None])
def test_what_has_no_source_is_refused(thing: object) -> None:
    with pytest.raises(UsageError, match="has no Python source to show; give a function"):
        show_source(thing)  # type: ignore[arg-type]


def test_the_package_offers_it() -> None:
    assert aigc_course.show_source is show_source

"""The course's docstrings as the site's pages show them."""

from dataclasses import dataclass

import pytest

from tests.teaching.extensions import site_extension


@pytest.fixture(scope="module")
def docstrings():
    return site_extension("docstrings")


def shown(docstrings, text):
    """The page's HTML for a docstring, without warnings of docutils."""
    from docutils.core import publish_parts
    from docutils.writers.html5_polyglot import Writer

    source = "\n".join(docstrings.to_rst(text.split("\n")))
    settings = {"halt_level": 2, "report_level": 2, "smart_quotes": False}
    return publish_parts(source, writer=Writer(), settings_overrides=settings)["body"]


def test_stars_bars_and_underlines_are_text(docstrings):
    page = shown(docstrings, "p(x | z)** of |x| for a_b_ and *one*, `f(*args)` and \\alpha.")
    assert "p(x | z)** of |x| for a_b_ and *one*, " in page and "\\alpha." in page
    assert "f(*args)</span>" in page and "<em>" not in page and "<strong>" not in page


def test_parts_become_fields_also_two_on_a_line(docstrings):
    page = shown(
        docstrings, "Text.\n\nArgs: x: (B, D).  Returns: (B,), >= 0.\nRaises: UsageError if shapes\n    differ."
    )
    for name, text in {
        "Args": "x: (B, D).",
        "Returns": "(B,), &gt;= 0.",
        "Raises": "UsageError if shapes differ.",
    }.items():
        assert f"<dt>{name}" in page and f"<p>{text}</p>" in page


def test_each_argument_of_a_list_is_an_item(docstrings):
    text = "Text.\n\nArgs:\n    x, y: two\n        lines.\n    real (M, C), fake (N, C): images.\n\nMore *text*."
    page = shown(docstrings, text)
    assert page.count("<li>") == 2 and "two\nlines." in page and "real (M, C), fake (N, C): images." in page
    assert "<p>More *text*.</p>" in page


def test_examples_and_indented_lines_stay_as_they_are(docstrings):
    page = shown(docstrings, "Say:\n    a * b | c\nand so on.\n\n>>> 1 * 2\n2")
    assert "a * b | c" in page and "<pre" in page and "doctest" in page and "<p>and so on.</p>" in page


def test_fields_of_settings_have_their_comments(docstrings):
    assert docstrings.settings_of(Settings) == [":Fields:", "    * ``steps``: how many; \\*not\\* zero", ""]
    assert docstrings.settings_of(Bare) == []


@dataclass
class Settings:
    steps: int = 3  # how many; *not* zero
    rate: float = 0.1

    def total(self) -> float:
        return self.steps * self.rate  # a comment on something else


@dataclass
class Bare:
    x: int

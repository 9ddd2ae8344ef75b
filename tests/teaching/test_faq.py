"""The page of frequent questions: it points at what exists, in the checkout and on the site."""

import re

from aigc_course.paths import course_root
from aigc_course.teaching.notebook import notebook_files, read_notebook, solutions_dir
from aigc_course.teaching.site import _point_at_notebooks, part_anchors
from tests.teaching.notebooks import notebook

FAQ = course_root() / "docs" / "faq.md"
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
NAMES = {path.name for path in notebook_files(solutions_dir())}


def links():
    return LINK.findall(FAQ.read_text(encoding="utf-8"))


def test_every_link_leads_to_a_notebook():
    assert len(links()) >= 20
    for text, target in links():
        assert target.startswith("../notebooks/"), target
        name = target.removeprefix("../notebooks/")
        assert name in NAMES
        number = re.search(r"\d\d", text)
        assert number and name.startswith(number[0]), f"{text!r} leads to {name}"


def test_every_part_that_it_names_exists():
    named = [(text, target) for text, target in links() if "part" in text]
    assert len(named) >= 15
    for text, target in named:
        part = re.fullmatch(r"\d\d, part (\d+)", " ".join(text.split()))
        assert part, text
        cells = read_notebook(solutions_dir() / target.removeprefix("../notebooks/")).cells
        assert any(re.search(rf"^## {part[1]} · ", cell.source, re.MULTILINE) for cell in cells), text


def test_it_answers_the_eight_questions_shortly():
    answers = re.split(r"^## .*\?$", FAQ.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert len(answers) == 8
    assert all(LINK.search(answer) and len(answer.split()) < 110 for answer in answers)


def test_on_the_site_its_links_are_the_sites_and_lead_to_the_part(tmp_path):
    page = tmp_path / "faq.md"
    page.write_text(
        "See [04,\npart 1](../notebooks/04_gan.ipynb), [04](../notebooks/04_gan.ipynb), [05](../notebooks/05_v.ipynb).",
        encoding="utf-8",
    )
    _point_at_notebooks(page, {"04_gan.ipynb": {1: "1--the-game"}})
    expected = "See [04,\npart 1](notebooks/04_gan.ipynb#1--the-game), [04](notebooks/04_gan.ipynb), 05."
    assert page.read_text(encoding="utf-8") == expected


def test_the_anchor_of_a_part_is_that_of_the_sites_parser():
    made = notebook("# One", "# Two\n\n## 2 · The ELBO, derived twice", "# Three\n\n## 6 · Bias: what $n$ does")
    assert part_anchors(made) == {2: "2--the-elbo-derived-twice", 6: "6--bias-what--does"}

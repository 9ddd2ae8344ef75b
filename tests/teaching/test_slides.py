"""Slides are made of a notebook's own questions, formulas, figures and exercises."""

import base64
import re

import nbformat
import pytest

from aigc_course.errors import UsageError
from aigc_course.paths import course_root
from aigc_course.teaching.decks import deck_page, make_decks
from aigc_course.teaching.notebook import notebook_files, notebooks_dir, read_notebook
from aigc_course.teaching.slides import FEWEST, MOST, deck_of
from tests.teaching.notebooks import notebook

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FILES = [path for path in notebook_files(notebooks_dir()) if "01" <= path.stem[:2] <= "10"]
GOALS = "| | |\n|---|---|\n| **You will be able to** | do this |\n| | and that |"
TITLE = f"# A title: and what it is about\n\nA lead.\n\n{GOALS}"
RECAP = (
    "## Recap\n\n* β is one.\n* Two,\n  in two lines.\n\n**Three questions**\n\n1. Why?\n\n"
    "<details><summary>Answers</summary>\n\n1. Because.\n\n</details>"
)
each_notebook = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def small(*middle, figure=None):
    """A notebook with these cells between its title and its recap; `figure` is the index of a cell that drew one."""
    made = notebook(TITLE, *middle, RECAP)
    for cell, source in zip(made.cells, (TITLE, *middle, RECAP), strict=True):
        cell.cell_type = "markdown" if source.startswith(("#", "*")) else "code"
    if figure is not None:
        made.cells[figure].outputs = [nbformat.v4.new_output("display_data", {"image/png": PIXEL})]
    return made


@each_notebook
def test_each_deck_has_a_fitting_number_of_slides_and_speaks_of_each_part(path):
    read = read_notebook(path)
    deck = deck_of(read)
    assert FEWEST <= len(deck) <= MOST
    text = "\n".join(cell.source for cell in read.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## (\d+ · .+)$", text, re.MULTILINE)
    assert headings == list(dict.fromkeys(slide.title for slide in deck if slide.title in headings))
    assert deck[0].kind == "title" and [slide.title for slide in deck[1:2] + deck[-1:]] == [
        "You will be able to",
        "Three questions",
    ]
    assert all(slide.body or slide.figures for slide in deck[1:])
    assert all(slide.notes.strip() for slide in deck if slide.title in headings and slide.body)


@each_notebook
def test_its_figures_are_the_notebooks_own_and_its_formulas_are_drawn(path, tmp_path):
    read = read_notebook(path)
    deck = deck_of(read)
    page = deck_page(deck, tmp_path, path.stem)
    own = {
        out.data["image/png"].strip()
        for cell in read.cells
        for out in cell.get("outputs", [])
        if "image/png" in out.get("data", {})
    }
    shown = [base64.b64encode(png).decode() for slide in deck for png in slide.figures]
    assert len(shown) >= 3 and set(shown) <= {re.sub(r"\s", "", png) for png in own}
    assert page.count("<img ") == len(shown) == len(list((tmp_path / "figures").iterdir()))
    assert page.count("<math") >= 5 and "$" not in re.sub(r"<(code|annotation).*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//(?!arxiv)""", page.partition("<aside")[0])


def test_a_part_with_a_formula_has_two_slides_and_its_text_in_the_notes():
    formula = "**Formula.** It is known that\n\n$$a = b .$$\n\nMore."
    part = f"## 1 · Part\n\n**Question.** Why?\n\n{formula}\n\n**Prediction.** What?"
    first, second = deck_of(small(part, "draw()", "*After it.*", figure=2))[2:4]
    assert first.body == "Why?\n\nIt is known that\n\n$$a = b .$$\n\n**Predict.** What?" and not first.figures
    assert first.notes == part
    assert second.figures == (base64.b64decode(PIXEL),) and second.notes == "*After it.*"


def test_a_sentence_that_goes_on_in_a_formula_comes_along_and_the_formula_ends_where_the_slide_does():
    long = "and the interval around the mean of these differences " * 3
    told = f"Told. It is, {long.strip()}\n\n$$a = b :$$\n\nA straight line, {long.strip()}.\n\n$$c .$$"
    body = deck_of(small(f"## 1 · Part\n\n**Question.** Why?\n\n{told}"))[2].body
    assert body == f"Why?\n\nIt is, {long.strip()}\n\n$$a = b$$\n\n$$c .$$"


def test_a_formula_stands_alone_where_the_sentence_that_leads_to_it_has_no_room():
    lead = "Word " * 60 + "gives"
    formulas = "\n\n".join(f"{lead}\n\n$$x_{i} .$$" for i in range(4))
    body = deck_of(small(f"## 1 · Part\n\n**Question.** Why?\n\n{formulas}"))[2].body
    assert body == f"Why?\n\n{lead}\n\n$$x_0 .$$\n\n$$x_1 .$$"


def test_a_part_without_a_formula_has_one_slide():
    part = "## 1 · Part\n\n**Question.** Why?\n\n**Prediction.** What?"
    deck = deck_of(small(part, "draw()", figure=2))
    assert [slide.title for slide in deck] == ["A title", "You will be able to", "1 · Part", "Recap", "Three questions"]
    assert deck[2].body == "Why?\n\n**Predict.** What?" and len(deck[2].figures) == 1


def test_of_a_long_question_the_questions_stay():
    long = "Something is said first. " * 20 + "Is it so? Or not?"
    assert deck_of(small(f"## 1 · Part\n\n**Question.** {long}"))[2].body == "Is it so? Or not?"


def test_an_exercise_has_its_statement_and_the_function_asked_for():
    stub = 'def f(x):\n    """Twice x."""\n    raise NotImplementedError("your answer goes here")'
    part = "## 1 · Part\n\n**Question.** Why?\n\n**Exercise 01.1** ★★☆ (8 min). Double it."
    slide = deck_of(small(part, stub))[3]
    assert slide.title == "Exercise 01.1 ★★☆ · 8 minutes"
    assert slide.body == 'Double it.\n\n```\ndef f(x):\n    """Twice x."""\n```'


def test_beginning_and_end_are_the_notebooks():
    title, goals, *_, recap, questions = deck_of(small("## 1 · Part\n\n**Question.** Why?"))
    assert (title.title, title.body) == ("A title", "*And what it is about*\n\nA lead.")
    assert goals.body == "* Do this\n* And that"
    assert recap.body == "* β is one.\n* Two, in two lines."
    assert questions.body == "1. Why?" and questions.notes == "1. Because."


def test_text_cannot_change_the_page_and_links_into_the_checkout_are_text(tmp_path):
    part = "## 1 · a < b\n\n**Question.** See [05](../notebooks/05.ipynb) and [a paper](https://arxiv.org/abs/1)."
    page = deck_page(deck_of(small(part)), tmp_path, "x")
    assert "a &lt; b" in page and "See 05 and" in page and 'href="https://arxiv.org/abs/1"' in page


def test_an_unknown_number_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match=r"unknown notebook '77'.* Allowed: 00, 01"):
        make_decks(["05", "77"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_deck_lies_beside_all_that_it_loads(tmp_path):
    index, page = make_decks(["01"], tmp_path)
    assert page.name == "01_neural_networks.html" and page.name in index.read_text(encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    loaded = re.findall(r'(?:src|href)="(?!https?:)([^"#]+)"', text)
    assert len(loaded) > 10 and all((tmp_path / name).is_file() for name in loaded)
    style = (course_root() / "docs" / "_static" / "slides.css").read_text(encoding="utf-8")
    assert all((tmp_path / name).is_file() for name in re.findall(r'url\("([^"]+)"\)', style))

"""The glossary: every term once, in two languages, with a link to a part of a notebook that speaks of it."""

import re
from functools import cache

import pytest

from aigc_course.paths import course_root
from aigc_course.teaching.notebook import notebook_files, read_notebook, solutions_dir
from aigc_course.teaching.site import part_anchors
from tests.teaching.extensions import site_extension

ROW = re.compile(r"^\| (?P<term>.+?) \| (?P<chinese>.+?) \| (?P<meaning>.+?) \| \[(?P<text>.+?)\]\((?P<link>.+?)\) \|$")
LINES = (course_root() / "docs" / "glossary.md").read_text(encoding="utf-8").split("\n")
ROWS = [match.groupdict() for line in LINES if (match := ROW.match(line))]
FILES = {path.name: path for path in notebook_files(solutions_dir())}
each_term = pytest.mark.parametrize("row", ROWS, ids=lambda row: row["term"].replace(" ", "-"))


@cache
def parts(name):
    """The text of a notebook's parts by number; "" has the whole."""
    text = "\n".join(cell.source for cell in read_notebook(FILES[name]).cells).lower()
    pieces = re.split(r"^## (?:(\d+) · )?", text, flags=re.MULTILINE)
    return {"": text} | {number: piece for number, piece in zip(pieces[1::2], pieces[2::2], strict=True) if number}


@pytest.mark.parametrize(
    ("html", "marked"),
    [
        ("<td><p>生成模型</p></td>", '<td><p><span lang="zh-Hans">生成模型</span></p></td>'),
        (
            "S 型函数（sigmoid 函数）",
            'S <span lang="zh-Hans">型函数（</span>sigmoid <span lang="zh-Hans">函数）</span>',
        ),
        ('<a title="损失">loss</a> (σ)', '<a title="损失">loss</a> (σ)'),
    ],
)
def test_chinese_words_say_that_they_are(html, marked):
    assert site_extension("chinese").marked(html) == marked


def test_every_line_of_its_tables_was_understood():
    tables = [line for line in LINES if line.startswith("|") and not line.startswith(("| term", "|---"))]
    assert len(ROWS) == len(tables) >= 80


def test_terms_and_translations_are_unique():
    for column in ("term", "chinese", "meaning"):
        values = [row[column].lower() for row in ROWS]
        assert len(set(values)) == len(values), {value for value in values if values.count(value) > 1}


@each_term
def test_each_term_has_chinese_and_one_sentence(row):
    assert re.search("[一-鿿]", row["chinese"])
    assert row["meaning"].endswith(".") and 3 < len(row["meaning"].split()) < 40
    assert not re.search(r"\. [A-Z]", row["meaning"]), "more than one sentence"


@each_term
def test_each_link_leads_to_a_part_that_speaks_of_the_term(row):
    folder, _, name = row["link"].rpartition("/")
    assert folder == "../notebooks" and name in FILES
    number = re.fullmatch(r"(\d\d)(?:, part (\d+))?", row["text"])
    assert number and name.startswith(number[1])
    part = number[2] or ""
    assert not part or int(part) in part_anchors(read_notebook(FILES[name]))
    names = re.split(r", | and ", row["term"].lower())
    assert any(all(_stem(word) in parts(name)[part] for word in name_.split()) for name_ in names)


def _stem(word):
    """The beginning of a word, so that its other forms are found too: clip(ping), canar(ies)."""
    return word[: max(4, len(word) - 4)]

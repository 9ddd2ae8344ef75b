"""The gallery: outputs of tagged cells with their captions, and what a later cell says of them."""

import nbformat

from aigc_course.teaching.gallery import collect, write_page_by_kind
from tests.teaching.notebooks import notebook

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def printed(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def made():
    tags = {1: ["gallery"], 2: ["verdict"], 3: ["gallery"], 5: ["verdict"]}
    result = notebook("draw()", "grade()", "write()", "other()", "grade()", tags=tags)
    result.cells[0].outputs = [nbformat.v4.new_output("display_data", {"image/png": PIXEL}), printed("beside\n")]
    result.cells[1].outputs = [printed("90% are shapes\n")]
    result.cells[2].outputs = [printed("a < b\n")]
    result.cells[3].outputs = [printed("no verdict\n")]
    result.cells[4].outputs = [printed("1% parse\n")]
    for cell, caption in zip(result.cells[::2], ("Shapes", "Texts", ""), strict=True):
        cell.metadata["caption"] = caption
    return collect(result, "04_made")


def test_a_verdict_belongs_to_the_gallery_cell_before_it():
    assert [(one.name, one.kind, one.verdict) for one in made()] == [
        ("04_made-01.png", "image", "90% are shapes"),
        ("04_made-02.txt", "text", "90% are shapes"),
        ("04_made-03.txt", "text", "1% parse"),
    ]


def test_the_page_has_a_heading_for_each_kind_and_keeps_a_cell_together(tmp_path):
    write_page_by_kind(made(), tmp_path / "page.md", "files")
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    text, images = page.split("## Images")
    assert "## Sound" not in page and "a &lt; b" in text and "1% parse" in text
    assert 'src="files/04_made-01.png" alt="Shapes"' in images and "beside" in images and "beside" not in text
    assert images.count("90% are shapes") == 1 and "notebooks/04_made.html" in images


def test_without_anything_the_page_says_so(tmp_path):
    write_page_by_kind([], tmp_path / "page.md", "files")
    assert "make course" in (tmp_path / "page.md").read_text(encoding="utf-8")

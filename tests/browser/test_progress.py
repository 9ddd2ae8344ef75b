"""The learner's own tools in a real JupyterLab: a table that follows the checks, a solution behind a question."""

import nbformat
import pytest

from aigc_course.paths import course_root
from tests.browser.lab_page import opened

NAME = "progress.ipynb"
CELLS = (
    "import math\nfrom aigc_course.exercises import check, hint, progress, solution\n\nprogress()",
    'check("00.1", lambda loss: 2.0**loss)',
    'hint("00.1")',
    'check("00.1", math.exp)',
    'solution("00.2")',
)
START = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }"
TABLE = ".jp-OutputArea-output .widget-vbox"


@pytest.fixture
def page_of(lab, open_page):
    """page_of() -> the notebook's page, ready to run."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab.folder / NAME)

    def page():
        watched = open_page()
        opened(watched, lab, NAME)
        return watched

    yield page
    (lab.folder / NAME).unlink()


def test_the_table_follows_and_the_question_is_answered(page_of):
    watched = page_of()
    page = watched.page
    page.evaluate(START)
    page.locator(".jp-Stdin-input").fill("yes")
    page.keyboard.press("Enter")
    page.get_by_text("Solution of 00.2 How far above the floor?").wait_for()
    table = page.locator(TABLE)
    assert table.count() == 1
    row = table.locator("tr", has_text="00 welcome").inner_text()
    assert "1 of 2" in row and row.split()[-1].count("-") == 2, row
    folder = course_root() / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    table.screenshot(path=folder / "progress.png")
    page.locator(".jp-RenderedHTMLCommon", has_text="Solution of 00.2").screenshot(path=folder / "solution.png")
    table.get_by_text("Exercise by exercise").click()
    text = table.inner_text()
    assert "✓ 00.1" in text and "2 tries, 1 hint" in text and "solution seen before passing" in text
    table.get_by_role("button", name="Refresh").press("Enter")
    assert "1 of 2" in table.inner_text()
    assert watched.unexpected == [] and watched.left == []

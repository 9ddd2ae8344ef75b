"""Every notebook in a real JupyterLab: run all cells, and look at what the page shows.

A notebook is run once (`conftest.ran`). Its figures must look like those stored in `notebooks/`, which the course's own
run wrote: there is nothing else to renew when a figure changes.
"""

import re

from aigc_course.teaching.notebook import checked_exercises, notebooks_dir, read_notebook
from tests.browser.faults import figure_faults, layout_faults, sound_faults

RENDERED = """() => ({
    diagrams: [...document.querySelectorAll('.jp-RenderedMermaid :is(svg, img)')].map(d => d.getBoundingClientRect())
        .filter(box => box.width > 100 && box.height > 50).length,
    formulas: document.querySelectorAll('.jp-MarkdownOutput mjx-container').length,
    broken: document.querySelectorAll('mjx-merror, .jp-mod-error, .jp-RenderedMermaid .jp-mod-warning').length,
})"""
DIAGRAMS = """count => document.querySelectorAll('.jp-RenderedMermaid :is(svg, img)').length >= count"""
ZOOMED_WIDTH = 640  # a window of 1280 pixels at 200 %


def stored(name):
    """The cells of the notebook as it is stored."""
    return read_notebook(notebooks_dir() / name).cells


def test_it_runs_without_an_error(ran):
    cells = [cell for cell in ran.cells if cell["cell_type"] == "code"]
    assert ran.errors == []
    assert all(cell["execution_count"] for cell in cells if "".join(cell["source"]).strip())
    assert ran.watched.unexpected == [] and ran.watched.left == []


def test_text_formulas_and_diagrams_are_drawn(ran):
    texts = [cell.source for cell in stored(ran.name) if cell.cell_type == "markdown"]
    diagrams = sum(text.count("```mermaid") for text in texts)
    ran.page.wait_for_function(DIAGRAMS, arg=diagrams)
    drawn = ran.page.evaluate(RENDERED)
    assert drawn["diagrams"] == diagrams and drawn["broken"] == 0
    outside_code = [re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL) for text in texts]
    assert (drawn["formulas"] > 0) == any("$" in text for text in outside_code)


def test_every_exercise_says_that_nobody_has_started_it(ran):
    ids = [i for cell in stored(ran.name) if cell.cell_type == "code" for i in checked_exercises(cell.source)]
    shown = ran.page.locator(".jp-OutputArea-output", has_text="not started").all_inner_texts()
    assert [i for i in ids if not any(i in text for text in shown)] == []


def test_everything_is_there_and_nothing_is_cut_off(ran):
    assert layout_faults(ran, stored(ran.name)) == []


def test_figures_look_like_those_stored(ran):
    assert figure_faults(ran, stored(ran.name)) == []


def test_sounds_have_their_length_and_play(ran):
    assert sound_faults(ran) == []


def test_nothing_is_cut_off_at_200_percent(ran):
    size = ran.page.viewport_size
    ran.page.set_viewport_size({"width": ZOOMED_WIDTH, "height": 450})
    ran.page.wait_for_timeout(1000)  # JupyterLab lays its panels out anew
    faults = layout_faults(ran, stored(ran.name))
    ran.page.set_viewport_size(size)
    assert faults == []

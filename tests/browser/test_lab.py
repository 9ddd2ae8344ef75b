"""Notebook 00 in a real JupyterLab: run all cells, look at what the page shows."""

import math

READY = """() => {
    const widget = window.jupyterapp?.shell?.currentWidget;
    return widget?.context?.isReady && widget.sessionContext?.session?.kernel?.status === 'idle';
}"""
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
CONTENT = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON()"
CLEAR = "() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
RUN_SECONDS = 240


def test_notebook_runs_and_shows_everything(lab, open_page):
    watched = open_page()
    page = watched.page
    page.set_default_timeout(60_000)
    page.goto(lab.address("00_welcome.ipynb"))
    page.wait_for_function(READY)
    page.evaluate(CLEAR)
    assert page.locator(".jp-OutputArea-output").count() == 0
    page.set_default_timeout(RUN_SECONDS * 1000)
    assert page.evaluate(RUN_ALL), _errors(page)
    cells = [cell for cell in page.evaluate(CONTENT)["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells) and _errors(page) == []

    page.wait_for_selector(".jp-RenderedMermaid svg, .jp-RenderedMermaid img")
    page.wait_for_selector("mjx-container")
    diagram = page.locator(".jp-RenderedMermaid svg, .jp-RenderedMermaid img").first.bounding_box()
    assert diagram["width"] > 300 and diagram["height"] > 100
    widths = page.evaluate("[...document.querySelectorAll('.jp-OutputArea-output img')].map(i => i.naturalWidth)")
    assert len(widths) >= 5 and min(widths) > 100
    sounds = page.evaluate("[...document.querySelectorAll('.jp-OutputArea-output audio')].map(a => a.duration)")
    assert len(sounds) >= 2 and all(math.isfinite(s) and s > 0.1 for s in sounds)
    assert page.get_by_text("00.1 Perplexity from a loss in nats: not started").count() == 1
    assert watched.left == []


def _errors(page):
    """The error outputs of the notebook, as text."""
    outputs = [o for cell in page.evaluate(CONTENT)["cells"] for o in cell.get("outputs", [])]
    return [f"{o['ename']}: {o['evalue']}" for o in outputs if o["output_type"] == "error"]

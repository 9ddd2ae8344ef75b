"""One notebook in JupyterLab: open it, run all its cells, read what came of it."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

START_MILLISECONDS = 120_000
RUN_MILLISECONDS = 900_000
DRAW_MILLISECONDS = 60_000
READY = """() => {
    const widget = window.jupyterapp?.shell?.currentWidget;
    return widget?.context?.isReady && widget.sessionContext?.session?.kernel?.status === 'idle';
}"""
CLEAR = "() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
START = """() => {
    window.allRan = undefined;
    window.jupyterapp.commands.execute('notebook:run-all-cells').then(well => { window.allRan = well; });
}"""
DONE = "() => window.allRan !== undefined"
DRAWN = """() => {
    const cells = window.jupyterapp.shell.currentWidget.content.model.toJSON().cells;
    const views = cells.flatMap(cell => cell.outputs ?? [])
        .filter(output => 'application/vnd.jupyter.widget-view+json' in (output.data ?? {}));
    return document.querySelectorAll('.jp-OutputArea-output > .jupyter-widgets').length === views.length
        && [...document.images].every(image => image.complete);
}"""
CONTENT = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON()"
SHUT_DOWN = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"


@dataclass(frozen=True)
class LabPage:
    """A notebook all of whose cells were run, in its page."""

    watched: Any  # conftest.Watched
    name: str

    @property
    def page(self) -> Any:
        return self.watched.page

    @property
    def cells(self) -> list[dict[str, Any]]:
        """The cells as JupyterLab would save them now."""
        return self.page.evaluate(CONTENT)["cells"]

    @property
    def errors(self) -> list[str]:
        """Error outputs and what was written to the standard error, with the cell they stand in."""
        return [
            f"{cell['id']}: " + (f"{o['ename']}: {o['evalue']}" if o["output_type"] == "error" else "".join(o["text"]))
            for cell in self.cells
            for o in cell.get("outputs", [])
            if o["output_type"] == "error" or o.get("name") == "stderr"
        ]

    def close(self) -> None:
        """End the notebook's kernel."""
        self.page.evaluate(SHUT_DOWN)


def opened(watched: Any, lab: Any, name: str) -> Any:
    """Open a notebook of the lab, its kernel idle. Returns: its page."""
    page = watched.page
    page.set_default_timeout(START_MILLISECONDS)
    page.goto(lab.address(name))
    page.wait_for_function(READY)
    return page


def run_all(watched: Any, lab: Any, name: str) -> LabPage:
    """Open a notebook without its outputs and run all cells; an error in a cell stops it there."""
    page = opened(watched, lab, name)
    page.evaluate(CLEAR)
    page.evaluate(START)
    page.wait_for_function(DONE, timeout=RUN_MILLISECONDS)
    with suppress(playwright_timeout()):  # what isn't drawn by then is named by the tests
        page.wait_for_function(DRAWN, timeout=DRAW_MILLISECONDS)
    return LabPage(watched, name)


def playwright_timeout() -> type[Exception]:
    """Playwright's own TimeoutError, imported when needed: without Chromium the tests are skipped before."""
    from playwright.sync_api import TimeoutError

    return TimeoutError

"""A real browser, a real JupyterLab and the built site.

`python -m pytest tests/browser` runs all of it, `-k 03` what looks at notebook 03; `-n 2` shares the notebooks out to
two processes (`shares.py`). A plain `pytest` leaves this folder out: it needs Chromium. Without Chromium its tests
are skipped, in CI they fail.
"""

import functools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest

from aigc_course.teaching.notebook import cleaned, notebook_files, notebooks_dir, write_notebook
from aigc_course.teaching.site import build_site
from tests.browser.lab_page import LabPage, run_all
from tests.browser.shares import Shares, share_of, turn_of

HERE = Path(__file__).parent
START_SECONDS = 90
# Inside a container Chromium has no sandbox; a test presses "play" by calling it.
BROWSER_OPTIONS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
ELSEWHERE = re.compile(r"^(?!file:|data:|blob:|http://127\.0\.0\.1:)")
# What a page may complain of, and why.
ALLOWED = {
    "blob:": "a picture or sound of a widget that a newer one replaced while the browser still loaded it",
}
LAB_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # put every cell into the page, not only those in sight
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out unless an argument names it."""
    named = [Path(config.invocation_params.dir, str(argument).split("::")[0]) for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in named) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first; tests of other folders keep their order."""
    if all(HERE in item.path.parents for item in items):
        items.sort(key=lambda item: turn_of(share_of(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share the tests out so that each notebook is run once."""
    return Shares(config, log)


def find_chromium() -> str | None:
    """The browser's program: `AIGC_CHROMIUM`, or one found on the path."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("AIGC_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def chromium() -> Any:
    """A browser without windows."""
    program = find_chromium()
    if program is None:
        message = "no Chromium on this machine; install it (Debian: apt-get install chromium) or set AIGC_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_OPTIONS)
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page, with everything it complained about and every request that left this machine."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._note(message.type == "error", message.text))
        self.page.on("pageerror", lambda error: self._note(True, str(error)))
        self.page.on("requestfailed", lambda request: self._note(True, f"failed: {request.url}"))
        # A pattern, which the browser applies; a function would hold every request until the test's thread is free.
        self.page.route(ELSEWHERE, self._refuse)

    @property
    def unexpected(self) -> list[str]:
        """The complaints that `ALLOWED` gives no reason for."""
        return [text for text in self.complaints if not any(part in text for part in ALLOWED)]

    def _note(self, wrong: bool, text: str) -> None:
        if wrong:
            self.complaints.append(text)

    def _refuse(self, route: Any) -> None:
        self.left.append(route.request.url)
        route.abort()


def _new_page(chromium: Any, contexts: list[Any], width: int = 1280, color_scheme: str = "light") -> Watched:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=color_scheme)
    contexts.append(context)
    return Watched(context.new_page())


@pytest.fixture
def open_page(chromium: Any) -> Any:
    """open_page(width=…, color_scheme=…) -> Watched"""
    contexts: list[Any] = []
    yield functools.partial(_new_page, chromium, contexts)
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site built from the committed notebooks: its folder."""
    return build_site(notebook_files(notebooks_dir()), tmp_path_factory.mktemp("site") / "site").parent


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab on a copy of the notebooks."""

    port: int
    token: str
    folder: Path

    def address(self, notebook: str) -> str:
        """The page of a notebook, without the tabs of earlier tests."""
        return f"http://127.0.0.1:{self.port}/lab/tree/{notebook}?reset&token={self.token}"


@pytest.fixture(scope="session")
def lab(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """JupyterLab with no settings but ours; its kernels run what a learner's run: the quick profile."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    shutil.copytree(notebooks_dir(), folder, ignore=shutil.ignore_patterns(".*"))
    for name, values in LAB_SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = "browser-test"
    options = [f"--ServerApp.root_dir={folder}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    options += [f"--IdentityProvider.token={token}", "--LabApp.expose_app_in_browser=True", "--no-browser"]
    environment = {
        "AIGC_PROFILE": "quick",
        "AIGC_PROGRESS": str(home / "progress.json"),
        "AIGC_RUNS": str(home / "runs"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONHASHSEED": "0",
    }
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    threads = max(1, (os.cpu_count() or 1) // workers)  # kernels that share the cores would wait for each other's
    inherited = {"OMP_NUM_THREADS": str(threads)} | os.environ
    inherited.pop("MPLBACKEND", None)
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, "--allow-root"],
            env=inherited | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_up(server, f"http://127.0.0.1:{port}/api?token={token}", home / "log")
            yield Lab(port, token, folder)
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(
    scope="session",
    params=[pytest.param(path, id=path.stem) for path in notebook_files(notebooks_dir())],
)
def ran(request: pytest.FixtureRequest, lab: Any, chromium: Any) -> Any:
    """Each notebook in JupyterLab, run once for all tests: its LabPage. A test that moves a widget puts it back."""
    contexts: list[Any] = []
    lab_page = run_all(_new_page(chromium, contexts), lab, request.param.name)
    yield lab_page
    lab_page.close()
    contexts[0].close()


@pytest.fixture(scope="session")
def run_cells(lab: Any, chromium: Any) -> Any:
    """run_cells(source, …) -> the LabPage of a new notebook with these code cells, all run."""
    contexts: list[Any] = []
    pages: list[LabPage] = []

    def run_one(*sources: str) -> LabPage:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        name = f"cells-{len(pages)}.ipynb"
        write_notebook(lab.folder / name, cleaned(notebook))
        pages.append(run_all(_new_page(chromium, contexts), lab, name))
        return pages[-1]

    yield run_one
    for lab_page in pages:
        lab_page.close()
    for context in contexts:
        context.close()


def _wait_until_up(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")

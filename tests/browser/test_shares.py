"""That two processes run each notebook once: what needs one of them stays together, and the longest comes first."""

import subprocess
import sys

from aigc_course.paths import course_root
from aigc_course.teaching.notebook import notebook_files, notebooks_dir
from tests.browser.shares import LONG, share_of, turn_of

HERE = "tests/browser/"
CONFTEST = """
import pytest
from tests.browser.conftest import pytest_xdist_make_scheduler

@pytest.fixture(scope="session", params=["01_one", "02_two", "08_three"])
def ran(request):
    with open("ran.txt", "a") as file:
        file.write(request.param + " ")
"""
TESTS = """
import pytest

@pytest.mark.parametrize("theme", ["light", "dark"])
def test_first(ran, theme): pass

def test_second(ran): pass
"""


def test_what_needs_the_same_page_is_one_share():
    name = "13_applications"
    for test in ("test_accessibility.py::test_every_output_of_a_notebook[{}-dark]", "test_lab.py::test_it_runs[{}]"):
        assert share_of(HERE + test.format(name)) == name
    for test in (
        "test_site.py::test_search",
        "test_accessibility.py::test_every_page[light]",
        "test_looks.py::test_a[b]",
    ):
        assert share_of(HERE + test) == "site"
    assert share_of(HERE + "test_serve.py::test_two_people[1280]") == "test_serve"


def test_the_longest_notebooks_come_first():
    stems = [path.stem for path in notebook_files(notebooks_dir())]
    numbers = [stem[:2] for stem in sorted(["site", "test_serve", *stems], key=turn_of)]
    assert numbers[: len(LONG)] == [start[:2] for start in LONG] and numbers[len(LONG)] == "te"


def test_two_processes_run_each_notebook_once(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "2",
        "--dist",
        "loadgroup",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    environment = {"PYTHONPATH": str(course_root()), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "9 passed" in done.stdout, done.stdout + done.stderr
    assert sorted((tmp_path / "ran.txt").read_text().split()) == ["01_one", "02_two", "08_three"]

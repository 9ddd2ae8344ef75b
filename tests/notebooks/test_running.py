"""What the tests of notebooks say of notebooks that are not right."""

import nbformat
import pytest

from tests.notebooks.broken import what_broke
from tests.notebooks.running import assert_every_cell_runs, run_nbval
from tests.teaching.notebooks import notebook, write


def failure(path, scratch):
    with pytest.raises(pytest.fail.Exception) as caught:
        assert_every_cell_runs(path, scratch)
    return str(caught.value)


def test_a_failure_names_notebook_cell_line_and_error_and_what_it_took_along(tmp_path):
    sources = (
        "# Title",
        "x = 2",
        "# More",
        "def f(a):\n    return a\n\n\nassert f(x) == 3, 'x is\\ntwo'\ny = 1",
        "print(y)",
    )
    assert failure(write(tmp_path, "05_broken.ipynb", *sources), tmp_path) == (
        "05_broken.ipynb, cell 4 (cell-4): AssertionError: x is\ntwo\n"
        "    assert f(x) == 3, 'x is\\ntwo'\n"
        "After it also: cell 5 (cell-5): NameError: name 'y' is not defined"
    )


def test_of_an_error_deep_inside_the_line_of_the_cell_is_told(tmp_path):
    path = write(tmp_path, "05_broken.ipynb", "# Title", "import json\njson.loads('{')")
    trace = (
        "Notebook cell execution failed\nCell 0: Cell execution caused an exception\n\nInput:\n{\n\nTraceback:\n"
        "-----\n#x1B[31mJSONDecodeError#x1B[39m    Traceback (most recent call last)\nCell In[1], line 2\n"
        "----> 2 json.loads('{')\n\nFile decoder.py:353, in raw_decode\n--> 353 obj, end = scan(s)\n\n"
        "JSONDecodeError: Expecting property name\n"
    )
    report = tmp_path / "nbval.xml"
    report.write_text(f'<a><testcase name="Cell 0"><failure>{trace}</failure></testcase></a>')
    assert what_broke(path, report) == (
        "05_broken.ipynb, cell 2 (cell-2): JSONDecodeError: Expecting property name\n    json.loads('{')"
    )


def test_without_a_report_nothing_is_claimed(tmp_path):
    path = write(tmp_path, "05_broken.ipynb", "1")
    assert what_broke(path, tmp_path / "nbval.xml") == ""


def test_a_compared_output_must_be_the_stored_one(tmp_path):
    path = tmp_path / "06_compared.ipynb"
    for stored in ("2\n", "3\n"):
        made = notebook("# Title", "print(1 + 1)", tags={2: ["nbval-check-output"]})
        made.cells[1].execution_count = 1
        made.cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text=stored)]
        nbformat.write(made, path)
        if stored == "2\n":
            assert_every_cell_runs(path, tmp_path)
    told = failure(path, tmp_path)
    assert told.startswith("06_compared.ipynb, cell 2 (cell-2): Cell outputs differ\n") and "\x1b" not in told
    assert "'3\\n' == '2\\n'" in told, "the stored output beside the new one"


def test_cells_run_in_the_smoke_profile(tmp_path):
    path = write(tmp_path, "07_profile.ipynb", "import os\nassert os.environ['AIGC_PROFILE'] == 'smoke'")
    assert run_nbval(path, tmp_path).returncode == 0

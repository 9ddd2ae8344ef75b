"""What nbval says of notebooks that are not right."""

import nbformat

from tests.notebooks.running import run_nbval
from tests.teaching.notebooks import notebook, write


def test_a_failed_assertion_names_notebook_cell_and_assertion(tmp_path):
    path = write(tmp_path, "05_broken.ipynb", "# Title", "x = 2", "assert x == 3, 'x is two'")
    result = run_nbval(path, tmp_path)
    assert result.returncode == 1
    for part in ("05_broken.ipynb", "Cell 1", "assert x == 3", "x is two"):
        assert part in result.stdout


def test_a_compared_output_must_be_the_stored_one(tmp_path):
    for stored, status in (("2\n", 0), ("3\n", 1)):
        made = notebook("print(1 + 1)", tags={1: ["nbval-check-output"]})
        made.cells[0].execution_count = 1
        made.cells[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text=stored)]
        nbformat.write(made, tmp_path / "06_compared.ipynb")
        assert run_nbval(tmp_path / "06_compared.ipynb", tmp_path).returncode == status


def test_cells_run_in_the_smoke_profile(tmp_path):
    path = write(tmp_path, "07_profile.ipynb", "import os\nassert os.environ['AIGC_PROFILE'] == 'smoke'")
    assert run_nbval(path, tmp_path).returncode == 0

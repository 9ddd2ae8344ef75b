import pytest

from aigc_course.teaching.execute import execute
from tests.teaching.notebooks import write


def test_cells_run_in_the_notebooks_folder_and_the_file_is_left_alone(tmp_path):
    path = write(
        tmp_path, "01.ipynb", "# Title", "from pathlib import Path\nPath.cwd().name", "import os; os.environ['WORD']"
    )
    before = path.read_bytes()
    seen = []
    run = execute(path, environment={"WORD": "there"}, cell_done=lambda done, total: seen.append((done, total)))
    assert run.failure is None
    assert run.notebook.cells[1].outputs[0].data["text/plain"] == repr(tmp_path.name)
    assert run.notebook.cells[2].outputs[0].data["text/plain"] == "'there'"
    assert seen == [(1, 2), (2, 2)]
    assert run.seconds > 0
    assert path.read_bytes() == before


def test_a_failure_names_cell_line_and_error_and_stops(tmp_path):
    path = write(tmp_path, "01.ipynb", "# T", "x = 3", "y = 2\nassert x < y, 'x is too large'\nz = 1", "x")
    run = execute(path)
    assert run.failure is not None
    assert (run.failure.cell, run.failure.cell_id) == (3, "cell-3")
    assert run.failure.line == "assert x < y, 'x is too large'"
    assert run.failure.error == "AssertionError: x is too large"
    assert run.notebook.cells[3].execution_count is None


def test_a_kernel_that_dies_is_a_failure(tmp_path):
    run = execute(write(tmp_path, "01.ipynb", "1", "import os\nos._exit(3)"))
    assert run.failure is not None
    assert (run.failure.cell, run.failure.error) == (2, "the kernel died")


def test_there_is_no_network_but_the_own_machine(tmp_path):
    code = (
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname()).close()\n"
        "try:\n    socket.create_connection(('192.0.2.1', 80), timeout=5)\n"
        "except OSError as error:\n    print(error)"
    )
    run = execute(write(tmp_path, "01.ipynb", code))
    assert run.failure is None
    assert run.notebook.cells[0].outputs[0].text == "the course runs without network: no connection to 192.0.2.1\n"


@pytest.mark.parametrize("source", ["!true", "%time 1"])
def test_ipython_lines_run(tmp_path, source):
    assert execute(write(tmp_path, "01.ipynb", source)).failure is None

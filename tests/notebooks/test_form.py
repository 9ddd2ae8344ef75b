"""The committed notebooks: executed, without errors or traces of a machine, in cells that fit on a screen."""

import json
import re
import statistics
import tempfile
from pathlib import Path

import pytest

from aigc_course.exercises.registry import all_exercises
from aigc_course.paths import course_root
from aigc_course.teaching.notebook import (
    checked_exercises,
    cleaned,
    count_assertions,
    notebook_files,
    notebooks_dir,
    read_notebook,
    solutions_dir,
    to_text,
)
from aigc_course.teaching.release import make_release

MAX_LINES, MAX_MEDIAN_LINES = 25, 8
MACHINE = re.compile(
    r"(?<![\w.])/(?:home|Users|root|tmp|work|var|opt|mnt|private)/|[A-Za-z]:\\\\|0x[0-9a-f]{8,}|site-packages"
)
FILES = [*notebook_files(notebooks_dir()), *notebook_files(solutions_dir())]
each_notebook = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")


def code_cells(path):
    return [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]


@each_notebook
def test_every_cell_was_executed_in_order_without_errors(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error", f"{cell.id} stopped: {output.ename}: {output.evalue}"
            assert output.get("name") != "stderr", f"{cell.id} wrote to stderr: {output.text}"


@each_notebook
def test_some_outputs_are_compared_and_some_claims_are_asserted(path):
    cells = code_cells(path)
    compared = [cell for cell in cells if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert compared
    assert all(cell.outputs for cell in compared), "a compared cell shows nothing"
    assert sum(count_assertions(cell.source) for cell in cells) >= 1


@each_notebook
def test_code_cells_fit_on_a_screen(path):
    lengths = {cell.id: len(cell.source.split("\n")) for cell in code_cells(path)}
    assert {cell_id: n for cell_id, n in lengths.items() if n > MAX_LINES} == {}
    assert statistics.median(lengths.values()) <= MAX_MEDIAN_LINES
    assert 0 not in {len(cell.source.strip()) for cell in read_notebook(path).cells}, "an empty cell"


@each_notebook
def test_nothing_tells_which_machine_ran_it(path):
    text = path.read_text(encoding="utf-8")
    for trace in {str(course_root()), str(Path.home()), tempfile.gettempdir() + "/"}:
        assert trace == "/" or trace not in text
    for cell in read_notebook(path).cells:
        shown = re.sub(r'"(image/\w+|audio/\w+)": "[^"]*"', "", json.dumps(cell))
        found = MACHINE.search(re.sub(r"base64,[A-Za-z0-9+/=]+", "", shown))
        assert not found, f"{cell.id}: {shown[max(found.start() - 60, 0) : found.end() + 60]}"
    assert text == to_text(cleaned(read_notebook(path))), "not as `aigc-course release` writes notebooks"


@each_notebook
def test_it_begins_and_ends_as_every_notebook_does(path):
    cells = read_notebook(path).cells
    assert cells[0].source.startswith("# ")
    for part in ("You will be able to", "You need", "It takes"):
        assert part in cells[0].source, f"the first cell lacks {part!r}"
    end = "\n".join(cell.source for cell in cells[-3:])
    assert "## Recap" in end and "Three questions" in end
    assert len({cell.id for cell in cells}) == len(cells)


@each_notebook
def test_exercises_are_those_of_this_notebook(path):
    ids = [exercise_id for cell in code_cells(path) for exercise_id in checked_exercises(cell.source)]
    number = path.stem.split("_")[0]
    assert sorted(ids) == [exercise_id for exercise_id in all_exercises() if exercise_id.startswith(f"{number}.")]


def test_solutions_pass_and_learners_start_from_nothing():
    for path in FILES:
        expected = ": passed." if path.parent == solutions_dir() else ": not started."
        for cell in code_cells(path):
            if checked_exercises(cell.source):
                assert expected in cell.outputs[0].data["text/plain"], f"{path.name}, {cell.id}"


def test_learners_notebooks_are_what_the_solutions_give():
    assert make_release(check=True).differences == ()

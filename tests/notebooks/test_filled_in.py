"""A notebook runs from top to bottom whatever its learner has done so far: half of the exercises, or all of them wrong.

What it shows elsewhere is what it always shows; the checks say what was done.
"""

import pytest

from aigc_course.exercises.registry import exercise
from aigc_course.teaching.execute import execute
from aigc_course.teaching.notebook import checked_exercises, notebook_files, solutions_dir, write_notebook
from tests.notebooks.filling import a_misconception, every_second, filled_in
from tests.teaching.notebooks import write

FILLS = {
    "half": (every_second, lambda place: "passed" if place % 2 else "not started"),
    "wrong": (a_misconception, lambda _: "failed"),
}


WITH_EXERCISES = [path for path in notebook_files(solutions_dir()) if filled_in(path, every_second)[1]]


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_EXERCISES, ids=lambda path: path.stem)
@pytest.mark.parametrize("fill", FILLS)
def test_it_runs_to_its_end(path, fill, tmp_path):
    change, expected = FILLS[fill]
    notebook, ids = filled_in(path, change)
    write_notebook(tmp_path / path.name, notebook)
    environment = {
        "AIGC_PROFILE": "smoke",
        "AIGC_PROGRESS": str(tmp_path / "progress.json"),
        "AIGC_RUNS": str(tmp_path / "runs"),
    }
    run = execute(tmp_path / path.name, environment=environment)
    assert run.failure is None, str(run.failure)
    assert outcomes(run.notebook) == {exercise_id: expected(place) for place, exercise_id in enumerate(ids)}
    for before, after in zip(notebook.cells, run.notebook.cells, strict=True):
        if "nbval-check-output" in before.metadata.get("tags", []):
            assert printed(after) == printed(before), f"{before.id} depends on a learner's answer"


def test_the_labs_alone_have_no_exercises():
    without = {path.stem for path in notebook_files(solutions_dir())} - {path.stem for path in WITH_EXERCISES}
    assert without == {"13_applications"}


def test_the_copies_are_what_they_are_called(tmp_path):
    stub = "def f(loss_nats):\n    ### BEGIN SOLUTION\n    return 1.0\n    ### END SOLUTION"
    cells = (stub, 'check("00.1", f)', stub.replace("def f", "def g"), 'check("00.2", g)')
    path = write(tmp_path, "00_small.ipynb", *cells)
    half, ids = filled_in(path, every_second)
    assert ids == ["00.1", "00.2"]
    assert "NotImplementedError" in half.cells[0].source and "return 1.0" not in half.cells[0].source
    assert half.cells[2].source == cells[2]
    wrong, _ = filled_in(path, a_misconception)
    namespace = {}
    exec(wrong.cells[0].source, namespace)
    assert namespace["f"](3.0) == exercise("00.1").misconceptions[0].wrong(3.0) != 1.0
    assert "misconceptions[1].wrong(loss_nats)" in wrong.cells[2].source


def test_an_unchecked_exercise_is_seen(tmp_path):
    path = write(tmp_path, "00_small.ipynb", "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION")
    with pytest.raises(AssertionError, match="f is checked by no cell"):
        filled_in(path, every_second)


def outcomes(notebook):
    """What each check says: the exercise -> its status."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and checked_exercises(cell.source):
            text = cell.outputs[-1].data["text/plain"]
            found[checked_exercises(cell.source)[0]] = next(
                status for status in ("not started", "passed", "failed") if f": {status}." in text
            )
    return found


def printed(cell):
    """What a cell printed and gave, as text."""
    parts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(parts)

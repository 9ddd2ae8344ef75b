import nbformat
import pytest

from aigc_course.errors import CourseError, DataError, UsageError
from aigc_course.exercises import exercise
from aigc_course.teaching.release import make_release, refresh, release, released, strip_solutions
from tests.teaching.notebooks import notebook, write

SOLVED = '''def perplexity(loss_nats):
    """exp of the loss."""
    ### BEGIN SOLUTION
    import math

    return math.exp(loss_nats)
    ### END SOLUTION'''
STUB = '''def perplexity(loss_nats):
    """exp of the loss."""
    raise NotImplementedError("your answer goes here")'''


@pytest.fixture
def folders(tmp_path):
    solutions, notebooks = tmp_path / "solutions", tmp_path / "notebooks"
    write(solutions, "01_a.ipynb", "# A", SOLVED, "1 + 1")
    write(solutions, "02_b.ipynb", "# B", "2 + 2")
    return solutions, notebooks


def test_a_solution_gives_way_to_a_stub_at_its_indentation():
    assert strip_solutions(SOLVED, "here") == STUB
    nested = "class A:\n    def f(self):\n        ### BEGIN SOLUTION\n        pass\n        ### END SOLUTION\n    x = 1"
    assert "        raise NotImplementedError" in strip_solutions(nested, "here")
    assert strip_solutions(nested, "here").endswith("\n    x = 1")


def test_several_solutions_in_one_cell():
    source = f"{SOLVED}\n\n{SOLVED}"
    assert strip_solutions(source, "here") == f"{STUB}\n\n{STUB}"


def test_a_solution_in_text():
    text = "Why?\n\n### BEGIN SOLUTION\nBecause.\n### END SOLUTION"
    assert strip_solutions(text, "here", markdown=True) == "Why?\n\n*Your answer goes here.*"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f():\n    ### BEGIN SOLUTION\n    pass", "without '### END SOLUTION' after it"),
        ("    ### END SOLUTION", "without '### BEGIN SOLUTION' before it"),
        ("    ### BEGIN SOLUTION\n    ### BEGIN SOLUTION\n    ### END SOLUTION", "inside a solution"),
        ("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", "outside a function"),
    ],
)
def test_a_wrong_marker_names_the_cell(source, words):
    with pytest.raises(UsageError, match=r"01_a.ipynb, cell cell-1: .*" + words):
        released(notebook(source), "01_a.ipynb")


def test_ids_and_outputs_stay_and_checks_start_over():
    solved = notebook("3 * 7", 'check("00.1", perplexity)')
    passed = {"text/plain": "✓ passed"}
    for number, cell in enumerate(solved.cells, start=1):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("execute_result", data=passed, execution_count=number)]
        cell.metadata["execution"] = {"iopub.execute_input": "2026-01-01"}
    first, second = released(solved, "01_a.ipynb").cells
    assert (first.id, second.id) == ("cell-1", "cell-2")
    assert first.outputs[0].data == passed
    assert second.outputs[0].data["text/plain"].startswith("○ 00.1")
    assert exercise("00.1").title in second.outputs[0].data["text/html"]
    assert second.outputs[0].execution_count == 2
    assert "execution" not in first.metadata


def test_a_release_is_clean_and_the_same_bytes_again(folders):
    solutions, notebooks = folders
    assert len(make_release(source=solutions, target=notebooks).written) == 2
    before = {path: path.read_bytes() for path in notebooks.iterdir()}
    again = make_release(source=solutions, target=notebooks)
    assert again.written == () and again.clean
    assert make_release(check=True, source=solutions, target=notebooks).clean
    assert before == {path: path.read_bytes() for path in notebooks.iterdir()}
    assert all(b"\r" not in text and text.endswith(b"}\n") for text in before.values())


def test_check_writes_nothing_and_names_the_cell(folders, capsys):
    solutions, notebooks = folders
    report = make_release(check=True, source=solutions, target=notebooks)
    assert report.differences == ("01_a.ipynb: not made yet", "02_b.ipynb: not made yet")
    assert not notebooks.exists()
    assert release(source=solutions, target=notebooks) == 0
    write(solutions, "01_a.ipynb", "# A", SOLVED, "1 + 2")
    (notebooks / "03_c.ipynb").write_text("{}")
    capsys.readouterr()
    assert release(check=True, source=solutions, target=notebooks) == 1
    out = capsys.readouterr().out
    assert "01_a.ipynb: cell 3 (cell-3) differs in its source" in out
    assert "03_c.ipynb: has no solution it is made from; remove it" in out


def test_an_added_cell_is_reported(folders):
    solutions, notebooks = folders
    make_release(source=solutions, target=notebooks)
    write(solutions, "02_b.ipynb", "# B", "2 + 2", "3")
    report = make_release(check=True, source=solutions, target=notebooks)
    assert report.differences == ("02_b.ipynb: has 2 cells, the solution gives 3",)


def test_unreadable_notebooks_are_named(tmp_path):
    with pytest.raises(DataError, match="no notebooks"):
        make_release(source=tmp_path, target=tmp_path)
    (tmp_path / "01.ipynb").write_text("not json")
    with pytest.raises(DataError, match=r"cannot read the notebook .*01\.ipynb"):
        make_release(source=tmp_path, target=tmp_path / "out")


def test_refresh_executes_solutions_and_keeps_a_broken_one(tmp_path):
    good = write(tmp_path, "01_a.ipynb", "import os\nos.environ['AIGC_PROFILE']")
    refresh(source=tmp_path, profile="smoke")
    cell = nbformat.read(good, as_version=4).cells[0]
    assert cell.outputs[0].data["text/plain"] == "'smoke'"
    broken = write(tmp_path, "02_b.ipynb", "1 / 0")
    before = broken.read_bytes()
    assert refresh(source=tmp_path, profile="smoke", numbers=["1"]) == (good,)
    with pytest.raises(CourseError, match=r"02_b.ipynb stopped at cell 1 \(cell-1\): ZeroDivisionError"):
        refresh(source=tmp_path, profile="smoke")
    assert broken.read_bytes() == before

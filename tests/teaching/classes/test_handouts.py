"""The release by nbgrader's rules for the metadata of cells (schema version 3); nbgrader itself isn't needed."""

import ast
import hashlib

import nbformat
import pytest

from aigc_course.teaching.classes.class_folder import init_class
from aigc_course.teaching.classes.handouts import hand_out
from aigc_course.teaching.classes.needed import needed_code
from aigc_course.teaching.notebook import notebook_files, read_notebook, solutions_dir
from aigc_course.teaching.release import BEGIN, STUB


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    folder = init_class(tmp_path_factory.mktemp("class"), "A class", ["05"])
    source, release = hand_out(folder, "05")
    return folder, read_notebook(source), read_notebook(release)


def marked(notebook):
    return [cell for cell in notebook.cells if "nbgrader" in cell.metadata]


def test_each_exercise_has_an_answer_and_a_test(handed_out):
    folder, source, release = handed_out
    for notebook in (source, release):
        roles = [(meta["grade"], meta["solution"]) for meta in (cell.metadata.nbgrader for cell in marked(notebook))]
        assert sorted(roles) == [(False, True)] * 8 + [(True, False)] * 8
        points = [cell.metadata.nbgrader["points"] for cell in marked(notebook) if cell.metadata.nbgrader["grade"]]
        assert points == list(folder.assignment("05").points.values())


def test_the_metadata_follow_the_schema(handed_out):
    for notebook in handed_out[1:]:
        nbformat.validate(notebook)
        ids = [cell.metadata.nbgrader["grade_id"] for cell in marked(notebook)]
        assert len(ids) == len(set(ids))
        for cell in marked(notebook):
            meta = cell.metadata.nbgrader
            keys = {"schema_version", "grade", "solution", "locked", "task", "grade_id", "cell_type", "checksum"}
            assert set(meta) == keys | ({"points"} if meta["grade"] else set())
            assert meta["schema_version"] == 3 and meta["task"] is False and meta["cell_type"] == cell.cell_type
            assert meta["locked"] is meta["grade"] and meta["grade"] is not meta["solution"]
            assert cell.metadata.deletable is False and cell.metadata.get("editable", True) is meta["solution"]


def test_checksums_are_those_that_nbgrader_computes(handed_out):
    """Of source, kind, grade, solution, locked, id and, where there are some, points as a float; in this order."""
    for cell in marked(handed_out[2]):
        meta = cell.metadata.nbgrader
        text = f"{cell.source}code{meta['grade']}{meta['solution']}{meta['locked']}{meta['grade_id']}"
        text += str(float(meta["points"])) if meta["grade"] else ""
        assert meta["checksum"] == hashlib.md5(text.encode()).hexdigest()


def test_the_release_has_no_answers_and_the_source_has_all(handed_out):
    _, source, release = handed_out
    assert sum(BEGIN in cell.source for cell in marked(source)) == 8
    assert all("SOLUTION" not in cell.source for cell in release.cells)
    assert sum(STUB in cell.source for cell in marked(release)) == 8
    assert [cell.id for cell in source.cells] == [cell.id for cell in release.cells]


def test_a_test_shows_the_check_and_gives_the_points(handed_out):
    for cell in marked(handed_out[2]):
        if not cell.metadata.nbgrader["grade"]:
            continue
        shown, result = cell.outputs
        assert shown.output_type == "display_data" and "○" in shown.data["text/plain"]
        assert result.output_type == "execute_result" and result.data["text/plain"] == "0"
        for found in (True, False):
            space = {"check": lambda *_, found=found: found, "display": lambda _: None}
            tree = ast.parse(cell.source)
            names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"check", "display", "bool"}
            exec(compile(ast.Module(tree.body[:-1], []), "cell", "exec"), space | dict.fromkeys(names), space)
            points = eval(compile(ast.Expression(tree.body[-1].value), "cell", "eval"), space)
            assert points == found * cell.metadata.nbgrader["points"]


def test_no_notebook_has_another_use_for_the_name_of_the_result():
    for path in notebook_files(solutions_dir()):
        assert "result_of_check" not in path.read_text(encoding="utf-8"), path.name


@pytest.mark.slow
def test_every_notebook_can_be_handed_out_and_graded(tmp_path):
    folder = init_class(tmp_path / "all", "All", [])
    for number in folder.assignments:
        _, path = hand_out(folder, number)
        cells = [cell.source for cell in read_notebook(path).cells if cell.cell_type == "code"]
        for exercise_id in folder.assignment(number).points:
            assert needed_code(cells, exercise_id, "none").statements

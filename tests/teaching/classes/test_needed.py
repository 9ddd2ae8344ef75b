import ast

import pytest

from aigc_course.teaching.classes.needed import NotFound, needed_code
from aigc_course.teaching.classes.submissions import answer_names
from aigc_course.teaching.notebook import notebook_files, read_notebook, solutions_dir


def names_and_files(cells, exercise_id="05.2", name="f"):
    needed = needed_code(cells, exercise_id, name)
    return [(file, ast.unparse(tree).split("\n")[0]) for file, tree in needed.statements], ast.unparse(needed.answer)


def test_what_the_function_needs_and_nothing_else():
    cells = [
        "import math, torch\nimport numpy as np\nscale = 2",
        "x = train()\nunrelated = 1",
        "def helper(x):\n    return scale * x\ndef f(a):\n    return helper(math.exp(a))",
        'check("05.2", f)',
    ]
    found, answer = names_and_files(cells)
    assert found == [
        ("code cell 1", "import math, torch"),
        ("code cell 1", "scale = 2"),
        ("code cell 3", "def helper(x):"),
        ("code cell 3", "def f(a):"),
    ]
    assert answer == "f"


def test_names_that_a_function_binds_itself_are_not_taken_from_the_notebook():
    cells = ["x = train()\nimage = 3", "def f(x):\n    image = [x for x in range(3)]\n    return image"]
    assert names_and_files(cells)[0] == [("code cell 2", "def f(x):")]


def test_everything_that_changes_a_needed_name():
    cells = ["table = {}\ntable['a'] = 1\ntable |= {2: 3}\nif True:\n    table = dict(table)\nprint(table)"]
    cells += ["for name in ['b']:\n    table[name] = 2", "def f(a):\n    return table[a]"]
    found = [text for _, text in names_and_files(cells)[0]]
    assert found == ["table = {}", "table['a'] = 1", "table |= {2: 3}", "if True:", "for name in ['b']:", "def f(a):"]


def test_a_name_that_was_something_else_before():
    cells = ["f = train()\nc = slow()", "y = c + 1\nc = 5", "def f(a):\n    return c", 'check("05.2", f)']
    assert [text for _, text in names_and_files(cells)[0]] == ["c = 5", "def f(a):"]
    cells[2] = "def f(a):\n    return f(y) + c"
    assert [text for _, text in names_and_files(cells)[0]] == ["c = slow()", "y = c + 1", "c = 5", "def f(a):"]


def test_what_stands_behind_the_last_check_does_not_count():
    cells = ["def f(a): return 1", 'check("05.2", f)', "def f(a): return 2", 'check("05.6", f)']
    assert [file for file, _ in names_and_files(cells)[0]] == ["code cell 1"]
    assert [file for file, _ in names_and_files(cells, "05.6")[0]] == ["code cell 3"]


def test_another_name_a_lambda_and_a_missing_check():
    assert names_and_files(["def g(a): return 1", 'check("05.2", g)']) == ([("code cell 1", "def g(a):")], "g")
    found, answer = names_and_files(["c = 3", 'checked = check("05.2", lambda a: c * a)\n2 * bool(checked)'])
    assert found == [("code cell 1", "c = 3")] and answer == "lambda a: c * a"
    assert names_and_files(["def f(a): return 1"])[1] == "f"


def test_magics_and_cells_that_are_no_python_count_as_empty():
    cells = ["%matplotlib inline\n!ls\nc = 3", "this is no python", "def f(a):\n    return c"]
    assert [text for _, text in names_and_files(cells)[0]] == ["c = 3", "def f(a):"]


def test_an_answer_that_is_not_there():
    with pytest.raises(NotFound, match=r"does not define f; code cell 1 is no Python: .*line 1"):
        names_and_files(["def f(a) return 1", 'check("05.2", f)'])
    with pytest.raises(NotFound, match="does not define f"):
        names_and_files(['check("05.2", f)', "def f(a): return 1"])


def _require_no_training(path):
    slow = ("train", "fit", "load_dataset")
    cells = [cell.source for cell in read_notebook(path).cells if cell.cell_type == "code"]
    for exercise_id, name in answer_names(path).items():
        found, _ = names_and_files(cells, exercise_id, name)
        assert any(f"def {name}(" in text for _, text in found), (path.name, exercise_id)
        assert not [text for _, text in found if any(f"{one}(" in text for one in slow)], (path.name, found)


def test_no_answer_needs_a_training():
    _require_no_training(solutions_dir() / "06_attention_and_gpt.ipynb")


@pytest.mark.slow
def test_no_answer_of_any_notebook_needs_a_training():
    for path in notebook_files(solutions_dir()):
        _require_no_training(path)

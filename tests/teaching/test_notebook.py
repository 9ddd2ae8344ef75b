import nbformat
import pytest

from aigc_course.teaching.notebook import checked_exercises, cleaned, count_assertions, to_text
from tests.teaching.notebooks import notebook


def test_checks_and_assertions_are_found_where_python_sees_them():
    source = '%load_ext x\nassert 1\n# check("00.9", f)\nfor _ in x:\n    assert _\ncheck("00.1", f)\ncheck("00.2", g)'
    assert checked_exercises(source) == ["00.1", "00.2"]
    assert count_assertions(source) == 2
    assert checked_exercises("text = 'check(\"00.1\", f)'") == []


def test_cleaning_takes_what_is_of_one_machine_and_keeps_the_rest():
    given = notebook("1", tags={1: ["gallery"]})
    given.metadata = {"kernelspec": {"name": "mine", "display_name": "My env"}, "widgets": {"state": {}}}
    given.cells[0].metadata.update({"caption": "One", "collapsed": True, "ExecuteTime": {"start": "now"}})
    result = cleaned(given)
    assert result.metadata.kernelspec.name == "python3"
    assert "widgets" not in result.metadata
    assert result.cells[0].metadata == {"tags": ["gallery"], "caption": "One"}
    assert given.metadata["kernelspec"]["name"] == "mine"


@pytest.mark.parametrize("text", ["σ²", "\n"])
def test_the_text_of_a_file_is_plain(text):
    written = to_text(notebook(f"print({text!r})"))
    assert ascii(text)[1:-1] not in written or text.isascii()
    assert written.endswith("}\n") and not written.endswith("\n\n")


def test_a_stream_that_came_in_pieces_is_one():
    made = notebook("write()")
    pieces = [("stdout", "so "), ("stdout", "it "), ("stderr", "oh"), ("stdout", "goes\n"), ("stdout", "on")]
    made.cells[0].outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in pieces]
    joined = [(output.name, output.text) for output in cleaned(made).cells[0].outputs]
    assert joined == [("stdout", "so it "), ("stderr", "oh"), ("stdout", "goes\non")]


def test_a_progress_bar_is_kept_in_its_last_state_and_addresses_go():
    made = notebook("train()")
    made.cells[0].outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="\rloss:  0%"),
        nbformat.v4.new_output("display_data", data={"text/plain": "<Figure at 0x7f2edb398610>"}),
        nbformat.v4.new_output("stream", name="stdout", text="\rloss: 50%\rloss: 100%\ndone\n"),
    ]
    picture, text = cleaned(made).cells[0].outputs
    assert picture.data["text/plain"] == "<Figure>"
    assert text.text == "loss: 100%\ndone\n"


def test_a_live_view_leaves_its_picture():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    made = notebook("explorer")
    for extra in ({"image/png": "cGljdHVyZQ=="}, {}):
        output = nbformat.v4.new_output("display_data", data={**view, **extra, "text/plain": "Explorer: 1"})
        made.cells[0].outputs.append(output)
    with_picture, alone = cleaned(made).cells[0].outputs[-2:]
    assert with_picture.data == {"image/png": "cGljdHVyZQ==", "text/plain": "Explorer: 1"}
    assert set(alone.data) == {*view, "text/plain"}

"""`aigc-course notebooks`, `diff` and `reset`: what they print, on a course of one notebook."""

from pathlib import Path

import pytest

from aigc_course.cli import main
from aigc_course.errors import DataError
from aigc_course.teaching import copies
from aigc_course.teaching.differences import notebook_differences, write_page
from tests.teaching.notebooks import notebook, write


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The learner's copy; the course's version is in tmp_path/notebooks."""
    write(tmp_path / "notebooks", "00_a.ipynb", "# A", "x = 1", "y = 2")
    for module in ("copies", "notebook"):
        monkeypatch.setattr(f"aigc_course.teaching.{module}.notebooks_dir", lambda: tmp_path / "notebooks")
    monkeypatch.setattr(copies, "my_notebooks_dir", lambda: tmp_path / "mine")
    return tmp_path / "mine" / "00_a.ipynb"


def run(capsys: pytest.CaptureFixture, *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    captured = capsys.readouterr()
    return caught.value.code or 0, captured.out + captured.err  # type: ignore[return-value]


def test_an_upgrade_as_a_learner_sees_it(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    status, out = run(capsys, "diff", "00")
    assert status == 2 and "you have no copy of 00_a.ipynb yet; `aigc-course notebooks` makes one" in out
    assert f"New in {mine.parent}, yours to change: 00_a.ipynb." in run(capsys, "notebooks")[1]
    assert "up to date" in run(capsys, "notebooks")[1]
    assert "the same cells" in run(capsys, "diff", "00")[1]
    write(mine.parent, mine.name, "# A", "x = 10", "y = 2")
    write(tmp_path / "notebooks", "00_a.ipynb", "# A", "x = 1", "y = 3")
    status, out = run(capsys, "notebooks")
    assert status == 0 and "yours stays" in out and "00_a.new.ipynb" in out and "aigc-course diff 00" in out
    status, out = run(capsys, "diff", "0")
    assert status == 0 and "\x1b" not in out
    assert [line for line in out.splitlines() if line[:1] in "-+" and line] == [
        "-  x = 10", "+  x = 1", "-  y = 2", "+  y = 3",
    ]  # fmt: skip
    assert "cell 2 (cell-2)" in out and "cell 3 (cell-3)" in out and "/cells/" not in out
    status, out = run(capsys, "reset", "00")
    assert status == 0 and "00_a.1.ipynb" in out
    assert (mine.parent / "backups" / "00_a.1.ipynb").exists() and "y = 3" in mine.read_text()


def test_other_changes_are_told_apart(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run(capsys, "notebooks")
    write(tmp_path / "notebooks", "00_a.ipynb", "# B", "x = 1", "y = 2")
    assert "you had not changed yours" in run(capsys, "notebooks")[1]
    mine.write_text(mine.read_text().replace('"execution_count": null', '"execution_count": 3', 1))
    write(tmp_path / "notebooks", "00_a.ipynb", "# C", "x = 1", "y = 2")
    out = run(capsys, "notebooks")[1]
    assert "only run" in out and "00_a.1.ipynb" in out


def test_the_page_has_the_differences_in_colours_and_escaped(mine: Path, tmp_path: Path, capsys) -> None:
    run(capsys, "notebooks")
    write(mine.parent, mine.name, "# A", "x = '<script>'", "y = 2")
    out = tmp_path / "out.html"
    assert run(capsys, "diff", "00", "--html", str(out)) == (0, f"Wrote {out}.\n")
    page = out.read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page and "<script" not in page and "x = 1" in page
    assert "\x1b" not in page and page.count("color: #") >= 2 and "Differences in 00_a.ipynb</title>" in page


def test_added_and_removed_cells_are_named(tmp_path: Path) -> None:
    first = write(tmp_path, "first.ipynb", "# A", "a = 1", "b = 2")
    second = write(tmp_path, "second.ipynb", "# A", "b = 2", "c = 3")
    changed = notebook("# A", "b = 2", "c = 3")
    changed.cells[1].id, changed.cells[2].id = "cell-3", "cell-4"
    import nbformat

    nbformat.write(changed, second)
    out = notebook_differences(first, second)
    assert "deleted cell 2 (cell-2)" in out and "a = 1" in out and "inserted before the end" in out and "c = 3" in out


def test_what_is_no_notebook_is_an_error(tmp_path: Path) -> None:
    good = write(tmp_path, "good.ipynb", "1")
    (tmp_path / "bad.ipynb").write_text("text")
    with pytest.raises(DataError, match="cannot read the notebook"):
        notebook_differences(tmp_path / "bad.ipynb", good)
    write_page(tmp_path / "page.html", "a < b", "text")
    assert "<title>a &lt; b</title>" in (tmp_path / "page.html").read_text()

from pathlib import Path

import pytest

from aigc_course.data import load_dataset, load_text
from aigc_course.errors import DataError, UsageError


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("AIGC_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "mine"
    path.mkdir()
    (path / "a.txt").write_text("\n".join(f"line {i}{' shit' if i % 2 else ''}" for i in range(20)))
    return path


def test_sets_of_text_are_loaded_by_name_or_folder(folder):
    assert load_text("toy-comments").splits == load_dataset("toy-comments").splits
    assert load_text(folder).splits == load_text(str(folder)).splits == load_dataset(folder, kind="text").splits


def test_a_folder_of_your_own_is_not_filtered(folder):
    assert sum(map(len, load_text(folder, "classroom").splits.values())) == 20
    assert load_text(folder, "off").splits == load_text(folder).splits


def test_options_are_passed_on(folder):
    assert len(load_text(folder, documents="files").documents("train")) == 1
    with pytest.raises(UsageError, match="unknown option of a folder 'document'; did you mean 'documents'"):
        load_text(folder, document="files")


@pytest.mark.parametrize("name", ["toy-comments", "goemotions"])
def test_another_filter_is_refused_before_anything_is_read(name):
    with pytest.raises(UsageError, match="unknown value of data_filter 'on'"):
        load_text(name, "on")


def test_sets_of_other_kinds_are_refused_even_where_they_are_absent():
    with pytest.raises(UsageError, match="data set 'mnist' holds images, but text is needed: toy-comments, goemotions"):
        load_text("mnist")


def test_unknown_names_and_absent_sets():
    with pytest.raises(UsageError, match="did you mean 'toy-comments'"):
        load_text("toy-comment")
    with pytest.raises(DataError, match="data download goemotions"):
        load_text("goemotions")

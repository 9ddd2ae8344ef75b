import os
import stat
import zipfile
from datetime import datetime

import pytest

from aigc_course.errors import DataError
from aigc_course.teaching.classes.class_folder import init_class, set_due
from aigc_course.teaching.classes.collecting import collect


@pytest.fixture
def folder(tmp_path):
    made = set_due(init_class(tmp_path / "class", "A class", ["05", "06"]), "05", "2026-03-02 23:59")
    (made.path / "roster.csv").write_text("id,also\nada,1234567\nbob,\ns_06,\ncy,\n")
    return made


def put(path, text="{}", when=datetime(2026, 3, 1)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (when.timestamp(), when.timestamp()))


def taken(folder, source):
    found = collect(folder, "05", source)
    return {student: folder.submission(student, "05").read_text() for student in found.taken}


def test_the_shapes_in_which_notebooks_come(folder, tmp_path):
    put(tmp_path / "nbgrader" / "ada" / "05" / "05_vae_elbo.ipynb", "a")
    put(tmp_path / "nbgrader" / "ada" / "06" / "06_attention.ipynb", "not this one")
    put(tmp_path / "flat" / "bob_05.ipynb", "b")
    put(tmp_path / "flat" / "BOB-06.ipynb", "not this one")
    put(tmp_path / "flat" / "s_06_05.ipynb", "s")
    put(tmp_path / "moodle" / "Ada Lovelace_1234567_assignsubmission_file_" / "my work.ipynb", "m")
    assert taken(folder, tmp_path / "nbgrader") == {"ada": "a"}
    assert taken(folder, tmp_path / "flat") == {"bob": "b", "s_06": "s"}
    assert taken(folder, tmp_path / "moodle") == {"ada": "m"}


def test_late_missing_double_and_unknown(folder, tmp_path):
    put(tmp_path / "in" / "ada_05.ipynb", "old", datetime(2026, 3, 1))
    put(tmp_path / "in" / "again" / "ada_05.ipynb", "new", datetime(2026, 3, 3, 0, 1))
    put(tmp_path / "in" / "bob_05.ipynb", "in time", datetime(2026, 3, 2, 23, 59))
    put(tmp_path / "in" / "eve_05.ipynb")
    put(tmp_path / "in" / "ada" / "bob" / "05.ipynb")
    put(tmp_path / "in" / "adam_05.ipynb")
    before = {path: path.read_bytes() for path in (tmp_path / "in").rglob("*.ipynb")}
    found = collect(folder, "05", tmp_path / "in")
    assert found.taken == {"ada": "again/ada_05.ipynb", "bob": "bob_05.ipynb"}
    assert found.duplicate == {"ada": ("ada_05.ipynb",)}
    assert found.late == {"ada": "2026-03-03 00:01"}
    assert found.missing == ("s_06", "cy")
    assert found.unknown == ("ada/bob/05.ipynb", "adam_05.ipynb", "eve_05.ipynb")
    assert folder.submission("ada", "05").read_text() == "new"
    assert before == {path: path.read_bytes() for path in (tmp_path / "in").rglob("*.ipynb")}


def test_links_are_refused(folder, tmp_path):
    put(tmp_path / "secret.ipynb", "secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada_05.ipynb").symlink_to(tmp_path / "secret.ipynb")
    put(tmp_path / "elsewhere" / "bob_05.ipynb")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    found = collect(folder, "05", tmp_path / "in")
    assert found.taken == {} and "no plain file" in found.refused["ada"]
    assert not folder.submission("ada", "05").exists() and "bob" in found.missing


def archive(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in entries.items():
            made.writestr(name, data)
    return path


def test_an_archive(folder, tmp_path):
    info = zipfile.ZipInfo("x_1234567_y/05.ipynb", (2026, 3, 3, 10, 0, 0))
    made = archive(tmp_path / "in.zip", {info: "a", "bob_05.ipynb": "b", "__MACOSX/cy_05.ipynb": "", "readme.txt": ""})
    found = collect(folder, "05", made)
    assert found.taken == {"ada": "x_1234567_y/05.ipynb", "bob": "bob_05.ipynb"}
    assert found.late["ada"] == "2026-03-03 10:00"
    assert folder.submission("ada", "05").read_text() == "a"


@pytest.mark.parametrize("name", ["../ada_05.ipynb", "/tmp/ada_05.ipynb", "a/../../ada_05.ipynb", "C:\\ada_05.ipynb"])
def test_names_that_lead_out_of_an_archive(folder, tmp_path, name):
    made = archive(tmp_path / "in.zip", {name: "x"})
    with pytest.raises(DataError, match="leads out of it"):
        collect(folder, "05", made)
    assert not (folder.path / "submitted").exists()


def test_links_and_bombs_in_an_archive(folder, tmp_path):
    link = zipfile.ZipInfo("ada_05.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    made = archive(tmp_path / "in.zip", {link: "/etc/passwd", "bob_05.ipynb": bytes(40 << 20)})
    assert made.stat().st_size < 1 << 20
    found = collect(folder, "05", made)
    assert found.taken == {} and set(found.refused) == {"ada", "bob"}
    many = archive(tmp_path / "many.zip", {f"{n}.ipynb": "" for n in range(20_001)})
    with pytest.raises(DataError, match="20,001 entries"):
        collect(folder, "05", many)


def test_an_entry_that_lies_about_its_size(folder, tmp_path):
    data = archive(tmp_path / "in.zip", {"ada_05.ipynb": bytes(1 << 20)}).read_bytes()
    small = data.replace((1 << 20).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (tmp_path / "in.zip").write_bytes(small)
    with pytest.raises(DataError, match="cannot read the archive"):
        collect(folder, "05", tmp_path / "in.zip")


def test_what_is_no_archive(folder, tmp_path):
    put(tmp_path / "x.zip", "no archive")
    with pytest.raises(DataError, match="cannot read the archive"):
        collect(folder, "05", tmp_path / "x.zip")
    with pytest.raises(DataError, match=r"neither a folder nor a \.zip"):
        collect(folder, "05", tmp_path / "absent")

import pytest

from aigc_course.data.folders import changed_file, new_folder, problem, read_origin, size_bytes, write_origin
from aigc_course.files import WriteError


def fill(final, content: bytes = b"abc") -> None:
    with new_folder(final) as folder:
        (folder / "raw").mkdir()
        (folder / "raw" / "a").write_bytes(content)
        write_origin(folder, {"origin": "here"})


def test_a_folder_appears_whole_and_read_only_and_replaces_the_old_one(tmp_path):
    for content in (b"abc", b"defg"):
        fill(tmp_path / "sets" / "mine", content)
        assert (tmp_path / "sets" / "mine" / "raw" / "a").read_bytes() == content
    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["mine"]
    assert (tmp_path / "sets" / "mine" / "raw" / "a").stat().st_mode & 0o777 == 0o444
    assert size_bytes(tmp_path / "sets" / "mine") > 4 and size_bytes(tmp_path / "nowhere") == 0


def fail(final) -> None:
    with new_folder(final) as folder:
        (folder / "raw").mkdir()
        (folder / "raw" / "a").write_bytes(b"half")
        raise KeyError


def test_what_fails_leaves_the_old_folder(tmp_path):
    fill(tmp_path / "mine")
    with pytest.raises(KeyError):
        fail(tmp_path / "mine")
    assert (tmp_path / "mine" / "raw" / "a").read_bytes() == b"abc"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_full_disk_is_explained(tmp_path):
    with pytest.raises(WriteError, match="the disk is full"), new_folder(tmp_path / "mine"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_origin_knows_every_file(tmp_path):
    fill(tmp_path / "mine")
    origin = read_origin(tmp_path / "mine")
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert origin == {"origin": "here", "files": {"a": {"sha256": abc, "bytes": 3}}}
    assert problem(tmp_path / "mine") == changed_file(tmp_path / "mine") == ""


@pytest.mark.parametrize(
    ("content", "message", "changed"),
    [(b"abd", "", "a"), (b"abcd", "a has 4 bytes instead of 3", "a"), (None, "a is missing", None)],
)
def test_changes_are_noticed(tmp_path, content, message, changed):
    fill(tmp_path / "mine")
    file = tmp_path / "mine" / "raw" / "a"
    file.chmod(0o644)
    file.unlink() if content is None else file.write_bytes(content)
    assert problem(tmp_path / "mine") == message
    if changed:
        assert changed_file(tmp_path / "mine") == changed


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"files": {"a": 3}}', '{"files": []}'])
def test_an_origin_that_cannot_be_read_is_a_problem(tmp_path, content):
    fill(tmp_path / "mine")
    path = tmp_path / "mine" / "origin.json"
    path.chmod(0o644)
    path.unlink() if content is None else path.write_text(content)
    assert problem(tmp_path / "mine") == "origin.json is missing or unreadable"

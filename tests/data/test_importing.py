import gzip
import hashlib
import tarfile
import zipfile

import pytest

from aigc_course.data.card import Card, RemoteFile
from aigc_course.data.importing import collect
from aigc_course.errors import DataError

FILES = {"images.idx": b"i" * 500, "labels.idx": b"l" * 20}
PACKED = {f"{name}.gz": gzip.compress(data) for name, data in FILES.items()}


def md5(data: bytes) -> str:
    return f"md5:{hashlib.md5(data).hexdigest()}"


CARD = Card(
    name="tiny",
    kind="images",
    title="t",
    summary="s",
    licence="l",
    source="s",
    language="none",
    embedded=False,
    caveats=("c",),
    loose_suffixes=(".png",),
    files=tuple(
        RemoteFile(
            name=f"{name}.gz",
            urls=(),
            digest=md5(PACKED[f"{name}.gz"]),
            size_bytes=1,
            unpacked_name=name,
            unpacked_digest=md5(data),
        )
        for name, data in FILES.items()
    ),
)


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source" / "MNIST" / "raw").mkdir(parents=True)
    return tmp_path / "source"


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def put(folder, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def kept(raw) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in raw.iterdir()}


@pytest.mark.parametrize("files", [FILES, PACKED, FILES | PACKED], ids=["unpacked", "packed", "both"])
@pytest.mark.parametrize("form", ["folder", "zip", "tar.gz"])
def test_official_files_in_any_form_are_kept_unpacked(files, form, source, raw, tmp_path):
    put(source / "MNIST" / "raw", files)
    put(source, {"preview.png": b"p"})
    if form == "zip":
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for path in source.rglob("*.*"):
                archive.write(path, path.relative_to(source))
        source = tmp_path / "x.zip"
    if form == "tar.gz":
        with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
            archive.add(source, "top")
        source = tmp_path / "x.tar.gz"
    assert collect(CARD, source, raw) is True
    assert kept(raw) == FILES


@pytest.mark.parametrize("name", ["images.idx", "images.idx.gz"])
def test_other_bytes_under_an_official_name_are_refused(name, source, raw):
    put(source, PACKED | {name: b"other"})
    with pytest.raises(DataError, match=rf"{name} of .* is not the official file: its md5 is"):
        collect(CARD, source, raw)


def test_missing_files_are_named(source, raw):
    put(source, {"images.idx": FILES["images.idx"]})
    with pytest.raises(DataError, match=r"holds only some files of tiny; missing: labels\.idx"):
        collect(CARD, source, raw)


def test_nothing_useful_says_what_was_expected(source, raw):
    put(source, {"notes.txt": b"n"})
    with pytest.raises(
        DataError, match=r"nothing of tiny; expected: images\.idx\.gz, images\.idx, .*or a folder or archive of \.png"
    ):
        collect(CARD, source, raw)


def test_single_examples_are_packed_the_same_way_each_time(source, raw, tmp_path):
    put(source, {"train/a/1.png": b"1", "train/b/2.PNG": b"22", "notes.txt": b"n"})
    assert collect(CARD, source, raw) is False
    first = kept(raw)
    (source / "train" / "a" / "1.png").touch()
    assert collect(CARD, source, raw) is False and kept(raw) == first
    with tarfile.open(raw / "imported.tar") as archive:
        assert archive.getnames() == ["train/a/1.png", "train/b/2.PNG"]


def test_several_archives_are_not_guessed_among(source, raw):
    put(source, {"a.tar": b"", "b.zip": b""})
    with pytest.raises(DataError, match=r"several archives \(a\.tar, b\.zip\)"):
        collect(CARD, source, raw)


def test_an_evil_archive_writes_nothing_outside(source, raw, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("../../escaped.png", b"x")
    with pytest.raises(DataError, match="leads outside"):
        collect(CARD, tmp_path / "x.zip", raw)
    assert not list(tmp_path.parent.glob("escaped.png")) and not list(tmp_path.glob("escaped.png"))

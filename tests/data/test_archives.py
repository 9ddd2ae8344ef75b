import gzip
import io
import os
import tarfile
import zipfile

import pytest

from aigc_course.data.archives import entries, gunzip
from aigc_course.errors import DataError

FILES = {"a/one.txt": b"1" * 3000, "a/b/two.txt": b"22", "three.txt": b""}


def pack(path, files=FILES, extra: list[tarfile.TarInfo] = ()):  # type: ignore[assignment]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path
    mode = {".gz": "w:gz", ".tgz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra:
            archive.addfile(info)
    return path


def content(path, **limits) -> dict[str, bytes]:
    return {entry.name: entry.read() for entry in entries(path, **limits)}


ARCHIVES = pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2"])


@ARCHIVES
def test_every_form_gives_the_same_files(suffix, tmp_path):
    assert content(pack(tmp_path / f"x{suffix}")) == FILES


def test_folder_and_single_file(tmp_path):
    for name, data in FILES.items():
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / name).write_bytes(data)
    (tmp_path / "x" / ".DS_Store").write_bytes(b"?")
    assert content(tmp_path / "x") == FILES
    assert content(tmp_path / "x" / "a" / "one.txt") == {"one.txt": FILES["a/one.txt"]}


@ARCHIVES
def test_hidden_files_are_left_out(suffix, tmp_path):
    files = FILES | {".git/config": b"x", "__MACOSX/a": b"x", "a/._one.txt": b"x"}
    assert content(pack(tmp_path / f"x{suffix}", files)) == FILES


@ARCHIVES
@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:/evil.txt"])
def test_names_that_lead_outside_are_refused(suffix, name, tmp_path):
    with pytest.raises(DataError, match="leads outside"):
        content(pack(tmp_path / f"x{suffix}", FILES | {name: b"x"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind, tmp_path):
    info = tarfile.TarInfo("link.txt")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(DataError, match="link or device"):
        content(pack(tmp_path / "x.tar", extra=[info]))


def test_links_in_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        info = zipfile.ZipInfo("link.txt")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        content(tmp_path / "x.zip")


@ARCHIVES
def test_too_much_is_refused(suffix, tmp_path):
    path = pack(tmp_path / f"x{suffix}")
    assert content(path, max_bytes=3002) == FILES
    with pytest.raises(DataError, match="unpacks to more than"):
        content(path, max_bytes=3001)


@ARCHIVES
def test_cut_off_archives_are_noticed(suffix, tmp_path):
    path = pack(tmp_path / f"x{suffix}", {"noise.bin": os.urandom(50_000)})
    path.write_bytes(path.read_bytes()[:30_000])
    with pytest.raises(DataError, match="damaged or cut off"):
        content(path)


@ARCHIVES
def test_what_is_no_archive_is_noticed(suffix, tmp_path):
    (tmp_path / f"x{suffix}").write_bytes(b"not an archive at all" * 100)
    with pytest.raises(DataError, match="damaged or cut off"):
        content(tmp_path / f"x{suffix}")


def test_gunzip():
    packed = gzip.compress(b"x" * 1000)
    assert gunzip(packed, "f.gz") == b"x" * 1000
    with pytest.raises(DataError, match=r"f\.gz is damaged or cut off"):
        gunzip(packed[:-9], "f.gz")
    with pytest.raises(DataError, match="unpacks to more than"):
        gunzip(packed, "f.gz", max_bytes=999)

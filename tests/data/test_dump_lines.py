import pytest
import zstandard

from aigc_course.data import dump_lines
from aigc_course.data.dump_lines import dump_files, read_lines
from aigc_course.errors import DataError

LINES = [f"line {i} 🙂".encode() * (1 + i % 7) for i in range(5000)]
CONTENT = b"\n".join(LINES) + b"\n"


def compressed(data: bytes, window_log: int = 20) -> bytes:
    parameters = zstandard.ZstdCompressionParameters(compression_level=3, window_log=window_log)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()  # as a stream: no size ahead
    return compressor.compress(data) + compressor.flush()


def put(folder, name: str, data: bytes):
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "A.NDJSON", "a.jsonl.zst", "RC_2012-01.zst"])
def test_every_line_is_given_once(tmp_path, name):
    zst = name.endswith("zst")
    path = put(tmp_path, name, compressed(CONTENT) if zst else CONTENT)
    read: list[int] = []
    assert list(read_lines(path, read.append)) == LINES
    assert sum(read) == path.stat().st_size


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_lines_that_are_cut_by_blocks_are_put_together(tmp_path, monkeypatch, size):
    monkeypatch.setattr(dump_lines, "_READ_AT_ONCE", {False: size, True: size})
    lines = [b"a", b"bcd" * 9, b"e"]
    content = b"\n\na\n" + b"bcd" * 9 + b"\n \n\ne"
    assert list(read_lines(put(tmp_path, "a.jsonl", content))) == lines
    assert list(read_lines(put(tmp_path, "a.zst", compressed(content)))) == lines


def test_several_frames_and_skippable_ones_are_one_stream(tmp_path):
    skippable = (0x184D2A50).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"
    frames = compressed(CONTENT[:1000]) + skippable + compressed(CONTENT[1000:]) + compressed(b"")
    assert list(read_lines(put(tmp_path, "a.zst", frames))) == LINES


def test_the_long_window_of_reddits_dumps_is_read(tmp_path):
    assert list(read_lines(put(tmp_path, "a.zst", compressed(CONTENT, window_log=31)))) == LINES


@pytest.mark.parametrize("missing", [1, 5, 2000])
def test_a_file_that_is_cut_off_is_an_error(tmp_path, missing):
    path = put(tmp_path, "a.zst", compressed(CONTENT)[:-missing])
    with pytest.raises(DataError, match=r"a\.zst is cut off: its end is missing; get it again"):
        list(read_lines(path))


def test_a_second_frame_that_is_cut_off_is_an_error(tmp_path):
    path = put(tmp_path, "a.zst", compressed(b"x\n") + compressed(CONTENT)[:9])
    with pytest.raises(DataError, match="cut off"):
        list(read_lines(path))


@pytest.mark.parametrize(
    "data", [b'{"body": "x"}\n', compressed(CONTENT) + b"rubbish", b"\x28\xb5\x2f\xfd" + b"\xff" * 50]
)
def test_what_is_no_zstandard_is_an_error(tmp_path, data):
    with pytest.raises(DataError, match=r"a\.zst is (damaged or no Zstandard file|cut off)"):
        list(read_lines(put(tmp_path, "a.zst", data)))


@pytest.mark.parametrize("size", [10, 90])
def test_a_line_without_end_is_not_kept_in_memory(tmp_path, monkeypatch, size):
    monkeypatch.setattr(dump_lines, "LONGEST_LINE", 100)
    monkeypatch.setattr(dump_lines, "_READ_AT_ONCE", {False: size, True: size})
    first, second, third = read_lines(put(tmp_path, "a.jsonl", b"a\n" + b"x" * 1000 + b"\nb\n"))
    assert (first, third) == (b"a", b"b")
    assert 100 <= len(second) <= 100 + size


def test_an_empty_file_has_no_lines(tmp_path):
    assert list(read_lines(put(tmp_path, "a.jsonl", b""))) == []
    assert list(read_lines(put(tmp_path, "a.zst", b""))) == []


def test_dumps_are_found(tmp_path):
    for name in ("b.jsonl", "a.zst", "notes.txt", ".c.jsonl"):
        put(tmp_path, name, b"")
    assert [path.name for path in dump_files(tmp_path)] == ["a.zst", "b.jsonl"]
    assert dump_files(tmp_path / "a.zst") == [tmp_path / "a.zst"]
    assert dump_files(tmp_path / "notes.txt") == []
    with pytest.raises(DataError, match="there is no file or folder"):
        dump_files(tmp_path / "d.zst")

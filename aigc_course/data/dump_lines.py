"""The lines of .jsonl files, plain or compressed by Zstandard, as a stream: a file of any size takes little memory.

A compressed file needs its window in memory besides, as large as its maker chose: 128 MiB at most by zstd's `--ultra`
levels, up to 2 GiB for the monthly Reddit dumps, which were made with `--long=31`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from aigc_course.errors import DataError

SUFFIXES = (".jsonl", ".ndjson", ".zst")
LONGEST_LINE = 16 << 20  # bytes; a longer line is given cut off, so it is no JSON

_READ_AT_ONCE = {False: 1 << 20, True: 1 << 13}  # by compressed: one small piece can unpack to many megabytes
_LARGEST_WINDOW = 1 << 31  # bytes, `--long=31`


def dump_files(source: Path) -> list[Path]:
    """The dump itself, or the dumps that a folder holds, sorted; hidden files and files of other names are left out.

    Raises: DataError when `source` is not there.
    """
    if not source.exists():
        raise DataError(f"there is no file or folder {source}; give the path of your dump")
    found = sorted(path for path in source.iterdir() if path.is_file()) if source.is_dir() else [source]
    return [path for path in found if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")]


def read_lines(path: Path, on_read: Callable[[int], object] = int) -> Iterator[bytes]:
    """Every line that isn't empty, without its end.

    Args: on_read: is told the bytes of the file that each step took, for a progress bar.
    Raises: DataError when the file can't be read, isn't Zstandard though its name says so, or is cut off.
    """
    rest: list[bytes] = []  # pieces of a line whose end hasn't come yet
    length = 0
    for block in _blocks(path, on_read):
        first, *lines = block.split(b"\n")
        if length < LONGEST_LINE:
            rest.append(first)
        length += len(first)
        if lines:
            *whole, last = lines
            yield from (line for line in [b"".join(rest), *whole] if line.strip())
            rest, length = [last], len(last)
    if b"".join(rest).strip():
        yield b"".join(rest)


def _blocks(path: Path, on_read: Callable[[int], object]) -> Iterator[bytes]:
    compressed = path.name.lower().endswith(".zst")
    blocks = _file_blocks(path, _READ_AT_ONCE[compressed], on_read)
    return _unpacked(path, blocks) if compressed else blocks


def _file_blocks(path: Path, size: int, on_read: Callable[[int], object]) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while block := file.read(size):
                yield block
                on_read(len(block))
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from error


def _unpacked(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """What the Zstandard frames hold that the blocks make up."""
    import zstandard

    def new_frame() -> "zstandard.ZstdDecompressionObj":
        return zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).decompressobj()

    frame, begun = new_frame(), False
    try:
        for block in blocks:
            while block:
                unpacked, begun = frame.decompress(block), True
                if unpacked:
                    yield unpacked
                block = frame.unused_data if frame.eof else b""
                if frame.eof:
                    frame, begun = new_frame(), False
    except zstandard.ZstdError as error:
        raise DataError(f"{path} is damaged or no Zstandard file ({error}); get it again. Nothing was kept") from error
    if begun:
        raise DataError(f"{path} is cut off: its end is missing; get it again. Nothing was kept")

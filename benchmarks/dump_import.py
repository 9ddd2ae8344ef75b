"""Memory and time of the import of a large dump: makes one, imports it in a process of its own, deletes both.

python benchmarks/dump_import.py --gigabytes 5 [--json PATH]                  # .jsonl
python benchmarks/dump_import.py --gigabytes 5 --compressed --window-log 31   # .zst, the window of Reddit's dumps
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Row, machine, write_result

LIMIT_MB = 500
_IMPORT = """
import json, resource, sys, time
from pathlib import Path
from aigc_course.data import dumps

def peak_mb():
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss counts what the parent had in memory when it started this process
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)

before, begin = peak_mb(), time.perf_counter()
status = dumps.import_dump("generated", Path(sys.argv[1]))
values = {"seconds": time.perf_counter() - begin, "peak_mb": peak_mb(), "peak_mb_before": before}
print(json.dumps(values | {"detail": status.detail, "kept_bytes": status.bytes}))
"""


def main() -> None:
    """Make, import, report; the exit status is 1 when the peak lies above the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=0.2, help="of JSON lines, before compression")
    parser.add_argument("--compressed", action="store_true", help="as .zst instead of .jsonl")
    parser.add_argument("--window-log", type=int, default=27, help="of the .zst: 27 is zstd's largest by level alone")
    parser.add_argument("--folder", type=Path, help="where there is room for the dump and what is kept of it")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        dump = Path(folder, "dump.zst" if arguments.compressed else "dump.jsonl")
        lines = make_dump(dump, int(arguments.gigabytes * 1e9), arguments.window_log)
        found = import_in_a_process(dump, Path(folder, "data"))
        size = dump.stat().st_size
    megabytes = arguments.gigabytes * 1e3
    form = f".zst, window 2^{arguments.window_log}, {size / 1e6:,.0f} MB" if arguments.compressed else ".jsonl"
    print(json.dumps(machine()))
    print(f"{megabytes:,.0f} MB of JSON ({form}), {lines:,} lines → {found['detail']}")
    print(f"peak {found['peak_mb']:,.0f} MB, of which {found['peak_mb_before']:,.0f} before the import began")
    print(
        f"{found['seconds']:,.1f} s, {megabytes / found['seconds']:,.1f} MB/s; kept {found['kept_bytes'] / 1e6:,.0f} MB"
    )
    what = f"{lines:,} comments in {form}"
    figures = {"s": found["seconds"], "MB kept": found["kept_bytes"] / 1e6}
    rows = [Row(what=what, unit="MB of memory at the peak", ours=(found["peak_mb"],), limit=LIMIT_MB)]
    rows += [Row(what=what, unit=unit, ours=(value,)) for unit, value in figures.items()]
    write_result(f"import of {megabytes:,.0f} MB of JSON lines", rows)
    sys.exit(found["peak_mb"] > LIMIT_MB)


def make_dump(path: Path, size_bytes: int, window_log: int) -> int:
    """Write comments with the fields of Reddit's dumps, no two the same, up to a size; how many there are."""
    count, written = 0, 0
    with open(path, "wb") as file:
        target = file
        if path.suffix == ".zst":
            import zstandard

            parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=window_log, enable_ldm=True)
            target = zstandard.ZstdCompressor(compression_params=parameters).stream_writer(file, closefd=False)
        for line in comments():
            target.write(line)
            count, written = count + 1, written + len(line)
            if written >= size_bytes:
                break
        if target is not file:
            target.close()
    return count


def comments() -> Iterator[bytes]:
    """JSON lines without end: bodies of 5 to 60 invented words, one in twenty deleted, some by bots."""
    source = random.Random(0)
    words = ["".join(source.choices("etaoinshrdlu", k=source.randint(2, 9))) for _ in range(50_000)]
    bodies = [" ".join(source.choices(words, k=source.randint(5, 60))) for _ in range(20_000)]
    empty = "0" * 300  # the dumps' other fields take more room than the comment
    number = 0
    while True:
        body = "[deleted]" if number % 20 == 0 else f"{source.choice(bodies)} {number}"
        author = "AutoModerator" if number % 50 == 1 else f"writer{number % 99_991}"
        values = {
            "author": author,
            "body": body,
            "subreddit": f"sub{number % 100}",
            "score": number % 30,
            "rest": empty,
        }
        yield json.dumps(values).encode() + b"\n"
        number += 1


def import_in_a_process(dump: Path, data_dir: Path) -> dict:
    """What `_IMPORT` measures, in a fresh process, so that nothing else counts."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT, str(dump)],
        env=os.environ | {"AIGC_DATA": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()

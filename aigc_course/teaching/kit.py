"""One archive with everything for a room without a network: the course, its packages, data sets and trained models."""

import hashlib
import io
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aigc_course.data import store
from aigc_course.errors import CourseError, DataError
from aigc_course.files import atomic_write, nearest_existing
from aigc_course.paths import course_root, runs_dir
from aigc_course.recipes.runs import checkpoint_path
from aigc_course.teaching.lock import locked_for_other_micros
from aigc_course.training import checkpoint

TOP = "aigc-course"
WHEEL_BYTES = 3_300_000_000 if sys.platform == "linux" else 900_000_000  # of the lock; CUDA's libraries: Linux only
KEPT_FREE = 200_000_000  # bytes
_README = """# The AIGC course, for a room without a network

Everything is in this folder: the course, its packages for {system} with Python {python}, and {extras}.

1. Each computer needs Python {python} (64 bit) and 9 GB of free disk beside this folder. Copy it there.
2. In the folder: `python{python} bootstrap.py setup` (Windows: `py -{python} bootstrap.py setup`). It takes some
   minutes and installs from `wheels/`, without a network; nothing outside the folder changes.
3. `make lab`, or `python{python} bootstrap.py lab`, opens the first notebook.

`wheels/` may be deleted after the set-up. On another system or with another Python the packages don't fit: make a kit
there with `aigc-course kit`.
"""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What goes into a kit, apart from the packages: (file, name in the archive), and how many bytes each kind has."""

    files: tuple[tuple[Path, str], ...]
    sizes: dict[str, int]
    data_sets: tuple[str, ...]
    runs: tuple[str, ...]


def collect(runs: Sequence[Path] = ()) -> Contents:
    """The checkout's tracked files, every data set that is present, and the folders of the runs that are asked for.

    Raises: DataError outside a git checkout, or for a run that is no folder with a checkpoint; CheckpointError for a
        checkpoint that is damaged.
    """
    root = course_root()
    for run in runs:
        if not any(run.glob("*.safetensors")):
            raise DataError(f"{run} is no finished run: a folder with a checkpoint (*.safetensors); look in `runs`")
    sets = [status.name for status in store.status() if status.state == "present"]
    parts = {
        "the course": _tracked(root),
        "data sets": [pair for name in sets for pair in _folder(store.where(name), f"data/downloads/{name}")],
        "trained models": [pair for run in runs for pair in _folder(run, f"runs/{_run_name(run)}")],
    }
    return Contents(
        files=tuple(pair for pairs in parts.values() for pair in pairs),
        sizes={what: sum(path.stat().st_size for path, _ in pairs) for what, pairs in parts.items()},
        data_sets=tuple(sets),
        runs=tuple(map(_run_name, runs)),
    )


def _tracked(root: Path) -> list[tuple[Path, str]]:
    if not (root / "requirements.lock").is_file() or not (root / "bootstrap.py").is_file():
        raise DataError(f"no requirements.lock and bootstrap.py in {root}; a kit is made from a checkout of the course")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    if listed.returncode:
        raise DataError(
            f"{root} is no git checkout, so which files belong to the course is not known; clone the course"
        )
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [(root / name, name) for name in sorted(names) if (root / name).is_file()]


def _run_name(run: Path) -> str:
    """Where a run lies below the folder of runs, such as image-gan/quick-20260102-030405, wherever it is now."""
    place, home = run.resolve(), runs_dir().resolve()
    return place.relative_to(home).as_posix() if place.is_relative_to(home) else f"{_recipe(place)}/{place.name}"


def _recipe(run: Path) -> str:
    return str(checkpoint.load(checkpoint_path(run), only=("config",))["config"]["recipe"])


def _folder(folder: Path, name: str) -> list[tuple[Path, str]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path, f"{name}/{path.relative_to(folder).as_posix()}") for path in paths]


def make_kit(output: Path, runs: Sequence[Path] = ()) -> Path:
    """Write the archive; says first how much it will be. Packages that an earlier try downloaded are not fetched again.

    Args: output: a .tar file, which appears whole or not at all. runs: run folders to take along.
    Raises: DataError as `collect`; CourseError when the disk is too full or the packages can't be downloaded;
        WriteError when the archive can't be written.
    """
    contents = collect(runs)
    wheels = wheel_folder(course_root())
    wheels.mkdir(parents=True, exist_ok=True)
    there = sum(path.stat().st_size for path in wheels.iterdir())
    print(f"{'packages, about':<16} {WHEEL_BYTES / 1e6:>9,.0f} MB, of which {there / 1e6:,.0f} MB are downloaded")
    for what, size in contents.sizes.items():
        print(f"{what:<16} {size / 1e6:>9,.0f} MB")
    to_download = max(0, WHEEL_BYTES - there)
    _require_space(wheels, to_download)
    archive = max(WHEEL_BYTES, there) + sum(contents.sizes.values())
    _require_space(output.resolve().parent, archive + to_download * _same_disk(wheels, output.resolve().parent))
    download_wheels(course_root() / "requirements.lock", wheels)
    files = [*contents.files, *_folder(wheels, "wheels")]
    with atomic_write(output) as temporary, tarfile.open(temporary, "w") as tar:
        for path, name in files:
            _add(tar, path, name)
        text = readme(contents).encode()
        info = tarfile.TarInfo(f"{TOP}/KIT.md")
        info.size, info.mode, info.mtime = len(text), 0o644, int(time.time())
        tar.addfile(info, io.BytesIO(text))
    print(f"{output}: {output.stat().st_size / 1e6:,.0f} MB, {len(files) + 1} files; KIT.md in it says how to set up")
    return output


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    try:
        tar.add(path, f"{TOP}/{name}", recursive=False, filter=_anonymous)
    except FileNotFoundError as error:
        raise DataError(f"{path} was removed while the kit was made; run the same command again") from error


def wheel_folder(root: Path) -> Path:
    """Where packages for this lock, system and Python are downloaded to: another lock has another folder."""
    digest = hashlib.sha256((root / "requirements.lock").read_bytes()).hexdigest()[:12]
    return root / "build" / "kit" / f"{digest}-{sysconfig.get_platform()}-{sysconfig.get_python_version()}"


def download_wheels(lock: Path, folder: Path) -> None:
    """Download every package of the lock for this system and Python, checked by its hash; goes on where it stopped.

    The room may have another release of the same Python (3.11.2 for 3.11.7): what the lock pins for that comes along.
    Raises: CourseError when pip can't, with what to do.
    """
    _pip_download(lock, folder)
    here = ".".join(map(str, sys.version_info[:3]))
    others = locked_for_other_micros(lock.read_text(encoding="utf-8"), here)
    if others:
        with tempfile.TemporaryDirectory() as scratch:
            (Path(scratch) / "requirements.lock").write_text(others, encoding="utf-8")
            _pip_download(Path(scratch) / "requirements.lock", folder)


def _pip_download(lock: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    status = subprocess.run([*command, "--dest", str(folder), "--requirement", str(lock)], check=False).returncode
    if status:
        raise CourseError(
            "the packages could not be downloaded; pip's own words stand above. Connect to the internet and run the "
            f"same command again: what was downloaded is kept in {folder}"
        )


def readme(contents: Contents) -> str:
    """How to set the course up from the kit, and what is in it."""
    sets = (
        f"the data sets {', '.join(contents.data_sets)}" if contents.data_sets else "the data sets that it makes itself"
    )
    extras = f"{sets}, and the trained models {', '.join(contents.runs)}" if contents.runs else sets
    python = sysconfig.get_python_version()
    return _README.format(system=f"{platform.system()} {platform.machine()}", python=python, extras=extras)


def _require_space(folder: Path, needed: int) -> None:
    place = nearest_existing(folder)
    free = shutil.disk_usage(place).free
    if free < needed + KEPT_FREE:
        raise CourseError(
            f"the disk has {free / 1e9:.1f} GB free at {place}; the kit needs about {needed / 1e9:.1f} GB there. Free "
            "some space, or name another place with --out"
        )


def _same_disk(one: Path, other: Path) -> bool:
    return nearest_existing(one).stat().st_dev == nearest_existing(other).stat().st_dev


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of who made the archive; its files can be replaced by whoever unpacks it."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode |= 0o644
    return info

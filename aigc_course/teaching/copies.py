"""The learner's own copies of the notebooks: they follow the course until they are changed, and then stay.

`notebooks/` belongs to the course, so an upgrade may replace it; `my_notebooks/` belongs to the learner, and git
ignores it. `my_notebooks/.course.json` remembers what was put there.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from aigc_course.errors import CourseError
from aigc_course.files import atomic_write, explain_os_errors, sha256, write_json
from aigc_course.paths import course_root
from aigc_course.teaching.notebook import find_notebook, notebook_files, notebooks_dir

RECORD = ".course.json"
BACKUPS = "backups"
_LOCK_SECONDS = 30.0
Change = Literal["made", "updated", "outputs kept", "beside"]


@dataclass(kw_only=True)
class Record:
    """What was put into the learner's folder."""

    seen: dict[str, str] = field(default_factory=dict)  # notebook: digest of the newest text that was offered
    written: dict[str, str] = field(default_factory=dict)  # file: SHA-256 of the bytes put there


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What happened to one notebook; notebooks to which nothing happened have none."""

    name: str  # of the learner's copy: "05_vae_elbo.ipynb"
    change: Change
    file: Path  # made, updated: the copy; outputs kept: its backup; beside: the new version


def my_notebooks_dir() -> Path:
    """The learner's folder."""
    return course_root() / "my_notebooks"


def bring_up_to_date(source: Path | None = None, target: Path | None = None) -> tuple[Outcome, ...]:
    """Give the learner the course's notebooks as they are now.

    A copy that is as it was put there is replaced. One that was only run is replaced too, after its outputs went into
    a backup. One whose text was changed stays, and the new version comes beside it, once: NN_name.new.ipynb.
    Args: source: the course's notebooks (default: notebooks/); target: the learner's folder.
    Raises: DataError when there are no notebooks, WriteError when the folder cannot be written.
    """
    target = target or my_notebooks_dir()
    outcomes = []
    with _record(target) as record:
        for path in notebook_files(source or notebooks_dir()):
            outcome = _follow(path, target / path.name, record)
            record.seen[path.name] = str(text_digest(path))
            outcomes += [outcome] if outcome else []
    return tuple(outcomes)


def reset_copy(number: str, source: Path | None = None, target: Path | None = None) -> Path | None:
    """Put the course's version in the place of the learner's copy, which goes into a backup.

    Args: number: "05", "5" or the notebook's name.
    Returns: the backup; None when there was no copy, or one without a change.
    Raises: UsageError for a number that the course does not have.
    """
    original, target = find_notebook(number, source), target or my_notebooks_dir()
    with _record(target) as record:
        copy = target / original.name
        changed = copy.exists() and sha256(copy) != sha256(original)
        backup = _back_up(copy) if changed else None
        _put(original, copy, record)
        record.seen[original.name] = str(text_digest(original))
        for file in _offered(copy):  # an offered version that nobody touched has served its purpose
            if record.written.get(file.name) == sha256(file):
                file.unlink()
                del record.written[file.name]
    return backup


def text_digest(path: Path) -> str | None:
    """SHA-256 of what a person wrote in a notebook: its cells without outputs, metadata and empty cells.

    None when the file holds no notebook.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = [[cell["cell_type"], "".join(cell["source"]), cell.get("attachments", {})] for cell in cells]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    kept = [cell for cell in text if cell[1].strip()]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode("utf-8")).hexdigest()


def _follow(original: Path, copy: Path, record: Record) -> Outcome | None:
    """Bring one copy up to date; None when there was nothing to do."""
    new = text_digest(original)
    if not copy.exists():
        _put(original, copy, record)
        return Outcome(name=copy.name, change="made", file=copy)
    present = sha256(copy)
    if present == sha256(original):
        record.written[copy.name] = present
        return None
    if present == record.written.get(copy.name):
        _put(original, copy, record)
        return Outcome(name=copy.name, change="updated", file=copy)
    mine = text_digest(copy)
    if new in (mine, record.seen.get(copy.name)):
        return None
    if mine is not None and mine == record.seen.get(copy.name):
        backup = _back_up(copy)
        _put(original, copy, record)
        return Outcome(name=copy.name, change="outputs kept", file=backup)
    beside = _place_beside(original, copy, record)
    _put(original, beside, record)
    return Outcome(name=copy.name, change="beside", file=beside)


def _place_beside(original: Path, copy: Path, record: Record) -> Path:
    """Where the new version goes: onto an offered one that nobody touched, else under the first free name."""
    wanted = sha256(original)
    for file in _offered(copy):
        if sha256(file) in (record.written.get(file.name), wanted):
            return file
    return _free(lambda number: copy.with_name(f"{copy.stem}.new{f'-{number}' if number > 1 else ''}.ipynb"))


def _offered(copy: Path) -> list[Path]:
    return sorted(copy.parent.glob(f"{copy.stem}.new*.ipynb"))


def _back_up(copy: Path) -> Path:
    """A copy of the copy under a new name, with its time."""
    backup = _free(lambda number: copy.parent / BACKUPS / f"{copy.stem}.{number}.ipynb")
    with atomic_write(backup) as temporary:
        shutil.copy2(copy, temporary)
    return backup


def _free(name: Callable[[int], Path]) -> Path:
    number = 1
    while (path := name(number)).exists():
        number += 1
    return path


def _put(original: Path, file: Path, record: Record) -> None:
    with atomic_write(file) as temporary:
        shutil.copyfile(original, temporary)
    record.written[file.name] = sha256(file)


@contextmanager
def _record(target: Path) -> Iterator[Record]:
    """The folder's record, saved at the end; one process at a time."""
    from filelock import FileLock, Timeout

    with explain_os_errors(str(target)):
        target.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(target / f"{RECORD}.lock", timeout=_LOCK_SECONDS):
                record = _read_record(target / RECORD)
                try:
                    yield record
                finally:
                    write_json(target / RECORD, asdict(record))
        except Timeout as error:
            raise CourseError(f"another program is changing {target}; wait for it, and run this again") from error


def _read_record(path: Path) -> Record:
    """The record; an empty one when it cannot be read: then every copy that differs counts as changed."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        parts = {name: {str(key): str(value) for key, value in stored[name].items()} for name in ("seen", "written")}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Record()
    return Record(**parts)

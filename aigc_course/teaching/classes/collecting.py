"""Collect submissions from a folder or an archive: whose they are, which to take, who is missing. Originals stay."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aigc_course.errors import DataError
from aigc_course.files import atomic_write, write_json
from aigc_course.teaching.classes.archive import archived_files
from aigc_course.teaching.classes.class_folder import Assignment, ClassFolder, Student
from aigc_course.teaching.classes.submissions import MAX_FILE_BYTES

_EDGE = r"[_./\\-]"  # what stands between a name and its neighbours


@dataclass(frozen=True, kw_only=True)
class Found:
    """One notebook among what was handed in."""

    name: str  # its path within the folder or archive, with "/"
    changed: datetime  # local time
    data: bytes | None  # None: too large or no plain file


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What became of a collection; all but `unknown` are ids of students."""

    taken: dict[str, str]  # the file of each student
    late: dict[str, str]  # when it was handed in
    missing: tuple[str, ...]
    duplicate: dict[str, tuple[str, ...]]  # files that were left, because a newer one is there
    refused: dict[str, str]  # why
    unknown: tuple[str, ...]  # files that belong to nobody on the roster, or to several


def collect(folder: ClassFolder, number: str, source: Path) -> Collected:
    """Copy the submissions of notebook `number` to submitted/STUDENT/NN and say what was found.

    Known shapes: nbgrader's submitted/STUDENT/NN/x.ipynb; STUDENT_NN.ipynb; a folder for each student, by id or by the
    other name on the roster, as Moodle and others export them; each in a folder or a .zip. A notebook belongs to the
    one student whose id stands in its path between separators. Raises: DataError when there is no such file or folder.
    """
    assignment = folder.assignment(number)
    students = folder.students()
    others = {other for other in folder.assignments if other != number}
    by_student: dict[str, list[Found]] = {}
    unknown: list[str] = []
    for found in _files(source):
        owners = _owners(found.name, students)
        if len(owners) != 1:
            unknown.append(found.name)
            continue
        rest = _without_owner(found.name, owners[0])
        if not _mentions(rest, others) or _mentions(rest, {number}):
            by_student.setdefault(owners[0].id, []).append(found)
    chosen = {student: _newest(files, number) for student, files in by_student.items()}
    refused = {
        student: f"{files[0].name} is no plain file of at most {MAX_FILE_BYTES >> 20} MiB"
        for student, files in chosen.items()
        if files[0].data is None
    }
    taken = {student: files[0] for student, files in chosen.items() if student not in refused}
    for student, one in taken.items():
        _copy(one, folder.submission(student, number))
    result = Collected(
        taken={student: one.name for student, one in sorted(taken.items())},
        late=_late(taken, assignment),
        missing=tuple(one.id for one in students if one.id not in chosen),
        duplicate={s: tuple(one.name for one in files[1:]) for s, files in sorted(chosen.items()) if len(files) > 1},
        refused=refused,
        unknown=tuple(sorted(unknown)),
    )
    write_json(folder.path / "collected" / f"{number}.json", {"taken": result.taken, "late": result.late})
    return result


def _files(source: Path) -> Iterator[Found]:
    """The notebooks in a folder or an archive; links are named but not followed."""
    if source.is_file() and source.suffix == ".zip":
        for name, changed, data in archived_files(source, ".ipynb", MAX_FILE_BYTES):
            yield Found(name=name, changed=changed, data=data)
    elif source.is_dir():
        yield from _files_in_folder(source)
    else:
        raise DataError(f"{source} is neither a folder nor a .zip archive")


def _files_in_folder(source: Path) -> Iterator[Found]:
    for place, folders, names in os.walk(source):
        folders[:] = sorted(one for one in folders if one != ".ipynb_checkpoints")
        for name in sorted(names):
            path = Path(place) / name
            if path.suffix != ".ipynb":
                continue
            stat = path.lstat()
            plain = path.is_file() and not path.is_symlink() and stat.st_size <= MAX_FILE_BYTES
            yield Found(
                name=path.relative_to(source).as_posix(),
                changed=datetime.fromtimestamp(stat.st_mtime).replace(microsecond=0),
                data=path.read_bytes() if plain else None,
            )


def _owners(name: str, students: Sequence[Student]) -> list[Student]:
    """The students whose id or other name stands in a path; of two names that overlap, the longer counts."""
    hits = [(alias, one) for one in students for alias in (one.id, one.also) if alias and _mentions(name, {alias})]
    longest = [one for alias, one in hits if not any(alias != a and _mentions(a, {alias}) for a, _ in hits)]
    return list(dict.fromkeys(longest))


def _without_owner(name: str, owner: Student) -> str:
    """A path without its student's names, whose digits are not those of a notebook."""
    for alias in filter(None, (owner.id, owner.also)):
        name = re.sub(rf"(^|{_EDGE}){re.escape(alias)}(?=$|{_EDGE})", r"\1", name, flags=re.IGNORECASE)
    return name


def _mentions(name: str, words: Iterable[str]) -> bool:
    """Whether one of these stands in a path between separators, in large or small letters."""
    return any(re.search(rf"(^|{_EDGE}){re.escape(word)}($|{_EDGE})", name, re.IGNORECASE) for word in words)


def _newest(files: Sequence[Found], number: str) -> list[Found]:
    """The files of a student, the one to take first: those that name the notebook, the newest before the others."""
    return sorted(files, key=lambda one: (_mentions(one.name, {number}), one.changed, one.name), reverse=True)


def _late(taken: dict[str, Found], assignment: Assignment) -> dict[str, str]:
    due = assignment.due
    if due is None:
        return {}
    return {s: one.changed.isoformat(" ", "minutes") for s, one in sorted(taken.items()) if one.changed > due}


def _copy(found: Found, target: Path) -> None:
    assert found.data is not None
    with atomic_write(target) as temporary:
        temporary.write_bytes(found.data)

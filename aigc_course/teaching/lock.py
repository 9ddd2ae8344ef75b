"""The lock file, and how far an environment has drifted from it."""

import re
from dataclasses import dataclass

from packaging.markers import Marker, default_environment

_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\\n]+))?", re.MULTILINE)
_HASHES = re.compile(r"(?:[ \t]*\\\n[ \t]+--hash=\S+)*")
_MICROS = 40  # no Python had as many releases of one minor version


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One package that is not as the lock has it; None where it is missing."""

    name: str
    locked: str | None
    here: str | None

    def __str__(self) -> str:
        if self.locked is None:
            return f"{self.name}: {self.here}, which the lock does not have"
        return f"{self.name}: {self.here or 'not installed'}, locked {self.locked}"


def locked_versions(lock: str, python: str) -> dict[str, str]:
    """What the text of a lock pins for this system and a Python ("3.12.1"): name to version."""
    environment = {
        **{key: str(value) for key, value in default_environment().items()},
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
    }
    found = {}
    for name, version, marker in _ENTRY.findall(lock):
        if not marker or Marker(marker.strip()).evaluate(environment):
            found[_normal(name)] = version
    return found


def locked_for_other_micros(lock: str, python: str) -> str:
    """What the text of a lock pins for another release of a minor version (3.11.2) and not for this one (3.11.7).

    Returns: those entries as a lock of their own, with their hashes and without markers; "" where there are none.
    """
    minor = python.rpartition(".")[0]
    others = {pin for micro in range(_MICROS) for pin in locked_versions(lock, f"{minor}.{micro}").items()}
    missing = others - locked_versions(lock, python).items()
    entries = (entry for entry in _ENTRY.finditer(lock) if (_normal(entry[1]), entry[2]) in missing)
    return "".join(f"{' '.join([f'{e[1]}=={e[2]}', *_hashes(lock, e.end())])}\n" for e in entries)


def _hashes(lock: str, place: int) -> list[str]:
    """The options --hash=… that stand at a place of a lock, each on a line of its own."""
    found = _HASHES.match(lock, place)
    return found[0].replace("\\", "").split() if found else []


def drift_between(locked: dict[str, str], here: dict[str, str]) -> tuple[Drift, ...]:
    """The packages whose versions differ, or that only one side has, by name."""
    mine = {_normal(name): version for name, version in here.items()}
    names = sorted(locked.keys() | mine.keys())
    pairs = ((name, locked.get(name), mine.get(name)) for name in names)
    return tuple(Drift(name=name, locked=old, here=new) for name, old, new in pairs if _public(old) != _public(new))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _public(version: str | None) -> str | None:
    """A version without its local part: 2.11.0+cu130 is the lock's 2.11.0."""
    return version.partition("+")[0] if version else None

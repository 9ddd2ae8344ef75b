"""Does the course still work with another Python, or with the newest packages? Tried in a throw-away environment.

The environment lives in the system's temporary folder. A run that was interrupted, or that found something broken,
leaves it there, and the same command goes on with it; a run in which all tests pass removes it.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from types import ModuleType

from aigc_course.errors import CourseError, UsageError
from aigc_course.paths import course_root
from aigc_course.teaching.lock import Drift, drift_between, locked_versions


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one Python gave."""

    python: str  # "3.12.1"
    latest: bool  # whether the newest allowed packages were tried, or those of the lock
    packages: int
    drift: tuple[Drift, ...]  # packages that are not as the lock has them
    broken: tuple[str, ...]  # a line for each test that failed
    folder: Path  # of the environment

    @property
    def ok(self) -> bool:
        return not self.broken

    def __str__(self) -> str:
        what = "the newest allowed packages" if self.latest else "the packages of the lock"
        lines = [f"Python {self.python} with {what}: {'all tests passed' if self.ok else 'something broke'}"]
        lines += [f"  {self.packages} packages; differences from requirements.lock: {len(self.drift)}"]
        lines += [f"    {item}" for item in self.drift]
        lines += [f"  broken: {line}" for line in self.broken]
        if not self.ok:
            lines.append(
                f"  The environment stays in {self.folder}: the same command uses it again; delete it at will."
            )
        return "\n".join(lines)

    def tidy(self) -> None:
        """Remove the environment if nothing broke in it."""
        if self.ok:
            shutil.rmtree(self.folder)


def verify(version: str, *, latest: bool, tests: Sequence[str] = ()) -> Verdict:
    """Install the course under Python `version` and run its tests there.

    Args:
        version: "3.10" to "3.13".
        latest: the newest packages that pyproject.toml allows; else those of requirements.lock.
        tests: files or folders under the checkout, as pytest takes them; () for all that `make test` runs.
    Returns: what came of it; its `tidy` removes the environment.
    Raises: UsageError for a Python that is not supported or not there, or for tests that do not exist; CourseError
        when the environment cannot be made, with the cause: no network, a full disk.
    """
    tools, root = _bootstrap(), course_root()
    python = find_python(version, tools)
    for name in tests:
        if not (root / name.split("::")[0]).exists():
            raise UsageError(f"no tests at {name}; give files or folders under {root}: tests/notebooks")
    folder = _folder(version, latest)
    venv = str(folder / "venv")
    try:
        with _plain_errors(tools):
            _install(tools, root, python, venv, latest)
        here = installed_versions(tools.venv_python(venv))
        full = str(tools.configured_version(venv))
        locked = locked_versions((root / "requirements.lock").read_text(encoding="utf-8"), full)
        report = folder / "tests.xml"
        report.unlink(missing_ok=True)
        extra = [f"--junitxml={report}", "-p", "no:cacheprovider", *tests]
        broken = broken_tests(report, tools.run_job("test", str(root), venv, extra))
    except KeyboardInterrupt:
        print(f"\nThe environment stays in {folder}; the same command goes on with it.", file=sys.stderr)
        raise
    return Verdict(
        python=full,
        latest=latest,
        packages=len(here),
        drift=drift_between(locked, here),
        broken=broken,
        folder=folder,
    )


def find_python(version: str, tools: ModuleType | None = None) -> str:
    """The command of this Python. Raises: UsageError naming the ones that are there."""
    tools = tools or _bootstrap()
    oldest, newest = (".".join(map(str, edge)) for edge in (tools.OLDEST, tools.NEWEST))
    parts = version.split(".")
    if len(parts) != 2 or not all(part.isdigit() for part in parts) or not tools.supported([int(p) for p in parts]):
        raise UsageError(f"the course has no Python {version!r}; allowed: {oldest} to {newest}")
    own = getattr(sys, "_base_executable", sys.executable)
    found: dict[str, str] = {}
    for command in [own, *tools.candidates(os.environ.get("PATH", ""), str(Path.home()))]:
        number = tools.python_version(command)
        if number and tools.supported(number):
            found.setdefault(".".join(map(str, number)), command)
        if version in found:
            return found[version]
    raise UsageError(
        f"no Python {version} on this machine (found: {', '.join(sorted(found))}); install it, or try those"
    )


def installed_versions(python: str) -> dict[str, str]:
    """What pip lists in an environment: name to version, without pip and the course itself."""
    command = [python, "-m", "pip", "list", "--format", "json"]
    done = subprocess.run(command, env=_bootstrap().clean_environment(), capture_output=True, text=True, check=True)
    own = ("pip", "aigc-course")
    return {item["name"]: item["version"] for item in json.loads(done.stdout) if item["name"] not in own}


def broken_tests(report: Path, status: int) -> tuple[str, ...]:
    """A line for each failure in pytest's JUnit report; the exit status when the report tells of none."""
    found = []
    for case in ET.parse(report).iter("testcase") if report.is_file() else ():
        problem = case.find("failure")
        problem = case.find("error") if problem is None else problem
        if problem is not None:
            words = problem.attrib.get("message", "").strip().partition("\n")[0]
            found.append(f"{case.attrib.get('classname', '')}::{case.attrib.get('name', '')}: {words}")
    if status and not found:
        found.append(f"pytest ended with status {status}")
    return tuple(found)


def _install(tools: ModuleType, root: Path, python: str, venv: str, latest: bool) -> None:
    """Bring the environment to its packages; costs nothing when an earlier run did it today."""
    digest = tools.wanted_digest(str(root)) + (f" newest of {date.today()}" if latest else "")
    stamp = tools.read_stamp(venv) or {}
    if stamp.get("digest") == digest and stamp.get("state") == "ready":
        return
    if stamp.get("digest") != digest or not tools.runs_pip(venv):  # else an interrupted installation goes on
        tools.make_venv(python, venv, digest)
    log = os.path.join(os.path.dirname(venv), "pip.log")
    if not latest:
        tools.install(str(root), venv, digest, log)
        return
    extras = ",".join(metadata.metadata("aigc-course").get_all("Provides-Extra") or ())
    command = [tools.venv_python(venv), "-m", "pip", "install", "--progress-bar", "off", "--no-warn-script-location"]
    command += ["--upgrade", "--upgrade-strategy", "eager", "--editable", f"{root}[{extras}]"]
    with open(log, "w", encoding="utf-8") as file:
        status, output = tools.watch(command, file, "newest packages", [])
    if status != 0:
        raise CourseError(tools.explain(output, log))
    tools.write_stamp(venv, "ready", digest)


def _folder(version: str, latest: bool) -> Path:
    """This checkout's folder for one environment, readable by its owner alone."""
    place = hashlib.sha256(str(course_root()).encode()).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / f"aigc-course-{place}-{version}-{'latest' if latest else 'lock'}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        raise CourseError(f"{folder} belongs to somebody else; set TMPDIR to a folder of yours")
    return folder


def _bootstrap() -> ModuleType:
    """The set-up script, which knows how environments are made. Raises: CourseError outside a checkout."""
    path = course_root() / "bootstrap.py"
    spec = importlib.util.spec_from_file_location("bootstrap", path)
    if not (spec and spec.loader and path.is_file()):
        raise CourseError(f"verify needs the course's checkout, but there is no {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def _plain_errors(tools: ModuleType) -> Iterator[None]:
    try:
        yield
    except tools.SetupError as error:
        raise CourseError(str(error)) from error

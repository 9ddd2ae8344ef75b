"""What is wrong with this machine's set-up, and for each problem the one command that mends it."""

import ssl
import sys
from collections.abc import Callable, Iterator

from aigc_course import paths
from aigc_course.doctor import course, machine, torch_set
from aigc_course.doctor.findings import Finding, Report

__all__ = ["Finding", "Report", "diagnose"]


def diagnose(progress: Callable[[str], object] = str) -> Report:
    """Run all checks; takes a few seconds, because torch is imported in a process of its own.

    Args: progress: called with a few words before each group of checks.
    """
    findings: list[Finding] = []
    for name, group in _GROUPS.items():
        progress(name)
        try:
            findings += list(group())
        except Exception as error:  # a check that breaks on an odd machine must not hide the others
            findings.append(Finding(name, "note", f"this check could not run: {type(error).__name__}: {error}"))
    return Report(tuple(findings))


def _python() -> Iterator[Finding]:
    yield machine.check_python(sys.version_info[:3], sys.maxsize > 2**32, machine.in_environment())


def _torch() -> Iterator[Finding]:
    report = torch_set.probe()
    yield torch_set.check_torch_set(report)
    yield torch_set.check_gpu(report, torch_set.nvidia_smi())
    yield torch_set.check_bf16(report, torch_set.cpu_flags())
    yield torch_set.check_openmp(report)


def _machine() -> Iterator[Finding]:
    yield machine.check_cores(machine.available_cores(), machine.container_cores())
    yield machine.check_memory(machine.total_memory(), machine.container_memory())


def _storage() -> Iterator[Finding]:
    for what, variable, directory in (("data", "AIGC_DATA", paths.data_dir()), ("runs", "AIGC_RUNS", paths.runs_dir())):
        yield machine.check_writable(what, variable, directory)
        yield machine.check_disk(what, variable, directory, machine.free_bytes(directory))


def _certificates() -> Iterator[Finding]:
    yield machine.check_certificates(ssl.get_default_verify_paths())


def _data() -> Iterator[Finding]:
    from aigc_course.data import store

    yield from course.check_data(store.status())


def _notebooks() -> Iterator[Finding]:
    from pathlib import Path

    versions = course.package_versions(course.NOTEBOOK_PACKAGES)
    yield course.check_widgets(versions, course.widget_extension([sys.prefix]))
    if versions["ipykernel"]:
        yield course.check_kernel(course.find_kernel(), Path(sys.prefix))


_GROUPS: dict[str, Callable[[], Iterator[Finding]]] = {
    "Python": _python,
    "torch set": _torch,
    "processor and memory": _machine,
    "storage": _storage,
    "certificates": _certificates,
    "data sets": _data,
    "Jupyter": _notebooks,
}

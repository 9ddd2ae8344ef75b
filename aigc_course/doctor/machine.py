"""Checks of the machine: Python, cores, memory, disk, certificates, directories."""

import os
import platform
import shutil
import ssl
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aigc_course.doctor.findings import Finding, set_variable, unset_variable
from aigc_course.files import nearest_existing

GIB = 1 << 30
CGROUP = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60  # cgroup v1 writes a number near 2**63 where no limit is set


def check_python(version: tuple[int, int, int], is_64_bit: bool, in_environment: bool) -> Finding:
    """Whether this Python is one that the course is tested with, and not the system's own."""
    text = ".".join(map(str, version))
    setup = "python bootstrap.py setup"
    if not (3, 10) <= version[:2] <= (3, 13):
        return Finding("Python", "problem", f"{text} is not one of 3.10, 3.11, 3.12, 3.13", setup)
    if not is_64_bit:
        return Finding("Python", "problem", f"{text} is a 32-bit build; torch has none", setup)
    if not in_environment:
        return Finding("Python", "note", f"{text}, outside any virtual environment; `make lab` uses one of its own")
    return Finding("Python", "ok", f"{text} on {platform.system()} {platform.machine()}")


def in_environment() -> bool:
    """Whether this Python belongs to a virtual or conda environment."""
    return sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").is_dir()


def check_cores(cores: int, limit: float | None, environment: Mapping[str, str] = os.environ) -> Finding:
    """Args: cores: that this process may use; limit: cores' worth of time that its container allows, None for all."""
    usable = min(float(cores), limit) if limit else float(cores)
    detail = f"{usable:g} usable"
    if limit and limit < cores:
        detail += f" (the container allows {limit:g} of {cores})"
        if environment.get("OMP_NUM_THREADS") != str(max(1, int(limit))):
            command = set_variable("OMP_NUM_THREADS", str(max(1, int(limit))))
            return Finding("processor cores", "note", f"{detail}; more threads than that slow torch down", command)
    if usable < 2:
        return Finding("processor cores", "note", f"{detail}; the course's times are for 2")
    return Finding("processor cores", "ok", detail)


def available_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def container_cores(root: Path = CGROUP) -> float | None:
    """The processor time that the control group allows, in cores; None without a limit (cgroup v2 or v1)."""
    words = _read(root / "cpu.max").split()
    if len(words) != 2:
        words = [_read(root / "cpu" / "cpu.cfs_quota_us"), _read(root / "cpu" / "cpu.cfs_period_us")]
    try:
        quota, period = int(words[0]), int(words[1])
    except ValueError:  # "max" or no file
        return None
    return quota / period if quota > 0 and period > 0 else None


def check_memory(total_bytes: int | None, limit_bytes: int | None) -> Finding:
    """Args: total_bytes: of the machine, None when unknown; limit_bytes: of the container, None without one."""
    sizes = [size for size in (total_bytes, limit_bytes) if size]
    if not sizes:
        return Finding("memory", "note", "this system does not tell how much there is; the quick profile needs 4 GiB")
    detail = f"{min(sizes) / GIB:.1f} GiB" + (" (the container's limit)" if min(sizes) == limit_bytes else "")
    if min(sizes) < 4 * GIB:
        return Finding("memory", "note", f"{detail}; less than 4 GiB: keep one notebook open at a time")
    return Finding("memory", "ok", detail)


def total_memory() -> int | None:
    """The machine's memory in bytes; None where the system has no way to ask."""
    if sys.platform == "win32":
        import ctypes

        status = (ctypes.c_ulonglong * 8)(64)  # MEMORYSTATUSEX: its length, then the load; total memory comes next
        return int(status[1]) if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def container_memory(root: Path = CGROUP) -> int | None:
    """The memory limit of the control group in bytes; None without one (cgroup v2 or v1)."""
    for path in (root / "memory.max", root / "memory" / "memory.limit_in_bytes"):
        text = _read(path)
        if text.isdigit() and int(text) < UNLIMITED:
            return int(text)
    return None


def check_disk(what: str, variable: str, directory: Path, free_bytes: int) -> Finding:
    """Whether the disk of the data or runs directory has room."""
    name = f"disk for {what}"
    detail = f"{free_bytes / 1e9:.1f} GB free at {directory}"
    if free_bytes < 1e9:
        elsewhere = set_variable(variable, f"/path/on/a/larger/disk/{what}")
        return Finding(name, "problem", f"{detail}; at least 1 GB is needed: choose another disk", elsewhere)
    return Finding(name, "ok", detail)


def free_bytes(directory: Path) -> int:
    """Free bytes on the disk where `directory` stands or would be made."""
    return shutil.disk_usage(nearest_existing(directory)).free


def check_writable(what: str, variable: str, directory: Path) -> Finding:
    """Whether files can be made in the data or runs directory (or in the parent where it would be made)."""
    name = f"{what} directory"
    existing = nearest_existing(directory)
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        elsewhere = set_variable(variable, str(Path.home() / "aigc-course" / what))
        return Finding(name, "problem", f"nothing can be written at {existing}: {error.strerror}", elsewhere)
    return Finding(name, "ok", str(directory))


def check_certificates(
    paths: ssl.DefaultVerifyPaths, environment: Mapping[str, str] = os.environ, system: str = sys.platform
) -> Finding:
    """Whether Python finds the certificates that https downloads are verified with."""
    name = "certificates"
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        if environment.get(variable) and not Path(environment[variable]).exists():
            detail = f"{variable} names {environment[variable]}, which is not there"
            return Finding(name, "problem", detail, unset_variable(variable))
    if system == "win32":
        return Finding(name, "ok", "those of Windows")
    if paths.cafile and Path(paths.cafile).is_file():
        return Finding(name, "ok", paths.cafile)
    if paths.capath and Path(paths.capath).is_dir() and any(Path(paths.capath).iterdir()):
        return Finding(name, "ok", paths.capath)
    detail = f"this Python has none at {paths.openssl_cafile}; downloads may fail"
    if system == "darwin" and paths.openssl_cafile.startswith("/Library/Frameworks/Python.framework"):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return Finding(name, "problem", detail, f'open "/Applications/Python {version}/Install Certificates.command"')
    return Finding(name, "problem", detail, f'export SSL_CERT_FILE="$({sys.executable} -m certifi)"')


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""

"""A process shut off from the rest of the machine, with what Linux gives every user: namespaces.

The zygote calls `close_off` once: from then on it and its children see no network and, of the files, only Python, its
packages and the system's libraries, read-only, without the folders that are hidden. Each child calls `confine` before
it runs a learner's code: it is alone in its namespace of processes, has an empty folder of its own, limits that it
cannot raise, and no rights. Where namespaces are not to be had (macOS, most containers) the limits are all there is.
"""

import ctypes
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

_NEW_MOUNTS, _NEW_NAMES, _NEW_IPC, _NEW_USER, _NEW_PIDS, _NEW_NETWORK = (
    *(0x00020000, 0x04000000, 0x08000000, 0x10000000),
    *(0x20000000, 0x40000000),
)
_READ_ONLY, _NO_SUID, _NO_DEVICES, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
# What statvfs says of a mount, and the flag that keeps it so when the mount is changed.
_KEPT = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo")
_DIE_WITH_PARENT, _NO_NEW_PRIVILEGES = 1, 38  # of prctl
_NOBODY = 65534
_SCRATCH = "/scratch"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one child may use."""

    cpu_seconds: int
    memory_bytes: int  # beside what the zygote has already
    file_bytes: int = 16 << 20  # of each file that it writes, and of all of them
    open_files: int = 64


class Sandbox:
    """Namespaces for this process and its children."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._pids: int | None = None  # this process's own namespace of processes, to come back to
        self._sizes = _open_sizes()
        self.closed = False

    def close_off(self, root: str, hidden: Sequence[str], package: Path) -> None:
        """Take the network and the files away. Raises: OSError where the system does not allow it.

        Must be called before any thread is started, and goes on in a child of this process.

        Args:
            root: an empty folder to build the new root in.
            hidden: folders that stay unseen.
            package: the folder of aigc_course.
        """
        user, group = os.getuid(), os.getgid()
        if user != 0:
            self._unshare(_NEW_USER)
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{user} {user} 1")
            _write("/proc/self/gid_map", f"{group} {group} 1")
        self._unshare(_NEW_MOUNTS | _NEW_NETWORK | _NEW_IPC | _NEW_NAMES | _NEW_PIDS)
        self._go_on_in_child()
        self._pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._sizes = _open_sizes()
        self._mount("none", "/", None, _RECURSIVE | _PRIVATE)
        self._mount("tmpfs", root, "tmpfs", _NO_SUID, "size=1m,mode=755")
        for path in _visible(package):
            self._show(path, root)
        for path in _SYSTEM_FILES:
            with suppress(OSError):  # Python goes without, should one be missing
                self._show(path, root)
        for path in {*hidden, *map(os.path.realpath, hidden)}:  # a folder may be seen under both names
            if os.path.isdir(root + path):
                self._mount("tmpfs", root + path, "tmpfs", _READ_ONLY | _NO_SUID, "size=4k,mode=555")
        os.mkdir(root + _SCRATCH)
        self._mount("tmpfs", root, None, _REMOUNT | _READ_ONLY | _NO_SUID, "size=1m,mode=755")
        os.chroot(root)
        os.chdir("/")
        self.closed = True

    def _go_on_in_child(self) -> None:
        """Become process 1 of a namespace that is this one's own, as leaving it again needs; the parent just waits."""
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            os._exit(0)
        self._call("prctl", _DIE_WITH_PARENT, int(signal.SIGKILL), 0, 0, 0)

    def next_child_alone(self) -> None:
        """The next child is process 1 of a new namespace: it sees nobody else, and whatever it starts ends with it."""
        if self._pids is not None:
            self._call("setns", self._pids, _NEW_PIDS)
            self._unshare(_NEW_PIDS)

    def virtual_bytes(self) -> int | None:
        """What this process's address space has; None where the system does not say."""
        if self._sizes is None:
            return None
        self._sizes.seek(0)
        return int(self._sizes.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")

    def confine(self, limits: Limits, virtual_bytes: int | None) -> None:
        """In a child: an empty folder, limits, no rights.

        Args: virtual_bytes: what its address space has already; None sets no limit to it.
        """
        if self.closed:
            self._unshare(_NEW_MOUNTS | _NEW_IPC)
            self._mount("tmpfs", _SCRATCH, "tmpfs", _NO_SUID | _NO_DEVICES, f"size={limits.file_bytes},mode=777")
            os.chdir(_SCRATCH)
        _limit(limits, virtual_bytes)
        if os.getuid() == 0:
            with suppress(OSError):  # a container may not let it
                os.setgroups([])
                os.setresgid(_NOBODY, _NOBODY, _NOBODY)
                os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        if sys.platform == "linux":
            header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
            self._call("capset", ctypes.byref(header), ctypes.byref(none))
            self._call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)

    def _show(self, path: str, root: str) -> None:
        """Make a folder, a file or a link of the old root visible in the new one, read-only."""
        target = root + path
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        if os.path.islink(path) and path in _SYSTEM:
            os.symlink(os.readlink(path), target)
            return
        if os.path.isdir(path):
            os.makedirs(target, mode=0o755, exist_ok=True)
        else:
            Path(target).touch()
        self._mount(path, target, None, _BIND | _RECURSIVE)
        inside = [mount for mount in _mounts() if mount == target or mount.startswith(target + "/")]
        for mount in inside:
            flags = os.statvfs(mount).f_flag
            kept = sum(keep for flag, keep in _KEPT.items() if flags & flag)
            self._mount("none", mount, None, _REMOUNT | _BIND | _READ_ONLY | kept)

    def _mount(self, source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
        texts = [text.encode() if text is not None else None for text in (source, target, kind)]
        self._call("mount", *texts, ctypes.c_ulong(flags), options.encode() if options else None)

    def _unshare(self, flags: int) -> None:
        self._call("unshare", flags)

    def _call(self, name: str, *arguments: object) -> None:
        try:
            function = getattr(self._libc, name)
        except AttributeError as error:
            raise OSError(f"{name} is not to be had on {sys.platform}") from error
        if function(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")


def _visible(package: Path) -> list[str]:
    """What Python needs: the system's libraries, its own folders, those of its packages, this package."""
    python = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    python |= {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    python |= {entry for entry in sys.path if os.path.isdir(entry) and entry != str(package.parent)}
    python |= {os.path.realpath(path) for path in python} | {str(package)}
    folders = _outermost(path for path in python if not _within(path, _SYSTEM) and path != "/")
    return [*(path for path in _SYSTEM if os.path.exists(path)), *folders]


def _outermost(paths: Iterable[str]) -> list[str]:
    found: list[str] = []
    for path in sorted(paths):
        if os.path.isdir(path) and not _within(path, found):
            found.append(path)
    return found


def _within(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def _mounts() -> list[str]:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return [line.split(" ")[4].encode().decode("unicode_escape") for line in file]


def _open_sizes() -> TextIO | None:
    """What Linux says of this process's memory, to be read again later; None on other systems."""
    try:
        return open("/proc/self/statm", encoding="ascii")
    except OSError:
        return None


def open_to_all(path: str) -> bool:
    """Whether a user without any rights can look into a folder."""
    folders = [Path(path), *Path(path).parents]
    return all(folder.stat().st_mode & 0o001 for folder in folders) and bool(Path(path).stat().st_mode & 0o004)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _limit(limits: Limits, virtual_bytes: int | None) -> None:
    wanted: dict[str, int] = {
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_FSIZE": limits.file_bytes,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": 0,  # neither processes nor threads
    }
    if virtual_bytes is not None:
        wanted["RLIMIT_AS"] = virtual_bytes + limits.memory_bytes
    for name, value in wanted.items():
        hard = value + 2 if name == "RLIMIT_CPU" else value  # the first signal says why, the second can't be caught
        with suppress(ValueError, OSError, AttributeError):  # macOS knows some of them only
            resource.setrlimit(getattr(resource, name), (value, hard))

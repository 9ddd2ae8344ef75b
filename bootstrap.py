#!/usr/bin/env python3
"""Set the course up and start one of its jobs, with nothing but Python: `python bootstrap.py course`.

Jobs: course (run every notebook, build the site), test, test-slow, lab (JupyterLab), lint, setup (install only),
lock (write requirements.lock anew), clean (remove what was made). Further arguments go to the job.

The first run makes `.venv` in the checkout and installs requirements.lock into it; later runs only compare a stamp.
The file keeps to the syntax of Python 2.7 and imports nothing but the standard library, so that an old `python3` can
read it and say which Python is needed. That is why it has neither f-strings nor annotations.
"""

from __future__ import print_function

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time

OLDEST, NEWEST = (3, 10), (3, 13)
NEEDED_BYTES = 9 * 10**9  # 6.4 GB of packages, CUDA's libraries among them, and 2.6 GB that pip downloads
ROOT = os.path.dirname(os.path.abspath(__file__))
UV_PIN = "uv==0.13.9"
WINDOWS = os.name == "nt"
JOBS = ("course", "test", "test-slow", "lab", "lint", "setup", "lock", "clean")


class SetupError(Exception):
    """What went wrong and what to do about it, in words for the user."""


# --- a Python that fits -------------------------------------------------------------------------------------------


def supported(version):
    """Whether (major, minor) is a Python that the lock is made for."""
    return OLDEST <= tuple(version) <= NEWEST


def candidates(path, home):
    """Commands that may be a supported Python, newest first: on the search path, from pyenv, Windows' launcher."""
    names = ["python3.{0}".format(minor) for minor in range(NEWEST[1], OLDEST[1] - 1, -1)] + ["python3", "python"]
    found = [os.path.join(folder, name) for name in names for folder in path.split(os.pathsep) if folder]
    if WINDOWS:
        found = [command + ".exe" for command in found]
    versions = os.path.join(os.environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv"), "versions")
    if os.path.isdir(versions):
        fitting = [v for v in os.listdir(versions) if re.match(r"3\.(1[0-3])(\.\d+)?$", v)]
        fitting.sort(key=lambda v: [int(part) for part in v.split(".")], reverse=True)
        found += [os.path.join(versions, v, "bin", "python") for v in fitting]
    return [command for command in found if os.path.isfile(command)]


def python_version(command):
    """(major, minor) that `command` reports of itself, or None when it does not run."""
    code = "import sys; print('%d %d %d' % (sys.version_info[0], sys.version_info[1], sys.maxsize > 2**32))"
    try:
        out = subprocess.Popen([command, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE).communicate()[0]
        major, minor, wide = [int(word) for word in out.split()]
    except (OSError, ValueError):
        return None
    return (major, minor) if wide else None


def find_python():
    """The command of a supported Python that is not inside an environment.  Raises: SetupError when there is none."""
    if supported(sys.version_info[:2]) and sys.maxsize > 2**32:
        inside = sys.prefix != getattr(sys, "base_prefix", sys.prefix)
        return getattr(sys, "_base_executable", sys.executable) if inside else sys.executable
    for command in candidates(os.environ.get("PATH", ""), os.path.expanduser("~")):
        version = python_version(command)
        if version and supported(version):
            return command
    raise SetupError(
        "The course needs a 64-bit Python 3.10, 3.11, 3.12 or 3.13, but this is Python {0} and no other was found.\n"
        "Install one (python.org, your package manager, pyenv or conda) and run the same command again.\n"
        "With conda: conda env create -f environment.yml".format(platform.python_version())
    )


# --- the state of .venv -------------------------------------------------------------------------------------------


def stamp_path(venv):
    return os.path.join(venv, "aigc-course-setup.json")


def venv_python(venv):
    return os.path.join(venv, "Scripts", "python.exe") if WINDOWS else os.path.join(venv, "bin", "python")


def wanted_digest(root):
    """SHA-256 over the files that decide what is installed."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml"):
        with io.open(os.path.join(root, name), "rb") as file:
            digest.update(file.read().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def configured_version(venv):
    """The Python version that pyvenv.cfg names, or None when the file is missing or torn."""
    try:
        with io.open(os.path.join(venv, "pyvenv.cfg"), encoding="utf-8") as file:
            match = re.search(r"^version\s*=\s*(\S+)", file.read(), re.MULTILINE)
    except (OSError, IOError, UnicodeDecodeError):
        return None
    return match.group(1) if match else None


def read_stamp(venv):
    try:
        with io.open(stamp_path(venv), encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, IOError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def write_stamp(venv, state, digest):
    """Record `state` ("installing" or "ready"); the file appears whole or not at all."""
    stamp = {"state": state, "digest": digest, "location": venv, "python": configured_version(venv)}
    part = stamp_path(venv) + ".part"
    with io.open(part, "wb") as file:
        file.write(json.dumps(stamp, indent=1).encode("utf-8"))
    os.replace(part, stamp_path(venv))


def survey(venv, digest):
    """What `.venv` needs: "nothing", "create", "remake" (torn), "move" (the checkout moved) or "update"."""
    if not os.path.isdir(venv):
        return "create"
    stamp = read_stamp(venv)
    version = configured_version(venv)
    if version is None or not supported([int(part) for part in version.split(".")[:2]]):
        return "remake"
    if os.path.exists(stamp_path(venv)) and (stamp is None or stamp.get("state") != "ready"):
        return "remake"
    if stamp is None:  # made by hand, as `python -m venv .venv` does: taken over if it runs
        return "update" if runs_pip(venv) else "remake"
    if not os.path.exists(venv_python(venv)) or stamp["python"] != version:
        return "remake"
    if stamp["location"] != venv:
        return "remake" if WINDOWS or " " in venv else "move"  # their launchers cannot be mended
    return "nothing" if stamp["digest"] == digest else "update"


def runs_pip(venv):
    try:
        return quiet([venv_python(venv), "-m", "pip", "--version"])[0] == 0
    except OSError:
        return False


def quiet(command):
    """Run `command` unseen: (exit status, its output)."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment())
    output = process.communicate()[0].decode("utf-8", "replace")
    return process.returncode, output


def clean_environment():
    """The environment without what makes Python or pip look outside .venv."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIRE_HASHES",
               "PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "JUPYTER_PATH", "__PYVENV_LAUNCHER__")  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment.update(PYTHONNOUSERSITE="1", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    return environment


# --- making it ----------------------------------------------------------------------------------------------------


def set_up(root):
    """Bring `.venv` to the state of the lock; costs milliseconds when it is there already.  Returns its directory."""
    venv = os.path.join(root, ".venv")
    digest = wanted_digest(root)
    if survey(venv, digest) == "nothing":
        return venv
    build = os.path.join(root, "build")
    if not os.path.isdir(build):
        os.makedirs(build)
    log = os.path.join(build, "setup.log")
    with io.open(os.path.join(build, "setup.busy"), "w") as busy:
        hold(busy)
        need = survey(venv, digest)  # another process may have done it meanwhile
        began = time.time()
        if need in ("create", "remake"):
            say({"create": "Making .venv", "remake": ".venv is incomplete or outdated: making it anew"}[need])
            make_venv(find_python(), venv, digest)
        elif need == "move":
            say("The checkout has moved: mending the paths in .venv")
            mend_paths(read_stamp(venv)["location"], venv)
        if need != "nothing":
            install(root, venv, digest, log)
            say("Set-up is complete after {0:.0f} s; pip's output is in {1}".format(time.time() - began, log))
    return venv


def hold(file):
    """Wait until no other process sets this checkout up; the system lets go when the file is closed."""
    if sys.platform == "win32":
        import msvcrt

        while True:
            try:
                return msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            except OSError:  # it gives up after ten seconds
                continue
    import fcntl

    return fcntl.flock(file, fcntl.LOCK_EX)


def check_machine(folder):
    """Raises: SetupError when torch has no build for this system or the disk is too full to begin."""
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise SetupError(
            "torch 2.11 has no build for Intel Macs, nor for an Intel Python on an Apple-silicon Mac.\n"
            "On Apple silicon install an arm64 Python (python.org's installer is one) and run this again."
        )
    needed = NEEDED_BYTES if sys.platform.startswith("linux") else NEEDED_BYTES // 3  # CUDA's libraries: Linux only
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SetupError(
            "The disk has {0:.1f} GB free at {1}; the set-up needs about {2:.0f} GB.\n"
            "Free some space, or move the checkout to a larger disk.".format(free / 1e9, folder, needed / 1e9)
        )


def make_venv(python, venv, digest):
    """Make an empty environment.  A mark stands in it from the first moment, so that a killed run is recognised."""
    status, output = quiet([python, "-c", "import venv, ensurepip"])
    if status != 0:
        version = ".".join(str(part) for part in python_version(python) or ("3",))
        raise SetupError(
            "{0} lacks the modules venv and ensurepip, which Debian and Ubuntu keep in a package of their own.\n"
            "Run: sudo apt install python{1}-venv   and then this command again.".format(python, version)
        )
    if os.path.isdir(venv):
        shutil.rmtree(venv)
    check_machine(os.path.dirname(venv))
    os.makedirs(venv)
    write_stamp(venv, "installing", digest)
    status, output = quiet([python, "-m", "venv", venv])
    if status != 0:
        raise SetupError("{0} -m venv failed:\n{1}".format(python, tail(output)))


def mend_paths(old, new):
    """Write the new place into the scripts of a moved environment, without a network."""
    folder = os.path.join(new, "bin")
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        with io.open(path, "rb") as file:
            content = file.read()
        if old.encode() in content and b"\0" not in content:
            with io.open(path, "wb") as file:
                file.write(content.replace(old.encode(), new.encode()))


def install(root, venv, digest, log):
    """Install the lock, then the package itself, and write the stamp last."""
    before = read_stamp(venv)
    write_stamp(venv, "installing", digest)
    python = venv_python(venv)
    lock = os.path.join(root, "requirements.lock")
    pip = [python, "-m", "pip", "install", "--progress-bar", "off", "--no-warn-script-location"]
    wheels = os.path.join(root, "wheels")
    if os.path.isdir(wheels):  # the checkout came with its packages: `aigc-course kit`
        pip += ["--no-index", "--find-links", wheels]
    with io.open(log, "w", encoding="utf-8") as file:
        for what, arguments, names in (
            ("packages", ["--require-hashes", "-r", lock], locked_names(lock)),
            ("the course itself", ["--no-deps", "--no-build-isolation", "--editable", root], []),
        ):
            status, output = watch(pip + arguments, file, what, names)
            if status != 0:
                if before and before.get("state") == "ready":  # pip undoes an installation that fails
                    write_stamp(venv, "ready", before["digest"])
                raise SetupError(explain(output, log))
    quiet_news(venv)
    write_stamp(venv, "ready", digest)


def locked_names(lock):
    with io.open(lock, encoding="utf-8") as file:
        return re.findall(r"^([A-Za-z0-9._-]+)==", file.read(), re.MULTILINE)


def watch(command, log, what, names):
    """Run pip with its output in `log` and a line of progress on the screen: (exit status, output)."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment())
    progress = Progress(what, names)
    ticker = threading.Thread(target=progress.tick)
    ticker.daemon = True
    ticker.start()
    lines = []
    try:
        assert process.stdout
        for raw in iter(process.stdout.readline, b""):
            line = raw.decode("utf-8", "replace")
            lines.append(line)
            log.write(line)
            progress.see(line)
        return process.wait(), "".join(lines)
    finally:
        if process.poll() is None:
            process.terminate()
        if process.stdout:
            process.stdout.close()
        progress.done.set()
        ticker.join()


class Progress(object):
    """One line that says how far pip is: rewritten on a terminal, printed every 20 s elsewhere."""

    def __init__(self, what, entries):
        self.what, self.entries, self.seen, self.now = what, list(entries), set(), "starting"
        self.began, self.done = time.time(), threading.Event()

    def see(self, line):
        collecting = re.match(r"(Collecting|Requirement already satisfied:|Ignoring) ([A-Za-z0-9._-]+)", line)
        fetching = re.match(r"\s*(Downloading|Using cached|Processing) (\S+)( \([0-9.]+ [kMG]B\))?", line)
        if collecting and collecting.group(1) == "Ignoring":  # a release for another system or Python
            if collecting.group(2) in self.entries:
                self.entries.remove(collecting.group(2))
        elif collecting:
            self.seen.add(collecting.group(2))
            self.now = collecting.group(2)
        elif fetching:
            self.now = fetching.group(2).split("/")[-1].split("-")[0] + (fetching.group(3) or "")
            self.seen.add(self.now.split(" ")[0].replace("_", "-"))
        elif line.startswith("Installing collected packages"):
            self.now = "unpacking them (a minute or two)"

    def tick(self):
        terminal = sys.stdout.isatty()
        while not self.done.wait(0.2 if terminal else 20.0):
            count = "{0}/{1} ".format(len(self.seen), len(set(self.entries))) if self.entries else ""
            line = "  {0}: {1}{2}, {3:.0f} s".format(self.what, count, self.now, time.time() - self.began)
            sys.stdout.write("\r" + line[:78].ljust(78) if terminal else line + "\n")
            sys.stdout.flush()
        if terminal:
            sys.stdout.write("\r" + " " * 78 + "\r")


# What pip says, what it means and what to do. The first pattern that is found decides.
CAUSES = (
    (r"No space left on device|Errno 28|Disk quota exceeded",
     "The disk is full (the set-up needs about 9 GB). Free some space and run the same command again."),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError",
     "The package registry's certificate could not be verified. On macOS run 'Install Certificates.command' in the\n"
     "Applications/Python folder; behind a company proxy set PIP_CERT to its certificate. Then run this again."),
    (r"NewConnectionError|NameResolutionError|Failed to establish|name resolution|Connection (refused|reset|aborted)|"
     r"ConnectTimeout|ReadTimeout|Read timed out|Network is unreachable|ProxyError|ProtocolError|IncompleteRead",
     "The package registry could not be reached. Connect to the internet (or set HTTPS_PROXY, or PIP_INDEX_URL to a\n"
     "mirror) and run the same command again: what was downloaded is kept. Only the set-up needs a network."),
    (r"DO NOT MATCH THE HASHES",
     "A downloaded package differs from the one that was tested, so it was refused. Run the same command again; if it\n"
     "stays so, the mirror or proxy in between changes files."),
    (r"No matching distribution found|is not a supported wheel",
     "A package has no build for this system. The course runs on Linux x86-64 and arm64 (glibc), on Windows x64\n"
     "and on Apple-silicon Macs, with Python 3.10 to 3.13."),
    (r"Permission denied|Errno 13", "The checkout cannot be written to. Copy it to a directory of yours."),
)  # fmt: skip


def explain(output, log):
    """One message for a failed installation: the cause if it is known, then the end of what pip said."""
    cause = next((text for pattern, text in CAUSES if re.search(pattern, output)), "pip could not install a package.")
    return "{0}\n\nThe last lines of pip (all of them: {1}):\n{2}".format(cause, log, tail(output))


def tail(output, count=6):
    lines = [line[:300] for line in output.splitlines() if line.strip() and not line.startswith("Ignoring ")]
    return "\n".join("  | " + line for line in lines[-count:])


def quiet_news(venv):
    """Settings for this environment's JupyterLab: no pop-up that asks about news, no search for updates."""
    folder = os.path.join(venv, "share", "jupyter", "lab", "settings")
    if not os.path.isdir(folder):
        os.makedirs(folder)
    values = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    with io.open(os.path.join(folder, "overrides.json"), "wb") as file:
        file.write(json.dumps(values, indent=1).encode("utf-8"))


# --- the jobs -----------------------------------------------------------------------------------------------------


def job_commands(job, root, python, extra):
    """The command lines of a job, run in turn until one fails."""
    pytest = [python, "-m", "pytest", "-n", "2", "--dist", "loadfile"]
    commands = {
        "setup": [],
        "course": [[python, "-m", "aigc_course.cli", "course"] + extra],
        "test": [pytest + ["-m", "not slow and not gpu"] + extra],
        "test-slow": [pytest + ["-m", "slow and not gpu"] + extra],
        "lint": [[python, "-m", "ruff", "check"], [python, "-m", "ruff", "format", "--check"], [python, "-m", "mypy"]],
        "lab": [
            [python, "-m", "aigc_course.cli", "notebooks"],  # the learner's own copies, which no upgrade writes over
            [python, "-m", "jupyterlab", "--ServerApp.root_dir=" + os.path.join(root, "my_notebooks"),
             "--LabApp.default_url=/lab/tree/00_welcome.ipynb"] + extra
        ],
    }  # fmt: skip
    return commands[job]


def run_job(job, root, venv, extra):
    """Run a job inside the environment and return its exit status."""
    environment = clean_environment()
    environment["VIRTUAL_ENV"] = venv
    environment["PATH"] = os.path.dirname(venv_python(venv)) + os.pathsep + os.environ.get("PATH", "")
    environment["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel named python3 is this environment's
    if job.startswith("test"):
        environment["AIGC_PROFILE"] = "smoke"
    for command in job_commands(job, root, venv_python(venv), extra):
        process = subprocess.Popen(command, cwd=root, env=environment)
        while True:
            try:
                status = process.wait()
                break
            except KeyboardInterrupt:  # the job got the signal too and ends in its own way
                continue
        if status != 0:
            return status if status > 0 else 128 - status
    return 0


def write_lock(root):
    """Resolve pyproject.toml anew with uv, which lives in an environment of its own under build/."""
    venv = os.path.join(root, "build", "lock-venv")
    python = venv_python(venv)
    if not os.path.exists(python):
        status, output = quiet([find_python(), "-m", "venv", venv])
        if status != 0:
            raise SetupError("making {0} failed:\n{1}".format(venv, tail(output)))
    status, output = quiet([python, "-m", "pip", "install", UV_PIN])
    if status != 0:
        raise SetupError(explain(output, "pip's output"))
    command = [python, "-m", "uv", "pip", "compile", "--universal", "--generate-hashes", "--python-version", "3.10"]
    command += ["--no-header", "--all-extras", "--quiet", "pyproject.toml", "-o", "requirements.lock"]
    return subprocess.call(command, cwd=root)


def clean(root):
    """Remove what set-up and builds made; never data, runs or anything that git tracks."""
    for name in (".venv", "build", "aigc_course.egg-info", ".pytest_cache", ".mypy_cache", ".ruff_cache"):
        shutil.rmtree(os.path.join(root, name), ignore_errors=True)
    return 0


def say(text):
    print(text)
    sys.stdout.flush()


def main(arguments):
    """Run the job that `arguments` names; the exit status."""
    if not arguments or arguments[0] not in JOBS:
        asked_for_help = bool(arguments) and arguments[0] in ("-h", "--help", "help")
        print("usage: python bootstrap.py {0} [arguments of the job]".format("|".join(JOBS)))
        return 0 if asked_for_help else 2
    try:
        python = find_python()
        if not supported(sys.version_info[:2]):
            return subprocess.call([python, os.path.abspath(__file__)] + arguments)
        if arguments[0] == "clean":
            return clean(ROOT)
        if arguments[0] == "lock":
            return write_lock(ROOT)
        return run_job(arguments[0], ROOT, set_up(ROOT), arguments[1:])
    except SetupError as error:
        print("\n" + str(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on.", file=sys.stderr)
        return 130
    except OSError as error:
        print("\nThe set-up cannot write or read {0}: {1}.".format(error.filename, error.strerror), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The set-up script: which Python, when .venv is remade, mended or left alone, what each failure says.

A stand-in for pip plays the installation, so no test installs anything or needs a network.
"""

import ast
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
POSIX = pytest.mark.skipif(os.name == "nt", reason="bin/ and shebangs")


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a small lock."""
    root = tmp_path / "course"
    root.mkdir()
    (root / "requirements.lock").write_text("alpha==1.0 \\\n    --hash=sha256:00\nbeta==2.0 \\\n    --hash=sha256:01\n")
    (root / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    return root


FAKE_PIP = """
import os, sys, time
if "--version" in sys.argv:
    sys.exit(0)
with open(os.environ["PIP_CALLS"], "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
print("Collecting alpha==1.0 (from -r requirements.lock)")
print("Installing collected packages: alpha, beta", flush=True)
time.sleep(float(os.environ.get("PIP_SECONDS", "0")))
print(os.environ.get("PIP_SAYS", ""))
sys.exit(int(os.environ.get("PIP_STATUS", "0")))
"""


@pytest.fixture
def set_up(bootstrap: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Run the set-up of `checkout` with the stand-in; returns pip's calls."""
    calls = checkout.parent / "calls.txt"
    monkeypatch.setenv("PIP_CALLS", str(calls))
    monkeypatch.setattr(bootstrap, "check_machine", lambda _: None)
    real = bootstrap.quiet

    def make_quickly(command: list[str]) -> tuple[int, str]:
        if command[1:3] != ["-m", "venv"]:
            return real(command)
        status = real([command[0], "-m", "venv", "--without-pip", command[3]])
        install_fake_pip(Path(command[3]))
        return status

    def run() -> list[str]:
        calls.write_text("")
        bootstrap.set_up(str(checkout))
        return calls.read_text().splitlines()

    monkeypatch.setattr(bootstrap, "quiet", make_quickly)
    return run


def install_fake_pip(venv: Path) -> None:
    site = next((venv / "lib").glob("python3.*/site-packages"), venv / "Lib" / "site-packages")
    (site / "pip.py").write_text(FAKE_PIP)


def stamp(checkout: Path) -> dict:
    return json.loads((checkout / ".venv" / "aigc-course-setup.json").read_text())


# --- what any Python can read ---


def test_the_script_keeps_to_old_syntax() -> None:
    source = (ROOT / "bootstrap.py").read_text(encoding="utf-8")
    assert source.isascii()
    tree = ast.parse(source)
    banned = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.YieldFrom, ast.Nonlocal)
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, banned)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            assert node.returns is None and not arguments.kwonlyargs and not arguments.posonlyargs, node.name
            assert all(a.annotation is None for a in arguments.args), node.name
        assert not (isinstance(node, ast.Raise) and node.cause)


def test_the_script_imports_only_the_standard_library() -> None:
    tree = ast.parse((ROOT / "bootstrap.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert names <= set(sys.stdlib_module_names)


def old_pythons() -> list[str]:
    versions = Path.home() / ".pyenv" / "versions"
    return [str(p) for v in ("2.7", "3.6", "3.7", "3.9") for p in sorted(versions.glob(f"{v}.*/bin/python"))[:1]]


@pytest.mark.parametrize("python", [*old_pythons(), sys.executable])
def test_old_pythons_can_read_it(python: str, tmp_path: Path) -> None:
    script = shutil.copy(ROOT / "bootstrap.py", tmp_path)
    done = subprocess.run([python, script, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "course|test|test-slow|lab" in done.stdout
    assert subprocess.run([python, script, "corse"], capture_output=True, check=False).returncode == 2


# --- finding a Python ---


def fake_python(folder: Path, name: str, answer: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)
    return path


@POSIX
def test_an_unsupported_python_looks_for_another(bootstrap: ModuleType, tmp_path: Path, monkeypatch) -> None:
    fake_python(tmp_path / "bin", "python3.13", "exit 127")  # a shim of a version that is not installed
    fake_python(tmp_path / "bin", "python3.12", "echo 3 12 0")  # a 32-bit build
    good = fake_python(tmp_path / "bin", "python3.11", "echo 3 11 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 14, 0))
    assert bootstrap.find_python() == str(good)
    good.unlink()
    of_pyenv = fake_python(tmp_path / "pyenv" / "versions" / "3.12.9" / "bin", "python", "echo 3 12 1")
    fake_python(tmp_path / "pyenv" / "versions" / "3.9.1" / "bin", "python", "echo 3 9 1")
    assert bootstrap.find_python() == str(of_pyenv)
    of_pyenv.unlink()
    with pytest.raises(bootstrap.SetupError, match=r"needs a 64-bit Python 3\.10, 3\.11, 3\.12 or 3\.13"):
        bootstrap.find_python()


def test_versions(bootstrap: ModuleType) -> None:
    assert [v for v in [(2, 7), (3, 9), (3, 10), (3, 13), (3, 14)] if bootstrap.supported(v)] == [(3, 10), (3, 13)]


# --- the life of .venv ---


def test_first_run_installs_the_lock_then_the_course(set_up: Callable, checkout: Path, capsys) -> None:
    calls = set_up()
    assert len(calls) == 2
    assert "--require-hashes" in calls[0] and "requirements.lock" in calls[0]
    assert {"--no-deps", "--no-build-isolation", "--editable"} <= set(calls[1].split())
    assert stamp(checkout)["state"] == "ready"
    assert "Collecting alpha" in (checkout / "build" / "setup.log").read_text()
    assert "Collecting" not in capsys.readouterr().out
    overrides = checkout / ".venv" / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    assert json.loads(overrides.read_text())["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


def test_packages_that_came_with_the_checkout_are_installed_without_a_network(set_up, checkout) -> None:
    (checkout / "wheels").mkdir()
    calls = set_up()
    assert len(calls) == 2
    assert all(f"--no-index --find-links {checkout / 'wheels'}" in call for call in calls)


def test_second_run_starts_no_process(set_up: Callable, bootstrap: ModuleType, monkeypatch) -> None:
    set_up()
    monkeypatch.setattr(bootstrap.subprocess, "Popen", None)
    assert set_up() == []


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_file_updates_in_place(set_up: Callable, checkout: Path, name: str) -> None:
    set_up()
    kept = checkout / ".venv" / "kept"
    kept.write_text("")
    (checkout / name).write_text((checkout / name).read_text() + "# changed\n")
    assert len(set_up()) == 2
    assert kept.exists()
    assert set_up() == []


def test_windows_line_ends_change_nothing(set_up: Callable, checkout: Path) -> None:
    set_up()
    lock = checkout / "requirements.lock"
    lock.write_bytes(lock.read_bytes().replace(b"\n", b"\r\n"))
    assert set_up() == []


@POSIX
def test_a_killed_installation_is_made_anew(set_up: Callable, bootstrap: ModuleType, checkout: Path) -> None:
    program = textwrap.dedent("""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("bootstrap", sys.argv[1])
        bootstrap = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(bootstrap)
        bootstrap.install(sys.argv[2], sys.argv[2] + "/.venv", "new digest", sys.argv[2] + "/build/setup.log")
    """)
    set_up()
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(ROOT / "bootstrap.py"), str(checkout)],
        env=os.environ | {"PIP_SECONDS": "60"},
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while stamp(checkout)["state"] != "installing" and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    torn = checkout / ".venv" / "torn"
    torn.write_text("")
    assert bootstrap.survey(str(checkout / ".venv"), bootstrap.wanted_digest(str(checkout))) == "remake"
    assert len(set_up()) == 2
    assert not torn.exists() and stamp(checkout)["state"] == "ready"


def test_torn_environments_are_made_anew(set_up: Callable, bootstrap: ModuleType, checkout: Path) -> None:
    venv = checkout / ".venv"

    def need() -> str:
        return bootstrap.survey(str(venv), bootstrap.wanted_digest(str(checkout)))

    assert need() == "create"
    set_up()
    assert need() == "nothing"
    (venv / "aigc-course-setup.json").write_text('{"state": "re')
    assert need() == "remake"
    set_up()
    Path(bootstrap.venv_python(str(venv))).unlink()  # the Python that it was made from was removed
    assert need() == "remake"
    set_up()
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.9.1\n")
    assert need() == "remake"
    set_up()
    (venv / "pyvenv.cfg").unlink()
    assert need() == "remake"


def test_an_environment_made_by_hand_is_taken_over(set_up: Callable, checkout: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(checkout / ".venv")], check=True)
    install_fake_pip(checkout / ".venv")
    mine = checkout / ".venv" / "mine"
    mine.write_text("")
    assert len(set_up()) == 2
    assert mine.exists() and stamp(checkout)["state"] == "ready"


@POSIX
def test_a_moved_checkout_is_mended(set_up: Callable, bootstrap: ModuleType, checkout: Path) -> None:
    set_up()
    tool = checkout / ".venv" / "bin" / "tool"
    tool.write_text(f"#!{checkout}/.venv/bin/python\nprint('runs')\n")
    tool.chmod(0o755)
    moved = checkout.parent / "moved"
    checkout.rename(moved)
    bootstrap.set_up(str(moved))
    done = subprocess.run([moved / ".venv" / "bin" / "tool"], capture_output=True, text=True, check=True)
    assert done.stdout == "runs\n"
    assert str(checkout) not in (moved / ".venv" / "bin" / "activate").read_text()
    assert stamp(moved)["location"] == str(moved / ".venv")


# --- failures ---


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("NewConnectionError: Failed to establish a new connection: [Errno -3]", "could not be reached"),
        ("ReadTimeoutError: Read timed out.", "could not be reached"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "refused"),
        ("ERROR: No matching distribution found for torch==2.11.0", "no build for this system"),
        ("ERROR: something new", "could not install"),
    ],
)
def test_a_failed_installation_says_why(set_up: Callable, bootstrap: ModuleType, monkeypatch, said, words) -> None:
    monkeypatch.setenv("PIP_SAYS", said)
    monkeypatch.setenv("PIP_STATUS", "1")
    with pytest.raises(bootstrap.SetupError, match=words) as caught:
        set_up()
    assert said in str(caught.value) and "setup.log" in str(caught.value)
    monkeypatch.setenv("PIP_STATUS", "0")
    assert len(set_up()) == 2


def test_a_failed_update_keeps_the_environment(set_up: Callable, bootstrap: ModuleType, checkout, monkeypatch) -> None:
    set_up()
    lock = checkout / "requirements.lock"
    text = lock.read_text()
    lock.write_text(text + "gamma==1.0\n")
    monkeypatch.setenv("PIP_STATUS", "1")
    with pytest.raises(bootstrap.SetupError):
        set_up()
    lock.write_text(text)
    assert set_up() == []


def test_a_full_disk_is_seen_before_anything_is_made(bootstrap: ModuleType, checkout: Path, monkeypatch) -> None:
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    with pytest.raises(bootstrap.SetupError, match=r"1\.0 GB free .* needs about \d GB"):
        bootstrap.set_up(str(checkout))
    assert not (checkout / ".venv").exists()


def test_a_missing_venv_module_names_debians_package(bootstrap: ModuleType, checkout: Path, monkeypatch) -> None:
    monkeypatch.setattr(bootstrap, "quiet", lambda _: (1, "No module named 'ensurepip'"))
    with pytest.raises(bootstrap.SetupError, match=rf"apt install python3\.{sys.version_info.minor}-venv"):
        bootstrap.set_up(str(checkout))


def test_intel_macs_are_told(bootstrap: ModuleType, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap.sys, "platform", "darwin")
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: "x86_64")
    with pytest.raises(bootstrap.SetupError, match="Intel Macs"):
        bootstrap.check_machine(str(tmp_path))


def test_messages_go_to_stderr_with_status_1(bootstrap: ModuleType, monkeypatch, capsys) -> None:
    def fail(root: str) -> str:
        raise bootstrap.SetupError("what to do")

    monkeypatch.setattr(bootstrap, "set_up", fail)
    assert bootstrap.main(["course"]) == 1
    assert capsys.readouterr() == ("", "\nwhat to do\n")


# --- jobs ---


def test_jobs_run_inside_the_environment(bootstrap: ModuleType, tmp_path: Path, monkeypatch) -> None:
    show = "import json, os, sys; json.dump([dict(os.environ), os.getcwd(), sys.argv[1:]], open('seen.json', 'w'))"
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setattr(bootstrap, "job_commands", lambda *given: [[sys.executable, "-c", show, *given[3]]])
    assert bootstrap.run_job("test", str(tmp_path), str(tmp_path / ".venv"), ["-k", "x"]) == 0
    environment, folder, arguments = json.loads((tmp_path / "seen.json").read_text())
    assert environment["AIGC_PROFILE"] == "smoke" and "PYTHONPATH" not in environment
    assert environment["PATH"].startswith(str(tmp_path / ".venv"))
    assert Path(folder).resolve() == tmp_path.resolve() and arguments == ["-k", "x"]


def test_a_failing_command_ends_the_job_with_its_status(bootstrap: ModuleType, tmp_path: Path, monkeypatch) -> None:
    commands = [[sys.executable, "-c", "raise SystemExit(3)"], [sys.executable, "-c", "open('ran', 'w')"]]
    monkeypatch.setattr(bootstrap, "job_commands", lambda *_: commands)
    assert bootstrap.run_job("lint", str(tmp_path), str(tmp_path / ".venv"), []) == 3
    assert not (tmp_path / "ran").exists()


def test_every_job_has_commands(bootstrap: ModuleType) -> None:
    for job in set(bootstrap.JOBS) - {"lock", "clean"}:
        for command in bootstrap.job_commands(job, "/course", "/course/.venv/bin/python", []):
            assert command[:2] == ["/course/.venv/bin/python", "-m"]
    copies, lab = bootstrap.job_commands("lab", "/course", "python", ["--no-browser"])
    assert copies[-1] == "notebooks", "the learner's copies are made before JupyterLab opens them"
    assert lab[-1] == "--no-browser" and f"--ServerApp.root_dir={os.path.join('/course', 'my_notebooks')}" in lab
    assert "--LabApp.default_url=/lab/tree/00_welcome.ipynb" in lab


def test_the_makefile_has_the_same_jobs(bootstrap: ModuleType) -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^(course .*):$", text, re.MULTILINE)
    assert targets and set(targets[1].split()) == set(bootstrap.JOBS)


# --- the pinned set ---


def locked() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def test_torch_torchvision_and_torchaudio_are_one_matching_set() -> None:
    (torch,), (vision,), (audio,) = (locked()[name] for name in ("torch", "torchvision", "torchaudio"))
    torch_minor = int(torch.split(".")[1])
    assert audio == torch, "torchaudio is released with torch's number"
    assert vision.split(".")[:2] == ["0", str(torch_minor + 15)], "torchvision 0.(n+15) belongs to torch 2.n"
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    conda = (ROOT / "environment.yml").read_text(encoding="utf-8")
    for name, version in (("torch", torch), ("torchvision", vision), ("torchaudio", audio)):
        major, minor = version.split(".")[:2]
        assert f'"{name}>={major}.{minor},<{major}.{int(minor) + 1}"' in pyproject
        assert f"{name} {version}" in conda
    assert "- -r requirements.lock" in conda


def test_the_pythons_agree(bootstrap: ModuleType) -> None:
    newest = f"{bootstrap.NEWEST[0]}.{bootstrap.NEWEST[1] + 1}"
    wanted = f">={bootstrap.OLDEST[0]}.{bootstrap.OLDEST[1]},<{newest}"
    assert f'requires-python = "{wanted}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"python {wanted}" in (ROOT / "environment.yml").read_text(encoding="utf-8")


def test_every_requirement_of_pyproject_is_locked_by_hash() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    sections = pyproject.split("[project.scripts]")[0]
    wanted = {name.lower().replace("_", "-") for name in re.findall(r'^\s+"([\w-]+)[><=]', sections, re.MULTILINE)}
    wanted |= {name.lower() for name in re.findall(r'= \["([\w-]+)>=', sections)}
    assert {"torch", "setuptools", "playwright", "jupyterlab"} <= wanted <= set(locked())


def test_every_entry_has_a_hash_and_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 100
    assert not [e.split()[0] for e in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", e)]
    assert not re.search(r"https?:|://|--(index|extra|find)|\bfile:", text)

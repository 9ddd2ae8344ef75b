"""Trying the course in other environments: which Python, what drifted, what broke; with a stand-in for the set-up."""

import sys
from pathlib import Path

import pytest

from aigc_course.cli import main
from aigc_course.errors import CourseError, UsageError
from aigc_course.paths import course_root
from aigc_course.teaching import verify as module
from aigc_course.teaching.lock import Drift, drift_between, locked_versions
from aigc_course.teaching.verify import broken_tests, find_python, verify

HERE = ".".join(map(str, sys.version_info[:2]))
LOCK = """alpha==1.0 \\
    --hash=sha256:00
Beta_Two==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:01
beta-two==3.0 ; python_full_version >= '3.12' \\
    --hash=sha256:02
    # via alpha
gamma==4.0 ; sys_platform == 'atari'
delta==5.0
"""
JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="good"/>
<testcase classname="tests.b" name="bad[1]"><failure message="assert 1 == 2&#10;more">trace</failure></testcase>
<testcase classname="tests.c" name="torn"><error message="no module">trace</error></testcase>
</testsuite></testsuites>"""


class Tools:
    """The set-up script with nothing installed and nothing run; `calls` says what was asked of it."""

    def __init__(self, real):
        self.real, self.calls, self.junit, self.status, self.pip = real, [], "<a/>", 0, (0, "")

    def __getattr__(self, name):
        return getattr(self.real, name)

    def make_venv(self, _python, venv, digest):
        self.calls.append("make")
        Path(venv).mkdir(parents=True, exist_ok=True)
        (Path(venv) / "pyvenv.cfg").write_text(f"version = {HERE}.9\n")
        self.write_stamp(venv, "installing", digest)

    def runs_pip(self, venv):
        return Path(venv).is_dir()

    def watch(self, command, *_):
        self.calls.append(("pip", command))
        return self.pip

    def install(self, _root, venv, digest, _log):
        self.calls.append("lock")
        self.write_stamp(venv, "ready", digest)

    def run_job(self, *given):
        extra = given[-1]
        self.calls.append(("tests", extra))
        Path(extra[0].removeprefix("--junitxml=")).write_text(self.junit)
        return self.status


@pytest.fixture
def tools(monkeypatch, tmp_path):
    stand_in = Tools(module._bootstrap())
    monkeypatch.setattr(module, "_bootstrap", lambda: stand_in)
    monkeypatch.setattr(module, "installed_versions", lambda _: {"torch": "99.0", "zeta": "1"})
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    return stand_in


def test_the_lock_is_read_for_one_python_and_this_system():
    assert locked_versions(LOCK, "3.11.7") == {"alpha": "1.0", "beta-two": "2.0", "delta": "5.0"}
    assert locked_versions(LOCK, "3.12.1")["beta-two"] == "3.0"


def test_drift_is_what_differs_or_stands_on_one_side_alone():
    here = {"Alpha": "1.0+cu130", "beta_two": "2.1", "new": "7"}
    drift = drift_between(locked_versions(LOCK, "3.11.7"), here)
    assert drift == (
        Drift(name="beta-two", locked="2.0", here="2.1"),
        Drift(name="delta", locked="5.0", here=None),
        Drift(name="new", locked=None, here="7"),
    )
    assert [str(item) for item in drift] == [
        "beta-two: 2.1, locked 2.0", "delta: not installed, locked 5.0", "new: 7, which the lock does not have",
    ]  # fmt: skip


def test_the_lock_of_the_course_pins_one_torch_for_each_python():
    text = (course_root() / "requirements.lock").read_text(encoding="utf-8")
    for python in ("3.10.13", "3.13.0"):
        found = locked_versions(text, python)
        assert found["torch"].startswith("2.11.") and len(found) > 150


def test_a_python_is_found_by_its_version_and_others_are_named():
    assert Path(find_python(HERE)).exists()
    for version in ("3.9", "3.14", "3", "3.12.1", "x.y"):
        with pytest.raises(UsageError, match=r"has no Python '.*'; allowed: 3\.10 to 3\.13"):
            find_python(version)


def test_a_python_that_is_not_there_is_told(tools, monkeypatch):
    monkeypatch.setattr(tools, "python_version", lambda _: (3, 11), raising=False)
    with pytest.raises(UsageError, match=r"no Python 3\.13 on this machine \(found: 3\.11\)"):
        find_python("3.13", tools)


def test_the_newest_packages_are_asked_for_with_every_extra_and_the_environment_goes(tools, tmp_path):
    verdict = verify(HERE, latest=True, tests=["tests/losses"])
    verdict.tidy()
    assert verdict.ok and list(tmp_path.iterdir()) == []
    assert verdict.python == f"{HERE}.9"
    made, (_, pip), (_, tested) = tools.calls
    assert made == "make" and {"--upgrade", "--editable"} <= set(pip)
    assert pip[-1].startswith(f"{course_root()}[") and "notebooks" in pip[-1] and "test" in pip[-1]
    assert tested[-1] == "tests/losses"
    assert Drift(name="zeta", locked=None, here="1") in verdict.drift
    assert any(item.name == "torch" and item.here == "99.0" for item in verdict.drift)
    assert "all tests passed" in str(verdict) and "torch: 99.0, locked 2.11" in str(verdict)


def test_the_lock_is_installed_as_the_set_up_does(tools):
    verdict = verify(HERE, latest=False)
    assert verdict.ok and "the packages of the lock" in str(verdict)
    assert tools.calls[:2] == ["make", "lock"]


def test_what_broke_is_told_and_the_environment_is_used_again(tools, tmp_path):
    tools.junit, tools.status = JUNIT, 1
    verdict = verify(HERE, latest=True)
    verdict.tidy()
    assert not verdict.ok and verdict.folder.is_dir()
    assert verdict.broken == ("tests.b::bad[1]: assert 1 == 2", "tests.c::torn: no module")
    assert "something broke" in str(verdict) and f"stays in {verdict.folder}" in str(verdict)
    tools.calls.clear()
    tools.junit, tools.status = "<a/>", 0
    assert verify(HERE, latest=True).ok
    assert [call[0] for call in tools.calls] == ["tests"], "installed today already"


def test_an_interrupted_installation_goes_on_in_the_same_environment(tools, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    tools.watch, watch = interrupted, tools.watch
    with pytest.raises(KeyboardInterrupt):
        verify(HERE, latest=True)
    assert "the same command goes on with it" in capsys.readouterr().err
    tools.watch = watch
    assert verify(HERE, latest=True).ok
    assert [call if call == "make" else call[0] for call in tools.calls] == ["make", "pip", "tests"]


def test_an_unreachable_registry_is_told_as_one(tools):
    tools.pip = (1, "ERROR: NewConnectionError: Failed to establish a new connection")
    with pytest.raises(CourseError, match="registry could not be reached"):
        verify(HERE, latest=True)
    assert "tests" not in [call[0] for call in tools.calls]


def test_a_status_without_a_report_is_a_failure(tmp_path):
    assert broken_tests(tmp_path / "none.xml", 4) == ("pytest ended with status 4",)
    assert broken_tests(tmp_path / "none.xml", 0) == ()


def test_tests_that_do_not_exist_are_refused_before_anything_is_made(tools, tmp_path):
    with pytest.raises(UsageError, match="no tests at tests/lossses"):
        verify(HERE, latest=True, tests=["tests/lossses"])
    assert tools.calls == [] and list(tmp_path.iterdir()) == []


def test_the_command_tries_each_python_and_fails_when_one_broke(tools, capsys):
    tools.junit, tools.status = JUNIT, 1
    with pytest.raises(SystemExit) as caught:
        main(["verify", "--python", HERE, "--python", HERE, "tests/losses"])
    assert caught.value.code == 1
    out = capsys.readouterr().out
    assert out.count("something broke") == 2 and "broken: tests.b::bad[1]" in out
    with pytest.raises(SystemExit) as caught:
        main(["verify", "--python", HERE, "--python", "3.9"])
    assert caught.value.code == 2 and "has no Python '3.9'" in capsys.readouterr().err

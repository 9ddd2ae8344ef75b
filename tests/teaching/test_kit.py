"""The kit for a room without a network: what is in it, and what stops it before anything is written."""

import shutil
import subprocess
import sysconfig
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from aigc_course.errors import CourseError, DataError
from aigc_course.teaching import kit
from aigc_course.teaching.lock import locked_for_other_micros
from aigc_course.training import checkpoint

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small checkout with a data set and a run beside it; pip is played by a function that writes one wheel."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in ("bootstrap.py", "requirements.lock", "notebooks/00.ipynb"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(name)
    subprocess.run([*GIT, "init", "-q"], cwd=root, check=True)
    subprocess.run([*GIT, "add", "."], cwd=root, check=True)
    (root / "untracked.txt").write_text("mine")
    data = tmp_path / "data" / "mnist"
    (data / "raw").mkdir(parents=True)
    (data / "raw" / "images").write_bytes(b"12345")
    (tmp_path / "runs" / "gan" / "quick").mkdir(parents=True)
    monkeypatch.setenv("AIGC_RUNS", str(tmp_path / "runs"))
    (tmp_path / "runs" / "gan" / "quick" / "checkpoint.safetensors").write_bytes(b"w" * 7)
    monkeypatch.setattr(kit, "course_root", lambda: root)
    statuses = [SimpleNamespace(name="mnist", state="present"), SimpleNamespace(name="fsdd", state="absent")]
    monkeypatch.setattr(kit.store, "status", lambda: statuses)
    monkeypatch.setattr(kit.store, "where", lambda name: tmp_path / "data" / name)
    monkeypatch.setattr(kit, "WHEEL_BYTES", 1000)
    monkeypatch.setattr(
        kit, "download_wheels", lambda _lock, folder: (folder / "a-1.0-py3-none-any.whl").write_text("a")
    )
    return root


def test_it_holds_the_tracked_files_packages_data_and_runs(checkout, tmp_path):
    archive = kit.make_kit(tmp_path / "kit.tar", [tmp_path / "runs" / "gan" / "quick"])
    with tarfile.open(archive) as tar:
        assert {name.removeprefix("aigc-course/") for name in tar.getnames()} == {
            "bootstrap.py",
            "requirements.lock",
            "notebooks/00.ipynb",
            "data/downloads/mnist/raw/images",
            "runs/gan/quick/checkpoint.safetensors",
            "wheels/a-1.0-py3-none-any.whl",
            "KIT.md",
        }
        assert tar.extractfile("aigc-course/data/downloads/mnist/raw/images").read() == b"12345"
        assert all(member.uid == 0 and member.uname == "" and member.mode & 0o444 for member in tar)
        text = tar.extractfile("aigc-course/KIT.md").read().decode()
    assert f"python{sysconfig.get_python_version()} bootstrap.py setup" in text
    assert "the data sets mnist, and the trained models gan/quick" in text


def test_a_run_from_elsewhere_goes_where_runs_of_its_recipe_are_looked_for(checkout, tmp_path):
    run = tmp_path / "elsewhere" / "mine"
    checkpoint.save(run / "last.safetensors", {"config": {"recipe": "image-vae"}})
    contents = kit.collect([run])
    assert contents.runs == ("image-vae/mine",)
    assert (run / "last.safetensors", "runs/image-vae/mine/last.safetensors") in contents.files


def test_sizes_are_said_before_the_download(checkout, tmp_path, monkeypatch, capsys):
    said = []
    monkeypatch.setattr(kit, "download_wheels", lambda *_: said.append(capsys.readouterr().out))
    kit.make_kit(tmp_path / "kit.tar")
    assert "packages, about" in said[0] and "data sets" in said[0] and "MB" in said[0]


def test_a_failed_download_leaves_the_old_archive_and_what_was_downloaded(checkout, tmp_path, monkeypatch):
    (tmp_path / "kit.tar").write_text("old")
    (kit.wheel_folder(checkout)).mkdir(parents=True)
    (kit.wheel_folder(checkout) / "b.whl").write_text("b")
    monkeypatch.setattr(kit.subprocess, "run", fails_for_pip(subprocess.run))
    monkeypatch.setattr(kit, "download_wheels", DOWNLOAD)
    with pytest.raises(CourseError, match="what was downloaded is kept in"):
        kit.make_kit(tmp_path / "kit.tar")
    assert (tmp_path / "kit.tar").read_text() == "old" and (kit.wheel_folder(checkout) / "b.whl").is_file()
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []


DOWNLOAD = kit.download_wheels


def fails_for_pip(real):
    def run(command, **options):
        if "pip" in command:
            assert {"--require-hashes", "--no-deps"} <= set(command)
            return SimpleNamespace(returncode=1)
        return real(command, **options)

    return run


LOCK = """other==1.0 \\
    --hash=sha256:aa
    # via x
pinned==2.10 ; python_full_version < '3.11.5' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via other
pinned==4.1 ; python_full_version >= '3.11.5' \\
    --hash=sha256:dd
    # via other
newer==1 ; python_full_version >= '3.12'
"""


@pytest.mark.parametrize(
    ("python", "missing"),
    [
        ("3.11.7", "pinned==2.10 --hash=sha256:bb --hash=sha256:cc\n"),
        ("3.11.2", "pinned==4.1 --hash=sha256:dd\n"),
        ("3.10.5", ""),
        ("3.12.0", ""),
    ],
)
def test_what_another_release_of_the_same_python_needs_comes_along(python, missing):
    assert locked_for_other_micros(LOCK, python) == missing


def test_both_are_downloaded_one_after_the_other(tmp_path, monkeypatch):
    seen = []
    (tmp_path / "requirements.lock").write_text(LOCK)
    monkeypatch.setattr(kit.sys, "version_info", (3, 11, 7))
    monkeypatch.setattr(
        kit.subprocess, "run", lambda command, **_: seen.append(command) or SimpleNamespace(returncode=0)
    )
    DOWNLOAD(tmp_path / "requirements.lock", tmp_path)
    locks = [Path(command[command.index("--requirement") + 1]) for command in seen]
    assert locks[0] == tmp_path / "requirements.lock" and len(locks) == 2 and not locks[1].exists()
    assert seen[0][:-1] == seen[1][:-1] and "--require-hashes" in seen[1]


def test_a_file_that_goes_away_meanwhile_is_named(checkout, tmp_path, monkeypatch):
    def download(_lock, _folder):
        (checkout / "notebooks" / "00.ipynb").unlink()

    monkeypatch.setattr(kit, "download_wheels", download)
    with pytest.raises(DataError, match=r"00\.ipynb was removed while the kit was made"):
        kit.make_kit(tmp_path / "kit.tar")
    assert not (tmp_path / "kit.tar").exists()


def test_a_full_disk_stops_it_before_the_download(checkout, tmp_path, monkeypatch):
    monkeypatch.setattr(kit, "download_wheels", lambda *_: pytest.fail("downloaded"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=kit.KEPT_FREE + 999))
    with pytest.raises(CourseError, match=r"GB free at .*; the kit needs about"):
        kit.make_kit(tmp_path / "kit.tar")
    assert not (tmp_path / "kit.tar").exists()


def test_a_run_without_a_checkpoint_is_refused(checkout, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty is no finished run"):
        kit.collect([tmp_path / "empty"])


def test_outside_a_checkout_it_says_what_is_missing(checkout, tmp_path):
    shutil.rmtree(checkout / ".git")
    with pytest.raises(DataError, match="no git checkout"):
        kit.collect()
    (checkout / "requirements.lock").unlink()
    with pytest.raises(DataError, match=r"no requirements\.lock"):
        kit.collect()


def test_another_lock_has_another_folder_of_packages(checkout):
    first = kit.wheel_folder(checkout)
    (checkout / "requirements.lock").write_text("another")
    assert kit.wheel_folder(checkout) != first and kit.wheel_folder(checkout).parent == first.parent

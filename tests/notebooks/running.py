"""Run a notebook's cells as tests with nbval, in a process of its own, and say plainly what broke."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aigc_course.paths import course_root
from tests.notebooks.broken import what_broke

CELL_TIMEOUT_SECONDS = 300
NBVAL = (
    *("-m", "pytest", "-q", "--no-header", "--color=no", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_TIMEOUT_SECONDS}"),
)


def assert_every_cell_runs(notebook: Path, scratch: Path) -> None:
    """`run_nbval`, with the test failed when a cell does: its message names notebook, cell, line and error."""
    result = run_nbval(notebook, scratch)
    if result.returncode != 0:
        told = what_broke(notebook, scratch / "nbval.xml")
        pytest.fail(told or f"{notebook.name}: nbval did not run\n{result.stdout}{result.stderr}", pytrace=False)


def run_nbval(notebook: Path, scratch: Path) -> subprocess.CompletedProcess[str]:
    """Execute every cell in the smoke profile; compare the outputs of the cells tagged `nbval-check-output`.

    Args: scratch: a folder for the notebook's runs and progress, and for nbval's report, nbval.xml.
    """
    kernel = {
        "AIGC_PROFILE": "smoke",
        "AIGC_PROGRESS": str(scratch / "progress.json"),
        "AIGC_RUNS": str(scratch / "runs"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",
    }
    return subprocess.run(
        [sys.executable, *NBVAL, f"--junitxml={scratch / 'nbval.xml'}", str(notebook)],
        cwd=course_root(),
        env=os.environ | kernel,
        capture_output=True,
        text=True,
        check=False,
    )

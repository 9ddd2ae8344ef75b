"""Run a notebook's cells as tests with nbval, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from aigc_course.paths import course_root

CELL_TIMEOUT_SECONDS = 300
NBVAL = (
    *("-m", "pytest", "-q", "--no-header", "--color=no", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_TIMEOUT_SECONDS}"),
)


def run_nbval(notebook: Path, scratch: Path) -> subprocess.CompletedProcess[str]:
    """Execute every cell in the smoke profile; compare the outputs of the cells tagged `nbval-check-output`.

    What fails is named in the text on stdout: notebook, cell, and the assertion or the difference.
    Args: scratch: a folder for the notebook's runs and progress.
    """
    kernel = {
        "AIGC_PROFILE": "smoke",
        "AIGC_PROGRESS": str(scratch / "progress.json"),
        "AIGC_RUNS": str(scratch / "runs"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",
    }
    return subprocess.run(
        [sys.executable, *NBVAL, str(notebook)],
        cwd=course_root(),
        env=os.environ | kernel,
        capture_output=True,
        text=True,
        check=False,
    )

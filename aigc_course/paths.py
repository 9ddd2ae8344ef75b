"""Where the course keeps what it makes: one directory for data, one for training runs."""

import os
from pathlib import Path


def course_root() -> Path:
    """The checkout that the package is installed from, or the working directory for a plain install."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "notebooks").is_dir() and (root / "pyproject.toml").is_file() else Path.cwd()


def data_dir() -> Path:
    """Where real data sets live: `AIGC_DATA`, else `data/downloads` in the checkout."""
    return _setting("AIGC_DATA", course_root() / "data" / "downloads")


def pretrained_dir() -> Path:
    """Where the trained models are that come with the course: `data/pretrained` in the checkout."""
    return course_root() / "data" / "pretrained"


def runs_dir() -> Path:
    """Where training runs are written: `AIGC_RUNS`, else `runs` in the checkout."""
    return _setting("AIGC_RUNS", course_root() / "runs")


def _setting(variable: str, default: Path) -> Path:
    value = os.environ.get(variable, "").strip()
    return Path(value).expanduser().resolve() if value else default

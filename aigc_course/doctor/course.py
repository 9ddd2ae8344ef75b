"""Checks of what the course itself needs: data sets, the notebook kernel, the widgets."""

import json
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from aigc_course.doctor.findings import Finding, pip_install

NOTEBOOK_PACKAGES = {"jupyterlab": 4, "ipykernel": 6, "ipywidgets": 8, "jupyterlab_widgets": 3}  # least major release


def check_data(statuses: Iterable[Any]) -> list[Finding]:
    """One finding for all usable sets, one for those that are absent, one for each that is damaged.

    Args: statuses: objects with name, state ("embedded", "present", "absent", "damaged"), detail and command.
    """
    statuses = list(statuses)
    findings = [Finding(f"data set {s.name}", "problem", s.detail, s.command) for s in statuses if s.state == "damaged"]
    here = [s.name for s in statuses if s.state in ("embedded", "present")]
    findings.insert(0, Finding("data sets", "ok", f"ready: {', '.join(here)}"))
    absent = [s for s in statuses if s.state == "absent"]
    if absent:
        detail = f"not downloaded: {', '.join(s.name for s in absent)} (the quick profile needs none of them)"
        findings.append(Finding("downloads", "note", detail, absent[0].command))
    return findings


def check_kernel(kernel_file: Path | None, prefix: Path) -> Finding:
    """Whether the kernel named python3, which all notebooks ask for, runs this environment's Python.

    Args: kernel_file: the kernel.json that Jupyter finds first, None without one; prefix: of this environment.
    """
    name = "notebook kernel"
    mend = f'"{sys.executable}" -m ipykernel install --sys-prefix'
    if kernel_file is None:
        return Finding(name, "problem", "no kernel named python3 is registered", mend)
    try:
        program = Path(json.loads(kernel_file.read_text(encoding="utf-8"))["argv"][0])
    except (OSError, ValueError, KeyError, IndexError):
        return Finding(name, "problem", f"{kernel_file} cannot be read", mend)
    if not program.is_absolute():  # Jupyter puts its own Python in place of a bare "python"
        return Finding(name, "ok", str(kernel_file))
    if not program.exists():
        return Finding(name, "problem", f"{kernel_file} starts {program}, which is not there", mend)
    if prefix not in program.parents:
        return Finding(name, "problem", f"{kernel_file} starts {program}, another Python than this one", mend)
    return Finding(name, "ok", str(kernel_file))


def find_kernel() -> Path | None:
    """The kernel.json of `python3` that Jupyter would use; None without Jupyter or without such a kernel."""
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return None
    files = (Path(folder) / "python3" / "kernel.json" for folder in jupyter_path("kernels"))
    return next((file for file in files if file.is_file()), None)


def check_widgets(versions: dict[str, str | None], extension: str | None) -> Finding:
    """Whether JupyterLab can show the course's sliders.

    Args: versions: of NOTEBOOK_PACKAGES, None where missing; extension: version of JupyterLab's widget manager.
    """
    name = "Jupyter and widgets"
    mend = pip_install("--upgrade", *(f"{package}>={major}" for package, major in NOTEBOOK_PACKAGES.items()))
    missing = [package for package, version in versions.items() if version is None]
    if missing:
        return Finding(name, "problem", f"not installed: {', '.join(missing)}", mend)
    old = [f"{p} {v}" for p, v in versions.items() if v and _major(v) < NOTEBOOK_PACKAGES[p]]
    if old:
        return Finding(name, "problem", f"too old: {', '.join(old)}", mend)
    if extension is None or _major(extension) < 5:
        reason = "is missing" if extension is None else f"is {extension}, but ipywidgets 8 speaks with 5"
        repair = pip_install("--force-reinstall", "--no-deps", "jupyterlab_widgets>=3")
        return Finding(name, "problem", f"JupyterLab's widget extension {reason}: sliders would show as text", repair)
    detail = ", ".join(f"{package} {version}" for package, version in versions.items())
    return Finding(name, "ok", detail)


def package_versions(names: Iterable[str]) -> dict[str, str | None]:
    """Installed versions, None for what is not installed; imports nothing."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def widget_extension(prefixes: Sequence[str]) -> str | None:
    """The version of JupyterLab's widget manager under the first prefix that has it."""
    for prefix in prefixes:
        folder = Path(prefix, "share", "jupyter", "labextensions", "@jupyter-widgets", "jupyterlab-manager")
        try:
            return str(json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError):
            continue
    return None


def _major(version: str) -> int:
    return int(version.split(".")[0])

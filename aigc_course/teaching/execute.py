"""Execute one notebook in a kernel of its own, and say where it broke."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from aigc_course.teaching.notebook import read_notebook

CELL_TIMEOUT_SECONDS = 1800
_KERNEL = {"PYTHONHASHSEED": "0", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
_OFFLINE = ["--IPKernelApp.extensions=aigc_course.teaching.offline"]
CellDone = Callable[[int, int], None]  # (code cells done, code cells in all)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The cell that stopped a notebook."""

    cell: int  # place among all cells, from 1
    cell_id: str
    line: str  # the line of the cell that failed, or its first line
    error: str  # "AssertionError: …"

    def __str__(self) -> str:
        return f"cell {self.cell} ({self.cell_id}): {self.error}\n    {self.line}"


@dataclass(frozen=True, kw_only=True)
class NotebookRun:
    """An executed notebook. After a failure, the cells behind the failed one have no outputs."""

    notebook: NotebookNode
    seconds: float
    failure: Failure | None


def execute(
    path: Path, *, environment: dict[str, str] | None = None, cell_done: CellDone | None = None, offline: bool = True
) -> NotebookRun:
    """Run all cells of the notebook in `path`, which itself is left alone.

    Args:
        environment: variables for the kernel beside this process's own.
        cell_done: called after each code cell.
        offline: refuse connections to other machines.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = read_notebook(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    code_cells = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    started: list[int] = []

    def begun(cell_index: int, **_: Any) -> None:
        started.append(cell_index)

    def executed(cell_index: int, **_: Any) -> None:
        if cell_done:
            cell_done(code_cells.index(cell_index) + 1, len(code_cells))

    # No folder of kernels: "python3" then is this very interpreter, whatever kernels a user has installed.
    manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]), kernel_name="python3")
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=CELL_TIMEOUT_SECONDS,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=begun,
        on_cell_executed=executed,
        extra_arguments=["--log-level=ERROR", *(_OFFLINE if offline else [])],
    )
    start = time.perf_counter()
    failure = None
    try:
        client.execute(cleanup_kc=True, env=os.environ | _KERNEL | (environment or {}))
    except CellExecutionError:
        failure = _failure_of(notebook)
    except (CellTimeoutError, DeadKernelError) as error:
        what = "ran longer than 30 minutes" if isinstance(error, CellTimeoutError) else "the kernel died"
        failure = _failure_at(notebook, started[-1] if started else 0, what)
    return NotebookRun(notebook=notebook, seconds=time.perf_counter() - start, failure=failure)


def _failure_of(notebook: NotebookNode) -> Failure:
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                text = f"{output.ename}: {output.evalue}".strip().removesuffix(":")
                return _failure_at(notebook, index, text, "\n".join(output.traceback))
    return _failure_at(notebook, 0, "stopped without an error output")


def _failure_at(notebook: NotebookNode, index: int, error: str, traceback: str = "") -> Failure:
    cell = notebook.cells[index]
    return Failure(cell=index + 1, cell_id=cell.id, line=_failed_line(cell.source, traceback), error=error)


def _failed_line(source: str, traceback: str) -> str:
    """The line that the traceback's arrow points at in this cell, else the cell's first line."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", traceback)
    lines = source.split("\n")
    for number in re.findall(r"^-+> (\d+)", plain, flags=re.MULTILINE)[:1]:
        if 1 <= int(number) <= len(lines):
            return lines[int(number) - 1].strip()
    return lines[0].strip()

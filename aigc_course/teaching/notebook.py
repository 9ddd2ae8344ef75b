"""Notebook files: read with clear errors, cleaned of what differs between machines, written byte for byte alike."""

import ast
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from aigc_course.errors import DataError, unknown
from aigc_course.files import write_text
from aigc_course.paths import course_root
from aigc_course.widgets.explorer import LIVE_VIEW

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_CELL_METADATA = {"tags", "caption"}  # what a cell may keep; timings, collapsed states and editor marks go
_MAGICS = ("%", "!")


def solutions_dir() -> Path:
    """The notebooks with every exercise solved: the source that people edit."""
    return course_root() / "solutions"


def notebooks_dir() -> Path:
    """The notebooks that learners get; made from the solutions."""
    return course_root() / "notebooks"


def notebook_files(folder: Path) -> list[Path]:
    """The notebooks of a folder by name. Raises: DataError when there is none."""
    files = sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))
    if not files:
        raise DataError(f"no notebooks (*.ipynb) in {folder}")
    return files


def find_notebook(number: str, source: Path | None = None) -> Path:
    """The course's notebook with this number ("05", "5") or name. Raises: UsageError."""
    files = {path.stem[:2]: path for path in notebook_files(source or notebooks_dir())}
    wanted = Path(number).name.removesuffix(".ipynb")
    for key, path in files.items():
        if wanted in (path.stem, key) or wanted.zfill(2) == key:
            return path
    raise unknown("notebook", number, files)


def read_notebook(path: Path) -> NotebookNode:
    """The notebook in a file, in format 4.5. Raises: DataError naming the file when it is not one."""
    try:
        return nbformat.convert(nbformat.reads(path.read_text(encoding="utf-8"), as_version=4), 4)
    except (OSError, UnicodeDecodeError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise DataError(f"cannot read the notebook {path}: {str(error)[:200]}") from error


def to_text(notebook: NotebookNode) -> str:
    """The file's text: the same for the same notebook, whoever writes it."""
    return nbformat.writes(notebook, version=4, indent=1, sort_keys=True, ensure_ascii=False).rstrip("\n") + "\n"


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    """Write a notebook atomically."""
    write_text(path, to_text(notebook))


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """A copy without timings, widget states and machine names; the kernel is Python 3, cell ids stay.

    Of a live view with a picture or HTML beside it these stay alone: no kernel answers in a saved notebook.
    """
    result = nbformat.from_dict(notebook)
    result.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for cell in result.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in _CELL_METADATA})
        if cell.cell_type == "code":
            cell.outputs = _joined(_progress_at_its_end(cell.outputs))
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
            if {"image/png", "text/html"} & output.get("data", {}).keys():
                output.data.pop(LIVE_VIEW, None)
            if "text/plain" in output.get("data", {}):
                output.data["text/plain"] = re.sub(r" at 0x[0-9a-f]+", "", output.data["text/plain"])
    return result


def _progress_at_its_end(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """`outputs` with a progress bar's last state in place of all its states; others are given back as they are."""
    streams = [output for output in outputs if output.get("name") == "stdout"]
    if not any("\r" in output.text for output in streams):
        return outputs
    text = "".join(output.text for output in streams)
    shown = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    kept = [output for output in outputs if output.get("name") != "stdout"]
    return [*kept, nbformat.v4.new_output("stream", name="stdout", text=shown)]


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """`outputs` with neighbouring pieces of one stream as one: text that was written bit by bit."""
    found: list[NotebookNode] = []
    for output in outputs:
        if found and output.output_type == "stream" == found[-1].output_type and output.name == found[-1].name:
            found[-1] = nbformat.v4.new_output("stream", name=output.name, text=found[-1].text + output.text)
        else:
            found.append(output)
    return found


def parse_cell(source: str) -> ast.Module:
    """The syntax tree of a code cell; lines that are IPython's (%, !) are left out."""
    plain = "\n".join("pass" if line.startswith(_MAGICS) else line for line in source.split("\n"))
    return ast.parse(plain)


def checked_exercises(source: str) -> list[str]:
    """The ids of the exercises that a cell checks, in order: each `check("00.1", …)`."""
    calls = [node for node in ast.walk(parse_cell(source)) if isinstance(node, ast.Call)]
    return [
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id == "check"
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    ]


def count_assertions(source: str) -> int:
    """How many assert statements a cell holds."""
    return sum(isinstance(node, ast.Assert) for node in ast.walk(parse_cell(source)))

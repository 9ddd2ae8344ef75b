"""A submitted notebook as the sources of its code cells, whatever the file turns out to be."""

import ast
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_course.errors import DataError
from aigc_course.teaching.notebook import checked_exercises, read_notebook

MAX_FILE_BYTES = 32 << 20
_MAX_CODE_CHARACTERS = 1_000_000
_MAX_CELLS = 2000


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What was handed in. Nothing of it has been run."""

    cells: tuple[str, ...]
    sha256: str


def read_submission(path: Path) -> Submission:
    """The code cells of a notebook. Raises: DataError saying what is wrong with the file, in words for its author."""
    try:
        if path.is_symlink() or path.stat().st_size > MAX_FILE_BYTES:
            raise DataError(f"The file is no notebook of at most {MAX_FILE_BYTES >> 20} MiB.")
        data = path.read_bytes()
        cells = json.loads(data)["cells"]
        sources = [_source(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except OSError as error:
        raise DataError(f"The file cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError("The file is no notebook: save it in JupyterLab and hand it in again.") from error
    if len(cells) > _MAX_CELLS or sum(map(len, sources)) > _MAX_CODE_CHARACTERS:
        size = f"{_MAX_CELLS:,} cells or {_MAX_CODE_CHARACTERS:,} characters of code"
        raise DataError(f"The notebook has more than {size}.")
    return Submission(cells=tuple(sources), sha256=hashlib.sha256(data).hexdigest())


def _source(value: Any) -> str:
    if isinstance(value, list):
        value = "".join(value)
    if not isinstance(value, str):
        raise TypeError("a source that is no text")
    return value.encode("utf-8", "replace").decode("utf-8")  # half of a pair of surrogates is no text


def answer_names(path: Path) -> dict[str, str]:
    """What the course's own notebook calls the answer to each exercise: {"05.2": "kl_to_prior"}."""
    names = {}
    for cell in read_notebook(path).cells:
        if cell.cell_type != "code":
            continue
        for exercise_id in checked_exercises(cell.source):
            call = next(
                node
                for node in ast.walk(ast.parse(cell.source))
                if isinstance(node, ast.Call) and node.args and getattr(node.args[0], "value", None) == exercise_id
            )
            names[exercise_id] = ast.unparse(call.args[1])
    return names

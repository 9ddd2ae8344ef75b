"""What differs between two versions of a notebook, cell by cell, for people: in a terminal or as a page."""

import html
import io
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from aigc_course.errors import CourseError
from aigc_course.files import write_text
from aigc_course.teaching.notebook import read_notebook

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>TITLE</title>
<style>body {{ color: {foreground}; background: {background}; margin: 2rem; font-size: 15px }}
pre {{ white-space: pre-wrap }}</style></head>
<body><pre><code style="font-family: monospace">{code}</code></pre></body></html>
"""


def notebook_differences(mine: Path, theirs: Path, *, color: bool = False) -> str:
    """What turns `mine` into `theirs`, outputs and metadata left out; "" when the cells are the same.

    Args: color: with the escape sequences that terminals take for colours.
    Raises: DataError when a file is no notebook, CourseError without nbdime.
    """
    try:
        from nbdime import diff_notebooks
        from nbdime.prettyprint import PrettyPrintConfig, pretty_print_diff
    except ImportError as error:
        raise CourseError("comparing notebooks needs nbdime: pip install 'nbdime>=4.0.2'") from error
    before, after = (_sources_alone(read_notebook(path)) for path in (mine, theirs))
    differences = diff_notebooks(before, after)
    if not differences:
        return ""
    out = io.StringIO()
    # Its own comparison of lines, not git's: the same text on every machine.
    pretty_print_diff(
        before, differences, "", PrettyPrintConfig(out=out, use_color=color, use_git=False, use_diff=False)
    )
    return re.sub(r"/cells/(\d+)(/source)?", lambda match: _cell_name(before, int(match[1])), out.getvalue())


def write_page(path: Path, title: str, text: str) -> None:
    """Write coloured text as a web page of its own. Raises: WriteError."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, file=io.StringIO(), width=120)
    console.print(Text.from_ansi(text), soft_wrap=True)
    write_text(path, console.export_html(inline_styles=True, code_format=_PAGE.replace("TITLE", html.escape(title))))


def _sources_alone(notebook: NotebookNode) -> NotebookNode:
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata, notebook.nbformat_minor = nbformat.from_dict({}), 5
    return notebook


def _cell_name(notebook: NotebookNode, index: int) -> str:
    if index >= len(notebook.cells):
        return "the end"
    return f"cell {index + 1} ({notebook.cells[index].id})"

"""The text that stands for each figure of a notebook, for those who hear a page.

A stored figure is a PNG file and says nothing of itself. What is known of it: the widget's own words, or the titles and
labels that the cell gives it, and the heading that it stands under.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx

from aigc_course.teaching.notebook import parse_cell, read_notebook

NAMING = ("title", "suptitle", "xlabel", "ylabel", "label")  # arguments, and the methods that set them


def figure_text(source: str, plain: str, heading: str) -> str:
    """The text for a figure of a cell.

    Args: source: the cell's. plain: the output as text/plain. heading: of the section.
    """
    if not plain.startswith("<"):  # not a bare <Figure size …>
        return plain
    words = "; ".join(dict.fromkeys(word for word in _words(source) if re.search(r"\w", word)))
    return f"Figure in “{heading}”: {words}" if words else f"Figure in “{heading}”"


def _words(source: str) -> Iterator[str]:
    """The titles and labels that a cell's calls give, in their order; "…" is what an f-string fills in."""
    for call in sorted(_calls(source), key=lambda node: (node.lineno, node.col_offset)):
        name = call.func.attr.removeprefix("set_") if isinstance(call.func, ast.Attribute) else ""
        values = call.args[:1] if name in NAMING else []
        for value in [*values, *(keyword.value for keyword in call.keywords if keyword.arg in NAMING)]:
            parts = value.values if isinstance(value, ast.JoinedStr) else [value]
            yield "".join(_known(part) for part in parts)


def _calls(source: str) -> list[ast.Call]:
    return [node for node in ast.walk(parse_cell(source)) if isinstance(node, ast.Call)]


def _known(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return part.value if isinstance(part.value, str) else ""
    return "…"


def add_texts(app: Sphinx, doctree: nodes.document) -> None:
    """Give each figure of a notebook's page its text."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    cells = read_notebook(path).cells
    for container in doctree.findall(nodes.container):
        if container.get("nb_element") == "cell_code":
            _add_to_cell(container, cells[container["cell_index"]])


def _add_to_cell(container: nodes.container, cell: NotebookNode) -> None:
    section: Any = container.parent
    while section is not None and not isinstance(section, nodes.section):
        section = section.parent
    heading = section.next_node(nodes.title).astext() if section is not None else ""
    # An output may hold one picture in several formats; the page shows the best of them.
    outputs = [output for output in cell.outputs for kind in output.get("data", {}) if kind.startswith("image/")]
    for image, output in zip(container.findall(nodes.image), outputs, strict=False):
        image["alt"] = figure_text(cell.source, output.data.get("text/plain", "<"), heading)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", add_texts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

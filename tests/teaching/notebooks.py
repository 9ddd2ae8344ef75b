"""Small notebooks for the tests of this folder."""

from pathlib import Path

import nbformat


def notebook(*sources: str, tags: dict[int, list[str]] | None = None) -> nbformat.NotebookNode:
    """A notebook with these code cells (or Markdown, where a source starts with "# ") and ids cell-1, cell-2, …"""
    result = nbformat.v4.new_notebook()
    for number, source in enumerate(sources, start=1):
        markdown = source.startswith("# ")
        cell = nbformat.v4.new_markdown_cell(source) if markdown else nbformat.v4.new_code_cell(source)
        cell.id = f"cell-{number}"
        cell.metadata["tags"] = (tags or {}).get(number, [])
        result.cells.append(cell)
    return result


def write(folder: Path, name: str, *sources: str, tags: dict[int, list[str]] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    nbformat.write(notebook(*sources, tags=tags), path)
    return path

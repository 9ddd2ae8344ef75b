"""What the executed notebooks made: the outputs of cells tagged `gallery`, as files and as pages of the site.

What a cell tagged `verdict` prints is what an oracle or a measure says of the gallery cell before it.
"""

import base64
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from nbformat import NotebookNode

from aigc_course.files import atomic_write, write_text

TAG, VERDICT = "gallery", "verdict"
_EMBEDDED = re.compile(
    r"data:(?:image/(?P<image>png|jpeg)|audio/(?P<audio>wav|x-wav|mpeg));base64,(?P<data>[A-Za-z0-9+/=\s]+)"
)
_KINDS = {"text": "Text", "image": "Images", "sound": "Sound"}
_SUFFIX = {"png": ".png", "jpeg": ".jpg", "wav": ".wav", "x-wav": ".wav", "mpeg": ".mp3"}


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """A text, an image or a sound that a notebook made."""

    name: str  # file name: notebook, place, number
    content: bytes
    caption: str
    notebook: str  # the notebook's name without .ipynb
    verdict: str = ""  # what an oracle or a measure says of it

    @property
    def kind(self) -> str:
        return {".txt": "text", ".wav": "sound", ".mp3": "sound"}.get(Path(self.name).suffix, "image")


def collect(notebook: NotebookNode, name: str) -> list[Artefact]:
    """The artefacts of one executed notebook, in order. `name` is the notebook's, without .ipynb."""
    found: list[Artefact] = []
    newest = 0  # where in `found` those of the newest gallery cell begin
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", []) if cell.cell_type == "code" else []
        if TAG in tags:
            newest = len(found)
            caption = cell.metadata.get("caption", "")
            for content, suffix in _contents(cell):
                file_name = f"{name}-{len(found) + 1:02d}{suffix}"
                found.append(Artefact(name=file_name, content=content, caption=caption, notebook=name))
        if VERDICT in tags:
            printed = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
            found[newest:] = [replace(artefact, verdict=printed.strip()) for artefact in found[newest:]]
    return found


def _contents(cell: NotebookNode) -> Iterator[tuple[bytes, str]]:
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            yield output.text.encode(), ".txt"
        data = output.get("data", {})
        if "image/png" in data:
            yield base64.b64decode(data["image/png"]), ".png"
        elif embedded := list(_EMBEDDED.finditer(data.get("text/html", ""))):
            for match in embedded:
                yield base64.b64decode(match["data"]), _SUFFIX[match["image"] or match["audio"]]
        elif "text/plain" in data:
            yield data["text/plain"].encode(), ".txt"


def save(artefacts: Sequence[Artefact], folder: Path) -> None:
    """Write each artefact as a file of its own."""
    for artefact in artefacts:
        with atomic_write(folder / artefact.name) as temporary:
            temporary.write_bytes(artefact.content)


def write_page(artefacts: Sequence[Artefact], page: Path, files: str) -> None:
    """Write artefacts as Markdown to include in a page. `files` is their folder as that page sees it."""
    write_text(page, _figures(artefacts, files) if artefacts else "Nothing yet: run `make course`.\n")


def write_page_by_kind(artefacts: Sequence[Artefact], page: Path, files: str) -> None:
    """As `write_page`, with a heading for texts, images and sounds; what one cell made stays together."""
    cells = [list(group) for _, group in _by_cell(artefacts)]
    parts = {title: [a for cell in cells if _kind(cell) == kind for a in cell] for kind, title in _KINDS.items()}
    text = "\n".join(f"## {title}\n\n{_figures(some, files)}" for title, some in parts.items() if some)
    write_text(page, text or "Nothing yet: run `make course`.\n")


def _by_cell(artefacts: Sequence[Artefact]) -> Iterator[tuple[tuple[str, str], Iterator[Artefact]]]:
    return groupby(artefacts, key=lambda artefact: (artefact.notebook, artefact.caption))


def _kind(cell: Sequence[Artefact]) -> str:
    """The kind of what a cell made; text beside an image or a sound only says something of it."""
    return next(kind for kind in ("sound", "image", "text") if any(artefact.kind == kind for artefact in cell))


def _figures(artefacts: Sequence[Artefact], files: str) -> str:
    """One figure for the artefacts of each cell."""
    figures = "\n".join(_figure(list(group), files) for _, group in _by_cell(artefacts))
    return f'<div class="made">\n{figures}\n</div>\n'


def _figure(group: Sequence[Artefact], files: str) -> str:
    link = f'<a href="notebooks/{html.escape(group[0].notebook)}.html">{html.escape(group[0].notebook)}</a>'
    caption = html.escape(group[0].caption)
    body = "".join(_markup(artefact, files) for artefact in group)
    verdict = _pre(group[0].verdict, "verdict") if group[0].verdict else ""
    return f"<figure>{body}{verdict}<figcaption>{caption} ({link})</figcaption></figure>"


def _markup(artefact: Artefact, files: str) -> str:
    source = html.escape(f"{files}/{artefact.name}")
    if artefact.kind == "image":
        return f'<img src="{source}" alt="{html.escape(artefact.caption)}">'
    if artefact.kind == "sound":
        return f'<audio controls preload="auto" src="{source}"></audio>'
    return _pre(artefact.content.decode().strip(), "text")


def _pre(text: str, kind: str) -> str:
    # A blank line would end the HTML block of the Markdown page.
    return f'<pre class="{kind}">{html.escape(text)}</pre>'.replace("\n", "&#10;")

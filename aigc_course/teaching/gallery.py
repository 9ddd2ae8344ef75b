"""What the executed notebooks made: the outputs of cells tagged `gallery`, as files and as a page of the site."""

import base64
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from nbformat import NotebookNode

from aigc_course.files import atomic_write, write_text

TAG = "gallery"
_EMBEDDED = re.compile(
    r"data:(?:image/(?P<image>png|jpeg)|audio/(?P<audio>wav|x-wav|mpeg));base64,(?P<data>[A-Za-z0-9+/=\s]+)"
)
_SUFFIX = {"png": ".png", "jpeg": ".jpg", "wav": ".wav", "x-wav": ".wav", "mpeg": ".mp3"}


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """A text, an image or a sound that a notebook made."""

    name: str  # file name: notebook, place, number
    content: bytes
    caption: str
    notebook: str  # the notebook's name without .ipynb

    @property
    def kind(self) -> str:
        return {".txt": "text", ".wav": "sound", ".mp3": "sound"}.get(Path(self.name).suffix, "image")


def collect(notebook: NotebookNode, name: str) -> list[Artefact]:
    """The artefacts of one executed notebook, in order. `name` is the notebook's, without .ipynb."""
    found: list[Artefact] = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and TAG in cell.metadata.get("tags", []):
            caption = cell.metadata.get("caption", "")
            for content, suffix in _contents(cell):
                file_name = f"{name}-{len(found) + 1:02d}{suffix}"
                found.append(Artefact(name=file_name, content=content, caption=caption, notebook=name))
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
    """Write the gallery as Markdown to include in a page. `files` is the artefacts' folder as that page sees it."""
    groups = [
        list(group) for _, group in groupby(artefacts, key=lambda artefact: (artefact.notebook, artefact.caption))
    ]
    figures = "\n".join(_figure(group, files) for group in groups)
    empty = "Nothing yet: run `make course`.\n"
    write_text(page, f'<div class="made">\n{figures}\n</div>\n' if groups else empty)


def _figure(group: Sequence[Artefact], files: str) -> str:
    """One figure for the artefacts of one cell."""
    link = f'<a href="notebooks/{html.escape(group[0].notebook)}.html">{html.escape(group[0].notebook)}</a>'
    caption = html.escape(group[0].caption)
    body = "".join(_markup(artefact, files) for artefact in group)
    return f"<figure>{body}<figcaption>{caption} ({link})</figcaption></figure>"


def _markup(artefact: Artefact, files: str) -> str:
    source = html.escape(f"{files}/{artefact.name}")
    if artefact.kind == "image":
        return f'<img src="{source}" alt="{html.escape(artefact.caption)}">'
    if artefact.kind == "sound":
        return f'<audio controls preload="auto" src="{source}"></audio>'
    # A blank line would end the HTML block of the Markdown page.
    return f"<pre>{html.escape(artefact.content.decode().strip())}</pre>".replace("\n", "&#10;")

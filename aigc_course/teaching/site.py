"""Build the course's site with Sphinx, to be read from disk without a network."""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from nbformat import NotebookNode

from aigc_course.data.cards import cards_markdown
from aigc_course.errors import CourseError, DataError
from aigc_course.files import write_json, write_text
from aigc_course.paths import course_root
from aigc_course.teaching.gallery import collect, save, write_page, write_page_by_kind
from aigc_course.teaching.notebook import read_notebook


def build_site(notebooks: Sequence[Path], output: Path, ran: Mapping[str, str] | None = None) -> Path:
    """Build the site from docs/ and executed notebooks into the folder `output`.

    The pages replace those of an earlier build only when all of them could be built. Each says at its end when and with
    which versions that was; `ran` says how a notebook (by its name without .ipynb) went when it was executed for this.
    Returns: the path of index.html.
    Raises: CourseError with Sphinx's messages; a warning counts as an error.
    """
    docs = course_root() / "docs"
    if not (docs / "conf.py").is_file():
        raise DataError(f"no docs/conf.py in {course_root()}; the site is built from a checkout of the course")
    source, fresh = output.with_name(f"{output.name}-source"), output.with_name(f"{output.name}-new")
    for folder in (source, fresh):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(docs, source, ignore=shutil.ignore_patterns("_build", "__pycache__"))
    _add_cards(source / "cards.md")
    _add_notebooks(notebooks, source)
    parts = {path.name: part_anchors(read_notebook(path)) for path in notebooks}
    for page in source.glob("*.md"):
        _point_at_notebooks(page, parts)
    write_json(source / "verified.json", verified(ran or {}))
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(source), str(fresh)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise CourseError(f"the site could not be built:\n{(result.stderr or result.stdout).strip()}")
    shutil.rmtree(output, ignore_errors=True)
    fresh.rename(output)
    return output / "index.html"


def _add_cards(page: Path) -> None:
    """Write the cards of the data sets, to be included in the page on data."""
    text = cards_markdown()
    write_text(page, text[text.index("## ") :])


def verified(ran: Mapping[str, str]) -> dict[str, object]:
    """What the foot of each page says: the day, the versions, and of a notebook how it ran."""
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {version(name)}" for name in ("torch", "aigc-course")]
    pages = {f"notebooks/{name}": text for name, text in ran.items()}
    return {"date": date.today().isoformat(), "versions": ", ".join(versions), "pages": pages}


def _point_at_notebooks(page: Path, parts: Mapping[str, Mapping[int, str]]) -> None:
    """Turn the links of a page of docs/ to ../notebooks/ into links of the site; "05, part 2" leads to that part.

    Where the site is built from some notebooks only, a link to another one becomes plain text.
    Args: parts: for each notebook's file name, the anchors of its parts by number.
    """

    def on_the_site(link: re.Match[str]) -> str:
        if link[2] not in parts:
            return link[1]
        part = re.search(r"part\s+(\d+)", link[1])
        anchor = parts[link[2]].get(int(part[1])) if part else None
        return f"[{link[1]}](notebooks/{link[2]}{f'#{anchor}' if anchor else ''})"

    text = page.read_text(encoding="utf-8")
    pointed = re.sub(r"\[([^\]]+)\]\(\.\./notebooks/([^)]+\.ipynb)\)", on_the_site, text)
    if pointed != text:
        write_text(page, pointed)


def part_anchors(notebook: NotebookNode) -> dict[int, str]:
    """The anchors of a notebook's parts by number: "2--the-elbo" for "## 2 · The ELBO".

    They are made as the site's parser does: of the heading's text without formulas.
    """
    markdown = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## ((\d+) · .+)$", markdown, re.MULTILINE)
    texts = {int(number): re.sub(r"\$[^$]+\$", "", heading) for heading, number in headings}
    return {number: re.sub(r"[^\w\- ]", "", text.lower().replace(" ", "-")) for number, text in texts.items()}


def _add_notebooks(notebooks: Sequence[Path], source: Path) -> None:
    """Copy the notebooks beside the pages; write what the first of them made, and what all did."""
    target = source / "notebooks"
    target.mkdir()
    artefacts = []
    for path in notebooks:
        shutil.copyfile(path, target / path.name)
        artefacts += collect(read_notebook(path), path.stem)
    save(artefacts, source / "_static" / "made")
    first = [artefact for artefact in artefacts if artefact.notebook == artefacts[0].notebook]
    write_page(first, source / "made.md", "_static/made")
    write_page_by_kind(artefacts, source / "made-by-kind.md", "_static/made")

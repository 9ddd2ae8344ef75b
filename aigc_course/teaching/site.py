"""Build the course's site with Sphinx, to be read from disk without a network."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aigc_course.data.cards import cards_markdown
from aigc_course.errors import CourseError, DataError
from aigc_course.files import write_text
from aigc_course.paths import course_root
from aigc_course.teaching.gallery import collect, save, write_page
from aigc_course.teaching.notebook import read_notebook


def build_site(notebooks: Sequence[Path], output: Path) -> Path:
    """Build the site from docs/ and executed notebooks into the folder `output`.

    The pages replace those of an earlier build only when all of them could be built.
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
    _point_at_notebooks(source / "faq.md", {path.name for path in notebooks})
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


def _point_at_notebooks(page: Path, names: set[str]) -> None:
    """Turn the links of a page of docs/ to ../notebooks/ into links of the site.

    Where the site is built from some notebooks only, a link to another one becomes plain text.
    """

    def on_the_site(link: re.Match[str]) -> str:
        return f"[{link[1]}](notebooks/{link[2]})" if link[2] in names else link[1]

    text = page.read_text(encoding="utf-8")
    write_text(page, re.sub(r"\[([^\]]+)\]\(\.\./notebooks/([^)]+\.ipynb)\)", on_the_site, text))


def _add_notebooks(notebooks: Sequence[Path], source: Path) -> None:
    """Copy the notebooks beside the pages, and write the gallery of what they made."""
    target = source / "notebooks"
    target.mkdir()
    artefacts = []
    for path in notebooks:
        shutil.copyfile(path, target / path.name)
        artefacts += collect(read_notebook(path), path.stem)
    save(artefacts, source / "_static" / "made")
    write_page(artefacts, source / "made.md", "_static/made")

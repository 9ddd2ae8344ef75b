"""Decks of slides as pages for reveal.js, to be shown from disk without a network."""

import html
import re
import shutil
import struct
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from string import Template

from aigc_course.errors import CourseError, DataError
from aigc_course.files import atomic_write, write_text
from aigc_course.paths import course_root
from aigc_course.teaching.notebook import find_notebook, notebook_files, notebooks_dir, read_notebook
from aigc_course.teaching.slides import Slide, deck_of

WIDTH, HEIGHT = 1280, 720  # pixels of a slide; reveal.js scales it to the screen
USUAL = range(1, 11)  # the notebooks that have a deck when none is named
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>$title</title>
<link rel="stylesheet" href="reveal/dist/reset.css">
<link rel="stylesheet" href="reveal/dist/reveal.css">
<link rel="stylesheet" href="slides.css">
</head>
<body>
<div class="reveal"><div class="slides">
$slides
</div></div>
<script src="reveal/dist/reveal.js"></script>
<script src="reveal/plugin/notes/notes.js"></script>
<script>
Reveal.initialize({width: $width, height: $height, margin: 0, center: false, display: "flex", hash: true,
  slideNumber: "c/t", transition: "none", plugins: [RevealNotes]});
// A formula that is wider than the slide becomes smaller.
function fit() {
  for (const block of Reveal.getCurrentSlide().querySelectorAll(".math.block")) {
    const share = block.clientWidth / block.scrollWidth;
    if (share < 1) block.style.fontSize = Math.max(0.6, 0.98 * share) + "em";
  }
}
Reveal.on("ready", fit);
Reveal.on("slidechanged", fit);
</script>
</body>
</html>
""")


def make_decks(numbers: Sequence[str] = (), output: Path | None = None) -> list[Path]:
    """Make the decks of the notebooks with these numbers ("05"; none: 01 to 10) in the folder `output`.

    Returns: the decks' pages, after an index.html that lists them.
    Raises: UsageError for a number that no notebook has; DataError outside a checkout of the course; CourseError
        without the packages that draw formulas.
    """
    style = course_root() / "docs" / "_static"
    if not (style / "slides.css").is_file():
        raise DataError(f"no docs/_static/slides.css in {course_root()}; slides are made from a checkout of the course")
    missing = [name for name in ("sphinx_revealjs", "markdown_it", "math_core") if not find_spec(name)]
    if missing:
        raise CourseError(f"slides need {', '.join(missing)}; run `make setup`, which installs what the lock names")
    usual = (path for path in notebook_files(notebooks_dir()) if int(path.stem[:2]) in USUAL)
    chosen = [find_notebook(number) for number in numbers] or list(usual)
    output = (output or course_root() / "build" / "slides").resolve()
    _copy_reveal(output)
    shutil.copyfile(style / "slides.css", output / "slides.css")
    shutil.copytree(style / "fonts", output / "fonts", dirs_exist_ok=True)
    pages = []
    for path in chosen:
        slides = deck_of(read_notebook(path))
        pages.append(output / f"{path.stem}.html")
        write_text(pages[-1], deck_page(slides, output, path.stem))
    decks = sorted(output.glob("[0-9][0-9]_*.html"))
    items = "\n".join(f'<li><a href="{page.name}">{page.stem.replace("_", " ")}</a></li>' for page in decks)
    write_text(
        output / "index.html", f'<!doctype html><meta charset="utf-8"><title>Slides</title><ul>\n{items}\n</ul>\n'
    )
    return [output / "index.html", *pages]


def _copy_reveal(output: Path) -> None:
    """Put the part of reveal.js that the decks need beside them, out of the package that carries it."""
    import sphinx_revealjs

    source = Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs"
    for name in ("LICENSE", "dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js"):
        target = output / "reveal" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)


def deck_page(slides: Sequence[Slide], output: Path, name: str) -> str:
    """The page of a deck; its figures are written to files in `output`."""
    to_html = _markdown()
    sections = []
    for number, slide in enumerate(slides, start=1):
        pictures = []
        for place, png in enumerate(slide.figures, start=1):
            file = f"figures/{name}-{number:02d}-{place}.png"
            with atomic_write(output / file) as temporary:
                temporary.write_bytes(png)
            pictures.append(f'<img src="{file}" alt="{html.escape(slide.title, quote=True)}">')
        fragment = " fragment" if slide.body else ""
        beside = " beside" if sum(_shape(png)[1] / _shape(png)[0] for png in slide.figures) > 0.6 else ""
        figures = f'<div class="figures{beside}{fragment}">{"".join(pictures)}</div>' if pictures else ""
        heading = "h1" if slide.kind == "title" else "h2"
        title = to_html(slide.title).removeprefix("<p>").removesuffix("</p>\n")
        body, notes = to_html(slide.body), to_html(slide.notes)
        sections.append(
            f'<section class="{slide.kind}"><{heading}>{title}</{heading}>\n<div class="body">{body}</div>\n'
            f'{figures}<aside class="notes">{notes}</aside></section>'
        )
    title = re.sub(r"[*$]", "", slides[0].title)
    page = "\n".join(sections)
    return _PAGE.substitute(title=html.escape(title), slides=page, width=WIDTH, height=HEIGHT)


def _shape(png: bytes) -> tuple[int, int]:
    """Width and height that the header of a PNG file names."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _markdown() -> Callable[[str], str]:
    """A function from Markdown with $formulas$ to HTML with MathML; links into the checkout become plain text."""
    from markdown_it import MarkdownIt
    from math_core import LatexToMathML
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    converter = LatexToMathML()

    def formula(latex: str, options: dict[str, bool]) -> str:
        return converter.convert_with_local_state(latex.strip(), displaystyle=options["display_mode"])

    parser = MarkdownIt("commonmark", {"html": True}).enable("table").use(dollarmath_plugin, renderer=formula)

    def to_html(markdown: str) -> str:
        return parser.render(re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]+\)", r"\1", markdown))

    return to_html

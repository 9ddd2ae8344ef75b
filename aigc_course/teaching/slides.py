"""What of a notebook goes on slides, by rules: no slide is written a second time by hand.

A deck has the notebook's title, its goals, for each part the question with its formulas and its first figure, as many
exercises as there is room for, the recap and the three questions. A figure waits for the prediction that stands above
it. The text of the part, whole, is in the speaker's notes.
"""

import base64
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

FEWEST, MOST = 12, 25  # slides of a deck
ROOM = 560  # pixels for the body of a slide of 720
LINE, CHARACTERS, FORMULA = 44, 72, 92  # height of a line of text, characters in it, height of a line of a formula
SHORT = 30  # characters of a sentence that doesn't stand alone
_PART = re.compile(r"## (\d+ · .+)")
_LABEL = re.compile(r"\*\*(?:Question|Formula|Prediction|Code)\.\*\*\s*")
_FOLLOWED = re.compile(r"\s*[:;,]\s*\Z")  # what links a formula to text that is not on the slide
_EXERCISE = re.compile(r"\*\*(Exercise \d+\.\d+)\.?\*\*\s*([★☆]*)\s*(?:\((\d+) min\))?\.?\s*")


@dataclass(frozen=True, kw_only=True)
class Slide:
    """One slide: Markdown and PNG files, and Markdown for who speaks."""

    title: str
    body: str = ""
    figures: tuple[bytes, ...] = ()
    notes: str = ""
    kind: str = "part"  # or "title"


@dataclass
class _Part:
    """A part of a notebook: its heading and its cells, the heading's first."""

    title: str
    cells: list[NotebookNode] = field(default_factory=list)

    def text(self, start: int = 0, end: int | None = None) -> str:
        return "\n\n".join(cell.source for cell in self.cells[start:end] if cell.cell_type == "markdown")


def deck_of(notebook: NotebookNode) -> list[Slide]:
    """The slides of a notebook that has the form of the course's: from 12 to 25 of them."""
    intro, *parts = _parts(notebook)
    numbered = [part for part in parts if _PART.match(f"## {part.title}")]
    recap = next(part for part in parts if part.title == "Recap")
    opening, closing = _opening(intro), _closing(recap)
    told = [_part_slides(part) for part in numbered]
    room = MOST - len(opening) - len(closing) - sum(len(slides) for slides in told)
    for slides in sorted(told, key=lambda slides: len(slides[0].notes)):
        if room < 0 and len(slides) > 1:  # the figures of the shortest parts give way
            slides.pop()
            room += 1
    for part, slides in zip(numbered, told, strict=True):
        if room > 0 and (exercise := _exercise(part)):
            slides.append(exercise)
            room -= 1
    return [*opening, *(slide for slides in told for slide in slides), *closing]


def _parts(notebook: NotebookNode) -> list[_Part]:
    """What stands before the first heading, then one part for each heading of the second level."""
    parts = [_Part("")]
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            parts[-1].cells.append(cell)
            continue
        for piece in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
            if piece.startswith("## "):
                parts.append(_Part(piece.split("\n", 1)[0][3:]))
            if piece.strip():
                parts[-1].cells.append(new_markdown_cell(piece.strip()))
    return parts


def _opening(intro: _Part) -> list[Slide]:
    """The title with what stands below it, and the goals."""
    first = intro.cells[0].source
    heading, _, rest = first.partition("\n")
    title, _, subtitle = heading.removeprefix("# ").partition(": ")
    lead = rest.strip().split("\n\n|")[0].strip()
    rows = re.findall(r"^\| *(.*?) *\| (.+) \|$", first, re.MULTILINE)
    needs = {label.strip("* "): text for label, text in rows if label.startswith("**")}
    goals = [text[:1].upper() + text[1:] for label, text in rows if label in ("", "**You will be able to**")]
    about = "" if lead.startswith("|") else lead
    lines = [f"*{subtitle[:1].upper()}{subtitle[1:]}*" if subtitle else "", _fitting(_sentences(about), 4 * LINE, " ")]
    notes = "\n\n".join(filter(None, [about, *(f"**{label}** {text}" for label, text in needs.items())]))
    return [
        Slide(title=title, body="\n\n".join(filter(None, lines)), notes=notes, kind="title"),
        Slide(title="You will be able to", body=_bullets(goals), notes=notes),
    ]


def _closing(recap: _Part) -> list[Slide]:
    """The recap, on two slides where it is long, and the questions, with the answers for who speaks."""
    text = recap.text()
    summary, _, asked = text.partition("**Three questions**")
    points = [re.sub(r"\s*\n\s+", " ", point) for point in re.split(r"^\* ", summary, flags=re.MULTILINE)[1:]]
    points = [point.strip().split("\n\n")[0] for point in points]
    half = math.ceil(len(points) / 2) if _height(_bullets(points)) > ROOM else len(points)
    slides = [
        Slide(title="Recap", body=_bullets(some), notes=summary) for some in (points[:half], points[half:]) if some
    ]
    questions, _, answers = asked.partition("<details>")
    answers = re.sub(r"</?details>|<summary>.*?</summary>", "", answers)
    return [*slides, Slide(title="Three questions", body=questions.strip(), notes=answers.strip())]


def _bullets(points: Sequence[str]) -> str:
    return "\n".join(f"* {point}" for point in points)


def _part_slides(part: _Part) -> list[Slide]:
    """The question with its formulas, then the figure; on one slide where there is no formula."""
    at, figures = _first_figure(part)
    before = part.text(end=at + 1 if figures else None)
    after = part.text(start=at + 1) if figures else ""
    question, prediction = _labelled(before, "Question"), _labelled(part.text(), "Prediction")
    if not question:  # a part that tells instead of asking
        question = _fitting(_blocks(before)[1:], ROOM - 3 * LINE if figures else ROOM)
    formulas = list(_formulas(before))
    asked = f"**Predict.** {prediction}" if prediction and _height(prediction) <= 3 * LINE else ""
    if not formulas and figures:
        body = question if not asked or _height(question + asked) > 3 * LINE else f"{question}\n\n{asked}"
        return [Slide(title=part.title, body=body, figures=figures, notes=part.text())]
    body = "\n\n".join(filter(None, [question, *_with_leads(formulas, ROOM - _height(question))]))
    if asked and (not figures or _height(body) + _height(asked) <= ROOM):
        body, asked = f"{body}\n\n{asked}", ""
    slides = [Slide(title=part.title, body=body, notes=before)]
    if figures:
        slides.append(Slide(title=part.title, body=asked, figures=figures, notes=after or before))
    return slides


def _first_figure(part: _Part) -> tuple[int, tuple[bytes, ...]]:
    """The place of the first cell with a figure and its figures, up to three; one that is no live view, if possible."""
    found = [(index, _pngs(cell)) for index, cell in enumerate(part.cells)]
    drawn = [(index, figures) for index, figures in found if figures]
    plain = [one for one in drawn if any(o.output_type == "display_data" for o in part.cells[one[0]].outputs)]
    index, figures = (plain or drawn or [(len(part.cells), [])])[0]
    return index, tuple(figures[:3])


def _pngs(cell: NotebookNode) -> list[bytes]:
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [base64.b64decode(one["image/png"]) for one in data if "image/png" in one]


def _labelled(text: str, label: str) -> str:
    """The first paragraph with a label, such as **Question.**, without it; if it is long, its questions alone."""
    found = re.search(rf"\*\*{label}\.\*\*\s*(.+?)(?=\n\n|\*\*[A-Z][a-z]+\.\*\*|\Z)", text, re.DOTALL)
    if not found:
        return ""
    paragraph = found[1].replace("\n", " ").strip()
    if "$$" in paragraph or (_height(paragraph) <= 3 * LINE and not paragraph.endswith(":")):
        return paragraph.split("$$")[0].strip()
    if paragraph.endswith(":"):  # what it asks about stands below
        return _fitting([paragraph, *_blocks(text[found.end() :])[:1]], ROOM)
    sentences = _sentences(paragraph)
    return " ".join([sentence for sentence in sentences if sentence.endswith("?")] or sentences[:1])


def _sentences(text: str) -> list[str]:
    """Sentences: split where a full stop, a question or an exclamation mark stands before a capital or a formula."""
    return re.split(r"(?<=[.?!]) (?=[A-Z$*“\"])", text.strip())


def _with_leads(formulas: Sequence[tuple[str, str]], room: int) -> list[str]:
    """The formulas that there is room for, each after the sentence that leads to it where that fits too."""
    told = []
    for lead, formula in formulas:
        whole = f"{lead}\n\n{formula}".strip()
        fitting = next((text for text in (whole, formula) if _height(text) <= room), None)
        if fitting:
            room -= _height(fitting)
            told.append(fitting)
    return told


def _formulas(text: str) -> Iterator[tuple[str, str]]:
    """Each displayed formula after the sentence that leads to it, or "" where that is long and complete."""
    pieces = text.split("$$")
    for before, formula in zip(pieces[::2], pieces[1::2], strict=False):
        paragraph = before.strip().split("\n\n")[-1].replace("\n", " ")
        plain = paragraph and not paragraph.startswith(("#", "|", "*   ", "* ", "```", "**Question", "**Exercise"))
        sentences = _sentences(_LABEL.split(paragraph)[-1]) if plain else [""]
        # A last sentence such as "Then" says nothing without the one before it.
        lead = " ".join(sentences[-2 if len(sentences[-1]) < SHORT else -1 :])
        goes_on = not lead.endswith((".", "?", "!"))  # into the formula, which says little without it
        shown = lead if goes_on or _height(lead) <= 2 * LINE else ""
        yield shown, f"$${_FOLLOWED.sub('', formula)}$$"


def _exercise(part: _Part) -> Slide | None:
    """The part's first exercise as a question, as far as there is room; the whole text is in the notes."""
    text = part.text()
    found = _EXERCISE.search(text)
    if not found:
        return None
    index, cell = next((i, c.source) for i, c in enumerate(part.cells) if found[0] in c.source)
    statement = cell[cell.index(found[0]) + len(found[0]) :]
    stub = _stub(part.cells[index + 1].source) if index + 1 < len(part.cells) else ""
    body = _fitting(_blocks(statement.split("\n\n**")[0]), ROOM - _height(stub))
    minutes = f" · {found[3]} minutes" if found[3] else ""
    return Slide(title=f"{found[1]} {found[2]}{minutes}", body=f"{body}\n\n{stub}".strip(), notes=cell)


def _stub(source: str) -> str:
    """The function that an exercise asks for: its name, arguments and docstring, as Markdown."""
    found = re.search(r'^def .+?:\n(?:    """.*?"""\n)?', source, re.MULTILINE | re.DOTALL)
    return f"```\n{found[0].rstrip()}\n```" if found else ""


def _blocks(text: str) -> list[str]:
    """Paragraphs, lists and whole blocks of code."""
    return re.findall(r"```.*?```|(?:(?!\n\n|```).)+", text.strip(), re.DOTALL)


def _fitting(blocks: Sequence[str], room: int, between: str = "\n\n") -> str:
    """As many of the blocks, from the first, as there is room for."""
    taken: list[str] = []
    for block in blocks:
        if _height(between.join([*taken, block])) > room:
            break
        taken.append(block.strip())
    return between.join(taken)


def _height(markdown: str) -> int:
    """About how many pixels high Markdown is on a slide."""
    code = re.findall(r"```\w*\n(.*?)```", markdown, re.DOTALL)
    height = sum(40 + 28 * sum(1 + len(line) // 92 for line in block.rstrip().split("\n")) for block in code)
    markdown = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    for index, piece in enumerate(markdown.split("$$")):
        if index % 2:
            height += FORMULA * (1 + piece.count(r"\\")) if "matrix" not in piece else FORMULA + 30 * piece.count(r"\\")
        else:
            lines = [line for line in re.split(r"\n(?=[*|\d])|\n\n", re.sub(r"[$\\{}]", "", piece).strip()) if line]
            height += sum(LINE * math.ceil(len(line) / CHARACTERS) + 12 for line in lines)
    return height

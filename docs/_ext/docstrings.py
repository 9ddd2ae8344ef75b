"""The course's docstrings as reStructuredText: plain text with `code` in backticks, examples, and named parts.

A part (Args, Returns, Raises, Source and so on) starts a line; below Args each `name: what` on its own line is an item.
What a docstring says beside that is text: a star, a bar or an underline in it means nothing.
"""

import dataclasses
import inspect
import io
import re
import tokenize
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx

PARTS = "Args|Returns|Raises|Yields|Source|Memory|Departures|Splits|Rules"
_PART = re.compile(rf"^({PARTS}):(?:\s+|$)")
_INLINE_PART = re.compile(rf"(?<=[.;)])  (?=(?:{PARTS}): )")
_ITEM = re.compile(r"^(\w[\w, *]*): (.+)$")


def to_rst(lines: list[str]) -> list[str]:
    """A docstring's lines as reStructuredText."""
    result: list[str] = []
    for block in _blocks([piece for line in lines for piece in _INLINE_PART.split(line)]):
        result += [*_as_rst(block), ""]
    return result


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Paragraphs: split at blank lines, where a part begins, and where the indentation of a text changes."""
    block: list[str] = []
    for line in lines:
        indented = line.startswith("    ")
        new_part = bool(_PART.match(line))
        in_part = bool(block) and bool(_PART.match(block[0]))
        changed = bool(block) and not in_part and indented != block[0].startswith("    ")
        if block and (not line.strip() or new_part or changed):
            yield block
            block = []
        if line.strip():
            block.append(line.rstrip())
    if block:
        yield block


def _as_rst(block: list[str]) -> list[str]:
    part = _PART.match(block[0])
    if part:
        return _part(part[1], block[0][part.end() :], block[1:])
    if block[0].lstrip().startswith(">>>"):
        return block
    if block[0].startswith("    "):
        return ["::", "", *block]
    return [_item_text(line) for line in block]


def _part(name: str, first: str, rest: list[str]) -> list[str]:
    """A part as a field; arguments that stand on lines of their own as a list."""
    text = [first, *(line.strip() for line in rest)]
    if first or not any(_ITEM.match(line.strip()) for line in rest):
        return [f":{name}: {escaped(' '.join(filter(None, text)))}"]
    items: list[str] = []
    for line in rest:
        item = _ITEM.match(line.strip())
        if line.startswith(" " * 5):
            items.append(f"      {escaped(line.strip())}")
        elif item:
            names = ", ".join(f"``{word.strip()}``" for word in item[1].split(","))
            items.append(f"    * {names}: {escaped(item[2])}")
        else:
            items.append(f"    * {escaped(line.strip())}")
    return [f":{name}:", *items]


def _item_text(line: str) -> str:
    """A line of text; the mark of a list's item stays."""
    mark = re.match(r"[*-] ", line)
    return line[:2] + escaped(line[2:]) if mark else escaped(line)


def escaped(text: str) -> str:
    """Text in which only backticks have a meaning."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a backtick that is never closed
        return re.sub(r"([\\*_|`])", r"\\\1", text)
    plain = [re.sub(r"([\\*_|])", r"\\\1", piece) for piece in pieces[::2]]
    code = [f"\\ ``{piece}``\\ " if piece else "" for piece in pieces[1::2]]
    return "".join(a + b for a, b in zip(plain, [*code, ""], strict=True))


def settings_of(cls: type) -> list[str]:
    """One item for each field of a dataclass whose line of source says in a comment what it means."""
    names = {field.name for field in dataclasses.fields(cls)}
    try:
        source = inspect.getsource(cls)
    except (OSError, TypeError):
        return []
    found, name = [], ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and not token.line[: token.start[1]].strip():
            name = token.string
        elif token.type == tokenize.COMMENT and name in names and token.line[: token.start[1]].strip():
            found.append(f"    * ``{name}``: {escaped(token.string.lstrip('# '))}")
    return [":Fields:", *found, ""] if found else []


def process(_app: Sphinx, what: str, _name: str, value: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = to_rst(lines)
    if what == "class" and dataclasses.is_dataclass(value) and isinstance(value, type):
        lines += settings_of(value)


def setup(app: Sphinx) -> dict[str, Any]:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

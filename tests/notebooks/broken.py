"""What nbval found, in the words of somebody who has to mend it: notebook, cell, line, error."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from aigc_course.teaching.notebook import read_notebook

_COLOURS = re.compile(r"(?:\x1b|#x1B)\[[0-9;]*m")  # JUnit's XML spells the escape out


def what_broke(notebook: Path, report: Path) -> str:
    """The failures in a JUnit report of nbval: the first in full, a line for each that came after it.

        05_vae_elbo.ipynb, cell 12 (elbo-agrees): AssertionError: 1.2 is not 1.3
            assert math.isclose(mine, packaged)
        After it also: cell 14 (elbo-figure): NameError: name 'bound' is not defined

    Without a report, or without a failure in it: "".
    """
    code = [(place, cell) for place, cell in enumerate(read_notebook(notebook).cells, 1) if cell.cell_type == "code"]
    found = []
    for case in ET.parse(report).iter("testcase") if report.is_file() else ():
        failure = case.find("failure")
        if failure is not None:
            place, cell = code[int(case.attrib["name"].split()[-1])]  # nbval counts the code cells, from 0
            found.append((f"cell {place} ({cell.id})", *_error_and_line(failure.text or "")))
    if not found:
        return ""
    where, error, line = found[0]
    later = [f"After it also: {where}: {_first_line(error)}" for where, error, _ in found[1:]]
    return "\n".join([f"{notebook.name}, {where}: {error}", *([f"    {line}"] if line else []), *later])


def _error_and_line(text: str) -> tuple[str, str]:
    """What went wrong, and the line of the cell where it did ("" for an output that differs)."""
    plain = _COLOURS.sub("", text)
    reason = re.search(r"^Cell \d+: (.*)$", plain, re.MULTILINE)
    trace = plain.partition("\nTraceback:\n")[2].strip()
    name = re.search(r"^(\S+) +Traceback \(most recent call last\)", trace, re.MULTILINE)
    arrow = re.search(r"^-+> \d+ (.*)$", trace, re.MULTILINE)  # the first is the cell's, later ones lie deeper
    if name:
        return f"{name[1]}{trace.rpartition(f'{chr(10)}{name[1]}')[2]}".rstrip(": "), arrow[1].strip() if arrow else ""
    return "\n".join(filter(None, [reason[1] if reason else plain.strip(), trace])), ""


def _first_line(text: str) -> str:
    return text.partition("\n")[0]

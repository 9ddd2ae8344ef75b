"""Every link of the course: files are looked up, addresses are judged by a cache that a refresh brings up to date.

`docs/links.json` says of each address when it was last asked and what came of it. Only a refresh uses the network: one
request at a time, and not more than one a second to the same server.
"""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

from aigc_course import __version__
from aigc_course.config import from_dict
from aigc_course.errors import CourseError, DataError
from aigc_course.files import write_json
from aigc_course.paths import course_root
from aigc_course.teaching.notebook import notebook_files, read_notebook

MARKDOWN = ("*.md", "docs/*.md", "data/*.md", "benchmarks/*.md")
PYTHON = ("aigc_course/exercises/*.py", "aigc_course/data/cards.py")
FRESH_DAYS = 30
PAUSE_SECONDS = 1.0  # between two requests to one server
TIMEOUT_SECONDS = 20.0
_REFUSED = {401, 403, 405, 406, 429, 999}  # the server does not answer programs: a person has to look
_FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]\"'`|\\{}]+")
Status = Literal["ok", "refused", "broken", "unreachable"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of asking for one address."""

    checked: str  # ISO 8601 date
    status: Status
    detail: str = ""  # "404 Not Found"


@dataclass(frozen=True, kw_only=True)
class LinkReport:
    """What is known of all links. `places` maps each target to the files that it stands in."""

    places: dict[str, list[str]]
    missing_files: tuple[str, ...]
    answers: dict[str, Answer]  # of the addresses in the course that the cache knows
    unknown: tuple[str, ...]  # addresses that were never asked

    @property
    def broken(self) -> dict[str, Answer]:
        return {url: answer for url, answer in self.answers.items() if answer.status in ("broken", "unreachable")}

    @property
    def ok(self) -> bool:
        return not self.missing_files and not self.broken

    def __str__(self) -> str:
        local = sum("://" not in target for target in self.places)
        oldest = min((answer.checked for answer in self.answers.values()), default="")
        lines = [f"{local} links to files, {len(self.places) - local} to addresses"]
        lines += [f"no such file: {name} ({self._where(name)})" for name in self.missing_files]
        lines += [f"{a.status}: {url}: {a.detail}, {a.checked} ({self._where(url)})" for url, a in self.broken.items()]
        refused = [url for url, answer in self.answers.items() if answer.status == "refused"]
        lines += [f"to be looked at by a person: {url}: {self.answers[url].detail}" for url in refused]
        lines += [f"never asked: {url} ({self._where(url)})" for url in self.unknown]
        lines += [f"the oldest answer is of {oldest}"] if oldest else []
        lines += ["`aigc-course links --refresh` asks, by network"] if self.unknown else []
        return "\n".join(lines)

    def _where(self, target: str) -> str:
        return ", ".join(self.places[target])


def check_links(root: Path | None = None, *, refresh: bool = False) -> LinkReport:
    """Look every link up, addresses in the cache.

    Args: refresh: first ask for the addresses that the cache does not know, knows as broken or knows for 30 days.
    Raises: DataError for a cache that cannot be read; CourseError when not one address answers a refresh.
    """
    root = root or course_root()
    places: dict[str, list[str]] = {}
    for target, place in sorted(set(_links(root))):
        places.setdefault(target, []).append(place)
    addresses = [target for target in places if "://" in target]
    cache = root / "docs" / "links.json"
    answers = {url: answer for url, answer in _read(cache).items() if url in places}
    if refresh:
        answers |= _ask_all([url for url in addresses if _is_old(answers.get(url))])
        write_json(cache, {url: asdict(answer) for url, answer in sorted(answers.items())})
    missing = [target for target in places if "://" not in target and not (root / target).exists()]
    unknown = [url for url in addresses if url not in answers]
    return LinkReport(places=places, missing_files=tuple(missing), answers=answers, unknown=tuple(unknown))


def markdown_links(text: str) -> Iterator[str]:
    """The targets of links and pictures in Markdown, and the addresses in its text; not those in code and formulas."""
    for token in MarkdownIt("commonmark").enable("table").parse(_FORMULA.sub("", text)):
        for part in token.children or ():
            if part.type in ("link_open", "image"):
                yield str(part.attrs["href" if part.type == "link_open" else "src"])
            elif part.type == "text":
                yield from _addresses(part.content)


def ask(url: str) -> Answer:
    """One address, asked by HEAD, and by GET where a server takes no HEAD."""
    answer = _request(url, "HEAD")
    return answer if answer.status in ("ok", "unreachable") else _request(url, "GET")


def _links(root: Path) -> Iterator[tuple[str, str]]:
    """(target, file) of every link, files relative to the checkout."""
    for pattern in MARKDOWN:
        for path in root.glob(pattern):
            yield from _of_text(root, path, path.read_text(encoding="utf-8"))
    for path in notebook_files(root / "solutions"):
        for cell in read_notebook(path).cells:
            if cell.cell_type == "markdown":
                yield from _of_text(root, path, cell.source)
    for pattern in PYTHON:
        for path in root.glob(pattern):
            yield from ((url, _name(root, path)) for url in _addresses(path.read_text(encoding="utf-8")))


def _of_text(root: Path, path: Path, text: str) -> Iterator[tuple[str, str]]:
    for target in markdown_links(text):
        if target.startswith(("http://", "https://")):
            yield target.partition("#")[0], _name(root, path)
        elif not target.startswith(("#", "mailto:", "attachment:", "data:")):
            yield _file(root, path, target), _name(root, path)


def _file(root: Path, path: Path, target: str) -> str:
    """A link to a file, as a path from the checkout. The site stands at its root: docs/index.md may say notebooks/…"""
    target = unquote(target.partition("#")[0])
    beside = path.parent / target
    at_root = path.parent == root / "docs" and not beside.exists()
    return _name(root, root / target if at_root else beside)


def _name(root: Path, path: Path) -> str:
    resolved, top = path.resolve(), root.resolve()
    return resolved.relative_to(top).as_posix() if resolved.is_relative_to(top) else path.as_posix()


def _addresses(text: str) -> Iterator[str]:
    for found in _ADDRESS.finditer(text):
        url = found[0].rstrip(".,;:!?*").partition("#")[0]
        if not (text[found.end() :].startswith("{") or url.endswith("/NUMBER")):  # patterns, no addresses yet
            yield url


def _read(cache: Path) -> dict[str, Answer]:
    try:
        stored = json.loads(cache.read_text(encoding="utf-8"))
        return {url: from_dict(Answer, values, url) for url, values in stored.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise DataError(f"cannot read {cache}: {error}; mend it, or delete it and run with --refresh") from error


def _is_old(answer: Answer | None) -> bool:
    if answer is None or answer.status in ("broken", "unreachable"):
        return True
    return date.fromisoformat(answer.checked) < date.today() - timedelta(days=FRESH_DAYS)


def _ask_all(addresses: list[str]) -> dict[str, Answer]:
    """Ask one after another. Raises: CourseError when none can be reached: then it is this machine's network."""
    found: dict[str, Answer] = {}
    last: dict[str, float] = {}
    for url in addresses:
        host = urlsplit(url).netloc
        time.sleep(max(0.0, last.get(host, 0.0) + PAUSE_SECONDS - time.monotonic()))
        found[url] = ask(url)
        last[host] = time.monotonic()
    if found and all(answer.status == "unreachable" for answer in found.values()):
        detail = next(iter(found.values())).detail
        raise CourseError(f"not one of {len(found)} addresses could be reached ({detail}); the cache stays as it was")
    return found


def _request(url: str, method: str) -> Answer:
    today = date.today().isoformat()
    request = urllib.request.Request(
        url, method=method, headers={"User-Agent": f"aigc-course/{__version__} link check"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return Answer(checked=today, status="ok")
    except urllib.error.HTTPError as error:
        status: Status = "refused" if error.code in _REFUSED else "broken"
        return Answer(checked=today, status=status, detail=f"{error.code} {error.reason}")
    except (OSError, ValueError) as error:  # no such server, no route, a timeout, a certificate, a torn answer
        return Answer(checked=today, status="unreachable", detail=str(getattr(error, "reason", error)))
